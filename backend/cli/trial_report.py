"""The report of a trial: verdicts, figures, what broke, pictures."""

from collections.abc import Iterator, Sequence
from datetime import timedelta

import numpy as np

from backend.cli.output import iso, number
from backend.plots import style
from backend.plots.trial import Bar, Mark, Past, alarms_of_the_fleet, score_over_the_past
from backend.services.reporting import Block, Document, Heading, Picture, Table, Text
from backend.services.trial_results import Plan, SeriesTrial, TrialReport
from backend.services.trial_verdict import LEAST_ANNOUNCED, LEAST_COVERAGE, MOST_FALSE_SHARE
from backend.specs import format_duration

MOST_PICTURES = 24
"""More series than this have their figures in the tables alone."""
_MOST_ALARMS = 30
_FIGURES = (
    "alarms",
    "alarms_per_week",
    "false_alarms",
    "false_alarms_per_week",
    "false_share",
    "flagged_share",
    "coverage",
    "silent_alarms",
)


def document(found: TrialReport, plan: Plan, notes: Sequence[str]) -> Document:
    """Put together what is written."""
    blocks = [
        *_verdicts(found, plan, notes),
        *_figures(found),
        *_trained(found),
        *(block for key, one in found.series.items() for block in _alone(found, key, one)),
    ]
    return Document(f"Trial of {found.detector}", [*blocks[:3], *_fleet(found), *blocks[3:]])


def _verdicts(found: TrialReport, plan: Plan, notes: Sequence[str]) -> Iterator[Block]:
    rows = [
        [_named(key), "go" if one.verdict.go else "no-go", one.verdict.reason]
        for key, one in found.series.items()
    ]
    yield Text(
        f"Replayed from {iso(found.span.start)} to {iso(found.span.stop)} as if the detector had "
        "been watching: at each retrain moment it learned only from labels whose range had ended, "
        "and its alarms turned on as those of the service would. "
        f"{' '.join(notes)}"
    )
    yield Table(["series", "verdict", "why"], rows)
    horizon = format_duration(timedelta(seconds=plan.horizon / 1e9))
    yield Text(
        f"The rule: no-go where less than {LEAST_COVERAGE:.0%} of what was due could be judged; "
        "where alarms would have been silent all the time; with more than "
        f"{plan.most_alarms:g} false alarms a week or more than {MOST_FALSE_SHARE:.0%} of the time "
        f"under false alarm; where fewer than {LEAST_ANNOUNCED:.0%} of the known failures were "
        f"announced by an alarm that began at most {horizon} before. Else go."
    )


def _figures(found: TrialReport) -> Iterator[Block]:
    yield Heading("Figures")
    rows = [
        [_named(key), *(number(one.weighed.figures.plain()[name]) for name in _FIGURES)]
        for key, one in found.series.items()
    ]
    yield Table(["series", *(name.replace("_", " ") for name in _FIGURES)], rows)
    yield Text(
        "Rates are by judged time in which alarms are told. A false alarm is one that no failure, "
        "and no label anomaly, explains. Silent alarms are shown and told to nobody: those of "
        "provisional versions, and of thresholds that too little normal time backs."
    )


def _trained(found: TrialReport) -> Iterator[Block]:
    yield Heading("Versions")
    rows = [
        [
            iso(one.at),
            str(one.series or "-"),
            number(one.hours or None),
            str(one.labels),
            one.failed or ("provisional" if one.provisional else "from labels"),
        ]
        for one in found.trained
    ]
    yield Table(["trained", "series", "normal hours", "labels known", "how"], rows)


def _fleet(found: TrialReport) -> Iterator[Block]:
    if len(found.series) > 1:
        pasts = {_named(key): _past(found, one) for key, one in found.series.items()}
        figure = alarms_of_the_fleet(pasts)
        yield Picture("fleet", "Alarms and failures of every series.", style.png(figure))


def _alone(found: TrialReport, key: str, one: SeriesTrial) -> Iterator[Block]:
    place = list(found.series).index(key)
    yield Heading(_named(key))
    yield Text(f"{'Go' if one.verdict.go else 'No-go'}: {one.verdict.reason}.")
    if place < MOST_PICTURES:
        figure = score_over_the_past(_past(found, one))
        words = "Highest score over time, alarms along the bottom, failures as lines."
        yield Picture(f"series-{place + 1}", words, style.png(figure))
    yield from _failures(one)
    yield from _alarms(one)
    yield from (Text(sentence) for sentence in one.detection_limits)


def _failures(one: SeriesTrial) -> Iterator[Block]:
    if one.weighed.failures:
        rows = [
            [iso(f.start), f.text or "-", _announced(f.watched, f.forewarning_seconds)]
            for f in one.weighed.failures
        ]
        yield Table(["failure", "what", "forewarning"], rows)


def _announced(watched: bool, seconds: float | None) -> str:
    if not watched:
        return "not judged before it, does not count"
    return "none" if seconds is None else format_duration(timedelta(seconds=round(seconds)))


def _alarms(one: SeriesTrial) -> Iterator[Block]:
    alarms = sorted(one.weighed.alarms, key=lambda alarm: -alarm.peak)[:_MOST_ALARMS]
    if alarms:
        rows = [
            [
                iso(a.start),
                format_duration(timedelta(seconds=(a.stop - a.start) / 1e9)),
                number(a.peak),
                a.channel,
                "told to nobody" if a.silent else a.why,
            ]
            for a in sorted(alarms, key=lambda alarm: alarm.start)
        ]
        yield Table(["alarm", "lasted", "peak score", "channel", "explained by"], rows)
        if left := len(one.weighed.alarms) - len(alarms):
            yield Text(f"The strongest are shown; {left} more are left out.")


def _past(found: TrialReport, one: SeriesTrial) -> Past:
    span = found.span
    return Past(
        times=span.start + span.bucket * np.arange(len(one.curve), dtype=np.int64),
        score=np.array(one.curve),
        alarms=[Bar(a.start, a.stop, "silent" if a.silent else a.why) for a in one.weighed.alarms],
        failures=[Mark(f.start, f.text, f.announced_at is not None) for f in one.weighed.failures],
        trained=[version.at for version in found.trained if not version.failed],
    )


def _named(key: str) -> str:
    return key or "the series"
