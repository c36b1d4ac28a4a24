from dataclasses import replace

import numpy as np
import pytest

from backend.detection.sufficiency import Figures
from backend.exceptions import NotFound
from backend.ports import Points
from backend.records import LabelKind, Promotion
from backend.schema import EVENTS
from backend.services import normal_rows
from backend.services.stores import Stores
from backend.services.sufficiency import Sufficiency, Sufficient
from backend.services.sufficiency_words import Seen, parts_of, sentence_of
from tests.fakes.series import MemorySeriesStore
from tests.services.plant import NORMAL, START, STEP, Plant, at


@pytest.fixture
def plant() -> Plant:
    """Measured to point 1000; room a is broken from 800 to 830; it is point 1000."""
    made = Plant()
    made.measure()
    made.now(1000)
    return made


def asked(plant: Plant) -> Sufficiency:
    stores = Stores(plant.source, plant.results, plant.records, plant.artifacts)
    return Sufficiency(stores, plant.detectors, plant.labelling, plant.clock)


def judged(plant: Plant, room: str = "a") -> Sufficient:
    return asked(plant).judge("rooms", f"room={room}")


def event(plant: Plant, start: int, stop: int, model: str, room: str = "a") -> None:
    numbers = {"stop_ms": at(stop) / 1e6, "peak_score": 4.0, "open": 0.0, "valid": 1.0}
    numbers |= {"duration_s": 1.0, "provisional": 0.0}
    fields = {name: np.array([value]) for name, value in numbers.items()}
    for name, text in {"top1": "y", "top2": "", "top3": "", "model": model}.items():
        fields[name] = np.array([text], dtype=object)
    tags = {"detector": "rooms", "room": room}
    plant.results.write(EVENTS, [Points(tags, np.array([at(start)]), fields)])


def test_enough_and_what_is_like_no_label(plant: Plant):
    plant.label(0, 600)
    found = judged(plant)
    assert (found.verdict, found.figures.hours, found.days) == ("enough", 100.0, 6)
    assert found.sentence.startswith("Enough: 100 h of normal over 6 days; ")
    (part,) = found.outside
    assert at(795) <= part.start <= at(802)
    assert at(828) <= part.stop <= at(835)
    assert part.channel == "y"
    assert found.figures.outside_share == pytest.approx(0.03, abs=0.02)
    assert judged(plant, "b").outside == ()


def test_nothing_is_marked(plant: Plant):
    found = judged(plant)
    assert found.verdict == "not enough"
    assert found.sentence.startswith("Not enough: no normal range is marked")
    assert found.figures.outside_share is None
    assert all(levels.uncovered.all() for levels in found.levels.values())


def test_a_little_is_too_little(plant: Plant):
    plant.label(0, 30)
    found = judged(plant)
    assert found.verdict == "not enough"
    assert "too little normal data" in found.sentence


def test_live_data_unlike_the_labels_make_them_thin(plant: Plant):
    times = np.arange(600, 1000, dtype=np.int64) * STEP + START
    columns = {"x": np.full(400, 9.0), "y": np.full(400, -9.0)}
    plant.source.write("air", [Points({"room": "a", "site": "1"}, times, columns)])
    plant.label(0, 600)
    found = judged(plant)
    assert found.verdict == "thin"
    assert "40 % of the recent data is like nothing that was called normal" in found.sentence
    assert found.outside_count == 1
    assert found.levels["x"].uncovered.any()


def test_labelled_anomalies_are_no_unknown_regime(plant: Plant):
    plant.label(0, 600)
    plant.label(798, 832, LabelKind.ANOMALY)
    assert judged(plant).outside == ()


def test_the_wanted_hours_are_those_of_the_budget():
    plant = Plant(threshold={"kind": "budget", "alarms": "1/month"})
    plant.measure()
    plant.now(1000)
    plant.label(0, 300)
    found = judged(plant)
    assert found.figures.wanted_hours == pytest.approx(73.05)
    assert found.verdict == "thin"
    assert "the threshold wants 73 h" in found.sentence


def test_other_labels_take_normal_time_away(plant: Plant):
    plant.label(0, 600)
    plant.label(100, 130, LabelKind.EXCLUDE)
    plant.label(200, 230, LabelKind.ANOMALY, {"room": "b"})
    assert judged(plant).figures.hours == pytest.approx(95)
    assert judged(plant, "b").figures.hours == pytest.approx(90)


def test_an_anomaly_inside_of_normal_is_told_and_denies_nothing(plant: Plant):
    normal = plant.label(0, 600)
    other = plant.label(200, 230, LabelKind.ANOMALY)
    found = judged(plant)
    (one,) = found.contradictions
    assert (one.kind, one.labels) == ("overlap", (normal.id, other.id))
    assert (one.start, one.stop) == (at(200), at(230))
    assert found.verdict == "enough"


def test_an_anomaly_over_half_of_normal_is_contradictory(plant: Plant):
    plant.label(0, 600)
    plant.label(100, 450, LabelKind.ANOMALY)
    assert judged(plant).verdict == "contradictory"


