"""What `normalcy trial` does: replay, report, print."""

from pathlib import Path
from typing import Any

import click

from backend.cli.output import iso, print_json, print_table, progress
from backend.cli.report_file import write_report
from backend.cli.session import Session
from backend.cli.trial_options import Asked, read_failures
from backend.services.trial_results import Plan, TrialReport
from backend.specs import nanoseconds

_COLUMNS = ("alarms_per_week", "false_alarms", "failures", "announced", "coverage", "flagged_share")
_TIMES = frozenset({"start", "stop", "at", "announced_at"})


def run(session: Session, asked: Asked) -> None:
    """Replay what was asked for and print the report."""
    application = session.application
    spec = application.detectors.get(asked.detector)
    failures, unused = read_failures(asked.failures, spec) if asked.failures else ([], [])
    plan = Plan(
        detector=asked.detector,
        start=asked.since.at(session.now()),
        retrain_every=asked.retrain_every,
        failures=tuple(failures),
        horizon=nanoseconds(asked.horizon),
        most_alarms=asked.most,
    )
    with progress(f"Replaying {asked.detector}") as report_progress:
        found = application.trials.run(plan, report_progress)
    notes = [*found.notes, *unused]
    if asked.report:
        _write(found, plan, notes, asked.report)
    if asked.as_json:
        where = {"report": str(asked.report)} if asked.report else {}
        print_json({**_readable(found.plain()), "notes": notes, **where})
    else:
        _print(found, notes)


def _write(found: TrialReport, plan: Plan, notes: list[str], path: Path) -> None:
    # matplotlib is loaded only where something is drawn
    from backend.cli.trial_report import document  # noqa: PLC0415

    write_report(document(found, plan, notes), path)


def _readable(value: Any, key: str = "") -> Any:
    """The same with times in ISO 8601."""
    if isinstance(value, dict):
        return {name: _readable(one, name) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_readable(one) for one in value]
    return iso(value) if key in _TIMES and isinstance(value, int) else value


def _print(found: TrialReport, notes: list[str]) -> None:
    span = found.span
    made = sum(not one.failed for one in found.trained)
    click.echo(f"{found.detector}: {iso(span.start)} to {iso(span.stop)}, versions trained: {made}")
    rows = [
        [
            key or "(all)",
            "go" if one.verdict.go else "no-go",
            *(one.weighed.figures.plain()[name] for name in _COLUMNS),
        ]
        for key, one in found.series.items()
    ]
    print_table(["series", "verdict", *(name.replace("_", " ") for name in _COLUMNS)], rows, "")
    for key, one in found.series.items():
        click.echo(f"{key or 'the series'}: {one.verdict.reason}")
        for sentence in one.detection_limits:
            click.echo(f"  {sentence}")
    for note in notes:
        click.echo(note)
