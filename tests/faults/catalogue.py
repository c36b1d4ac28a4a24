"""Every fault that normalcy is put to, and the tests elsewhere that put it to some of them."""

import sys
from collections.abc import Mapping
from typing import Final

INTEGRATION: Final = "tests/integration"
STORES: Final = "tests/stores"

FAULTS: Final[Mapping[str, str]] = {
    "store down at start": "nothing answers when the service is started",
    "store down in the middle": "connections are reset before and after a request was done",
    "store down for an hour": "an hour of ticks fails, then it answers again",
    "far behind": "more is to be scored than fits into a piece",
    "store slow": "answers come byte by byte, late, or never",
    "store cuts its answers": "an answer ends anywhere, its headers included",
    "store asks to wait": "429 and 503 with Retry-After, as seconds and as a date",
    "disk full: InfluxDB": "it answers 500 to writes: no space left on device",
    "disk full: embedded store": "the file may not grow",
    "disk full: records": "the file may not grow",
    "disk full: model files": "a file cannot be written to its end",
    "record database down at start": "it does not answer when the service is started",
    "record database locked": "another process keeps the lock",
    "record database restarted": "PostgreSQL is ended, immediately, and started again",
    "process killed at each write boundary": "SIGKILL before each step outside the process",
    "two processes on one directory": "several write to the same stores at once",
    "several schedulers": "some are killed and paused while others go on",
    "clock stepped forth": "a day ahead, and back again",
    "clock stepped back": "an hour back in the middle of the work",
    "summer and winter time": "scheduled times that come twice or not at all",
    "model file damaged": "a bit is turned in the version that serves, or in a former one",
    "model file half-written": "a save ends in the middle, and a manifest is missing",
    "model files lost": "the folder with all of them is gone",
    "configuration broken by an edit": "the file is wrong, half-written, emptied or gone",
    "Grafana down": "nothing answers in the middle of keeping labels equal",
    "Grafana slow": "an answer does not come in time",
    "Grafana restored from an old backup": "annotations are gone or as they were before",
    "worker out of memory": "a task takes more than it may",
    "thousands of series appear": "two thousand come at once",
    "thousands of series vanish": "all but one of a thousand end at once",
    "channel renamed": "a sensor writes under another name",
    "unit of a channel changed": "a value is a thousand times what it was",
    "channel stuck": "a sensor writes one value for ever",
    "channel gone": "a sensor writes nothing any more",
    "points a day late": "a day is written after the fact, in any order",
}
"""What is injected, by the fault's name."""

ELSEWHERE: Final[Mapping[str, tuple[str, ...]]] = {
    "store slow": (
        f"{STORES}/test_influx_faults.py::test_what_is_only_slow_is_waited_for",
        f"{STORES}/test_influx_faults.py::test_a_read_that_never_comes_through_is_a_clear_error",
    ),
    "store cuts its answers": (
        f"{STORES}/test_influx_faults.py::test_wherever_an_answer_is_cut_it_is_right_or_an_error",
        f"{STORES}/test_influx_faults.py::test_a_write_is_made_again_and_nothing_is_doubled_or_lost",
    ),
    "disk full: embedded store": (
        f"{STORES}/test_embedded_store.py::test_a_write_that_fails_leaves_nothing_behind",
    ),
    "disk full: model files": (
        "tests/contracts/test_artifact_store.py::TestCrashes::test_a_failed_save_leaves_nothing",
    ),
    "process killed at each write boundary": (
        f"{INTEGRATION}/test_killed_jobs.py",
        f"{STORES}/test_embedded_store.py::"
        "test_a_killed_process_loses_nothing_that_was_acknowledged",
        f"{STORES}/test_record_processes.py::test_a_killed_writer_loses_nothing_acknowledged",
    ),
    "two processes on one directory": (
        f"{STORES}/test_embedded_store.py::"
        "test_several_processes_write_at_once_from_the_first_moment_on",
        f"{STORES}/test_record_processes.py",
        "tests/contracts/test_artifact_store.py::"
        "TestContract::test_of_several_saves_at_once_one_wins",
    ),
    "several schedulers": (f"{INTEGRATION}/test_several_schedulers.py",),
    "summer and winter time": ("tests/services/test_cron.py",),
    "model file damaged": ("tests/contracts/test_artifact_store.py::TestDamage",),
    "worker out of memory": (
        "tests/executors/test_local_processes.py::"
        "test_a_worker_that_grows_beyond_its_limit_is_ended_and_replaced",
    ),
    "points a day late": (f"{INTEGRATION}/test_series_over_time.py",),
}
"""Files, classes and tests, by the fault that they inject."""


if __name__ == "__main__":
    sys.stdout.write(" ".join(place for places in ELSEWHERE.values() for place in places))
