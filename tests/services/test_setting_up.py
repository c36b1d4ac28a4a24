import numpy as np
import pytest

from backend.exceptions import ConfigurationError, Conflict, InputError, NotFound, StoreUnavailable
from backend.ports import Points, Query
from backend.records import StoredDetector
from backend.services.detectors import Detectors
from backend.services.drawing import Span
from backend.services.proposing import Considered, free_name
from backend.services.setting_up import SettingUp
from backend.settings.detector_file import mistakes_in
from backend.settings.document import read_value
from backend.specs import DetectorSpec
from tests.fakes.clock import StillClock
from tests.fakes.records import MemoryRecordStore
from tests.fakes.series import MemorySeriesStore

MINUTE = 60 * 10**9
NOW = 1_780_000_000 * 10**9 // MINUTE * MINUTE
COUNT = 600
START = NOW - COUNT * MINUTE
FIXED = DetectorSpec.model_validate(
    {"name": "fixed", "measurement": "air", "channels": ["temp"], "every": "1m"}
)


class Desk:
    """Setting up over stores in memory; `fixed` stands in normalcy.yaml."""

    def __init__(self) -> None:
        self.source, self.records = MemorySeriesStore(), MemoryRecordStore()
        self.clock = StillClock(NOW)
        self.detectors = Detectors({"fixed": FIXED}, self.records, self.clock)
        self.use = SettingUp(self.source, self.detectors, self.clock, mistakes_in, read_value)

    def write(self, tags: dict[str, str], measurement: str = "air", **more: object) -> None:
        random = np.random.default_rng(len(tags))
        wave = np.sin(np.arange(COUNT) / 15)
        fields = {
            "temp": 20 + wave + 0.01 * random.normal(size=COUNT),
            "flow": 3 + 2 * wave + 0.01 * random.normal(size=COUNT),
            **more,
        }
        times = START + MINUTE * np.arange(COUNT, dtype=np.int64)
        self.source.write(measurement, [Points(tags, times, fields)])


@pytest.fixture
def desk() -> Desk:
    return Desk()


def uses(considered: tuple[Considered, ...]) -> dict[str, str]:
    return {one.name: one.use for one in considered}


class TestProposing:
    def test_what_is_no_sensor_is_left_out_and_why_is_told(self, desk: Desk):
        desk.write(
            {"room": "a"},
            serial=np.full(COUNT, 7.0),
            note=np.full(COUNT, "x", dtype=object),
            label=np.arange(COUNT) % 2.0,
        )
        found = desk.use.propose("air")
        assert uses(found.fields) == {
            "flow": "channel",
            "label": "left out",
            "note": "left out",
            "serial": "left out",
            "temp": "channel",
        }
        reasons = {one.name: one.reason for one in found.fields}
        assert reasons["serial"] == "it is constant in the newest rows, at 7"
        assert reasons["note"] == "it holds text"
        assert found.body["channels"] == ["flow", "temp"]
        assert (found.body["every"], "group_by" in found.body) == ("1m", False)
        assert (found.first, found.last) == (START, NOW - MINUTE)

    def test_tags_part_the_series_unless_they_say_nothing_new(self, desk: Desk):
        for room, hall in (("a", "1"), ("b", "1"), ("c", "2")):
            desk.write({"room": room, "hall": hall, "site": "p"})
        found = desk.use.propose("air")
        reasons = {one.name: (one.use, one.reason) for one in found.tags}
        assert reasons == {
            "hall": ("left out", "room tells the series apart already"),
            "room": ("group_by", "it has 3 values, a series each"),
            "site": ("left out", "it has one value, 'p'"),
        }
        assert found.body["group_by"] == ["room"]
        assert found.series == ("room=a", "room=b", "room=c")

    def test_two_tags_that_both_part(self, desk: Desk):
        for room in "ab":
            for unit in "12":
                desk.write({"room": room, "unit": unit})
        found = desk.use.propose("air")
        assert sorted(found.body["group_by"]) == ["room", "unit"]
        assert len(found.series) == 4

    def test_a_channel_that_varies_in_one_series_is_watched(self, desk: Desk):
        desk.write({"room": "a"}, load=np.zeros(COUNT))
        desk.write({"room": "b"}, load=np.arange(COUNT) % 5.0)
        assert uses(desk.use.propose("air").fields)["load"] == "channel"

    def test_the_name_is_free(self, desk: Desk):
        desk.write({}, measurement="fixed")
        assert desk.use.propose("fixed").name == "fixed-2"

    def test_a_proposal_can_be_saved_as_it_is(self, desk: Desk):
        desk.write({"room": "a"})
        desk.write({"room": "b"})
        found = desk.use.propose("air")
        desk.use.save(found.name, found.body, by="ann")
        spec = desk.detectors.get("air")
        assert (spec.channels, spec.group_by) == (("flow", "temp"), ("room",))

    def test_what_cannot_be_watched(self, desk: Desk):
        texts = {"note": np.full(COUNT, "x", dtype=object)}
        times = START + MINUTE * np.arange(COUNT, dtype=np.int64)
        desk.source.write("words", [Points({}, times, texts)])
        with pytest.raises(InputError, match="holds only text"):
            desk.use.propose("words")
        with pytest.raises(NotFound, match="did you mean 'words'"):
            desk.use.propose("wordz")


