"""`python -m jobs`: the timetable as a service; the only file here that wires."""

import logging
import os
import signal
import sys
import threading
from datetime import timedelta

from backend.bootstrap import Application, bootstrap
from backend.exceptions import ConfigurationError, NormalcyError
from backend.executors import LocalProcesses
from backend.executors.logs import log_to_stderr
from backend.settings import load
from jobs.chores import Chore
from jobs.label_syncing import LIMIT, LOOK_EVERY, LabelSyncing
from jobs.leases import process_name
from jobs.places import SLOTS, place_of
from jobs.scheduler import Timetable
from jobs.taking_over import take_over
from jobs.workplace import Workplace

logger = logging.getLogger("jobs")

_GRACE_S = 8.0
_LOOK_EVERY_S = 5.0


def main() -> int:
    """Run until SIGTERM or SIGINT; 0 stopped, 1 failed, 2 wrong configuration."""
    log_to_stderr()
    # What APScheduler tells at lower levels is told by the timetable, in our words.
    logging.getLogger("apscheduler").setLevel(logging.ERROR)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        application = bootstrap(load(os.environ))
        return serve(application, stop)
    except ConfigurationError as error:
        logger.error("%s", error)
        return 2
    except NormalcyError as error:
        logger.error("%s", error)
        return 1


def serve(application: Application, stop: threading.Event) -> int:
    """Run the timetable until `stop` is set; 1 when a job got stuck, so that a supervisor helps."""
    work = Workplace(
        records=application.records,
        detectors=application.detectors.all,
        due=application.retraining.due,
        executor=LocalProcesses(
            "backend.bootstrap:run_task",
            SLOTS,
            place_of,
            memory=application.settings.training.memory,
        ),
        clock=application.clock,
        worker=process_name(),
    )
    work.leases.start()
    left = take_over(work)
    logger.info("started worker=%s interrupted_runs=%d", work.worker, left)
    timetable = Timetable(work, chores(application, work.worker))
    timetable.start()
    stuck: list[str] = []
    while not stuck and not stop.wait(_LOOK_EVERY_S):
        stuck = timetable.overdue()
    if stuck:
        logger.critical("stuck: %s; leaving, to be started again", ", ".join(stuck))
    ended = timetable.stop(_GRACE_S)
    work.leases.stop()
    application.close()
    logger.info("stopped")
    if not ended:
        # A thread that will not end would keep the interpreter from leaving.
        os._exit(1)
    return 1 if stuck else 0


def chores(application: Application, worker: str | None = None) -> list[Chore]:
    """What this process does itself, signed `worker`, beside what it has its workers do."""
    return [
        *_label_syncing(application, worker),
        Chore("publish runs", timedelta(seconds=15), application.run_publishing.publish),
        Chore("publish labels", timedelta(seconds=15), application.label_publishing.publish),
        Chore("alert messages", timedelta(seconds=5), application.notifying.run),
    ]


def _label_syncing(application: Application, worker: str | None) -> list[Chore]:
    if application.label_sync is None:
        return []
    syncing = LabelSyncing(
        application.label_sync.run,
        application.requests,
        application.records,
        application.clock,
        application.settings.grafana.labels.every,
        worker=worker,
    )
    return [Chore("labels", LOOK_EVERY, syncing.look, LIMIT)]


if __name__ == "__main__":
    sys.exit(main())
