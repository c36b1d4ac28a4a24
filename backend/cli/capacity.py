"""`normalcy capacity`: how large a fleet this machine can hold."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from backend.cli.output import json_option, print_json, print_table, printable, progress
from backend.cli.session import Session, pass_session

if TYPE_CHECKING:
    from backend.records import Label
    from backend.services.capacity_report import Report
    from backend.specs import DetectorSpec

_EXAMPLES = """\b
Examples:
  normalcy capacity gas-room
  normalcy capacity gas-room --series 5000 --json
  normalcy capacity --file planned.yaml --series 200
"""


@click.command("capacity", epilog=_EXAMPLES)
@click.argument("detector", required=False)
@click.option(
    "--file",
    "file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A file with `detectors`, as normalcy.yaml has them, in place of the configuration.",
)
@click.option("--series", type=click.IntRange(1, 1_000_000), help="Plan for so many series.")
@click.option(
    "--seconds",
    type=click.FloatRange(1, 3600),
    default=20.0,
    show_default=True,
    help="How long to measure, about.",
)
@json_option
@pass_session
def command(
    session: Session,
    detector: str | None,
    file: Path | None,
    series: int | None,
    seconds: float,
    as_json: bool,
) -> None:
    """Measure this machine for some seconds, and say how many series DETECTOR may have on it.

    A few series are trained and scored by the code that does the real work, in processes of their
    own; nothing is written to a store.
    """
    from backend.services.capacity_words import sentences  # noqa: PLC0415 - not for --help

    spec, labels = _detector(session, detector, file)
    with progress(f"Measuring {spec.name}") as bar:
        report = session.application.capacity.look(
            spec, labels, series=series, seconds=seconds, progress=bar
        )
    if as_json:
        print_json({**report.plain(), "sentences": sentences(report)})
        return
    for sentence in sentences(report):
        click.echo(printable(sentence))
    click.echo()
    _print_table(report)
    click.echo()
    for note in (
        *report.notes,
        f"Measured for {report.measured_s:.0f} s on this machine as it is.",
    ):
        click.echo(f"note: {printable(note)}")


def _detector(
    session: Session, name: str | None, file: Path | None
) -> "tuple[DetectorSpec, list[Label]]":
    """The detector that is asked about, and what is said of it."""
    if file is not None:
        return _in_file(file, name), []
    if name is None:
        raise click.UsageError("say which DETECTOR, or name a file that has one with --file")
    application = session.application
    return application.detectors.get(name), application.labelling.list(name)


def _in_file(file: Path, name: str | None) -> "DetectorSpec":
    from backend.exceptions import ConfigurationError, NotFound  # noqa: PLC0415
    from backend.settings.document import read_document  # noqa: PLC0415
    from backend.settings.statements import read_detectors  # noqa: PLC0415

    document = read_document(file)
    stated = read_detectors(document)
    if problems := [*document.problems, *stated.problems]:
        raise ConfigurationError(f"{file} cannot be used:", problems)
    found = stated.detectors
    if name is None and len(found) == 1:
        return next(iter(found.values()))
    if name in found:
        return found[name]
    known = ", ".join(found) or "none; expected some below the key detectors"
    if name is None:
        raise click.UsageError(f"say which DETECTOR of {file}: {known}")
    raise NotFound(f"There is no detector {name!r} in {file}. Known: {known}.")


def _print_table(report: "Report") -> None:
    """What a tick, a training and their memory take, by their parts."""
    from backend.services.capacity_words import span  # noqa: PLC0415
    from backend.specs.sizes import format_size  # noqa: PLC0415

    tick, cost, series = report.tick, report.cost, report.series
    lines = {
        "tick: read": tick.read,
        "tick: model": tick.model,
        "tick: write (estimated)": tick.write,
        "tick": tick.whole,
    }
    rows = [
        [name, "not measured", "", ""]
        if line is None
        else [name, span(line.base), span(line.each), _or_dash(span(line.at(series)), series)]
        for name, line in lines.items()
    ]
    once = cost.once + cost.fleet + cost.piece
    present = "-" if report.present_s is None else span(report.present_s)
    rows.append(["training", span(once), span(cost.each), present])
    together = {
        "memory: training": (report.training_memory, min(series, report.piece)),
        "memory: scoring": (report.scoring_memory, series),
    }
    rows += [
        [
            name,
            format_size(line.base),
            format_size(line.each),
            _or_dash(format_size(line.at(count)), series),
        ]
        for name, (line, count) in together.items()
    ]
    title = f"{series} series" if series else "fleet"
    print_table(["", "once", "a series", title], rows, "")


def _or_dash(text: str, series: int) -> str:
    return text if series else "-"