@pytest.mark.parametrize(
    ("measurement", "name"),
    [
        ("air", "air"),
        ("air quality/1", "air-quality-1"),
        ("공기", "detector"),
        ("..x", "x"),
        ("a" * 90, "a" * 59),
    ],
)
def test_names_are_made_of_measurements(measurement: str, name: str):
    assert free_name(measurement, ()) == name
    assert free_name(measurement, (name, f"{name}-2")) == f"{name}-3"


class TestChecking:
    def test_every_mistake_is_at_its_key(self, desk: Desk):
        body = {
            "measurement": "air",
            "channels": ["temp"],
            "every": "soon",
            "model": {"kind": "pca", "windw": 3},
            "schedule": {"timezone": "Europe/Berln", "retrain": "whenever"},
            "labels": [],
        }
        found = desk.use.check("a b", body)
        assert found.spec is None
        assert {one.where for one in found.problems} == {
            "name",
            "every",
            "model.windw",
            "schedule.timezone",
            "schedule.retrain",
            "labels",
        }

    def test_names_that_the_source_lacks(self, desk: Desk):
        desk.write({"room": "a"}, note=np.full(COUNT, "x", dtype=object))
        body = {
            "measurement": "air",
            "channels": ["temp", "note", "flw"],
            "group_by": ["rom"],
            "where": {"site": "p"},
            "every": "1m",
        }
        found = {one.where: one.message for one in desk.use.check("b", body).problems}
        assert found["channels[1]"] == "the field 'note' holds text: expected numbers"
        assert "did you mean 'flow'" in found["channels[2]"]
        assert "did you mean 'room'" in found["group_by"]
        assert found["where"] == "the store has no tag 'site'; it has room"
        assert desk.use.check("b", body, seen=False).spec is not None

    def test_a_name_that_is_taken(self, desk: Desk):
        desk.write({})
        body = desk.use.propose("air").body
        desk.use.save("mine", body, by="ann")
        for name, new in (("mine", True), ("fixed", True), ("fixed", False), ("new", True)):
            (problem,) = desk.use.check(name, body, new=new).problems
            assert problem.where == "name"
        assert desk.use.check("mine", body, new=False).problems == ()

    def test_a_source_that_is_down_is_told(self, desk: Desk, monkeypatch: pytest.MonkeyPatch):
        def down(measurement: str) -> dict[str, str]:
            raise StoreUnavailable("InfluxDB does not answer.")

        monkeypatch.setattr(desk.source, "fields", down)
        body = {"measurement": "air", "channels": ["x"], "every": "1m"}
        found = desk.use.check("b", body)
        assert found.spec is not None
        assert "InfluxDB does not answer." in found.notes[0]


