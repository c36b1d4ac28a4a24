import json
from typing import Any

import numpy as np
import pytest

from backend.exceptions import NotFound
from backend.records import LabelKind
from backend.services.reviewing import Reviewing, histogram
from backend.services.versions import read_archive
from tests.fakes.models import StepwiseModel
from tests.services.plant import Plant, at


@pytest.fixture
def plant() -> Plant:
    plant = Plant(promote="review", detection_limits=False)
    plant.make_model = StepwiseModel
    plant.wire()
    plant.measure()
    plant.label(0, 600)
    plant.train()
    plant.label(600, 650)
    plant.train()
    return plant


def review(plant: Plant, number: int = 2, series: str | None = None) -> dict[str, Any]:
    return Reviewing(plant.stores, plant.labelling).review("rooms", number, series)


def test_it_tells_what_a_version_is_and_whom_it_is_held_against(plant: Plant) -> None:
    found = review(plant)

    assert (found["number"], found["verdict"], found["champion"]) == (2, "challenger", 1)
    assert found["served"] == []
    assert [one["by"] for one in review(plant, 1)["served"]] == ["retraining"]
    assert found["keys"] == ["room=a", "room=b"]
    assert found["series"]["rows"] == 650
    assert found["champion_series"]["rows"] == 600
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_losses_are_those_of_the_training(plant: Plant) -> None:
    curve = review(plant, series="room=b")["series"]["curve"]

    archive = read_archive(plant.artifacts.load("rooms/2"), ["loss"])
    loss = archive["loss"][1]
    np.testing.assert_allclose(curve["loss"], loss[np.isfinite(loss)], rtol=1e-5)
    assert curve["epochs"][0] == 1
    assert len(curve["val_loss"]) == len(curve["loss"]) == len(curve["epochs"]) > 3


def test_held_out_errors_are_counted_against_the_threshold(plant: Plant) -> None:
    one = review(plant)["series"]

    assert sum(one["errors"]["counts"]) == one["errors"]["rows"] == one["held_out_rows"]
    assert one["errors"]["edges"][0] < one["threshold"] < one["errors"]["edges"][-1]
    # the threshold is the highest of them times 1.3
    assert one["errors"]["share_above"] == 0.0


def test_labels_that_came_and_went_since_are_told(plant: Plant) -> None:
    assert review(plant)["labels"]["changed"] == 0
    (first, *_) = plant.labelling.list("rooms")
    plant.labelling.remove([first.id], by="ada")
    plant.label(660, 670, LabelKind.ANOMALY, {"room": "a"})

    labels = review(plant)["labels"]

    assert (labels["learned"], labels["now"], labels["changed"]) == (2, 2, 2)
    assert [one["kind"] for one in labels["added"]] == ["anomaly"]
    assert [one["start"] for one in labels["removed"]] == [at(0)]


def test_figures_remain_where_the_files_are_gone(plant: Plant) -> None:
    plant.artifacts.remove("rooms/2")

    one = review(plant)["series"]

    assert one["rows"] == 650
    assert one["curve"]["loss"] == one["errors"]["counts"] == []


def test_a_series_that_it_does_not_know_is_refused(plant: Plant) -> None:
    with pytest.raises(NotFound, match="no series 'room=z'; it has: room=a, room=b"):
        review(plant, series="room=z")


def test_a_histogram_counts_every_row_once() -> None:
    errors = np.array([np.nan, 0.0, 0.1, 1.0, 10.0, 10.0, 1e-30])

    found = histogram(errors, 5.0)

    assert found["rows"] == sum(found["counts"]) == 6
    assert found["share_above"] == pytest.approx(2 / 6)
    assert len(found["edges"]) == len(found["counts"]) + 1


@pytest.mark.parametrize("errors", [[], [np.nan], [0.0, 0.0]])
def test_nothing_to_count_is_no_error(errors: list[float]) -> None:
    assert histogram(np.array(errors), 1.0)["counts"] == []
