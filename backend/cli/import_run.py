"""What `normalcy import` does: read a file whole, then write it, and say what was done."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack, nullcontext
from pathlib import Path
from typing import Any

import click

from backend.cli.noting import noted
from backend.cli.output import iso, print_facts, print_json, progress
from backend.cli.session import Session
from backend.cli.tags import tags_of
from backend.importers.options import ReadingOptions
from backend.importers.points import parse_file
from backend.services.importing import ImportSummary, count_rows, import_file


def run(session: Session, file: Path, measurement: str, given: Mapping[str, Any]) -> None:
    """Import a file by the options given."""
    store = None if given["dry_run"] else session.application.source
    options = _options(given)
    with ExitStack() as open_files:
        with progress(f"Reading {file.name}") as reading:
            parsed = open_files.enter_context(parse_file(file, options, reading))
        writing = open_files.enter_context(progress(f"Writing {measurement}"))
        what = f"{file.name} into {measurement}"
        with noted(session, "series.import", what) if store is not None else nullcontext() as told:
            summary = import_file(
                parsed, measurement, store, writing, skip_bad_rows=given["skip_bad_rows"]
            )
            if told is not None:
                told(f"{count_rows(summary.rows)} of {summary.series} series")
    if given["as_json"]:
        print_json(summary.plain())
    else:
        _print(summary)


def _options(given: Mapping[str, Any]) -> ReadingOptions:
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
