"""Where a report is written: one HTML page, or Markdown with its pictures in a folder beside it."""

from pathlib import Path
from typing import Any

import click

from backend.exceptions import InputError
from backend.services.reporting import Document, to_html, to_markdown


class ReportType(click.ParamType[Path]):
    """`report.html` or `report.md`."""

    name = "FILE.html|FILE.md"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """Refuse other endings before any work is done."""
        path = Path(value)
        if path.suffix.lower() not in (".html", ".md"):
            self.fail(f"expected a name that ends in .html or .md, got {str(value)!r}", param, ctx)
        return path


def write_report(document: Document, path: Path) -> None:
    """Write a report; its directory is made.

    Raises:
        InputError: it cannot be written there.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix.lower() == ".html":
            path.write_text(to_html(document), encoding="utf-8")
        else:
            _write_markdown(document, path)
    except OSError as error:
        raise InputError(f"The report cannot be written to {path}: {error.strerror}.") from error


def _write_markdown(document: Document, path: Path) -> None:
    folder = path.with_name(f"{path.stem}-pictures")
    text, pictures = to_markdown(document, folder.name)
    path.write_text(text, encoding="utf-8")
    if pictures:
        folder.mkdir(exist_ok=True)
    for name, png in pictures.items():
        (folder / name).write_bytes(png)
