"""Whether the source holds what a detector watches, and lately."""

from collections.abc import Sequence

from backend.exceptions import NormalcyError
from backend.ports import Finding, Points, Query, SeriesStore
from backend.services.names import lost_tag, missing_name, mixed_kinds, renamed_tag
from backend.services.overview import grace
from backend.specs import DetectorSpec, format_duration, nanoseconds

_SECOND = 1_000_000_000
_AHEAD = 366 * 86_400 * _SECOND
_TOLERANCE = 60 * _SECOND


def data_found(source: SeriesStore, spec: DetectorSpec, now: int) -> Finding:
    """Look for the names that a detector is told, and for points under them; never raises."""
    what = f"data of {spec.name}"
    try:
        if wrong := _wrong_names(source, spec):
            return Finding(what, False, wrong)
        return _fresh(source, spec, now)
    except NormalcyError as error:
        return Finding(what, False, str(error))


def _wrong_names(source: SeriesStore, spec: DetectorSpec) -> str:
    if missing := missing_name(source, spec):
        return missing
    mixed = source.mixed_fields(spec.measurement)
    changed = [mixed_kinds(name, mixed[name]) for name in spec.inputs if name in mixed]
    return changed[0] if changed else ""


def _fresh(source: SeriesStore, spec: DetectorSpec, now: int) -> Finding:
    what = f"data of {spec.name}"
    found = _newest(source, spec, now)
    newest = max((int(points.times[-1]) for points in found), default=None)
    if renamed := _renamed(source, spec, now, found):
        return Finding(what, False, renamed)
    if newest is None:
        return Finding(
            what,
            False,
            f"no point of {spec.measurement} in the last {format_duration(spec.schedule.catch_up)}"
            ": see that its sensors are writing, and that where matches",
        )
    if newest > now + _TOLERANCE:
        return Finding(
            what,
            False,
            f"the newest point lies {lasting(newest - now)} in the future: set the clock of this "
            "machine or of the sensors, and see that times are written in UTC",
        )
    return Finding(what, True, f"newest point {lasting(max(now - newest, 0))} ago")


def _renamed(source: SeriesStore, spec: DetectorSpec, now: int, found: Sequence[Points]) -> str:
    """Whether points come without a tag that the detector asks for, by `group_by` or `where`."""
    tag = lost_tag(found, spec.group_by, spec.step)
    if not tag and spec.where and not any(_is_new(points, spec, now) for points in found):
        tags = tuple(spec.where)
        tag = lost_tag(_newest(source, spec, now, of_all=True), tags, spec.step)
    return renamed_tag(spec.measurement, tag, source.tag_keys(spec.measurement)) if tag else ""


def _is_new(points: Points, spec: DetectorSpec, now: int) -> bool:
    return int(points.times[-1]) >= now - grace(spec)


def _newest(
    source: SeriesStore, spec: DetectorSpec, now: int, *, of_all: bool = False
) -> list[Points]:
    """The last row of each series; with `of_all`, of whatever its `where` would leave out."""
    start, stop = now - nanoseconds(spec.schedule.catch_up), now + _AHEAD
    where, parted = ({}, tuple(spec.where)) if of_all else (spec.where, spec.group_by)
    query = Query(spec.measurement, spec.inputs, start, stop, where, parted, newest=1)
    return [points for points in source.read(query) if len(points)]


def lasting(nanos: int) -> str:
    """A duration in its largest unit, for people."""
    seconds = nanos // _SECOND
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
