"""The report of an evaluation: tables, pictures, and what a model lacks in words."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from backend.cli.evaluate_outcome import Outcome
from backend.cli.output import number
from backend.services.evaluation import Report
from backend.services.reporting import Block, Document, Heading, Picture, Table, Text
from backend.specs import format_duration

MAIN = ("auroc", "aupr", "vus_pr", "f1", "precision", "recall", "far", "mar", "fc1", "threshold")
EVENTS = ("events", "events_found", "event_recall", "false_alarms", "false_alarms_per_day")
WEEKLY = ("false_alarms_per_week", "alarms_per_week", "delay_seconds", "forewarning_seconds")
_SECONDS = {"delay_seconds": "delay", "forewarning_seconds": "forewarning"}

_MEANING = (
    "auroc, aupr and vus_pr say how well the scores order the rows, whatever the threshold. f1 to "
    "threshold are those of the threshold that was chosen without the labels. fc1 joins the "
    "precision of rows with the share of events found, so that flagging everything cannot win it. "
    "far is the share of normal rows flagged, mar that of anomalous rows missed."
)
_HINDSIGHT = (
    "best_f1 is what the best of all thresholds would have reached, found with the labels at hand: "
    "a bound for orientation, never a result."
)
_EVENTS = (
    "An event is a run of anomalous rows, found where a flag touches it. Delay is from its start "
    "to the first flag in it; forewarning from the start of the first flagged run that touches it "
    "to the event's end. False alarms are flagged runs that touch no event, by time that is "
    "normal; alarms have the detector's minimum length and hysteresis."
)


def document(
    title: str, outcomes: Sequence[Outcome], notes: Sequence[str], compared: Sequence[Picture]
) -> Document:
    """Put together what is written: all models side by side, then each by itself."""
    reports = {one.kind: one.report for one in outcomes if one.report is not None}
    blocks = [
        *_counts(next(iter(reports.values()))),
        *(Text(note) for note in notes),
        *_tables({kind: report.plain() for kind, report in reports.items()}),
        *_failures(outcomes),
        *compared,
        *(block for one in outcomes if one.report is not None for block in _alone(one)),
    ]
    return Document(title, blocks)


def _counts(report: Report) -> Iterator[Block]:
    counts = report.counts
    yield Heading("What was judged")
    headers = ["rows", "normal", "anomalous", "not judged", "anomalous share", "rows learned from"]
    share = "-" if report.remarks else f"{counts.anomalous_share:.2%}"
    rows = counts.normal_rows, counts.anomalous_rows, counts.not_judged_rows
    numbers = [f"{value:,}" for value in (report.rows, *rows)]
    yield Table(headers, [[*numbers, share, f"{report.trained_rows:,}"]])
    yield from (Text(_sentence(remark)) for remark in report.remarks)


def _tables(figures: Mapping[str, Mapping[str, Any]]) -> Iterator[Block]:
    yield Heading("Figures")
    yield _table(MAIN, figures)
    yield Text(_MEANING)
    yield _table(("best_f1", "best_threshold"), figures)
    yield Text(_HINDSIGHT)
    yield Heading("Events")
    yield _table((*EVENTS, *WEEKLY), figures)
    yield Text(_EVENTS)
    yield Heading("Time and rows")
    yield _table(("fit_seconds", "score_seconds", "rows", "unjudged"), figures)


def _table(names: Sequence[str], figures: Mapping[str, Mapping[str, Any]]) -> Table:
    headers = ["model", *(_SECONDS.get(name, name) for name in names)]
    return Table(
        headers,
        [[kind, *(shown(name, of[name]) for name in names)] for kind, of in figures.items()],
    )


def shown(name: str, value: Any) -> str:
    """A figure for people: durations in units of time."""
    if name in _SECONDS and value is not None:
        return format_duration(timedelta(seconds=round(value)))
    return number(value)


def _failures(outcomes: Sequence[Outcome]) -> Iterator[Block]:
    failed = [one for one in outcomes if one.report is None]
    if failed:
        yield Heading("Models that could not be evaluated")
        yield Table(["model", "why"], [[one.kind, one.failed] for one in failed])


def _alone(outcome: Outcome) -> Iterator[Block]:
    assert outcome.report is not None
    yield Heading(outcome.kind)
    # A kind begins in small letters, so its sentence is left as it is.
    yield from (Text(f"{chosen}.") for chosen in outcome.chosen)
    yield from (Text(_sentence(warning)) for warning in outcome.warnings)
    yield class_table(outcome.report)
    for picture in outcome.gallery.pictures:
        yield replace(picture, name=f"{outcome.kind}-{picture.name}")
    yield from (Text(sentence) for sentence in outcome.gallery.lacking)


def class_table(report: Report) -> Table:
    """The classification report: both classes, and how many rows were taken for which."""
    confusion = report.classes.confusion
    headers = ["class", "precision", "recall", "f1", "support", "not flagged", "flagged"]
    rows = []
    for name, row in (("normal", confusion[0]), ("anomalous", confusion[1])):
        figures = report.plain()["classes"][name]
        cells = (number(figures[key]) for key in ("precision", "recall", "f1", "support"))
        rows.append([name, *cells, *map(str, row)])
    return Table(headers, rows)


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith('.') else '.'}"
