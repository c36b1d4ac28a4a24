"""What a detector names and its source does not have."""

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches

from backend.exceptions import Problem
from backend.ports import FieldKind, Points, SeriesStore
from backend.specs import DetectorSpec


def missing_name(source: SeriesStore, spec: DetectorSpec) -> str:
    """What a detector names and the source lacks, in a sentence; empty when all is there."""
    return next((one.message for one in missing_names(source, spec)), "")


def missing_names(
    source: SeriesStore, spec: DetectorSpec, called: str = "channel"
) -> Iterator[Problem]:
    """All that a detector names and the source lacks, each at its key, such as `channels[1]`.

    Args:
        source: asked step by step: who wants the first alone asks for no more.
        spec: the detector.
        called: what a channel is called in what is said of it.
    """
    fields = source.fields(spec.measurement)
    if not fields:
        known = source.measurements()
        yield Problem("measurement", unknown_name("measurement", spec.measurement, known))
        return
    for key, names in (("channels", spec.channels), ("context", spec.context)):
        for place, name in enumerate(names):
            if told := _no_numbers(called, name, fields):
                yield Problem(f"{key}[{place}]", told)
    tags = source.tag_keys(spec.measurement)
    for key, wanted in (("group_by", spec.group_by), ("where", tuple(spec.where))):
        for tag in wanted:
            if tag not in tags:
                yield Problem(key, unknown_name("tag", tag, tags))


def _no_numbers(called: str, name: str, fields: Mapping[str, FieldKind]) -> str:
    if name not in fields:
        return unknown_name(called, name, list(fields))
    return f"the {called} {name!r} holds text: expected numbers" if fields[name] == "string" else ""


def mixed_kinds(channel: str, kinds: tuple[str, ...]) -> str:
    """What it means that a channel is stored under several kinds, foremost first, in a sentence."""
    return (
        f"the channel {channel!r} is stored as {' and '.join(kinds)} in different times; only its "
        f"{kinds[0]} values are read: write the others again as {kinds[0]}, or to another field"
    )


def lost_tag(newest: Sequence[Points], tags: Sequence[str], step: int) -> str:
    """A tag that points had and the newest lack, as after a renaming; empty where there is none.

    Args:
        newest: the last row of each series, parted by `tags` at least.
        tags: those looked at.
        step: nanoseconds by which rows may be older than others and still be new.
    """
    for tag in tags:
        having = [points for points in newest if points.tags[tag]]
        lacking = [points for points in newest if not points.tags[tag]]
        if lacking and (not having or _last(lacking) > _last(having) + step):
            return tag
    return ""


def renamed_tag(measurement: str, tag: str, known: Sequence[str]) -> str:
    """What it means that the newest points lack a tag, in a sentence."""
    others = _listed([name for name in known if name != tag])
    return (
        f"the newest points of {measurement!r} lack the tag {tag!r}: was it renamed? Change the "
        f"detector, or what writes them; its tags are {others}"
    )


def _last(newest: Sequence[Points]) -> int:
    return max(int(points.times[-1]) for points in newest)


def unknown_name(kind: str, name: str, known: Sequence[str]) -> str:
    """That the store has no measurement, channel or tag of a name, and what it has."""
    if near := get_close_matches(name, known, n=1):
        return f"the store has no {kind} {name!r}; did you mean {near[0]!r}?"
    return f"the store has no {kind} {name!r}; it has {_listed(known)}"


def _listed(names: Sequence[str]) -> str:
    return (", ".join(names[:10]) + (", …" if len(names) > 10 else "")) or "none"
