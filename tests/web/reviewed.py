"""The web over versions that were really trained: version 1 serves, version 2 waits."""

from backend.records import LabelKind
from backend.services.queries import Queries
from backend.services.requests import Requests
from backend.services.reviewing import Reviewing
from backend.services.work import Work
from backend.specs import DetectorSpec
from tests.fakes.models import StepwiseModel
from tests.services.plant import Plant
from tests.web.worlds import World, make_world

BROKEN = (800, 830)
"""When room a is broken: see `plant.sensor`."""


def trained(*, deaf: bool = False) -> Plant:
    """A plant at point 1000 whose second version was never promoted.

    Args:
        deaf: the second version has a limit that no error is high enough for.
    """
    plant = Plant(promote="review", detection_limits=False)
    plant.make_model = StepwiseModel
    plant.wire()
    plant.measure()
    plant.label(0, 600)
    plant.train()
    if deaf:
        checks = {"flatline": 0, "range": 0, "rate": 0}
        loud = {"threshold": {"kind": "fixed", "value": 1e6}, "checks": checks}
        plant.spec = DetectorSpec.model_validate({**plant.spec.plain(), **loud})
        plant.wire()
    plant.label(600, 650)
    plant.train()
    plant.now(1000)
    plant.label(*BROKEN, LabelKind.ANOMALY, {"room": "a"})
    return plant


def requests_of(plant: Plant) -> Requests:
    """Asks for comparisons, and does them."""
    return Requests(
        plant.records,
        plant.detectors,
        plant.retraining,
        plant.scoring,
        plant.clock,
        comparing=plant.comparing(),
    )


def world_of(plant: Plant) -> World:
    """What the web sees of the plant."""
    world = make_world()
    world.clock, world.records = plant.clock, plant.records
    world.detectors, world.labelling = plant.detectors, plant.labelling
    world.requests, world.promotion = requests_of(plant), plant.promoting
    world.work = Work(plant.records, plant.clock)
    world.comparing = plant.comparing()
    world.reviewing = Reviewing(plant.stores, plant.labelling)
    world.queries = Queries(
        plant.records, plant.source, plant.results, plant.detectors, plant.clock
    )
    return world
