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
from backend.services.runs import worker_name
from backend.settings import load
from jobs.chores import Chore
from jobs.label_syncing import LIMIT, LOOK_EVERY, LabelSyncing
from jobs.places import SLOTS, place_of
from jobs.scheduler import Timetable
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
        executor=LocalProcesses("backend.bootstrap:run_task", SLOTS, place_of),
        clock=application.clock,
        worker=worker_name(),
    )
    # What still runs by the record on this host ended with the processes before this one.
    host = work.worker.rpartition(":")[0]
    left = work.records.interrupt_runs(worker=f"{host}:", at=work.clock.now())
    logger.info("started worker=%s interrupted_runs=%d", work.worker, left)
    timetable = Timetable(work, chores(application))
    timetable.start()
    stuck: list[str] = []
    while not stuck and not stop.wait(_LOOK_EVERY_S):
        stuck = timetable.overdue()
    if stuck:
        logger.critical("stuck: %s; leaving, to be started again", ", ".join(stuck))
    ended = timetable.stop(_GRACE_S)
    application.close()
    logger.info("stopped")
    if not ended:
        # A thread that will not end would keep the interpreter from leaving.
        os._exit(1)
    return 1 if stuck else 0


def chores(application: Application) -> list[Chore]:
    """What this process does itself, beside what it has its workers do."""
    return [
        *_label_syncing(application),
        Chore("publish runs", timedelta(seconds=15), application.run_publishing.publish),
        Chore("publish labels", timedelta(seconds=15), application.label_publishing.publish),
        Chore("alert messages", timedelta(seconds=5), application.notifying.run),
    ]


def _label_syncing(application: Application) -> list[Chore]:
    if application.label_sync is None:
        return []
    syncing = LabelSyncing(
        application.label_sync.run,
        application.requests,
        application.records,
        application.clock,
        application.settings.grafana.labels.every,
    )
    return [Chore("labels", LOOK_EVERY, syncing.look, LIMIT)]


if __name__ == "__main__":
    sys.exit(main())
