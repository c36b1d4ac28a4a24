"""Simulated sensors for the Compose file: four weeks of history, then a point every ten minutes.

The first two weeks are labeled as normal, as an operator would do.
"""

import os
import time
from pathlib import Path

from backend.bootstrap import Application, bootstrap
from backend.demo.gas_room import GasRoom, latest_start
from backend.executors.logs import log_to_stderr
from backend.records import LabelDraft, LabelKind
from backend.settings import load

WEEK = 7 * 86_400_000_000_000
PAUSE_S = 60.0


def main() -> None:
    """Report for ever."""
    log_to_stderr()
    application = bootstrap(load(os.environ))
    now = application.clock.now()
    room = GasRoom(started(application.settings.home, now))
    said = report(application, room, room.start, now)
    label(application, room)
    while True:
        time.sleep(PAUSE_S)
        said = report(application, room, said, application.clock.now())


def started(home: Path, now: int) -> int:
    """When the story began; kept, so that it goes on after a restart."""
    file = home / "simulated-sensors"
    if not file.exists():
        home.mkdir(parents=True, exist_ok=True)
        file.write_text(str(latest_start(now)))
    return int(file.read_text())


def report(application: Application, room: GasRoom, start: int, stop: int) -> int:
    """Write what the sensors say in `[start, stop)`; the end of what was written."""
    while start < stop:
        upto = min(start + WEEK, stop)
        rows = room.rows(start, upto)
        if len(rows):
            application.source.write(room.spec.measurement, [rows])
        start = upto
    return stop


def label(application: Application, room: GasRoom) -> None:
    """Say once that the first two weeks were normal."""
    name = room.spec.name
    if not application.labelling.list(name):
        draft = LabelDraft(name, LabelKind.NORMAL, room.start, room.trained, note="simulated")
        application.labelling.add(draft, source="command", by="simulation")


if __name__ == "__main__":
    main()
