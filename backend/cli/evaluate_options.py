"""What can be typed behind `normalcy evaluate`."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click
import yaml

Command = TypeVar("Command", bound=Callable[..., Any])


@dataclass(frozen=True)
class Asked:
    """What stands on the command line."""

    file: Path
    time_column: str | None
    label_column: str
    normal_rows: int | None
    normal_ranges: tuple[tuple[int, int], ...]
    normal_column: str | None
    train: Path | None
    models: tuple[str, ...]
    window: int | None
    settings: tuple[tuple[str, Any], ...]
    seed: int | None
    every: str | None
    buffer: int
    plots: Path | None
    report: Path | None
    as_json: bool

    def __post_init__(self) -> None:
        ways = (
            self.normal_rows is not None,
            bool(self.normal_ranges),
            self.normal_column,
            self.train,
        )
        if sum(map(bool, ways)) != 1:
            raise click.UsageError(
                "say in exactly one way which rows are normal: --normal-rows, --normal-range, "
                "--normal-column or --train."
            )


class SettingType(click.ParamType[tuple[str, Any]]):
    """`threshold.kind=quantile`: a dotted key of the detector, and its value as in YAML."""

    name = "key=value"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, Any]:
        """Part at the first `=`."""
        if isinstance(value, tuple):
            return value
        key, separator, text = str(value).partition("=")
        if not separator or not all(key.split(".")):
            self.fail(f"expected key=value such as model.epochs=30, got {value!r}", param, ctx)
        try:
            return key, yaml.safe_load(text)
        except yaml.YAMLError:
            self.fail(f"the value of {key} is not YAML: {text!r}", param, ctx)


class RangeType(click.ParamType[tuple[int, int]]):
    """`2026-03-01..2026-03-08T12:00`: half-open, in UTC unless a zone is named."""

    name = "A..B"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int]:
        """Read both ends as nanoseconds."""
        if isinstance(value, tuple):
            return value
        start, separator, stop = str(value).partition("..")
        if not separator:
            self.fail(f"expected A..B such as 2026-03-01..2026-03-08, got {value!r}", param, ctx)
        from backend.settings import parse_time  # noqa: PLC0415 - not needed for --help

        try:
            return parse_time(start), parse_time(stop)
        except ValueError as error:
            self.fail(str(error), param, ctx)


time_column_option = click.option(
    "--time-column", help="Column of the times; found by itself if not given."
)
window_option = click.option("--window", type=int, help="Rows fed to the model at once.")
seed_option = click.option("--seed", type=int, help="Seed of the model.")
every_option = click.option(
    "--every", help="Grid, as 10m; the usual distance of rows if not given."
)


def normal_options(command: Command) -> Command:
    """Which rows of a file are normal."""
    options = (
        click.option("--normal-rows", type=int, help="The first so many rows are normal."),
        click.option(
            "--normal-range",
            "normal_ranges",
            type=RangeType(),
            multiple=True,
            help="Rows from A to before B are normal; may be repeated.",
        ),
        click.option("--normal-column", help="Rows where this column is not 0 are normal."),
    )
    for option in reversed(options):
        command = option(command)
    return command
