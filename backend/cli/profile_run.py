"""What `normalcy profile` does: read, look, report."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import click
import yaml

from backend.cli.output import iso, print_facts, print_json, print_table, printable, progress
from backend.cli.session import Session
from backend.detection.profile.advice import duration
from backend.detection.profile.channels import ChannelLook
from backend.exceptions import InputError
from backend.importers.frames import read_frame
from backend.services.profiling import Profiled, Profiling, Report, profile_frame
from backend.specs import parse_duration

MOST_CHANNELS = 40
"""Channels that are printed; all are in the JSON."""


@dataclass(frozen=True)
class Asked:
    """What stands on the command line."""

    target: str
    time_column: str | None
    without: tuple[str, ...]
    every: str | None
    last: str | None
    plots: Path | None
    as_json: bool


def run(session: Session, asked: Asked) -> None:
    """Look at what was asked for and print the report."""
    if Path(asked.target).is_file():
        name, report, notes = _file(asked)
    else:
        name, report, notes = _detector(session, asked)
    pictures = _draw(asked.plots, report) if asked.plots else []
    if asked.as_json:
        series = [one.plain() for one in report.series]
        found = {"series": series, "more_series": report.more, "notes": notes}
        print_json({**found, "proposed": name, "pictures": pictures})
        return
    for one in report.series:
        _print(one)
    if report.more:
        click.echo(f"{report.more} more series were not looked at")
    for line in notes:
        click.echo(f"note: {printable(line)}")
    click.echo(yaml.safe_dump(name, sort_keys=False, allow_unicode=True, width=100), nl=False)
    for path in pictures:
        click.echo(f"drawn: {path}")


def _file(asked: Asked) -> tuple[dict[str, Any], Report, list[str]]:
    if asked.last is not None:
        raise click.UsageError("--last is for detectors: a file is looked at whole.")
    path = Path(asked.target)
    every = _duration("--every", asked.every)
    with progress("Looking") as report_progress:
        report_progress(0.0, "reading")
        frame = read_frame(path, asked.time_column)
        report = profile_frame(
            frame, without=asked.without, every=every, progress=_rest(report_progress)
        )
    name = path.name.split(".")[0]
    settings = {"measurement": name, **report.fullest.advice.settings()}
    return _document(name, settings), report, list(frame.attrs.get("notes", ()))


def _detector(session: Session, asked: Asked) -> tuple[dict[str, Any], Report, list[str]]:
    if asked.time_column or asked.without or asked.every:
        raise click.UsageError(
            f"{asked.target} is no file, and --time-column, --without and --every are for files."
        )
    last = _duration("--last", asked.last)
    if "/" in asked.target or Path(asked.target).suffix in {".csv", ".gz", ".parquet"}:
        raise InputError(f"There is no file {asked.target!r}: check the path.")
    application = session.application
    profiling = Profiling(application.source, application.detectors, application.clock)
    with progress("Looking") as report_progress:
        spec, report = profiling.look(asked.target, last=last, progress=report_progress)
    advice = report.fullest.advice.settings()
    kept = {"measurement": spec.measurement, **_without(advice, spec.context)}
    places = {"context": list(spec.context), "group_by": list(spec.group_by)}
    tags = {"where": dict(spec.where)}
    settings = {**kept, **{key: value for key, value in {**places, **tags}.items() if value}}
    return _document(spec.name, settings), report, []


def _without(settings: dict[str, Any], context: tuple[str, ...]) -> dict[str, Any]:
    channels = [name for name in settings["channels"] if name not in context]
    return {**settings, "channels": channels or settings["channels"]}


def _document(name: str, settings: dict[str, Any]) -> dict[str, Any]:
    return {"detectors": {name: settings}}


def _duration(option: str, text: str | None) -> timedelta | None:
    if text is None:
        return None
    try:
        found = parse_duration(text)
    except ValueError as error:
        raise click.UsageError(f"{option}: {error}") from None
    if found < timedelta(milliseconds=1):
        raise click.UsageError(f"{option}: expected at least 1ms")
    return found


def _rest(report: Any) -> Any:
    """Progress of what comes after reading, which takes about half of the time."""
    return lambda share, words: report(0.5 + share / 2, words)


def _draw(directory: Path, report: Report) -> list[str]:
    # matplotlib is loaded only where something is drawn
    from backend.cli.profile_pictures import draw  # noqa: PLC0415

    return [str(path) for path in draw(report, directory)]


def _print(one: Profiled) -> None:
    look = one.look
    gaps = [f"{iso(start)} to {iso(stop)}" for start, stop in look.cadence.gaps[-3:]]
    shown = {
        "series": printable(one.key) or "(one)",
        "rows": f"{len(look.times)} from {iso(int(look.times[0]))} to {iso(int(look.times[-1]))}",
        "every": "-" if look.cadence.step is None else duration(look.cadence.step),
        "gaps": "\n".join([str(len(look.cadence.gaps)), *gaps]),
        "periods": "\n".join(_periods(one)) or "none that stands out",
        "proposed": "\n".join(map(printable, one.advice.reasons)),
        "warnings": "\n".join(map(printable, one.advice.warnings)) or "none",
    }
    print_facts(shown)
    click.echo()
    channels = sorted(look.channels, key=lambda c: not _remarks(c))[:MOST_CHANNELS]
    headers = ("channel", "missing", "low", "median", "high", "remarks")
    print_table(headers, [_row(channel) for channel in channels], "it has no channels")
    if len(look.channels) > len(channels):
        click.echo(f"{len(look.channels) - len(channels)} more channels: see --json")
    click.echo()


def _periods(one: Profiled) -> Iterator[str]:
    names = one.look.names
    for period in one.look.periods:
        who = [names[f] for f in period.channels]
        more = f" and {len(who) - 5} more" if len(who) > 5 else ""
        text = ", ".join(who[:5]) + more
        yield printable(
            f"{duration(period.length)}: {100 * period.share:.0f} % of the variance, {text}"
        )


def _row(channel: ChannelLook) -> tuple[Any, ...]:
    missing = f"{100 * channel.missing:.1f} %"
    middle = (channel.low, channel.middle, channel.high)
    return printable(channel.name), missing, *middle, ", ".join(_remarks(channel)) or "-"


def _remarks(channel: ChannelLook) -> list[str]:
    tested = channel.stationarity
    said = {
        "no values": channel.missing == 1,
        "constant": channel.constant,
        f"stuck for {channel.flat} rows": channel.stuck,
        f"{channel.levels} levels": channel.in_steps,
        f"skewed {channel.skewness:+.1f}": abs(channel.skewness) > 1,
        f"drifts by {channel.drift:.1f} spreads": channel.drift > 2,
        "level wanders": tested is not None and tested.verdict == "wandering",
    }
    return [text for text, holds in said.items() if holds]
