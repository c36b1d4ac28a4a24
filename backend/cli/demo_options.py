"""What can be typed behind `normalcy demo`."""

from dataclasses import dataclass
from pathlib import Path

STORIES = ("gas-room", "sine-tangent")


@dataclass(frozen=True)
class Asked:
    """What stands on the command line."""

    story: str
    seed: int
    directory: Path | None
    port: int
    once: bool
    as_json: bool
