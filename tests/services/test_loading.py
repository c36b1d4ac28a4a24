"""That something is being loaded, told to whoever counts the time of the work."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.services.loading import load_module, loading
from backend.services.serving import Served
from tests.services.plant import Plant


@pytest.fixture
def told() -> Iterator[list[bool]]:
    heard: list[bool] = []
    loading.tell(heard.append)
    yield heard
    loading.tell(lambda begins: None)


def test_what_is_loaded_within_is_no_other_loading(told: list[bool]) -> None:
    with loading():
        with loading():
            pass
        assert told == [True]
    assert told == [True, False]


def test_loading_ends_where_it_fails(told: list[bool]) -> None:
    with pytest.raises(ModuleNotFoundError):
        load_module("tests.services.there_is_none")
    assert told == [True, False]


def test_a_module_is_loaded_once(
    told: list[bool], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "heavy_for_loading.py").write_text("weight = 3")
    monkeypatch.syspath_prepend(tmp_path)
    first = load_module("heavy_for_loading")
    assert first.weight == 3
    assert told == [True, False]
    assert load_module("heavy_for_loading") is first
    assert told == [True, False]


def test_a_version_is_loaded_once(told: list[bool]) -> None:
    plant = Plant()
    plant.measure()
    plant.label(0, 600)
    plant.train()
    served = Served(plant.records, plant.artifacts, plant.make_model)
    told.clear()
    for _ in range(2):
        served.load("rooms", 1)
    assert told == [True, False]
