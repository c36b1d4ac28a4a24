"""Time of a trial in which nothing is stored: found when the replay meets it, and passed over."""

from collections.abc import Iterator, Sequence

from backend.detection.grid import ceil_to, floor_to
from backend.ports import SeriesStore
from backend.records import Label, LabelKind, SeriesKey
from backend.services.labelling import shown
from backend.services.reading import first_bucket, matching, merged, ranges
from backend.services.trial_tally import Span
from backend.specs import DetectorSpec

_DAY = 86_400_000_000_000


class EmptyTime:
    """Where the source holds nothing, as far as is known; asked once each time a part was empty."""

    def __init__(self, source: SeriesStore, spec: DetectorSpec, span: Span) -> None:
        self._source, self._spec, self._span = source, spec, span
        self._until = span.start
        self._passed: list[tuple[int, int]] = []

    def met(self, at: int) -> None:
        """What lies just before `at` was empty: look for where data go on."""
        if not self._until < at < self._span.stop:
            return
        found = first_bucket(self._source, self._spec, at, self._span.stop)
        self._until = self._span.stop if found is None else found

    def until(self, start: int, stop: int) -> int:
        """The end of the known empty time that holds `start`, at most `stop`; else `start`.

        To be asked for times that follow each other.
        """
        return max(start, min(self._until, stop))

    def passed(self, start: int, stop: int) -> None:
        """Remember what was passed over."""
        self._passed.append((start, stop))

    def told(self) -> Iterator[str]:
        """What was passed over, in a sentence; nothing where nothing was."""
        if parts := merged(self._passed):
            longest = max(parts, key=lambda part: part[1] - part[0])
            whole = sum(stop - start for start, stop in parts)
            many = "" if len(parts) == 1 else f" in {len(parts)} stretches, the longest"
            yield (
                "Time without any data was passed over and counts as due and not judged: "
                f"{whole / _DAY:,.1f} days{many} from {shown(longest[0])} to {shown(longest[1])}."
            )


def due_points(labels: Sequence[Label], key: SeriesKey, start: int, stop: int, step: int) -> int:
    """Buckets of a series without data that no label `exclude` touches; ends lie on the grid."""
    spoken = ranges(matching(labels, key), LabelKind.EXCLUDE)
    clipped = [(max(start, floor_to(a, step)), min(stop, ceil_to(b, step))) for a, b in spoken]
    out = merged([(a, b) for a, b in clipped if a < b])
    return (stop - start - sum(b - a for a, b in out)) // step
