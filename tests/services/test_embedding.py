"""Codes of a detector's past: which points have one, and that pieces do not show."""

import numpy as np
import pytest

from backend.exceptions import InputError, NoData, NotFound
from backend.records import LabelKind
from backend.services import embedding
from backend.services.embedding import Embedding
from backend.services.serving import Served
from backend.services.stores import Stores
from tests.fakes.models import LinearModel
from tests.services.plant import NORMAL, Plant, at

WINDOW = 5


def embedder(plant: Plant) -> Embedding:
    stores = Stores(plant.source, plant.results, plant.records, plant.artifacts)
    served = Served(plant.records, plant.artifacts, LinearModel)
    return Embedding(stores, plant.detectors, plant.labelling, served, plant.clock)


@pytest.fixture
def plant() -> Plant:
    made = Plant().ready()
    made.now(1000)
    return made


def test_each_point_has_the_code_of_the_window_that_ends_there(plant: Plant) -> None:
    found = embedder(plant).codes("rooms", at(600), at(700))
    assert found.keys == ("room=a", "room=b")
    assert found.times.tolist() == [at(point) for point in range(600, 700)]
    assert found.vectors.shape == (2, 100, WINDOW * 2 // 4)
    assert np.isfinite(found.vectors).all()


def test_pieces_do_not_show(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = embedder(plant).codes("rooms", at(600), at(700))
    told: list[float] = []
    monkeypatch.setattr(embedding, "_PART", 17)
    pieces = embedder(plant).codes(
        "rooms", at(600), at(700), lambda share, words: told.append(share)
    )
    np.testing.assert_array_equal(pieces.times, whole.times)
    np.testing.assert_allclose(pieces.vectors, whole.vectors)
    assert len(told) == 6
    assert told[-1] == 1.0


def test_excluded_time_and_windows_over_its_edge_have_none(plant: Plant) -> None:
    plant.label(650, 660, LabelKind.EXCLUDE)
    found = embedder(plant).codes("rooms", at(640), at(680))
    lacking = np.flatnonzero(np.isnan(found.vectors[0]).all(axis=1)) + 640
    assert lacking.tolist() == list(range(650, 660 + WINDOW - 1))


def test_a_long_range_begins_where_the_data_do(plant: Plant) -> None:
    found = embedder(plant).codes("rooms", 0, at(50))
    assert found.times[0] == at(0)
    assert np.isnan(found.vectors[:, : WINDOW - 1]).all()
    assert np.isfinite(found.vectors[:, WINDOW - 1 :]).all()


def test_a_range_that_holds_nothing_is_refused(plant: Plant) -> None:
    with pytest.raises(InputError, match="no closed bucket"):
        embedder(plant).codes("rooms", at(700), at(700))
    with pytest.raises(InputError, match="no closed bucket"):
        embedder(plant).codes("rooms", at(2000), at(2100))
    with pytest.raises(NoData, match="holds no data"):
        embedder(plant).codes("rooms", 0, at(-10))


def test_without_a_model_it_says_what_to_do() -> None:
    plant = Plant()
    plant.measure()
    with pytest.raises(NotFound, match="retrain it first"):
        embedder(plant).codes("rooms", at(0), at(NORMAL))
