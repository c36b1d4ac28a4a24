"""Which series deviate together: a common cause, such as the weather, or the fault of one machine.

Events belong together when each begins while another of the group goes on, and soon after the one
before it began. An event that has gone on for days thus draws nothing of today to itself.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Times = NDArray[np.int64]
Numbers = NDArray[np.int64]

COMMON_SHARE = 0.5
"""When more than this share of the series that had data deviates, the cause is common."""

LEAST_IN_COMMON = 2
"""A cause of fewer series than this is not common."""

SPREAD = 4
"""The starts of a group lie within so many times the distance allowed between two of them."""

CHANNEL_SHARE = 0.5
"""A channel stands for a group when it is foremost in at least this share of its events."""


class Cause(StrEnum):
    """What the share of the deviating series says of where to look."""

    COMMON = "common"
    PART = "part"
    SEVERAL = "several"
    SINGLE = "single"
    ALONE = "alone"


@dataclass(frozen=True)
class Part:
    """All series with one value of a tag, and how many of those with data deviate."""

    tag: str
    value: str
    deviating: int
    present: int

    @property
    def name(self) -> str:
        """What all of it have in common."""
        return f"{self.tag}={self.value}"


def groups(starts: Times, stops: Times, within: Times) -> Numbers:
    """Part events into groups that began together.

    Args:
        starts: (E,) first nanosecond of each event.
        stops: (E,) first nanosecond no longer in it.
        within: (E,) nanoseconds after the newest start of a group in which each event may join it;
            `SPREAD` times as many after the first one.

    Returns:
        (E,) the number of each event's group; groups are numbered by their starts.
    """
    found = np.zeros(len(starts), dtype=np.int64)
    number, first, newest, until = -1, 0, 0, 0
    for event in np.argsort(starts, kind="stable").tolist():
        start, stop, most = int(starts[event]), int(stops[event]), int(within[event])
        late = start - newest > most or start - first > SPREAD * most
        if number < 0 or late or start >= until:
            number, first, until = number + 1, start, stop
        newest, until = start, max(until, stop)
        found[event] = number
    return found


def cause(deviating: int, present: int, part: Part | None = None) -> Cause:
    """Where to look, by how many of the series that had data deviate.

    Args:
        deviating: how many deviate together.
        present: how many had data meanwhile, those included.
        part: the smallest part of them that holds all that deviate, where there is one.

    Returns:
        ALONE where no other series had data, so that nothing can be compared; SINGLE for one of
        several; COMMON for two or more that are more than `COMMON_SHARE` of all; PART where they
        are that share of a part; else SEVERAL.
    """
    if present <= 1:
        return Cause.ALONE
    if deviating < LEAST_IN_COMMON:
        return Cause.SINGLE
    if deviating > COMMON_SHARE * present:
        return Cause.COMMON
    if part is not None and part.deviating > COMMON_SHARE * part.present:
        return Cause.PART
    return Cause.SEVERAL


def narrowest(
    tags: Sequence[Mapping[str, str]], deviates: NDArray[np.bool_], present: NDArray[np.bool_]
) -> Part | None:
    """The smallest part of a fleet, by the value of one tag, that holds all that deviates.

    Args:
        tags: of each of S series.
        deviates: (S,) whether it deviates.
        present: (S,) whether it had data.

    Returns:
        None where fewer than two deviate, or no tag parts them from the rest.
    """
    those = [tags[place] for place in np.flatnonzero(deviates).tolist()]
    if len(those) < LEAST_IN_COMMON:
        return None
    shared = [(t, v) for t, v in those[0].items() if all(one.get(t) == v for one in those)]
    found = []
    for tag, value in sorted(shared):
        inside = np.array([one.get(tag) == value for one in tags])
        count = int((inside & (present | deviates)).sum())
        if count < int((present | deviates).sum()):
            found.append(Part(tag, value, len(those), count))
    return min(found, key=lambda one: (one.present, one.tag), default=None)


def in_common(channels: Sequence[Sequence[str]], most: int = 3) -> tuple[str, ...]:
    """Channels that are foremost in at least `CHANNEL_SHARE` of the events, most often first."""
    counts: dict[str, int] = {}
    for names in channels:
        for name in dict.fromkeys(names):
            counts[name] = counts.get(name, 0) + 1
    least = CHANNEL_SHARE * len(channels)
    kept = [name for name, count in counts.items() if count >= least]
    # Python's sort is stable: of equal counts the one that stood further ahead comes first.
    return tuple(sorted(kept, key=lambda name: -counts[name])[:most])


def order_together(scores: Floats, line: float = 1.0) -> Numbers:
    """An order of series in which those that deviate at the same times stand together.

    Args:
        scores: (S, B) highest score of each bucket, NaN where there is none.
        line: a bucket above it deviates.

    Returns:
        (S,) rows in order: those that deviate by likeness (Jaccard distance of their deviating
        buckets, average linkage), the group of the highest score first; then the rest by score.
    """
    above = scores > line
    peaks = np.nan_to_num(scores, nan=-1.0).max(axis=1, initial=-1.0)
    restless = np.flatnonzero(above.any(axis=1))
    quiet = np.flatnonzero(~above.any(axis=1))
    quiet = quiet[np.argsort(-peaks[quiet], kind="stable")]
    if len(restless) > 2:
        from scipy.cluster.hierarchy import leaves_list, linkage  # noqa: PLC0415 - large, and few need it
        from scipy.spatial.distance import pdist  # noqa: PLC0415

        links = linkage(pdist(above[restless], "jaccard"), "average", optimal_ordering=True)
        leaves = leaves_list(links)
        worst = int(np.argmax(peaks[restless[leaves]]))
        restless = restless[leaves if 2 * worst < len(leaves) else leaves[::-1]]
    else:
        restless = restless[np.argsort(-peaks[restless], kind="stable")]
    return np.concatenate([restless, quiet]).astype(np.int64)
