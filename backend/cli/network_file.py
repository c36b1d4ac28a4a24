"""Where an exported network is written: a .keras file, and what one has to know of it beside it."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import orjson

from backend.exceptions import Conflict, InputError

if TYPE_CHECKING:
    from backend.services.exporting import Exported

_UNSAFE = re.compile(r"[^\w.,=-]+")


class NetworkType(click.ParamType[Path]):
    """A file to write that ends in .keras."""

    name = "FILE.keras"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """Refuse other endings: Keras tells its formats by them."""
        path = Path(value)
        if path.suffix != ".keras":
            self.fail(f"expected a name that ends in .keras, got {str(value)!r}", param, ctx)
        return path


def default_name(model: str, series: str | None) -> Path:
    """Of a version and a series' key, in the directory one is in: `gas-room-3-room=a.keras`."""
    parts = [model.replace("/", "-"), *([_UNSAFE.sub("_", series)] if series else [])]
    return Path(f"{'-'.join(parts)}.keras")


def beside(path: Path) -> Path:
    """The file that says what one has to know of a network."""
    return path.with_name(f"{path.name}.json")


def check_free(path: Path, *, force: bool) -> None:
    """Refuse to replace files, before any work is done.

    Raises:
        Conflict: one is there, and nobody said that it may go.
    """
    for one in () if force else (path, beside(path)):
        if one.exists():
            raise Conflict(f"{one} exists already: choose another --out, or replace it by --force.")


def write_network(path: Path, found: "Exported", *, force: bool) -> None:
    """Write both files; the directory is made.

    Raises:
        Conflict: one has appeared meanwhile.
        InputError: they cannot be written there.
    """
    check_free(path, force=force)
    about = orjson.dumps(dict(found.about), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(found.network.data)
        beside(path).write_bytes(about)
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror or error}.") from error


def facts(path: Path, found: "Exported") -> dict[str, Any]:
    """What was written."""
    return {
        "model": found.model,
        "series": found.series,
        "kind": found.network.kind,
        "window": found.network.window,
        "units": found.about["input"]["units"],
        "outputs": list(found.network.outputs),
        "file": str(path),
        "about": str(beside(path)),
        "warnings": list(found.warnings),
    }
