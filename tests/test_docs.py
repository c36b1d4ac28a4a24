"""Documents that would otherwise go out of date silently."""

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from backend import specs
from backend.cli.group import COMMANDS
from backend.settings import load
from jobs.places import SLOTS

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
CONFIGURATION = (ROOT / "docs/configuration.md").read_text()
SETTINGS = CONFIGURATION + "".join(
    (ROOT / "docs" / name).read_text() for name in ("models.md", "thresholds.md")
)
DOCUMENTS = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]


KINDS = [*specs.specs_in(specs.ModelSpec), *specs.specs_in(specs.ThresholdSpec)]


def section(heading: str) -> str:
    """The text under a heading, up to the next one of its level or above."""
    found = re.search(rf"^(#+) {re.escape(heading)}\n(.*)", SETTINGS, re.DOTALL | re.MULTILINE)
    assert found is not None, f"no section {heading} in the documents of the settings"
    return re.split(rf"^#{{1,{len(found[1])}}} ", found[2], flags=re.MULTILINE)[0]


def rows(heading: str) -> dict[str, str]:
    """Key and default of each row of the tables in a section."""
    return dict(re.findall(r"^\| `(\w+)` \| ([^|]*) \|", section(heading), re.MULTILINE))


def documented() -> Iterator[tuple[str, type[BaseModel], str, FieldInfo]]:
    """(heading, model, key, field) of everything that can be configured."""
    models: dict[str, type[BaseModel]] = {"detectors": specs.DetectorSpec}
    models |= {model.model_fields["kind"].default: model for model in KINDS}
    for key in ("preprocessing", "error", "smoothing", "alarm", "checks", "missing", "schedule"):
        kind = specs.DetectorSpec.model_fields[key].annotation
        assert isinstance(kind, type)
        models[key] = kind
    models["follow"] = specs.FollowSpec
    for heading, model in models.items():
        for name, field in model.model_fields.items():
            if name not in {"name", "kind"}:
                yield heading, model, field.alias or name, field


def shown(field: FieldInfo) -> str:
    """A default as the tables write it."""
    value = field.get_default(call_default_factory=True)
    if value is PydanticUndefined:
        return "required"
    if isinstance(value, BaseModel) or (
        isinstance(value, tuple) and any(isinstance(part, BaseModel) for part in value)
    ):
        return ""
    return "none" if value is None else f"`{plain(value)}`"


def plain(value: object) -> str:
    """A value as YAML would hold it."""
    match value:
        case timedelta():
            return specs.format_duration(value)
        case bool():
            return str(value).lower()
        case tuple():
            return f"[{', '.join(map(str, value))}]"
    return f"{value:g}" if isinstance(value, float) else str(value)


@pytest.mark.parametrize(
    ("heading", "model", "key", "field"),
    [pytest.param(*line, id=f"{line[0]}.{line[2]}") for line in documented()],
)
def test_every_key_is_documented_with_its_default(
    heading: str, model: type[BaseModel], key: str, field: FieldInfo
) -> None:
    shared = rows("networks") if issubclass(model, specs.NetworkSpec) else {}
    shared |= rows("estimators") if issubclass(model, specs.EstimatorSpec) else {}

    assert {**shared, **rows(heading)}.get(key) == shown(field)


def test_no_key_is_documented_that_does_not_exist() -> None:
    keys: dict[str, set[str]] = {}
    for heading, _, key, _ in documented():
        keys.setdefault(heading, set()).add(key)

    for heading, known in keys.items():
        assert set(rows(heading)) - {"kind"} <= known, heading


def test_the_example_configurations_are_valid(tmp_path: Path) -> None:
    examples = re.findall(r"```yaml\n(.*?)```", README + CONFIGURATION, re.DOTALL)
    config = tmp_path / "normalcy.yaml"

    assert len(examples) == 2
    for example in examples:
        config.write_text(example)
        assert list(load({"NORMALCY_CONFIG": str(config)}).detectors) == ["gas-room"]


def test_every_command_is_in_the_readme() -> None:
    listed = re.findall(r"^\| `normalcy ([\w-]+)` \|", README, re.MULTILINE)

    assert sorted(listed) == sorted(COMMANDS)


def test_commands_in_the_documents_exist() -> None:
    for document in DOCUMENTS:
        text = document.read_text()
        blocks = "".join(re.findall(r"```sh\n(.*?)```", text, re.DOTALL))
        for name in re.findall(r"`normalcy (\w[\w-]*)", text) + re.findall(
            r"normalcy (\w[\w-]*)", blocks
        ):
            assert name in COMMANDS, document.name


def test_environment_variables_in_the_documents_are_read() -> None:
    code = "".join(file.read_text() for file in (ROOT / "backend/settings").glob("*.py"))
    names = {
        name.removesuffix("_FILE")
        for document in DOCUMENTS
        for name in re.findall(r"NORMALCY_(\w+)", document.read_text())
    }

    assert "TOKEN" in names
    for name in names:
        owner, _, secret = name.rpartition("_")
        whole = f'"{name}"' in code or f'"{name.lower()}"' in code or f"}}{name}" in code
        assert whole or (f'"{owner}"' in code and f"_{secret}" in code), name


def test_links_between_documents_lead_somewhere() -> None:
    for document in DOCUMENTS:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", document.read_text()):
            assert (document.parent / target).exists(), f"{document.name}: {target}"


def test_make_targets_in_the_documents_exist() -> None:
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for document in DOCUMENTS:
        for name in re.findall(r"(?:`|^)make ([\w-]+)", document.read_text(), re.MULTILINE):
            assert name in targets, document.name


def test_every_place_of_work_is_described() -> None:
    described = (ROOT / "docs/operating.md").read_text()

    assert dict(re.findall(r"^\| (\w+) \| [^|]+ \| (\d+) \|", described, re.MULTILINE)) == {
        place: str(count) for place, count in SLOTS.items()
    }
