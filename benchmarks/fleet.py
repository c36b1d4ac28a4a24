"""Everything about fleets, one after the other, each in a process of its own.

    python -m benchmarks.fleet [--only training scoring capacity cold_start] [--json FILE]

See `fleet_training`, `fleet_scoring`, `capacity` and `cold_start` for what each measures.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

PARTS = {
    "training": "benchmarks.fleet_training",
    "scoring": "benchmarks.fleet_scoring",
    "capacity": "benchmarks.capacity",
    "cold_start": "benchmarks.cold_start",
}


def run(part: str, folder: Path) -> Any:
    """One of them, which prints as it goes; what it found."""
    sys.stdout.write(f"\n# {part}\n")
    sys.stdout.flush()
    found = folder / f"{part}.json"
    subprocess.run([sys.executable, "-m", PARTS[part], "--json", str(found)], check=True)
    return json.loads(found.read_text(encoding="utf-8"))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run them, and write what they found in one file."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fleet")
    parser.add_argument("--only", nargs="+", choices=sorted(PARTS), default=list(PARTS))
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        found = {part: run(part, Path(folder)) for part in options.only}
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
