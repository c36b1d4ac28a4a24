import base64
from html.parser import HTMLParser

import pytest

from backend.services.reporting import (
    Document,
    Heading,
    Picture,
    Table,
    Text,
    to_html,
    to_markdown,
)

PNG = b"\x89PNG not really"
HOSTILE = '<script>alert("1")</script> | a_b* [x](y) # `z`'


@pytest.fixture
def document():
    return Document(
        "A & B",
        [
            Heading("Figures"),
            Text(HOSTILE),
            Table(["model", "f1"], [["pca", "0.5"], [HOSTILE, "0.25"]]),
            Picture("roc", "Curves", PNG),
        ],
    )


class Reader(HTMLParser):
    """Keeps the tags, the text, and the sources of pictures."""

    def __init__(self):
        super().__init__()
        self.tags, self.words, self.sources = [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.sources += [value for name, value in attrs if name == "src"]

    def handle_data(self, data):
        self.words.append(data)


def test_the_page_holds_its_pictures_and_needs_nothing_else(document):
    reader = Reader()
    reader.feed(to_html(document))
    (source,) = reader.sources
    kind, _, data = source.partition(",")
    assert kind == "data:image/png;base64"
    assert base64.b64decode(data) == PNG
    assert "link" not in reader.tags


def test_what_stands_in_text_is_no_markup(document):
    reader = Reader()
    reader.feed(to_html(document))
    assert "script" not in reader.tags
    assert reader.words.count(HOSTILE) == 2


def test_markdown_names_the_pictures_that_lie_beside_it(document):
    text, pictures = to_markdown(document, "report-pictures")
    assert pictures == {"roc.png": PNG}
    assert "![Curves](<report-pictures/roc.png>)" in text


def test_a_cell_of_markdown_cannot_end_its_column(document):
    text, _ = to_markdown(document, "x")
    lines = [line for line in text.splitlines() if line.startswith("|")]
    bars = {line.replace(r"\|", "").count("|") for line in lines}
    assert bars == {3}
    assert "<script>" not in text.replace(r"\<", "").replace(r"\>", "")


def test_a_line_break_in_a_text_starts_no_heading():
    text, _ = to_markdown(Document("t", [Text("one\n# two")]), "x")
    assert "\n# two" not in text
