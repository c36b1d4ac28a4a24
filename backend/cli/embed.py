"""Write what a network's bottleneck holds of each window, for whatever one does with vectors."""

from pathlib import Path
from typing import Any

import click

from backend.cli.evaluate_options import (
    SettingType,
    every_option,
    normal_options,
    seed_option,
    time_column_option,
    window_option,
)
from backend.cli.moments import MOMENT
from backend.cli.output import json_option
from backend.cli.session import Session, pass_session

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_TABLES = (".csv", ".csv.gz", ".parquet")


class TableType(click.ParamType[Path]):
    """A file to write, CSV or Parquet by its ending."""

    name = "file"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """Refuse other endings."""
        if not str(value).lower().endswith(_TABLES):
            self.fail(f"expected a file that ends in {', '.join(_TABLES)}, got {value}", param, ctx)
        return Path(value)


@click.command("embed")
@click.argument("what", metavar="DETECTOR|FILE")
@click.option("--out", type=TableType(), required=True, help="CSV or Parquet file to write.")
@click.option("--from", "start", type=MOMENT, help="Of a detector: from this time on.")
@click.option("--to", "stop", type=MOMENT, help="Of a detector: before this time; default now.")
@time_column_option
@click.option("--label-column", help="Column of labels: not a channel; 0 is normal in --train.")
@normal_options
@click.option(
    "--train",
    type=_FILE,
    help="The rows of this file are normal; name FILE again to learn from all of it.",
)
@click.option("--model", help="Kind of model, dense_autoencoder if not given.")
@window_option
@click.option(
    "--set",
    "settings",
    type=SettingType(),
    multiple=True,
    help="A setting of the detector, as model.epochs=30.",
)
@seed_option
@every_option
@json_option
@pass_session
def command(session: Session, what: str, **options: Any) -> None:
    """Write the bottleneck's vector of every window of DETECTOR or FILE.

    A FILE (CSV, gzipped CSV or Parquet) is learned from on the rows given as normal, as evaluate
    does; a DETECTOR is asked for a time with --from. The table has the time of each window's last
    row, the series of a detector, and e1, e2 and so on. Windows over a gap are left out.
    """
    # What it works with is loaded when it runs, so that --help answers at once.
    from backend.cli import embed_run  # noqa: PLC0415

    of_file = {k: v for k, v in options.items() if k not in {"out", "start", "stop", "as_json"}}
    out, as_json = options["out"], options["as_json"]
    if Path(what).is_file():
        if options["start"] or options["stop"]:
            raise click.UsageError("--from and --to are for a detector; a file is embedded whole")
        embed_run.of_file(Path(what), of_file, out, as_json)
        return
    if what.lower().endswith(_TABLES):
        raise click.UsageError(f"there is no file {what}")
    if given := [name for name, value in of_file.items() if value]:
        name = given[0].removesuffix("s") if given[0] == "normal_ranges" else given[0]
        raise click.UsageError(
            f"--{name.replace('_', '-').replace('settings', 'set')} is for a file, and {what} is "
            "none: a detector is trained already"
        )
    if options["start"] is None:
        raise click.UsageError("say from when a detector's points are embedded: --from now-7d")
    embed_run.of_detector(session, what, (options["start"], options["stop"]), out, as_json)
