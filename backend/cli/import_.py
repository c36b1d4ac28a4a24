"""`normalcy import`: bring a file of measurements into the store."""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click

from backend.cli.arguments import TAG, tags_of
from backend.cli.output import iso, json_option, print_facts, print_json, progress
from backend.cli.session import Session, pass_session
from backend.importers.options import ReadingOptions
from backend.importers.points import parse_file
from backend.services.importing import ImportSummary, count_rows, import_file


class _RenameType(click.ParamType[tuple[str, str]]):
    """`OLD=NEW`, parted at the last `=`, since headers of Grafana hold `=` themselves."""

    name = "old=new"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        old, found, new = str(value).rpartition("=")
        if not (found and old and new):
            self.fail(f"expected OLD=NEW such as 온도=temp, got {value!r}", param, ctx)
        return old, new


_EXAMPLES = """\b
Examples:
  normalcy import plant.csv --measurement air --tag room=A1
  normalcy import export.csv --measurement air --rename 온도=temp --timezone Asia/Seoul
"""


@click.command("import", epilog=_EXAMPLES)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--measurement", required=True, metavar="NAME", help="Measurement to write to.")
@click.option("--tag", "tags", type=TAG, multiple=True, help="Tag that every row gets.")
@click.option(
    "--tag-column",
    "tag_columns",
    multiple=True,
    metavar="COLUMN",
    help="Column whose text parts the rows into series.",
)
@click.option("--time-column", metavar="COLUMN", help="Column of the times.")
@click.option("--rename", type=_RenameType(), multiple=True, help="Give a column another name.")
@click.option("--drop", multiple=True, metavar="COLUMN", help="Leave a column out.")
@click.option("--timezone", metavar="ZONE", help="Zone of times that carry none; else UTC.")
@click.option("--dayfirst", "day_first", is_flag=True, help="Read 05/01/2024 as 5 January.")
@click.option(
    "--time-format", metavar="FORMAT", help="strptime pattern; or s, ms, us, ns for epoch numbers."
)
@click.option("--decimal", type=click.Choice([".", ","]), help="Decimal mark.")
@click.option("--separator", metavar="CHAR", help="Separator between cells; write \\t for a tab.")
@click.option("--encoding", help="Encoding such as cp1252 or cp949; else UTF-8 or 16.")
@click.option("--skip-bad-rows", is_flag=True, help="Leave out rows that cannot be read.")
@click.option("--dry-run", is_flag=True, help="Read and check everything, write nothing.")
@json_option
@pass_session
def command(session: Session, file: Path, measurement: str, **given: Any) -> None:
    """Bring FILE into the store: CSV, gzipped CSV, Parquet, or CSV downloaded from Grafana.

    Nothing is written when a row cannot be read; each wrong row is shown with its line.
    Importing a file again is safe.
    """
    store = None if given["dry_run"] else session.application.source
    options = _options(given)
    with ExitStack() as open_files:
        with progress(f"Reading {file.name}") as reading:
            parsed = open_files.enter_context(parse_file(file, options, reading))
        with progress(f"Writing {measurement}") as writing:
            summary = import_file(
                parsed, measurement, store, writing, skip_bad_rows=given["skip_bad_rows"]
            )
    if given["as_json"]:
        print_json(summary.plain())
    else:
        _print(summary)


def _options(given: dict[str, Any]) -> ReadingOptions:
    separator = given["separator"]
    return ReadingOptions(
        time_column=given["time_column"],
        time_format=given["time_format"],
        day_first=given["day_first"],
        timezone=given["timezone"],
        decimal=given["decimal"],
        separator="\t" if separator == "\\t" else separator,
        encoding=given["encoding"],
        rename=_renames(given["rename"]),
        drop=tuple(given["drop"]),
        tag_columns=tuple(given["tag_columns"]),
        tags=tags_of(given["tags"]),
    )


def _renames(pairs: Sequence[tuple[str, str]]) -> dict[str, str]:
    renames = dict(pairs)
    if len(renames) != len(pairs):
        raise click.BadParameter("a column was renamed twice", param_hint="--rename")
    return renames


def _print(summary: ImportSummary) -> None:
    report = summary.report
    done = "imported" if summary.written else "would be imported"
    facts = {
        done: f"{count_rows(summary.rows)} of {summary.series} series into {summary.measurement}",
        "from": iso(summary.start),
        "to": iso(summary.last),
        "fields": "\n".join(
            f"{name} ({report.units[name]})" if name in report.units else name
            for name in summary.fields
        ),
        "read": "\n".join(_remarks(summary)),
    }
    print_facts(facts)
    if report.bad_rows:
        click.echo(f"{count_rows(report.bad_rows)} that cannot be read left out:", err=True)
        for problem in report.problems:
            click.echo(f"  {problem}", err=True)
        more = report.bad_rows - len(report.problems)
        if more:
            click.echo(f"  … and {more} more", err=True)


def _remarks(summary: ImportSummary) -> list[str]:
    report = summary.report
    counted = [
        (report.duplicates, "with the time of a later row left out"),
        (report.empty_rows, "without any value left out"),
    ]
    remarks = [f"{count_rows(count)} {words}" for count, words in counted if count]
    sorted_ = ["times ran backwards; the rows were sorted"] if report.unsorted else []
    return [*report.notes, *remarks, *sorted_]
