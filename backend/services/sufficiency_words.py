"""The verdict on labels in one plain sentence, and its parts for other languages."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from backend.detection.sufficiency import ENOUGH, MOST_OUTSIDE, THIN, Figures

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_NIGHT = (20, 8)
"""Hours of the day between which it is night."""

Runs = Sequence[tuple[int, int]]

_WORDS = {
    "hours": "{hours} h of normal",
    "hours-days": "{hours} h of normal over {days} days",
    "wanted": "the threshold wants {wanted} h",
    "lacking": "{lacking}",
    "denied": "an anomaly takes away half of a normal label or more",
    "contradicted": "{hours} h of it were flagged or left out of training all the same",
    "overlaps": "anomalies overlap normal labels, {count} times",
    "nights": "nights are missing (0 h between {from} and {to})",
    "part-of-day": "a part of the day is missing (0 h between {from} and {to})",
    "weekdays": "not covered: {days}",
    "outside": "{share} % of the recent data is like nothing that was called normal",
    "mostly": "all but {share} % of the recent data is like it",
    "all": "all of the recent data is like it",
}


@dataclass(frozen=True)
class Part:
    """A part of the sentence: its name, and the values in it."""

    name: str
    values: Mapping[str, str | int]

    @property
    def words(self) -> str:
        """In English."""
        return _WORDS[self.name].format(**self.values)


@dataclass(frozen=True)
class Seen:
    """What is told beside the figures.

    Attributes:
        days: on which normal rows lie; 0 where it is not known.
        hours: runs of hours of the day that live data have and labels lack.
        weekdays: the same of weekdays, Monday is 0.
        contradictions: how many there are.
    """

    days: int = 0
    hours: Runs = ()
    weekdays: Runs = ()
    contradictions: int = 0


_NOTHING = Seen()


def sentence_of(verdict: str, figures: Figures, seen: Seen = _NOTHING) -> str:
    """Say it in English."""
    parts = "; ".join(part.words for part in parts_of(verdict, figures, seen))
    return f"{verdict[0].upper()}{verdict[1:]}: {parts}."


def parts_of(verdict: str, figures: Figures, seen: Seen = _NOTHING) -> list[Part]:
    """What the sentence is made of, in order."""
    if figures.lacking and verdict not in (ENOUGH, THIN):
        lacking = Part("lacking", {"lacking": figures.lacking})
        return [lacking] if figures.hours == 0 else [_amount(figures, seen.days), lacking]
    return [
        _amount(figures, seen.days),
        *_wanted(figures),
        *_against(figures, seen.contradictions),
        *_hours(seen.hours),
        *_weekdays(seen.weekdays),
        *_outside(figures),
    ]


def weekdays_of(runs: Runs) -> list[int]:
    """The weekdays in runs that may go on over Sunday."""
    return [day % 7 for begin, end in runs for day in range(begin, end if end > begin else end + 7)]


def _amount(figures: Figures, days: int) -> Part:
    hours = _rounded(figures.hours)
    if days <= 1:
        return Part("hours", {"hours": hours})
    return Part("hours-days", {"hours": hours, "days": days})


def _wanted(figures: Figures) -> Iterator[Part]:
    if figures.hours < figures.wanted_hours:
        yield Part("wanted", {"wanted": _rounded(figures.wanted_hours)})


def _against(figures: Figures, contradictions: int) -> Iterator[Part]:
    if figures.denied:
        yield Part("denied", {})
    if figures.contradicted_hours:
        yield Part("contradicted", {"hours": _rounded(figures.contradicted_hours)})
    elif contradictions and not figures.denied:
        yield Part("overlaps", {"count": contradictions})


def _hours(runs: Runs) -> Iterator[Part]:
    for begin, end in runs:
        night = (begin >= _NIGHT[0] or begin <= 4) and end <= _NIGHT[1]
        told = {"from": f"{begin:02d}:00", "to": f"{end % 24:02d}:00"}
        yield Part("nights" if night else "part-of-day", told)


def _weekdays(runs: Runs) -> Iterator[Part]:
    if found := weekdays_of(runs):
        yield Part("weekdays", {"days": ", ".join(DAYS[day] for day in found)})


def _outside(figures: Figures) -> Iterator[Part]:
    share = figures.outside_share
    if share is None:
        return
    if share > MOST_OUTSIDE:
        yield Part("outside", {"share": f"{100 * share:.0f}"})
    elif share > 0:
        yield Part("mostly", {"share": f"{max(100 * share, 0.1):.1f}"})
    else:
        yield Part("all", {})


def _rounded(hours: float) -> str:
    return f"{hours:.0f}" if hours >= 10 else f"{hours:.1f}"
