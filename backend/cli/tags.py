"""Tags as people type them."""

from collections.abc import Sequence
from typing import Any

import click


class TagType(click.ParamType[tuple[str, str]]):
    """`room=A1`."""

    name = "tag=value"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        """Part at the first `=`."""
        tag, found, text = str(value).partition("=")
        if not (tag and found and text):
            self.fail(f"expected tag=value such as room=A1, got {value!r}", param, ctx)
        return tag, text


TAG = TagType()


def tags_of(pairs: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Gather tags; one given twice is a mistake.

    Raises:
        click.BadParameter: a tag was given twice.
    """
    tags = dict(pairs)
    if len(tags) != len(pairs):
        raise click.BadParameter("a tag was given twice", param_hint="--tag")
    return tags
