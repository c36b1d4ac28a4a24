"""What the weighing of idle processes tells; the weights themselves are no test's business."""

import psutil

from benchmarks.idle import WEB_MB, Idle, table
from benchmarks.soaking.plant import role_of
from benchmarks.soaking.watching import Sample, sample


def idle(web, tensorflow=()):
    samples = [Sample(0, "web", 1, web, web, web, web), Sample(0, "jobs", 2, 80, 90, 85, 80)]
    started = {"pages answer": 2.0}
    return Idle("ensemble", started, samples, {"web": 0.5, "jobs": 1.0}, list(tensorflow))


def test_light_processes_meet_the_goals():
    found = idle(WEB_MB - 1)

    assert found.misses == []
    lines = table([found])
    assert lines[2].split() == ["web", "149", "149", "149", "0.5"]
    assert "  pages answer after 2.0 s" in lines


def test_heavy_pages_and_tensorflow_out_of_place_are_misses():
    found = idle(WEB_MB, ["web", "jobs", "worker that trained"])

    assert [miss.split()[0] for miss in found.misses] == ["web", "web", "jobs"]
    assert sum(line.startswith("MISS") for line in table([found])) == 3


def test_a_process_is_weighed_until_it_is_gone():
    own = sample(psutil.Process(), "web", 1.0)

    assert own is not None
    assert 0 < own.anonymous < own.resident
    assert own.unique <= own.proportional <= own.resident
    assert role_of(psutil.Process()) in ("", "worker")
