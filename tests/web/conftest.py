import pytest
from flask.testing import FlaskClient

from tests.web.worlds import (
    NOW,
    World,
    add_version,
    make_world,
    write_event,
    write_scores,
    write_values,
)


@pytest.fixture
def world() -> World:
    """Two rooms, scored to now, one past event in R1."""
    made = make_world()
    for room in ("R1", "R2"):
        write_values(made, room)
        write_scores(made, room)
    write_event(made, "R1")
    add_version(made)
    made.records.set_watermarks("gas-room", {"room=R1": NOW, "room=R2": NOW})
    return made


@pytest.fixture
def client(world: World) -> FlaskClient:
    return world.client()
