"""`normalcy import`: bring a file of measurements into the store."""

from pathlib import Path
from typing import Any

import click

from backend.cli.output import json_option
from backend.cli.session import Session, pass_session
from backend.cli.tags import TAG


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
    # Reading files needs pyarrow, which is loaded when there is one to read.
    from backend.cli.import_run import run  # noqa: PLC0415

    run(session, file, measurement, given)
