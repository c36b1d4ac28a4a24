import pytest
from flask.testing import FlaskClient

from tests.web.worlds import World, two_rooms, write_event


@pytest.fixture
def world() -> World:
    """Two rooms, scored to now, one past event in R1."""
    made = two_rooms()
    write_event(made, "R1")
    return made


@pytest.fixture
def client(world: World) -> FlaskClient:
    return world.client()
