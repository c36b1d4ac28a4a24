"""The verdict on labels in one plain sentence."""

from collections.abc import Iterator, Sequence

from backend.detection.sufficiency import ENOUGH, MOST_OUTSIDE, THIN, Figures

_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_NIGHT = (20, 8)
"""Hours of the day between which it is night."""

Runs = Sequence[tuple[int, int]]


def sentence_of(
    verdict: str,
    figures: Figures,
    days: int = 0,
    absent_hours: Runs = (),
    absent_days: Runs = (),
    contradictions: int = 0,
) -> str:
    """Say it.

    Args:
        verdict: that follows from the figures.
        figures: what was found.
        days: on which normal rows lie; 0 where it is not known.
        absent_hours: hours of the day that live data have and labels lack.
        absent_days: the same of weekdays.
        contradictions: how many there are.
    """
    head = verdict[0].upper() + verdict[1:]
    if figures.lacking and verdict not in (ENOUGH, THIN):
        if figures.hours == 0:
            return f"{head}: {figures.lacking}."
        return f"{head}: {_amount(figures, days)}; {figures.lacking}."
    parts = [_amount(figures, days), *_against(figures, contradictions)]
    parts += [*_hours(absent_hours), *_weekdays(absent_days), *_outside(figures)]
    return f"{head}: {'; '.join(parts)}."


def _amount(figures: Figures, days: int) -> str:
    over = f" over {days} day{'' if days == 1 else 's'}" if days else ""
    text = f"{_rounded(figures.hours)} h of normal{over}"
    if 0 < figures.hours < figures.wanted_hours:
        text += f", and the threshold wants {_rounded(figures.wanted_hours)} h"
    return text


def _against(figures: Figures, contradictions: int) -> Iterator[str]:
    if figures.denied:
        yield "an anomaly takes away half of a normal label or more"
    if figures.contradicted_hours:
        yield (
            f"{_rounded(figures.contradicted_hours)} h of it were flagged or left out of training "
            "all the same"
        )
    elif contradictions and not figures.denied:
        yield f"{contradictions} overlap{'' if contradictions == 1 else 's'} with anomalies"


def _hours(runs: Runs) -> Iterator[str]:
    for begin, end in runs:
        night = (begin >= _NIGHT[0] or begin <= 4) and end <= _NIGHT[1] and (begin, end) != (0, 24)
        told = "nights are missing" if night else "a part of the day is missing"
        yield f"{told} (0 h between {begin:02d}:00 and {end % 24:02d}:00)"


def _weekdays(runs: Runs) -> Iterator[str]:
    names = [_DAYS[day % 7] for begin, end in runs for day in _from_to(begin, end)]
    if names:
        yield f"no {' or '.join(names)} is covered"


def _from_to(begin: int, end: int) -> range:
    return range(begin, end if end > begin else end + 7)


def _outside(figures: Figures) -> Iterator[str]:
    share = figures.outside_share
    if share is None:
        return
    if share > MOST_OUTSIDE:
        yield f"{share:.0%} of the recent data is like nothing that was called normal"
    elif share > 0:
        yield f"all but {max(share, 0.001):.1%} of the recent data is like it"
    else:
        yield "all of the recent data is like it"


def _rounded(hours: float) -> str:
    return f"{hours:.0f}" if hours >= 10 else f"{hours:.1f}"