class TestSaving:
    def test_all_or_none(self, desk: Desk):
        desk.write({})
        good = desk.use.propose("air").body
        with pytest.raises(ConfigurationError, match=r"two\.every: expected a duration"):
            desk.use.save_all({"one": good, "two": {**good, "every": "x"}}, by="ann")
        assert desk.records.detectors() == []

    def test_those_of_the_file_and_unknown_ones(self, desk: Desk):
        desk.write({})
        body = desk.use.propose("air").body
        with pytest.raises(Conflict, match=r"stands in normalcy\.yaml"):
            desk.use.save("fixed", body, by="ann", new=False)
        with pytest.raises(NotFound):
            desk.use.save("none", body, by="ann", new=False)

    def test_who_did_it_is_on_record(self, desk: Desk):
        desk.write({})
        desk.use.save("mine", desk.use.propose("air").body, by="ann")
        (kept,) = desk.records.detectors()
        assert (kept.name, kept.changed_by, kept.changed_at) == ("mine", "ann", NOW)

    def test_export_of_all_that_are_stored(self, desk: Desk):
        with pytest.raises(InputError, match="No detector is stored"):
            desk.use.export()
        desk.records.save_detector(StoredDetector("mine", FIXED.plain(), "ann", NOW))
        assert desk.use.export().splitlines()[:2] == ["detectors:", "  mine:"]
        assert "fixed:" in desk.use.export(["fixed"])


def test_another_kind_begins_its_section_anew(desk: Desk):
    body = {"model": {"kind": "pca", "variance": 0.5}, "every": "1m"}
    changed = desk.use.changed(body, ["model.kind=robust_z", "alarm.for=5", "channels=[NO, 1e3x]"])
    assert changed == {
        "model": {"kind": "robust_z"},
        "every": "1m",
        "alarm": {"for": 5},
        "channels": ["NO", "1e3x"],
    }
    assert body["model"] == {"kind": "pca", "variance": 0.5}
    with pytest.raises(ConfigurationError) as caught:
        desk.use.changed(body, ["alarm", ".=3", "every=[1"])
    assert len(caught.value.problems) == 3


class TestPreview:
    def test_thinned_data_and_gaps(self, desk: Desk):
        desk.write({"room": "a"})
        later = START + MINUTE * np.arange(700, 720, dtype=np.int64)
        columns = {"temp": np.ones(20), "flow": np.ones(20)}
        desk.source.write("air", [Points({"room": "a"}, later, columns)])
        spec = FIXED.model_copy(update={"group_by": ("room",), "channels": ("temp", "flow")})
        found = desk.use.preview(
            spec, Span(START - 60 * MINUTE, NOW + 300 * MINUTE, 50), ["room=a"]
        )
        assert {name for table in found.tables for name in table.columns} == {"temp", "flow"}
        assert max(map(len, found.tables)) < 120
        assert found.gaps == ((NOW, START + 700 * MINUTE),)
        assert found.gap_count == 1

    def test_an_empty_range_is_refused(self, desk: Desk):
        with pytest.raises(InputError, match="empty"):
            desk.use.preview(FIXED, Span(NOW, NOW))

    def test_nothing_there(self, desk: Desk):
        found = desk.use.preview(FIXED, Span(START, NOW), [""])
        assert (found.tables, found.gaps) == ((), ())


def test_a_large_fleet_is_looked_at_in_part(desk: Desk, monkeypatch: pytest.MonkeyPatch):
    for number in range(30):
        desk.write({"room": f"r{number:02}"})
    read, sampled = desk.source.read, []

    def watched(query: Query) -> list[Points]:
        found = read(query)
        if query.series is not None:
            sampled.append(len(found))
        return found

    monkeypatch.setattr(desk.source, "read", watched)
    assert len(desk.use.propose("air").series) == 30
    assert sampled == [8]
