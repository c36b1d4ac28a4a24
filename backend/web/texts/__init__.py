"""What the pages say, in the reader's language: one folder a language, one file a page.

The files are in the format of Project Fluent. A text that a language lacks is shown in English.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from flask import Flask, g, has_request_context, request
from fluent.runtime import FluentBundle, FluentResource
from fluent.syntax.ast import Message, VariableReference
from fluent.syntax.visitor import Visitor

LANGUAGES: Mapping[str, str] = {"en": "English", "ko": "한국어"}
"""Codes, and what each language calls itself."""

COOKIE = "language"
_FALLBACK = "en"
_LARGEST = 10**15
"""Numbers beyond are not formatted: of some there are more digits than that can be done with."""
_FOLDER = Path(__file__).parent


def register(app: Flask) -> None:
    """Offer `text`, `texts` and `language` to templates."""
    app.add_template_global(text)
    app.add_template_global(texts)
    app.add_template_global(language)
    app.jinja_env.globals["LANGUAGES"] = LANGUAGES


def language() -> str:
    """The language of the current request: the one chosen, else the one the browser asks for."""
    if not has_request_context():
        return _FALLBACK
    if "language" not in g:
        chosen = request.cookies.get(COOKIE)
        best = request.accept_languages.best_match(list(LANGUAGES), _FALLBACK)
        g.language = chosen if chosen in LANGUAGES else best
    found: str = g.language
    return found


def text(name: str, /, **values: object) -> str:
    """One text with its values filled in.

    Raises:
        KeyError: no language has it.
    """
    return text_in(language(), name, **values)


def text_in(code: str, name: str, /, **values: object) -> str:
    """The same in a language.

    Raises:
        KeyError: no language has it.
    """
    found = catalogue(code).bundle
    if not found.has_message(name):
        found = catalogue(_FALLBACK).bundle
    pattern = found.get_message(name).value
    if pattern is None:
        raise KeyError(name)
    said, _ = found.format_pattern(pattern, {key: _plain(one) for key, one in values.items()})
    return str(said)


def texts(prefix: str) -> dict[str, str]:
    """All texts whose names begin so, for a page's script: `{$name}` stands where a value belongs.

    Returns:
        Texts by their names without the prefix.
    """
    english = catalogue(_FALLBACK).variables
    return {
        name.removeprefix(prefix): text(name, **{one: f"{{${one}}}" for one in english[name]})
        for name in sorted(english)
        if name.startswith(prefix)
    }


@dataclass(frozen=True)
class Catalogue:
    """All texts of a language.

    Attributes:
        bundle: what formats them.
        variables: each text's name with the values that it takes.
    """

    bundle: FluentBundle
    variables: Mapping[str, frozenset[str]]


@cache
def catalogue(code: str) -> Catalogue:
    """Read the texts of a language; a name stands in one file only."""
    made = FluentBundle([code], use_isolating=False)
    variables: dict[str, frozenset[str]] = {}
    for file in sorted((_FOLDER / code).glob("*.ftl")):
        resource = FluentResource(file.read_text("utf-8"))
        made.add_resource(resource)
        for entry in resource.body:
            if isinstance(entry, Message):
                variables[entry.id.name] = _variables(entry)
    return Catalogue(made, variables)


def _variables(message: Message) -> frozenset[str]:
    looking = _Variables()
    looking.visit(message)
    return frozenset(looking.found)


class _Variables(Visitor):
    """Collects the names of the values that a text takes."""

    def __init__(self) -> None:
        self.found: list[str] = []

    def visit_VariableReference(self, node: VariableReference) -> None:
        self.found.append(node.id.name)


def _plain(value: object) -> int | float | str:
    """Numbers stay numbers, for plurals; everything else is text."""
    if isinstance(value, int | float) and not abs(value) < _LARGEST:
        return str(value)
    return value if isinstance(value, int | float | str) else str(value)
