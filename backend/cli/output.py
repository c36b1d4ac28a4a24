"""What is printed: one JSON document, or aligned text for people; progress on stderr."""

import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO

import click
import orjson

if TYPE_CHECKING:
    from backend.ports import Progress
    from backend.records import Label

_PATIENCE_S = 2.0
_STEPS = 1000
_NUMBERS = (int, float, type(None))


def json_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the option `--json`, as its argument `as_json`."""
    return click.option(
        "--json", "as_json", is_flag=True, help="Print one JSON document and nothing else."
    )(command)


def print_json(value: Any) -> None:
    """Print a value as JSON; numbers that JSON does not know become null."""
    options = orjson.OPT_INDENT_2 | orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS
    click.echo(orjson.dumps(value, default=_plain, option=options).decode())


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    return str(value)


def print_table(headers: Sequence[str], rows: Sequence[Sequence[Any]], empty: str) -> None:
    """Print aligned columns, numbers to the right; `empty` says what it means that none are."""
    if not rows:
        click.echo(empty)
        return
    cells = [[number(cell) for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in (headers, *cells)) for i in range(len(headers))]
    right = [all(isinstance(row[i], _NUMBERS) for row in rows) for i in range(len(headers))]
    for line in (headers, *cells):
        padded = zip(line, widths, right, strict=True)
        text = "  ".join(cell.rjust(w) if r else cell.ljust(w) for cell, w, r in padded)
        click.echo(text.rstrip())


def print_facts(facts: Mapping[str, Any]) -> None:
    """Print names and values below each other, aligned."""
    width = max(map(len, facts), default=0)
    for name, value in facts.items():
        first, *more = number(value).splitlines() or [""]
        click.echo(f"{name.ljust(width)}  {first}".rstrip())
        for line in more:
            click.echo(f"{'':{width}}  {line}")


def number(value: Any) -> str:
    """Write a value for people: floats in four digits, None as a dash."""
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.4g}"
    return str(value)


def printable(text: str) -> str:
    """A name or value that others chose, for a terminal: what would move its cursor is escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def iso(moment: int) -> str:
    """Write UTC nanoseconds as ISO 8601, with as many decimals as there are."""
    from backend.specs.times import format_time  # noqa: PLC0415 - not needed for --help

    return format_time(moment)


def plain_times(record: object, *names: str) -> dict[str, str | None]:
    """Times of a record as JSON: in ISO 8601, null for what has not happened."""
    times = {name: getattr(record, name) for name in names}
    return {name: None if time is None else iso(time) for name, time in times.items()}


def plain_label(label: "Label") -> dict[str, Any]:
    """A label as JSON: times in ISO 8601."""
    return {**vars(label), **plain_times(label, "start", "stop", "created_at", "removed_at")}


@contextmanager
def progress(
    label: str, stream: TextIO | None = None, clock: Callable[[], float] = time.monotonic
) -> "Iterator[Progress]":
    """Show a bar on a terminal when work takes more than two seconds."""
    bar = _Bar(label, stream or sys.stderr, clock)
    try:
        yield bar
    finally:
        bar.close()


class _Bar:
    def __init__(self, label: str, stream: TextIO, clock: Callable[[], float]) -> None:
        self._label, self._stream, self._clock = label, stream, clock
        self._began = clock()
        self._words = ""
        self._bar: Any = None

    def __call__(self, share: float, words: str) -> None:
        self._words = words
        if self._bar is None and not self._is_due():
            return
        if self._bar is None:
            self._bar = click.progressbar(
                length=_STEPS,
                label=self._label,
                file=self._stream,
                item_show_func=lambda _: self._words,
            )
            self._bar.__enter__()
        step = round(min(max(share, 0.0), 1.0) * _STEPS)
        self._bar.update(max(step - self._bar.pos, 0))

    def _is_due(self) -> bool:
        return self._stream.isatty() and self._clock() - self._began > _PATIENCE_S

    def close(self) -> None:
        if self._bar is not None:
            self._bar.__exit__(None, None, None)
