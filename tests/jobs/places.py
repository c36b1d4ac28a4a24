"""Stands for what the workers of the jobs do, in tests of how that is ended; imported by name."""

import os
import signal
import threading
from pathlib import Path
from typing import Any

from backend.exceptions import NormalcyError
from backend.stores.records import SqlRecordStore


def run_task(task: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Do as the file named after the work says: `hang`, `die` once, or be done at once.

    What a request asks for is claimed first, as by the real one. That work has begun is told
    through the named pipe beside that file, with the id of the process.
    """
    place = Path(os.environ["NORMALCY_TEST_PLACE"])
    kind = (arguments.get("kinds") or [task])[0]
    if (number := arguments.get("request")) is not None:
        claim(number, arguments["worker"])
    what = place / kind
    does = what.read_text() if what.exists() else ""
    if does == "die":
        what.unlink()  # once is enough
    if (pipe := place / f"{kind}.begun").exists():
        pipe.write_text(str(os.getpid()))
    if does == "hang":
        threading.Event().wait()
    if does == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if does == "fail":
        raise NormalcyError("It does not work.")
    return {"done": kind}


def claim(number: int, worker: str) -> None:
    """Take a request in hand."""
    records = SqlRecordStore(os.environ["NORMALCY_TEST_RECORDS"])
    records.claim_request(worker=worker, at=1, deadline=2**62, request=number)
    records.close()
