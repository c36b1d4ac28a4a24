"""A detector whose definition is changed while it serves."""

import numpy as np
import pytest

from backend.ports import Query
from backend.schema import COVERAGE
from tests.services.plant import Plant, at


def changed(plant: Plant, **changes: object) -> Plant:
    """The same plant under a changed definition, after a restart."""
    document = {**plant.spec.plain(), **changes}
    plant.spec = type(plant.spec).model_validate(document)
    plant.wire()
    return plant


@pytest.mark.parametrize(("before", "after"), [("10m", "30m"), ("30m", "10m"), ("10m", "7m")])
def test_a_detector_goes_on_after_its_grid_was_changed(before, after):
    plant = Plant(every=before, schedule={"lateness": "45m"}).ready()
    plant.now(771)
    plant.scoring.tick("rooms")
    changed(plant, every=after)
    plant.train()
    for point in (772, 776, 779, 800):
        plant.now(point)
        plant.scoring.tick("rooms")
    step = plant.spec.step
    times = plant.scores()["b"].times
    new = times[times >= at(776)]
    assert (new % step == 0).all()
    assert (np.diff(new) == step).all()
    assert at(800) - 2 * step < new[-1] + step <= at(800)


def test_a_finer_grid_does_not_overwrite_the_coverage_of_what_was_scored():
    plant = Plant(every="30m").ready()
    plant.source.expire("air", {}, at(735), at(760))
    for point in (744, 747):
        plant.now(point)
        plant.scoring.tick("rooms")
    changed(plant, every="10m")
    for point in (748, 749):
        plant.now(point)
        plant.scoring.tick("rooms")
    query = Query(COVERAGE, ("coverage",), 0, at(5000), {"detector": "rooms"})
    (part,) = plant.results.read(query)
    assert part.fields["coverage"][-1] == 0.0
