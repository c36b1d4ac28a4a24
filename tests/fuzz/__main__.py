"""Fuzz the API for a while: `make fuzz [MINUTES=n]` prints what was asked and keeps what failed."""

import argparse
import json
import logging
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import asdict
from pathlib import Path

from backend.web import create_app
from tests.fuzz.amount import TIMES
from tests.fuzz.api import Failure, Outcome, fuzz
from tests.fuzz.rooms import running

EXAMPLES = 20
PARSERS = "10"
SECONDS = 60


def main() -> int:
    """Ask until the time is over; 1 if anything was answered that the document does not promise."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=5.0, help="how long to go on")
    parser.add_argument(
        "--seed", type=int, default=random.randrange(2**31), help="of the first run"
    )
    parser.add_argument("--keep", type=Path, default=Path("fuzz-failures.json"), help="failures")
    asked = parser.parse_args()
    parsers = _try_parsers()
    logging.disable(logging.CRITICAL)
    total = _fuzz_until(time.monotonic() + asked.minutes * SECONDS, asked.seed)
    _print(total)
    if total.failures:
        _keep(list(total.failures.values()), asked.keep)
    return 1 if total.failures or total.errors or parsers else 0


def _try_parsers() -> int:
    """What has no schema: files, fields, answers of stores; how pytest ended."""
    files = [f"tests/fuzz/test_{name}.py" for name in ("texts", "answers", "requests")]
    asked = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--timeout=900",
        *files,
    ]
    return subprocess.run(asked, env={**os.environ, TIMES: PARSERS}, check=False).returncode


def _fuzz_until(end: float, seed: int) -> Outcome:
    """Runs with one seed after the other, each on a plant that nobody has changed."""
    total = Outcome()
    while not total.cases or time.monotonic() < end:
        print(f"seed {seed}", file=sys.stderr)  # noqa: T201
        with tempfile.TemporaryDirectory() as home:
            app = running(Path(home))
            try:
                _add(total, fuzz(create_app(app), examples=EXAMPLES, seed=seed))
            finally:
                app.close()
        seed += 1
    return total


def _add(total: Outcome, one: Outcome) -> None:
    total.cases += one.cases
    total.statuses += one.statuses
    total.errors += one.errors
    for key, failure in one.failures.items():
        total.failures.setdefault(key, failure)


def _print(total: Outcome) -> None:
    failed = Counter(one.operation for one in total.failures.values())
    lines = [f"{'cases':>8} {'failures':>8}  operation"]
    for operation, count in sorted(total.cases.items()):
        lines.append(f"{count:8} {failed[operation]:8}  {operation}")
    answers = ", ".join(f"{status}: {count}" for status, count in sorted(total.statuses.items()))
    lines += [f"{sum(total.cases.values()):8} {len(total.failures):8}  all", f"answers: {answers}"]
    lines += [f"error: {error}" for error in total.errors]
    print("\n".join(lines))  # noqa: T201


def _keep(failures: list[Failure], file: Path) -> None:
    file.write_text(json.dumps([asdict(one) for one in failures], indent=2), encoding="utf-8")
    print(f"failures are in {file}")  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())
