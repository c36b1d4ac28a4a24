"""Missing channels through training, files and scoring: said, judged, and due where not judged."""

import json

import numpy as np
import pytest

from backend.ports import Points, Query
from backend.schema import COVERAGE, REASON_DEGRADED, REASON_MISSING_CHANNEL, SCORE_FIELDS, SCORES
from backend.services.fingerprints import learned_part
from backend.services.joining import joined, selected
from backend.services.versions import from_files, pack, read_fitted, unpack
from tests.fakes.models import LinearModel
from tests.services.plant import START, STEP, Plant, at, sensor

ARRAYS = ("missing_absent", "missing_factor", "missing_mean", "missing_covariance")


def ready(**changes: object) -> Plant:
    """Two rooms of three channels, trained; room a loses z from point 700 on."""
    plant = Plant(channels=["x", "y", "z"], checks={"flatline": 0, "rate": 0}, **changes)
    for index, room in enumerate("ab"):
        values = sensor(index)[:700]
        third = values.sum(axis=1) + 0.05 * np.random.default_rng(7 + index).standard_normal(700)
        columns = {"x": values[:, 0], "y": values[:, 1], "z": third}
        times = np.arange(700, dtype=np.int64) * STEP + START
        plant.source.write("air", [Points({"room": room}, times, columns)])
        after = sensor(index)[100:200]
        late = {"x": after[:, 0], "y": after[:, 1]}
        if room == "b":
            late["z"] = after.sum(axis=1)
        plant.source.write(
            "air", [Points({"room": room}, times[-1] + STEP + times[:100] - START, late)]
        )
    plant.label(0, 600)
    plant.train()
    return plant


@pytest.fixture(scope="module")
def plant() -> Plant:
    return ready()


def rows(plant: Plant, room: str) -> Points:
    query = Query(SCORES, SCORE_FIELDS, at(700), at(800), {"room": room}, ("room",))
    (found,) = plant.results.read(query)
    return found


def coverage(plant: Plant) -> float:
    (found,) = plant.results.read(Query(COVERAGE, ("coverage",), 0, at(900)))
    return float(found.fields["coverage"][-1])


def test_the_rest_is_judged_and_it_is_said(plant):
    for point in (720, 760, 800):
        plant.now(point)
        plant.scoring.tick("rooms")
    late = rows(plant, "a").fields
    assert (late["judged"] == 1).all()
    used = late["channels_used"]
    assert used[:3].tolist() == [3.0, 3.0, 3.0]  # bridged by the last value
    assert (used[3:] == 2).all()
    calm = late["flag"][10:] == 0
    assert set(late["reason"][10:][calm]) == {REASON_DEGRADED}
    assert set(rows(plant, "b").fields["channels_used"]) == {3.0}
    assert coverage(plant) == 1.0


def test_a_set_that_is_not_calibrated_is_due_and_coverage_falls():
    plant = ready(missing={"judge": False})
    for point in (705, 800):
        plant.now(point)
        plant.scoring.tick("rooms")
    late = rows(plant, "a").fields
    assert (late["judged"][10:] == 0).all()
    assert set(late["reason"][10:]) == {REASON_MISSING_CHANNEL}
    assert coverage(plant) == pytest.approx(0.5, abs=0.03)


def test_what_is_known_of_missing_channels_is_kept_in_the_files(plant):
    files = plant.artifacts.load("rooms/1")
    fitted = from_files(files, LinearModel)
    assert np.isfinite(fitted.missing.factor).all()
    assert fitted.missing.absent.shape == (2, 6, 3)
    again = unpack(files["version.npz"], ARRAYS)
    np.testing.assert_array_equal(again["missing_factor"], fitted.missing.factor)


def former(files: dict[str, bytes]) -> dict[str, bytes]:
    """The files as a program wrote them that knew nothing of missing channels."""
    arrays = {n: a for n, a in unpack(files["version.npz"]).items() if n not in ARRAYS}
    about = json.loads(files["version.json"])
    del about["spec"]["missing"]
    return {**files, "version.npz": pack(arrays), "version.json": json.dumps(about).encode()}


def test_former_versions_load_and_judge_the_full_set_only(plant):
    fitted = from_files(former(plant.artifacts.load("rooms/1")), LinearModel)
    assert fitted.missing.factor.shape == (2, 0)
    assert fitted.missing.places(np.array([[[True, False, False]]] * 2)).tolist() == [[-2], [-2]]


def test_series_of_a_former_version_beside_new_ones_judge_the_full_set_only(plant):
    files = dict(plant.artifacts.load("rooms/1"))
    spec = read_fitted(files, LinearModel).spec
    old = former(selected(files, ["room=a"]))
    made = joined([old, selected(files, ["room=b"])], spec, {}, 2)
    fitted = read_fitted(made, LinearModel)
    absent = np.zeros((2, 1, 3), dtype=bool)
    absent[:, :, 2] = True
    first, second = fitted.missing.places(absent)[:, 0].tolist()
    assert first == -2
    assert second >= 0


def test_a_definition_from_before_is_the_same_definition(plant):
    plain = plant.spec.plain()
    before = {key: value for key, value in plain.items() if key != "missing"}
    assert learned_part(plain) == learned_part(before)
    other = {**plain, "missing": {"judge": False, "together": []}}
    assert learned_part(plain) != learned_part(other)


def test_groups_that_cannot_be_missing_together_are_refused():
    with pytest.raises(ValueError, match="names 'w', which is no channel"):
        Plant(missing={"together": [["w"]]})
    with pytest.raises(ValueError, match="leaves no channel to judge by"):
        Plant(missing={"together": [["x", "y"]]})
