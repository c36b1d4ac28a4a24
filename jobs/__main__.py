"""`python -m jobs`: the timetable as a service; the only file here that wires."""

import faulthandler
import logging
import os
import sys
import threading
from datetime import timedelta
from functools import partial

from backend.bootstrap import Application, bootstrap, worker_limits
from backend.exceptions import ConfigurationError, NormalcyError
from backend.executors import LocalProcesses
from backend.executors.logs import log_to_stderr
from backend.executors.pulse import BEAT, BEAT_EVERY_S, READY, STOPPING, SignOfLife, Watcher
from backend.executors.signals import set_on_signals
from backend.services.heap import keep_few_arenas
from backend.settings import load, log_form
from backend.settings.rereading import keep, load_to_run
from backend.specs import DetectorSpec
from jobs.chores import Chore
from jobs.label_syncing import LIMIT, LOOK_EVERY, LabelSyncing
from jobs.leases import process_name
from jobs.places import SLOTS, place_of
from jobs.scheduler import Timetable
from jobs.taking_over import take_over
from jobs.workplace import Workplace

logger = logging.getLogger("jobs")

_GRACE_S = 8.0
_LONGEST_END_S = 25.0
"""Of the whole way from the wish to the end; containers are given 30 s."""
_LOOK_EVERY_S = BEAT_EVERY_S


def main() -> int:
    """Run until SIGTERM or SIGINT; 0 stopped, 1 failed, 2 wrong configuration."""
    keep_few_arenas()
    log_to_stderr(form=log_form(os.environ))
    # Where it hangs is then written down when it is ended for that.
    faulthandler.enable()
    # What APScheduler tells at lower levels is told by the timetable, in our words.
    logging.getLogger("apscheduler").setLevel(logging.ERROR)
    stop = threading.Event()
    set_on_signals(stop)
    try:
        settings = load_to_run(os.environ)
        log_to_stderr(form=settings.log_form, secrets=settings.secrets)
        keep(settings, os.environ)
        application = bootstrap(settings, reread=lambda: load(os.environ))
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
        detectors=partial(_detectors, application),
        due=application.retraining.due,
        executor=LocalProcesses(
            "backend.bootstrap:run_task",
            SLOTS,
            place_of,
            worker_limits(application.settings),
        ),
        clock=application.clock,
        worker=process_name(),
        meters=application.meters,
    )
    reporter = application.reporter("jobs")
    work.leases.start()
    left = take_over(work)
    logger.info("started worker=%s interrupted_runs=%d", work.worker, left)
    timetable = Timetable(work, chores(application, work.worker))
    timetable.start()
    reporter.start()
    stuck = _watch(timetable, Signs(application), stop)
    leaving = _leave_within(_LONGEST_END_S)
    for name in stuck:
        work.meters.stuck(name.partition(":")[0])
    if stuck:
        logger.critical("stuck: %s; leaving, to be started again", ", ".join(stuck))
    ended = timetable.stop(_GRACE_S)
    reporter.stop(in_order=not stuck)
    work.leases.stop()
    application.close()
    logger.info("stopped")
    if not ended:
        # A thread that will not end would keep the interpreter from leaving.
        os._exit(1)
    leaving.cancel()
    return 1 if stuck else 0


def _leave_within(seconds: float) -> threading.Timer:
    """Leave at the latest then: what hangs may be what all that has to be put back waits for.

    Leases that are not given back run out by themselves.
    """
    timer = threading.Timer(seconds, os._exit, [1])
    timer.daemon = True
    timer.start()
    return timer


def _detectors(application: Application) -> list[DetectorSpec]:
    """Those there are, after a look whether normalcy.yaml has changed."""
    application.reconfiguring.look()
    return application.detectors.all()


class Signs:
    """How others see that this process gets on: whoever started it, and a health check."""

    def __init__(self, application: Application) -> None:
        self._watcher = Watcher(os.environ)
        self._shown = SignOfLife(application.settings.home, "jobs")

    def give(self) -> None:
        """Say it now; that it is ready each time, since a word may be lost."""
        self._shown.show()
        self._watcher.tell(READY, BEAT)

    def end(self) -> None:
        """Say that this process ends."""
        self._watcher.tell(STOPPING)
        self._shown.remove()


def _watch(timetable: Timetable, signs: Signs, stop: threading.Event) -> list[str]:
    """See that the timetable gets on until it is told to stop; what got stuck, if anything."""
    signs.give()
    stuck: list[str] = []
    while not stuck and not stop.wait(_LOOK_EVERY_S):
        timetable.follow_clock()
        stuck = timetable.overdue()
        if not stuck:
            signs.give()
    signs.end()
    return stuck


def chores(application: Application, worker: str | None = None) -> list[Chore]:
    """What this process does itself, signed `worker`, beside what it has its workers do."""
    return [
        *_label_syncing(application, worker),
        Chore("publish runs", timedelta(seconds=15), application.run_publishing.publish),
        Chore("publish labels", timedelta(seconds=15), application.label_publishing.publish),
        Chore("prune", timedelta(days=1), application.pruning.daily, timedelta(hours=1)),
        Chore("forget audit", timedelta(days=1), application.audit.forget),
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
