"""What may have happened to channels, on the overview and on the page of the detector."""

import pytest

from backend.records import SeriesKey
from backend.services.channel_changes import ChannelChanges
from backend.specs import DetectorSpec
from tests.web.worlds import NOW, World, scored_world

SENTENCE = "temp may be in another unit for 20 min (°F for °C)"


@pytest.fixture
def asked(monkeypatch) -> list[tuple[SeriesKey, ...]]:
    """Each question that the pages ask; the answer is the same for every series."""
    found: list[tuple[SeriesKey, ...]] = []

    def told(self: ChannelChanges, spec: DetectorSpec, keys: list[SeriesKey]):
        found.append(tuple(keys))
        return dict.fromkeys(keys, (SENTENCE,))

    monkeypatch.setattr(ChannelChanges, "told", told)
    return found


def test_the_overview_asks_only_for_series_of_which_something_is_told_anyway(asked):
    world = scored_world("R1", "R2")
    page = world.client().get("/").text
    assert SENTENCE not in page
    assert asked == []
    blind = behind(world)
    page = blind.client().get("/").text
    assert SENTENCE in page
    assert asked == [("room=R1", "room=R2")]


def behind(world: World) -> World:
    """The clock goes on, and scoring does not."""
    world.clock.time = NOW + 3_600_000_000_000
    return world


def test_the_page_of_a_detector_tells_of_the_series_that_is_shown(asked):
    page = scored_world("R1", "R2").client().get("/detectors/gas-room?series=room%3DR2").text
    assert "Channels of this series" in page
    assert SENTENCE in page
    assert asked == [("room=R2",)]
