"""The key `keep`."""

from datetime import timedelta
from pathlib import Path

import pytest

from backend.exceptions import ConfigurationError
from backend.services.retention import Keep
from backend.settings import load
from backend.settings.keeping import KeepPart


def read(directory: Path, text: str) -> Keep:
    config = directory / "normalcy.yaml"
    config.write_text(text)
    return load({"NORMALCY_CONFIG": str(config)}).keep


def test_what_is_kept_unless_told(tmp_path: Path) -> None:
    assert read(tmp_path, "") == Keep(20, timedelta(days=90), None)


def test_what_is_told_is_read(tmp_path: Path) -> None:
    told = read(tmp_path, "keep: {versions: 5, runs: 30d, results: 400d}")
    assert told == Keep(5, timedelta(days=30), timedelta(days=400))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{versions: 1}", r"line 1, keep\.versions: expected at least 2"),
        ("{versions: many}", r"keep\.versions: expected a whole number"),
        ("{runs: 1d}", r"keep\.runs: expected "),
        ("{results: 1h}", r"keep\.results: expected "),
        ("{result: 400d}", r"keep\.result: unknown key"),
    ],
)
def test_what_is_wrong_is_told(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        read(tmp_path, f"keep: {text}")


def test_every_key_is_documented_with_its_default() -> None:
    document = (Path(__file__).parents[2] / "docs/configuration.md").read_text()
    table = document.partition("\n## keep\n")[2].partition("\n## ")[0]
    rows = dict(line.split(" | ")[:2] for line in table.splitlines() if line.startswith("| `"))
    for name, field in KeepPart.model_fields.items():
        told = rows.pop(f"| `{name}`").strip("`")
        stated = {} if told == "none" else {name: int(told) if told.isdecimal() else told}
        assert getattr(KeepPart.model_validate(stated), name) == field.default
    assert not rows
