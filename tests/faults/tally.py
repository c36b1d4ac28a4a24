"""What a fault has cost: compared point by point with what would have been without it."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

Key = tuple[object, ...]
Value = tuple[object, ...]
Facts = Mapping[Key, Value]
"""Everything that was acknowledged or written, each under what makes it the one it is."""

_NEAR = 1e-9


def each(facts: Iterable[tuple[Key, Value]]) -> dict[Key, Value]:
    """Facts of which several may have one key: what is there twice has a key of its own as well."""
    seen: Counter[Key] = Counter()
    found: dict[Key, Value] = {}
    for key, value in facts:
        found[(*key, f"again {seen[key]}") if seen[key] else key] = value
        seen[key] += 1
    return found


@dataclass(frozen=True)
class Tally:
    """How two collections of facts differ."""

    compared: int = 0
    lost: int = 0
    wrong: int = 0
    doubled: int = 0

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(
            self.compared + other.compared,
            self.lost + other.lost,
            self.wrong + other.wrong,
            self.doubled + other.doubled,
        )

    @property
    def is_clean(self) -> bool:
        """Whether nothing is lost, wrong or doubled, and something was looked at."""
        return self.compared > 0 and not (self.lost or self.wrong or self.doubled)


@dataclass
class Outcome:
    """What became of a fault in one test."""

    fault: str
    tally: Tally = field(default_factory=Tally)

    def compare(self, found: Facts, expected: Facts) -> None:
        """Count, and fail where anything differs."""
        tally = difference(found, expected)
        self.tally += tally
        assert tally.is_clean, (self.fault, tally, _examples(found, expected))


def difference(found: Facts, expected: Facts) -> Tally:
    """Count what is lost, what is wrong, and what is there beside it."""
    return Tally(
        compared=len(expected),
        lost=len(expected.keys() - found.keys()),
        wrong=sum(not _alike(found[key], expected[key]) for key in expected if key in found),
        doubled=len(found.keys() - expected.keys()),
    )


def _alike(first: Value, second: Value) -> bool:
    return len(first) == len(second) and all(map(_same, first, second))


def _same(first: object, second: object) -> bool:
    if isinstance(first, float) and isinstance(second, float):
        return math.isclose(first, second, rel_tol=_NEAR, abs_tol=_NEAR) or first == second
    return first == second


def _examples(found: Facts, expected: Facts) -> list[object]:
    lost = sorted(expected.keys() - found.keys(), key=str)[:2]
    more = sorted(found.keys() - expected.keys(), key=str)[:2]
    other = [
        (key, found[key], value)
        for key, value in expected.items()
        if key in found and not _alike(found[key], value)
    ]
    return [*lost, *more, *other[:2]]
