"""Why a point is scored as it is."""

import pytest

from backend.exceptions import InputError, NotFound
from backend.records import State
from backend.services.explaining import Explaining
from backend.services.requests import Requests
from backend.services.serving import Served
from backend.services.stores import Stores
from tests.fakes.models import LinearModel
from tests.services.plant import STEP, Plant, at


def explaining(plant: Plant) -> Explaining:
    stores = Stores(plant.source, plant.results, plant.records, plant.artifacts)
    served = Served(plant.records, plant.artifacts, LinearModel)
    return Explaining(stores, plant.detectors, plant.labelling, served, LinearModel, plant.clock)


@pytest.fixture
def plant() -> Plant:
    made = Plant().ready()
    made.now(900)
    made.scoring.tick("rooms")
    return made


def test_it_says_what_is_stored_of_the_point(plant):
    found = explaining(plant).explain("rooms", "room=a", at(815))
    stored = plant.scores()["a"]
    (row,) = (stored.times == at(815)).nonzero()[0]
    assert found.flag
    assert found.judged
    for name in ("error", "smoothed", "threshold", "score", "flag", "outside"):
        assert getattr(found, name) == pytest.approx(stored.fields[name][row]), name
    assert found.model == stored.fields["model"][row] == "rooms/1"
    assert found.channels[0].channel == stored.fields["top1"][row] == "y"


def test_a_broken_channel_is_many_times_its_usual_and_a_normal_one_is_not(plant):
    broken = explaining(plant).explain("rooms", "room=a", at(815)).channels[0]
    calm = explaining(plant).explain("rooms", "room=b", at(815)).channels[0]
    assert broken.times_usual > 5
    assert broken.deviations > 5
    assert abs(broken.value - broken.expected) > 0.5
    assert calm.times_usual < 3


def test_a_single_series_has_no_name_to_ask_for():
    plant = Plant(group_by=[], where={"room": "a"}).ready()
    plant.now(900)
    assert explaining(plant).explain("rooms", None, at(815)).flag
    with pytest.raises(NotFound, match=r"one series, without a name.* \(--series\) out\.$"):
        explaining(plant).explain("rooms", "room=a", at(815))


def test_the_window_and_the_normal_one_most_like_it_have_their_times(plant):
    found = explaining(plant).explain("rooms", "room=b", at(750) + 1)
    assert (found.window.start, found.window.stop) == (at(746), at(751))
    assert found.nearest is not None
    assert found.nearest.stop - found.nearest.start == 5 * STEP
    assert found.nearest.stop <= at(600)
    for name in ("x", "y"):
        pairs = zip(found.window.values[name], found.nearest.values[name], strict=True)
        assert all(abs(one - other) < 0.5 for one, other in pairs)


def test_a_point_that_could_not_be_judged_says_why(plant):
    plant.source.expire("air", {"room": "a"}, at(850), at(880))
    found = explaining(plant).explain("rooms", "room=a", at(870))
    assert not found.judged
    assert found.reason == "gap"
    assert [one.value for one in found.channels] == [None, None]


def test_what_cannot_be_explained_is_refused_in_words(plant):
    ask = explaining(plant).explain
    with pytest.raises(InputError, match="several series: name one of room=a, room=b"):
        ask("rooms", None, at(800))
    with pytest.raises(NotFound, match="no series 'room=x'"):
        ask("rooms", "room=x", at(800))
    with pytest.raises(InputError, match="not closed yet"):
        ask("rooms", "room=a", at(900))
    with pytest.raises(NotFound, match="There is no detector"):
        ask("halls", None, at(800))


def test_a_worker_answers_a_request(plant):
    requests = Requests(
        plant.records,
        plant.detectors,
        plant.retraining,
        plant.scoring,
        plant.clock,
        explaining=explaining(plant),
    )
    asked = requests.ask("explain", "rooms", {"time": at(815), "series": "room=a"}, by="page")
    done = requests.serve_one(kinds=("explain",))
    assert done is not None
    assert (done.id, done.state) == (asked.id, State.DONE)
    assert done.result["series"] == "room=a"
    assert done.result["channels"][0]["channel"] == "y"
    with pytest.raises(InputError, match="needs a time"):
        requests.ask("explain", "rooms", {}, by="page")
