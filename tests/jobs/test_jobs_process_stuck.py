"""A thing that gets stuck in the jobs process itself, and what others see of that process."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from backend.cli.listening import Ear
from backend.executors.pulse import SignOfLife
from backend.stores.records import SqlRecordStore

ROOT = Path(__file__).parents[2]
PROGRAM = """
import sys, threading
from datetime import timedelta
import jobs.__main__ as process
from jobs import leases, scheduler
from jobs.chores import Chore

process._GRACE_S = process._LOOK_EVERY_S = 0.2
if "records hang" in sys.argv:
    process._LONGEST_END_S = 5.0  # what is told a last time is written before
    leases.Leases.stop = lambda self: threading.Event().wait()
scheduler._MARGIN_S = scheduler._TO_LEAVE_S = 0.2
stuck = Chore("sweep", timedelta(seconds=1), threading.Event().wait, timedelta(seconds=1))
process.chores = lambda application, worker: [stuck]
sys.exit(process.main())
"""


@pytest.mark.parametrize("beside", ["", "records hang"])
def test_a_chore_that_hangs_ends_the_process_to_be_started_again(
    tmp_path: Path, beside: str
) -> None:
    """As a sync with a Grafana that takes the question and never answers.

    A record store that does not answer either, when the leases are given back, is not waited for.
    """
    ours = {k: v for k, v in os.environ.items() if not k.startswith("NORMALCY_")}
    supervisor = Ear()
    home = {"NORMALCY_HOME": str(tmp_path), "NOTIFY_SOCKET": supervisor.address}
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM, beside],
        cwd=ROOT,
        env={**ours, **home},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    heard = supervisor.heard()
    supervisor.close()

    assert ended.returncode == 1
    assert "stuck: chore:sweep; leaving, to be started again" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert heard == {"READY=1", "WATCHDOG=1", "STOPPING=1"}
    assert SignOfLife(tmp_path, "jobs").age_s() is None
    records = SqlRecordStore(f"sqlite:///{tmp_path / 'records.sqlite3'}")
    (said,) = records.process_reports()
    records.close()
    (stuck,) = said.families["normalcy_jobs_stuck"]["samples"]
    assert stuck == ["normalcy_jobs_stuck_total", {"kind": "chore"}, 1.0]
