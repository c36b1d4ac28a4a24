"""What a detector names and its source does not have."""

from collections.abc import Sequence
from difflib import get_close_matches

from backend.ports import SeriesStore
from backend.specs import DetectorSpec


def missing_name(source: SeriesStore, spec: DetectorSpec) -> str:
    """What a detector names and the source lacks, in a sentence; empty when all is there."""
    fields = source.fields(spec.measurement)
    if not fields:
        return unknown_name("measurement", spec.measurement, source.measurements())
    for channel in spec.inputs:
        if channel not in fields:
            return unknown_name("channel", channel, list(fields))
        if fields[channel] == "string":
            return f"the channel {channel!r} holds text: expected numbers"
    tags = source.tag_keys(spec.measurement)
    for tag in (*spec.group_by, *spec.where):
        if tag not in tags:
            return unknown_name("tag", tag, tags)
    return ""


def mixed_kinds(channel: str, kinds: tuple[str, ...]) -> str:
    """What it means that a channel is stored under several kinds, foremost first, in a sentence."""
    return (
        f"the channel {channel!r} is stored as {' and '.join(kinds)} in different times; only its "
        f"{kinds[0]} values are read: write the others again as {kinds[0]}, or to another field"
    )


def unknown_name(kind: str, name: str, known: Sequence[str]) -> str:
    """That the store has no measurement, channel or tag of a name, and what it has."""
    if near := get_close_matches(name, known, n=1):
        return f"the store has no {kind} {name!r}; did you mean {near[0]!r}?"
    shown = ", ".join(known[:10]) + (", …" if len(known) > 10 else "")
    return f"the store has no {kind} {name!r}; it has {shown or 'none'}"
