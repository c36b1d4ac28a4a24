"""What figures say: how contestants stand to each other, and whether goals are met."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.races import Measured

OURS, SERVER = "ours", "server"
READ_TO_SERVER, WRITE_TO_SERVER = 1.3, 1.15
READ_TO_RIVAL, WRITE_TO_RIVAL = 15.0, 1.8
MEMORY_MB = 300.0


@dataclass(frozen=True)
class Standing:
    """One contestant beside the others.

    Attributes:
        measured: its seconds.
        to_server: its median over the server's own.
        to_rival: the fastest rival's median over its own: how many times faster it is.
    """

    measured: Measured
    to_server: float
    to_rival: float

    def figures(self) -> dict[str, Any]:
        """All of it for JSON."""
        one = self.measured
        return {
            "action": one.action,
            "contestant": one.contestant,
            "rows": one.rows,
            "seconds": one.seconds,
            "median": one.median,
            "min": min(one.seconds),
            "max": max(one.seconds),
            "to_server": self.to_server,
            "to_rival": self.to_rival,
        }


@dataclass(frozen=True)
class Goal:
    """What has to hold, and whether it does."""

    what: str
    limit: float
    figure: float
    met: bool


def standings(measured: Sequence[Measured], rivals: Collection[str]) -> list[Standing]:
    """Contestants of one action side by side; of a rival's ways the fastest counts."""
    server = next(one.median for one in measured if one.contestant == SERVER)
    rival = min(one.median for one in measured if one.contestant in rivals)
    return [Standing(one, one.median / server, rival / one.median) for one in measured]


def goals(found: Sequence[Standing], *, to_rival: bool, memory: float | None) -> Iterator[Goal]:
    """Every goal with its figure.

    Args:
        found: both actions.
        to_rival: whether those that name the rival hold for this server: they are for InfluxDB 2.
        memory: megabytes; None where it was not measured.
    """
    limits = {
        "read": (READ_TO_SERVER, READ_TO_RIVAL),
        "write": (WRITE_TO_SERVER, WRITE_TO_RIVAL),
    }
    for one in found:
        if one.measured.contestant != OURS:
            continue
        action = one.measured.action
        most, least = limits[action]
        what = f"{action}: ours over the server's own"
        yield Goal(what, most, one.to_server, one.to_server <= most)
        if to_rival:
            what = f"{action}: times faster than the rival"
            yield Goal(what, least, one.to_rival, one.to_rival >= least)
    if memory is not None:
        yield Goal("memory: MB grown while reading", MEMORY_MB, memory, memory < MEMORY_MB)


def table(found: Sequence[Standing], verdicts: Sequence[Goal]) -> str:
    """The figures as text."""
    head = ("median s", "min", "max", "x server", "x faster than rival")
    lines = [f"{'action':<6} {'contestant':<34} {'rows':>9} {' '.join(f'{h:>8}' for h in head)}"]
    lines += [_line(one) for one in found]
    lines += [
        f"{'ok  ' if goal.met else 'MISS'} {goal.what}: {goal.figure:.2f} (goal {goal.limit:g})"
        for goal in verdicts
    ]
    return "\n".join(lines)


def _line(one: Standing) -> str:
    took = one.measured
    figures = (took.median, min(took.seconds), max(took.seconds))
    seconds = " ".join(f"{figure:>8.3f}" for figure in figures)
    ratios = f"{one.to_server:>8.2f} {one.to_rival:>19.2f}"
    return f"{took.action:<6} {took.contestant:<34} {took.rows:>9} {seconds} {ratios}"
