import numpy as np
import pytest

from backend.bootstrap import bootstrap
from backend.demo import gas_room
from backend.demo.gas_room import GasRoom
from backend.demo.live import Live, StoryClock
from backend.demo.loop import tell
from backend.ports import Query
from backend.schema import SCORES
from backend.settings import Settings
from backend.settings.urls import default_results, embedded_url
from tests.fakes.clock import StillClock
from tests.fakes.models import LinearModel

NOW = 1_790_000_000_000_000_000
HOUR = 3_600_000_000_000
DAY = 24 * HOUR


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """A whole story, with a model that needs no network."""
    home = tmp_path_factory.mktemp("demo")
    story = GasRoom(gas_room.latest_start(NOW), seed=0)
    store = embedded_url(home / "series")
    settings = Settings(
        home=home,
        store=store,
        results=default_results(store),
        records=f"sqlite:///{home / 'records.sqlite3'}",
        detectors={story.spec.name: story.spec},
    )
    clock = StillClock(story.stop)
    application = bootstrap(settings, clock=clock, make_model=LinearModel)
    seen, shares = [], []

    def draw(material):
        seen.append(material)
        return [home / "picture.png"]

    result = tell(application, story, draw, lambda share, words: shares.append(share))
    yield application, story, clock, result, seen[0], shares
    application.close()


def test_the_story_is_told_in_numbers_and_names(told):
    _, story, _, result, _, _ = told
    plain = result.plain()
    assert plain["injected"] == len(story.faults(story.trained, story.stop)) == 6
    assert plain["found"] == sum(fault["found_at"] is not None for fault in plain["faults"])
    assert plain["false_events"] == len(plain["false"])
    assert plain["seconds"] > 0
    assert plain["pictures"][0].endswith("picture.png")
    assert plain["model"] == "gas-room/1"


def test_even_a_linear_model_finds_most_of_what_was_injected(told):
    assert told[3].plain()["found"] >= 4


def test_what_is_drawn_is_what_was_written(told):
    application, story, _, _, material, _ = told
    stored = application.results.read(Query(SCORES, ("score",), story.start, story.stop))[0]
    np.testing.assert_array_equal(material.scores.fields["score"], stored.fields["score"])
    assert material.scores.times[0] == story.trained
    assert material.scores.times[-1] == story.stop - story.spec.step
    np.testing.assert_array_equal(material.scores.times, material.expected.times)
    np.testing.assert_array_equal(material.scores.times, material.contributions.times)
    assert np.isfinite(material.held_out).any()


def test_only_the_normal_range_is_labeled(told):
    application, story, *_ = told
    (label,) = application.labelling.list("gas-room")
    assert (label.kind, label.start, label.stop) == ("normal", story.start, story.trained)


def test_progress_rises_to_the_end(told):
    shares = told[5]
    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0.0, 1.0)


def test_live_points_arrive_are_scored_and_told_once(told):
    application, story, clock, *_ = told
    live = Live(application, story)
    news, now = [], story.stop
    while now < story.stop + 3 * DAY:
        now += 3 * HOUR
        clock.time = now
        news += live.advance(now)
    query = Query(SCORES, ("score",), story.stop, now)
    (scores,) = application.results.read(query)
    assert len(scores) == (now - story.stop) // story.spec.step
    injected = story.faults(story.stop, now)
    told_faults = {one.fault for one in news if one.fault}
    assert told_faults <= set(injected)
    assert told_faults
    assert len({one.event.id for one in news}) == len(news)


def test_nothing_arrives_before_a_grid_step_has_passed(told):
    application, story, clock, *_ = told
    live = Live(application, story)
    clock.time = story.stop + story.spec.step - 1
    assert live.advance(clock.time) == []


# -- the clock of a story --------------------------------------------------------------------------


class Seconds:
    """Monotonic seconds, turned by hand."""

    def __init__(self):
        self.passed = 100.0

    def __call__(self):
        return self.passed


def test_the_clock_stands_until_begun_then_runs_fast_to_the_present():
    present, elapsed = StillClock(10 * HOUR), Seconds()
    clock = StoryClock(2 * HOUR, present, elapsed, speed=3600)
    elapsed.passed += 50
    assert clock.move() == clock.now() == 2 * HOUR
    clock.begin()
    elapsed.passed += 3
    assert clock.now() == 2 * HOUR  # until it is moved on
    assert clock.move() == clock.now() == 5 * HOUR
    assert not clock.caught_up
    elapsed.passed += 100
    assert clock.move() == 10 * HOUR
    assert clock.caught_up
    present.time += HOUR
    assert clock.now() == 11 * HOUR
