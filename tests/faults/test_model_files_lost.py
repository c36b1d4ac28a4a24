"""All model files are lost, as with a disk or a volume: it is said what to do; the rest goes on."""

import shutil

import pytest

from backend.exceptions import NotFound
from backend.records import State
from tests.faults.site import Site
from tests.faults.tally import Outcome


@pytest.mark.fault("model files lost")
def test_without_its_files_a_detector_says_what_to_do_until_it_is_trained(
    site: Site, outcome: Outcome
) -> None:
    labels = site.labels()
    shutil.rmtree(site.home / "artifacts")
    site.restart()

    with pytest.raises(NotFound) as told:
        site.tick(1000)
    (run, *_) = site.app.records.runs("rooms")
    said = [one for one in site.app.checking.lines() if one.what == "detector rooms"]
    site.clock.time += 3600 * 10**9
    made = site.train()
    report = site.tick(1000)

    assert "rooms/1" in str(told.value)
    assert "restore" in str(told.value)
    assert (run.kind, run.state) == ("score", State.FAILED)
    assert [one.ok for one in said] == [False]
    assert made.number == 2  # numbers are never given twice
    assert report.judged > 0
    outcome.compare(site.labels(), labels)
