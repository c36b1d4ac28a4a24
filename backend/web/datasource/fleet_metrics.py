"""Metrics about all detectors, or about one as a whole: for overviews where InfluxDB is absent."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from backend import schema
from backend.exceptions import NotFound
from backend.records import Role, series_key
from backend.services.downsampling import Table
from backend.services.events import Event
from backend.services.history import LOOKED_THROUGH, WORST
from backend.web.application import Application
from backend.web.datasource.asked import choose
from backend.web.datasource.chosen import Answer, Chosen, Metric, specs_seen
from backend.web.datasource.filters import passes
from backend.web.datasource.frames import FieldType, Frame, Look, series_frame, table_frame
from backend.web.instants import milliseconds
from backend.web.who import require, seen, seen_tables

MOST_ROWS = 200

_DETECTOR = ("detector",)
_TOP_NUMBERS = ("top1_share", "top2_share", "top3_share")
_TOP_TEXTS = ("top1", "top2", "top3")

Column = tuple[str, FieldType, list[Any]]


def _over_time(
    fields: Sequence[str],
    default: str,
    read: Callable[[Application, Chosen, str | None], list[Table]],
    looks: Mapping[str, Look],
) -> Answer:
    """The answer that draws one of several columns for each detector."""

    def frames(app: Application, chosen: Chosen) -> list[Frame]:
        what = _what(chosen, fields, default)
        tables = [one.only([what]) for one in seen_tables(read(app, chosen, _named(app, chosen)))]
        look = looks.get(what, Look())
        kept = [one for one in tables if passes(one.tags, one.tags["detector"], chosen.filters)]
        return [series_frame(one, one.tags["detector"], look) for one in kept]

    return frames


def _what(chosen: Chosen, fields: Sequence[str], default: str) -> str:
    found = choose(chosen.payload, "what", fields)
    if len(found) > 1 or not set(found) <= set(fields):
        raise NotFound(f"what is one of {', '.join(fields)}, not {', '.join(found)!r}.")
    return found[0] if found else default


def _named(app: Application, chosen: Chosen) -> str | None:
    """The detector that the payload names; None where it names none, which means all.

    Raises:
        Forbidden: it is none of those that who asks may see.
        NotFound: there is none of that name.
    """
    names = [spec.name for spec in specs_seen(app)]
    found = chosen.detector or next(iter(choose(chosen.payload, "detector", names)), None)
    if not found:
        return None
    require(Role.VIEWER, found)
    return app.detectors.get(found).name


def _worst(app: Application, chosen: Chosen, detector: str | None) -> list[Table]:
    return app.history.worst(chosen.span)


def _coverage(app: Application, chosen: Chosen, detector: str | None) -> list[Table]:
    return app.history.coverage(chosen.span, detector)


def _training(app: Application, chosen: Chosen, detector: str | None) -> list[Table]:
    return app.history.training(chosen.span, detector)


def _trainings(app: Application, chosen: Chosen) -> list[Frame]:
    """Every training of a detector, newest first."""
    tables = seen_tables(app.history.training(chosen.span, _named(app, chosen)))
    return _training_frame([(one, row) for one in tables for row in range(len(one))])


def _trained(app: Application, chosen: Chosen) -> list[Frame]:
    """The newest training of every detector."""
    tables = seen_tables(app.history.training(chosen.span))
    return _training_frame([(one, len(one) - 1) for one in tables])


def _training_frame(rows: Sequence[tuple[Table, int]]) -> list[Frame]:
    ordered = sorted(rows, key=lambda row: int(row[0].times[row[1]]), reverse=True)[:MOST_ROWS]
    columns: list[Column] = [
        ("time", "time", [int(one.times[row]) // 1_000_000 for one, row in ordered]),
        ("detector", "string", [one.tags[schema.DETECTOR_TAG] for one, _ in ordered]),
    ]
    for name in schema.TRAINING_STRINGS:
        columns.append((name, "string", [one.columns[name][row] for one, row in ordered]))
    for name in schema.TRAINING_NUMBERS:
        columns.append((name, "number", [float(one.columns[name][row]) for one, row in ordered]))
    return [table_frame("training", columns)] if ordered else []


def _open_events(app: Application, chosen: Chosen) -> list[Frame]:
    events = seen(app.history.open_events(), lambda one: one.detector)
    return _event_table(events, with_detector=True)


def _events(app: Application, chosen: Chosen) -> list[Frame]:
    """Events of a range as a table, newest first."""
    found = app.queries.events(chosen.detector, chosen.span, series=chosen.series)
    kept = [one for one in found if passes(one.tags, chosen.detector, chosen.filters)]
    return _event_table(kept[::-1], with_detector=False)


def _event_table(events: Sequence[Event], *, with_detector: bool) -> list[Frame]:
    shown = events[:MOST_ROWS]
    columns: list[Column] = [("time", "time", [milliseconds(one.start) for one in shown])]
    if with_detector:
        columns.append(("detector", "string", [one.detector for one in shown]))
    columns += [
        ("series", "string", [one.series for one in shown]),
        ("until", "time", [milliseconds(one.stop) for one in shown]),
        ("peak_score", "number", [one.peak_score for one in shown]),
        ("channels", "string", [", ".join(one.channels) for one in shown]),
        ("model", "string", [one.model for one in shown]),
    ]
    return [table_frame("events", columns)] if shown else []


def _tops(app: Application, chosen: Chosen) -> list[Frame]:
    """The newest flagged points with the channels that stood out."""
    fields = ("score", "flag", *_TOP_TEXTS, *_TOP_NUMBERS, "reason")
    tables = app.queries.scores(chosen.detector, chosen.span, fields=fields, series=chosen.series)
    kept = [one for one in tables if passes(one.tags, chosen.detector, chosen.filters)]
    rows = [(one, row) for one in kept for row in range(len(one)) if one.columns["flag"][row] == 1]
    rows = sorted(rows, key=lambda row: int(row[0].times[row[1]]), reverse=True)[:MOST_ROWS]
    columns: list[Column] = [
        ("time", "time", [int(one.times[row]) // 1_000_000 for one, row in rows]),
        ("series", "string", [series_key(one.tags) for one, _ in rows]),
    ]
    for name in ("score", *_TOP_NUMBERS):
        columns.append((name, "number", [float(one.columns[name][row]) for one, row in rows]))
    for name in (*_TOP_TEXTS, "reason"):
        columns.append((name, "string", [one.columns[name][row] for one, row in rows]))
    return [table_frame("tops", columns)] if rows else []


def _failed_runs(app: Application, chosen: Chosen) -> list[Frame]:
    failed = app.history.failed_runs(chosen.span, limit=LOOKED_THROUGH)
    runs = seen(failed, lambda run: run.detector)[:MOST_ROWS]
    columns: list[Column] = [
        ("time", "time", [milliseconds(run.finished_at) for run in runs]),
        ("detector", "string", [run.detector for run in runs]),
        ("kind", "string", [run.kind for run in runs]),
        ("message", "string", [run.message for run in runs]),
    ]
    return [table_frame("runs", columns)] if runs else []


def _run_seconds(app: Application, chosen: Chosen) -> list[Frame]:
    """How long runs took: one field for each detector and kind."""
    series: dict[tuple[str, str], list[tuple[int, float]]] = {}
    for run in seen(app.history.ended_runs(chosen.span), lambda run: run.detector):
        end = run.finished_at or run.started_at
        row = milliseconds(end), (end - run.started_at) / 1e9
        series.setdefault((run.detector, run.kind), []).append(row)
    return [
        table_frame(
            f"{kind} of {detector}",
            [
                ("time", "time", [time for time, _ in rows]),
                (f"{kind} of {detector}", "number", [seconds for _, seconds in rows]),
            ],
        )
        for (detector, kind), rows in sorted(series.items())
    ]


_SHARE = Look("percentunit", {"min": 0, "max": 1})
_BINARY = Look(None, {"min": 0, "max": 1})
_COVERAGE_LOOKS = {"coverage": _SHARE, "lag_s": Look("s")}
_WORST_LOOKS = {"flag": _BINARY, "alarm": _BINARY}

FLEET_METRICS: dict[str, Metric] = {
    "worst": Metric(
        "Worst series of each detector", (), _over_time(WORST, "score", _worst, _WORST_LOOKS)
    ),
    "coverage": Metric(
        "Coverage",
        (),
        _over_time(schema.COVERAGE_FIELDS, "coverage", _coverage, _COVERAGE_LOOKS),
    ),
    "training": Metric(
        "Trainings over time",
        _DETECTOR,
        _over_time(schema.TRAINING_NUMBERS, "loss", _training, {"seconds": Look("s")}),
    ),
    "versions": Metric("Trainings as a table", _DETECTOR, _trainings),
    "trained": Metric("Newest training of each detector", (), _trained),
    "event_table": Metric("Events as a table", ("detector", "series"), _events),
    "open_events": Metric("Events that go on", (), _open_events),
    "tops": Metric("Flagged points as a table", ("detector", "series"), _tops),
    "failed_runs": Metric("Runs that failed", (), _failed_runs),
    "run_seconds": Metric("Time that runs took", (), _run_seconds),
}