class TestFlagged:
    def ready(self, plant: Plant) -> Plant:
        """Trained after the label; the event is of that version."""
        plant.now(NORMAL)
        self.label = plant.label(0, 600)
        plant.now(NORMAL + 1)
        plant.train()
        plant.now(1000)
        return plant

    def test_by_a_model_that_knew_the_label(self, plant: Plant):
        event(self.ready(plant), 300, 360, "rooms/1")
        found = judged(plant)
        (one,) = found.contradictions
        assert (one.kind, one.labels, one.channel) == ("flagged", (self.label.id,), "y")
        assert found.figures.contradicted_hours == pytest.approx(10)
        assert found.verdict == "contradictory"
        assert judged(plant, "b").contradictions == ()

    @pytest.mark.parametrize(
        ("start", "stop", "model"),
        [(300, 305, "rooms/1"), (300, 360, "rooms/9"), (700, 760, "rooms/1"), (300, 360, "")],
        ids=["short", "of no version", "elsewhere", "nobody knows by whom"],
    )
    def test_others_say_nothing(self, plant: Plant, start: int, stop: int, model: str):
        event(self.ready(plant), start, stop, model)
        assert judged(plant).contradictions == ()

    def test_a_label_that_corrects_what_was_flagged_is_no_contradiction(self, plant: Plant):
        self.ready(plant)
        event(plant, 620, 680, "rooms/1")
        plant.now(1001)
        plant.label(600, 700)
        assert judged(plant).contradictions == ()


def test_what_the_last_training_left_out_is_told(plant: Plant):
    label = plant.label(0, 600)
    version = plant.train()
    trimmed = {"series": "room=a", "start": at(50), "stop": at(60), "channel": "x"}
    other = replace(
        version,
        number=plant.records.next_number("rooms"),
        artifact="rooms/2",
        training={**version.training, "trimmed": [trimmed]},
    )
    plant.records.add_version(other)
    plant.records.promote(Promotion("rooms", other.number, at(1000), at(1000), "ann"))
    (one,) = judged(plant).contradictions
    assert (one.kind, one.labels, one.channel) == ("trimmed", (label.id,), "x")
    assert judged(plant, "b").contradictions == ()


class TestGaps:
    def test_a_gap_in_a_label_is_listed(self):
        plant = Plant()
        plant.measure(0, 300)
        plant.measure(400, 1000)
        plant.now(1000)
        plant.label(0, 600)
        found = judged(plant)
        assert found.gaps == ((at(300), at(400)),)
        assert found.gap_hours == pytest.approx(100 / 6)
        # what is bridged behind the last value can be learned from
        assert 83 < found.figures.hours < 84

    def test_what_retention_took_is_in_the_version(self):
        plant = Plant().ready()
        plant.source = MemorySeriesStore()
        plant.measure(620, 1000)
        plant.wire()
        plant.now(1000)
        found = judged(plant)
        assert found.gaps == ()
        assert found.figures.hours == pytest.approx(100)
        (one, _) = asked(plant).overview("rooms")
        assert one.hours == pytest.approx(100)

    def test_a_label_from_1970_begins_with_the_data(self, plant: Plant):
        plant.now(1000)
        plant.label(-START // STEP, 600)
        found = judged(plant)
        assert found.gaps == ()
        assert 99 <= found.figures.hours <= 100


def test_long_time_is_looked_at_on_a_coarser_grid(plant: Plant, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(normal_rows, "MOST_ROWS", 200)
    plant.label(0, 600)
    found = judged(plant)
    assert found.step > STEP
    assert found.figures.hours == pytest.approx(100, rel=0.05)
    # data for 7 days, in a live range of 14: 2016 steps
    assert found.step == 11 * STEP


def test_series_that_nobody_knows(plant: Plant):
    with pytest.raises(NotFound, match="holds no data of the series 'room=z'"):
        judged(plant, "z")
    with pytest.raises(NotFound, match="is not a series of 'rooms'"):
        asked(plant).judge("rooms", "hall=a")
    with pytest.raises(NotFound, match="no detector 'none'"):
        asked(plant).judge("none", "")


def test_the_overview_reads_no_rows_but_the_first(plant: Plant, monkeypatch: pytest.MonkeyPatch):
    plant.label(0, 600, tags={"room": "a"})
    plant.label(0, 600, LabelKind.EXCLUDE, {"room": "a"})
    plant.label(0, 20, tags={"room": "b"})
    read, queries = plant.source.read, []
    monkeypatch.setattr(plant.source, "read", lambda query: queries.append(query) or read(query))
    one, other = asked(plant).overview("rooms")
    assert [query.oldest for query in queries] == [1]
    assert (one.series, one.verdict, one.hours) == ("room=a", "not enough", 0.0)
    assert (other.series, other.verdict) == ("room=b", "not enough")
    assert "at least" in other.sentence


@pytest.mark.parametrize(
    ("figures", "seen", "words"),
    [
        (
            Figures(212, outside_share=0.0),
            Seen(days=9, hours=[(22, 6)]),
            "Enough: 212 h of normal over 9 days; nights are missing (0 h between 22:00 and "
            "06:00); all of the recent data is like it.",
        ),
        (
            Figures(50, outside_share=None),
            Seen(days=1, hours=[(12, 14)], weekdays=[(5, 7)]),
            "Enough: 50 h of normal; a part of the day is missing (0 h between 12:00 and 14:00); "
            "not covered: Saturday, Sunday.",
        ),
        (
            Figures(50, outside_share=0.0001),
            Seen(days=1, weekdays=[(6, 1)], contradictions=2),
            "Enough: 50 h of normal; anomalies overlap normal labels, 2 times; not covered: "
            "Sunday, Monday; all but 0.1 % of the recent data is like it.",
        ),
    ],
)
def test_the_sentence(figures: Figures, seen: Seen, words: str):
    assert sentence_of("enough", figures, seen) == words
    assert "; ".join(part.words for part in parts_of("enough", figures, seen)) in words
