"""A report as a list of blocks, written as one HTML page or as Markdown with pictures beside it."""

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;color:#222;max-width:1240px;margin:2rem auto;"
    "padding:0 1rem}"
    "table{border-collapse:collapse;margin:1rem 0;display:block;overflow-x:auto}"
    "th,td{padding:.25rem .7rem;border-bottom:1px solid #d9d9d9;text-align:right;"
    "vertical-align:top}"
    "th:first-child,td:first-child,td.words{text-align:left}"
    "th{border-bottom:2px solid #222;white-space:nowrap}"
    "figure{margin:1.5rem 0}img{max-width:100%;height:auto}figcaption{color:#555}"
)
_SPECIAL = re.compile(r"([\\`*_\[\]<>|#])")
_LONG = 25
"""Letters from which on a cell is words and not a figure."""


@dataclass(frozen=True)
class Heading:
    """The title of a part; level 2 for a part, 3 for one within it."""

    text: str
    level: int = 2


@dataclass(frozen=True)
class Text:
    """A paragraph."""

    text: str


@dataclass(frozen=True)
class Table:
    """Rows of cells that are text already."""

    headers: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Picture:
    """A PNG, its name without ending, and what it shows in words."""

    name: str
    caption: str
    png: bytes


Block = Heading | Text | Table | Picture


@dataclass(frozen=True)
class Document:
    """A whole report."""

    title: str
    blocks: Sequence[Block]


def to_html(document: Document) -> str:
    """One page that needs nothing beside it."""
    title = escape(document.title)
    body = "\n".join(_html(block) for block in document.blocks)
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head>\n'
        f"<body><h1>{title}</h1>\n{body}\n</body></html>\n"
    )


def _html(block: Block) -> str:
    match block:
        case Heading(text, level):
            return f"<h{level}>{escape(text)}</h{level}>"
        case Text(text):
            return f"<p>{escape(text)}</p>"
        case Picture(_, caption, png):
            data = base64.b64encode(png).decode()
            words = escape(caption)
            return (
                f'<figure><img src="data:image/png;base64,{data}" alt="{words}">'
                f"<figcaption>{words}</figcaption></figure>"
            )
        case Table(headers, rows):
            head = "".join(f"<th>{escape(name)}</th>" for name in headers)
            lines = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
            return f"<table><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table>"


def _cell(text: str) -> str:
    words = ' class="words"' if len(text) > _LONG else ""
    return f"<td{words}>{escape(text)}</td>"


def to_markdown(document: Document, folder: str) -> tuple[str, Mapping[str, bytes]]:
    """The text, and the pictures it expects in a folder beside it, by their file names."""
    pictures = {
        f"{block.name}.png": block.png for block in document.blocks if isinstance(block, Picture)
    }
    parts = [f"# {_mark(document.title)}", *(_markdown(block, folder) for block in document.blocks)]
    return "\n\n".join(parts) + "\n", pictures


def _markdown(block: Block, folder: str) -> str:
    match block:
        case Heading(text, level):
            return f"{'#' * level} {_mark(text)}"
        case Text(text):
            return _mark(text)
        case Picture(name, caption, _):
            return f"![{_mark(caption)}](<{folder}/{name}.png>)"
        case Table(headers, rows):
            sides = [":--", *["--:"] * (len(headers) - 1)]
            lines = [map(_mark, headers), sides, *(map(_mark, row) for row in rows)]
            return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _mark(text: str) -> str:
    """Text as it is: nothing in it starts a markup or a line of its own."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))


__all__ = ["Block", "Document", "Heading", "Picture", "Table", "Text", "to_html", "to_markdown"]
