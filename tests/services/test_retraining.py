import dataclasses

import numpy as np
import pytest

from backend.exceptions import (
    ArtifactError,
    NoData,
    NotEnoughNormalData,
    NotFound,
    StoreUnavailable,
)
from backend.ports import Points, Query
from backend.records import LabelDraft, LabelKind, State, Verdict
from backend.schema import TRAINING, TRAINING_FIELDS
from backend.services.fingerprints import label_hash
from backend.services.versions import from_files, read_archive
from tests.fakes.models import LinearModel
from tests.services.plant import NORMAL, STEP, Plant, at

QUIET = 3 * 60 * 10**9


def test_a_version_learns_from_what_the_operator_called_normal():
    plant = Plant()
    plant.measure()
    plant.label(0, 600)
    version = plant.train()
    assert version.name == "rooms/1"
    assert version.verdict is Verdict.CHAMPION
    assert not version.provisional
    assert version.training["rows"] == 2 * 600
    assert set(version.training["series"]) == {"room=a", "room=b"}
    assert plant.records.promotions("rooms")[0].number == 1


def test_anomaly_and_exclude_win_over_normal():
    plant = Plant()
    plant.measure()
    plant.label(0, 600)
    plant.label(100, 150, LabelKind.ANOMALY)
    plant.label(300, 320, LabelKind.EXCLUDE, {"room": "b"})
    series = plant.train().training["series"]
    assert series["room=a"]["rows"] == 550
    assert series["room=b"]["rows"] == 530


def test_a_label_speaks_for_the_series_whose_tags_match():
    plant = Plant()
    plant.measure()
    plant.label(0, 600, tags={"room": "a"})
    version = plant.train()
    assert set(version.training["series"]) == {"room=a"}
    assert "no normal range is marked" in version.training["set_aside"]["room=b"]
    (aside,) = plant.records.series_set_aside("rooms")
    assert aside.series == "room=b"
    plant.label(0, 600, tags={"room": "b"})
    plant.train()
    assert plant.records.series_set_aside("rooms") == []


def test_a_series_that_is_gone_does_not_stay_aside():
    plant = Plant().ready()
    plant.measure(600, 700, rooms=("a", "b", "c"))
    plant.scoring.tick("rooms")
    assert [aside.series for aside in plant.records.series_set_aside("rooms")] == ["room=c"]
    plant.source.expire("air", {"room": "c"}, at(0), at(5000))
    plant.train()
    assert plant.records.series_set_aside("rooms") == []


def test_a_bucket_that_is_only_partly_labelled_is_not_normal():
    plant = Plant()
    plant.measure()
    plant.labelling.add(
        dataclasses.replace(_draft(), start=at(0) + 1, stop=at(600) - 1),
        source="command",
        by="me",
    )
    assert plant.train().training["rows"] == 2 * 598


def _draft() -> LabelDraft:
    return LabelDraft("rooms", LabelKind.NORMAL, at(0), at(600))


def test_without_any_label_a_provisional_version_learns_from_recent_data():
    plant = Plant(learn_from="4d")
    plant.measure()
    version = plant.train()
    assert version.provisional
    assert version.training["rows"] <= 2 * 4 * 144
    assert version.training["rows"] > 2 * 4 * 144 * 0.9


def test_a_labelled_champion_is_not_given_up_for_a_provisional_version():
    plant = Plant().ready()
    plant.labelling.remove([plant.labelling.list()[0].id], by="operator")
    version = plant.train()
    assert version.provisional
    assert version.verdict is Verdict.CHALLENGER
    assert plant.records.promotions("rooms")[-1].number == 1


def test_where_review_is_asked_for_a_person_promotes():
    plant = Plant(promote="review").ready()
    assert plant.records.promotions("rooms")[-1].number == 1
    plant.label(600, 650)
    assert plant.train().verdict is Verdict.CHALLENGER
    assert plant.records.promotions("rooms")[-1].number == 1


def test_the_same_labels_and_data_give_the_same_version_again():
    plant = Plant().ready()
    again = plant.train()
    first = plant.records.version("rooms", 1)
    assert again.number == 2
    assert (again.data_hash, again.label_hash) == (first.data_hash, first.label_hash)
    assert again.training["series"] == first.training["series"]


def test_a_timetable_makes_no_second_version_of_the_same():
    plant = Plant().ready()
    same = plant.retraining.run("rooms", again=False)
    assert same.number == 1
    assert plant.records.runs("rooms")[0].state is State.DONE
    plant.label(600, 650)
    assert plant.retraining.run("rooms", again=False).number == 2
    late = {"x": np.array([9.0]), "y": np.array([9.0])}
    plant.source.write("air", [Points({"room": "a"}, np.array([at(10)]), late)])
    assert plant.retraining.run("rooms", again=False).number == 3


def test_a_timetable_replaces_a_version_whose_files_are_damaged(monkeypatch):
    plant = Plant().ready()
    whole = plant.artifacts.load

    def load(name, prefix=""):
        if name == "rooms/1":
            raise ArtifactError("damaged")
        return whole(name, prefix)

    monkeypatch.setattr(plant.artifacts, "load", load)
    assert plant.retraining.run("rooms", again=False).number == 2


def test_retention_in_the_source_cannot_take_a_labelled_season_away():
    plant = Plant().ready()
    first = plant.records.version("rooms", 1)
    plant.source.expire("air", {}, at(0), at(650))
    plant.measure(650, 1000)
    again = plant.train()
    assert again.data_hash == first.data_hash
    assert again.training["series"] == first.training["series"]


def test_retention_takes_nothing_of_several_ranges_either():
    plant = Plant()
    plant.measure()
    for start, stop in ((0, 200), (250, 400), (450, 600)):
        plant.label(start, stop)
    first = plant.train()
    plant.source.expire("air", {}, at(0), at(650))
    for _ in range(2):
        again = plant.train()
        assert again.training["rows"] == first.training["rows"]
        assert again.data_hash == first.data_hash


def test_no_row_is_made_up_between_the_ranges():
    plant = Plant()
    plant.measure()
    for start, stop in ((0, 200), (250, 400), (450, 600)):
        plant.label(start, stop)
    assert plant.train().training["rows"] == 2 * (200 + 150 + 150)


def test_the_archive_holds_the_normal_rows_of_every_series():
    plant = Plant().ready()
    archive = read_archive(plant.artifacts.load("rooms/1"))
    assert archive["values"].shape == (2, 600, 2)
    assert np.isfinite(archive["values"]).all()


def test_a_damaged_old_version_does_not_keep_a_new_one_from_being_made(monkeypatch):
    plant = Plant().ready()
    load = plant.artifacts.load

    def refuse(name, prefix=""):
        if name == "rooms/1":
            raise ArtifactError("damaged")
        return load(name, prefix)

    monkeypatch.setattr(plant.artifacts, "load", refuse)
    assert plant.train().number == 2


def test_normal_ranges_without_data_are_an_error_that_says_what_was_expected():
    plant = Plant()
    plant.measure(650, 1000)
    plant.label(0, 600)
    with pytest.raises(NoData, match="'air' with channels x, y"):
        plant.train()
    (run,) = plant.records.runs("rooms")
    assert run.state is State.FAILED
    assert "hold no data" in run.message


def test_a_label_of_the_whole_detector_that_holds_nothing_stops_the_training():
    plant = Plant()
    plant.measure(300, 1000)
    plant.label(0, 200)
    plant.label(300, 650)
    with pytest.raises(NoData, match=r"normal label 1 \(.*UTC.*\) holds no data.*gen1-lookback"):
        plant.train()
    assert plant.records.versions("rooms") == []


def test_a_long_label_that_holds_nothing_is_not_taken_for_one_that_begins_early():
    plant = Plant()
    plant.measure()
    plant.label(0, 600)
    draft = dataclasses.replace(_draft(), start=0, stop=at(-10_000))
    plant.labelling.add(draft, source="command", by="operator")
    with pytest.raises(NoData, match="normal label 2"):
        plant.train()


def test_a_label_for_a_series_that_is_gone_is_told_and_stops_nothing():
    plant = Plant()
    plant.measure()
    plant.label(0, 600)
    plant.label(0, 600, tags={"room": "z"})
    version = plant.train()
    (warning,) = version.training["warnings"]
    assert "room=z" in warning
    assert "holds no data" in warning


def test_labelled_time_that_retention_took_before_any_training_is_told():
    plant = Plant()
    plant.measure(200, 1000)
    plant.label(0, 600)
    version = plant.train()
    (warning,) = version.training["warnings"]
    assert "holds no data before" in warning
    assert version.training["series"]["room=a"]["rows"] == 400


def test_the_shortage_of_a_long_label_is_told_too():
    plant = Plant()
    plant.measure()
    plant.label(-6000, 600)  # so long that its beginning is looked for
    (warning,) = plant.train().training["warnings"]
    assert "holds no data before 2023-11-14 22:20:00 UTC" in warning


def test_a_label_that_another_one_overrules_misses_nothing():
    plant = Plant()
    plant.measure(300, 1000)
    plant.label(0, 200)
    plant.label(0, 250, LabelKind.EXCLUDE)
    plant.label(300, 650)
    assert plant.train().training["warnings"] == []


def test_a_label_that_reaches_ahead_is_judged_by_what_has_passed():
    plant = Plant()
    plant.measure(0, 700)
    plant.label(0, 600)
    plant.label(NORMAL, NORMAL + 6)
    assert plant.train().training["warnings"] == []
    plant.now(NORMAL + 2)
    with pytest.raises(NoData, match="normal label 2"):
        plant.train()


def test_a_channel_that_changed_its_kind_is_told_with_the_version(monkeypatch):
    plant = Plant()
    plant.measure()
    plant.label(0, 600)
    mixed = {"x": ("float", "string"), "unused": ("float", "string")}
    monkeypatch.setattr(plant.source, "mixed_fields", lambda measurement: mixed)
    (warning,) = plant.train().training["warnings"]
    assert "'x' is stored as float and string" in warning


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"group_by": ["romo"]}, "the store has no tag 'romo'; did you mean 'room'?"),
        ({"channels": ["x", "z"]}, "the store has no channel 'z'; it has x, y."),
        ({"measurement": "water"}, "the store has no measurement 'water'; it has air."),
    ],
)
def test_a_name_that_the_source_lacks_is_told(changes, told):
    plant = Plant(**changes)
    plant.measure()
    plant.label(0, 600)
    with pytest.raises(NoData) as caught:
        plant.train()
    assert str(caught.value) == f"'rooms' cannot be trained: {told}"
    assert plant.records.versions("rooms") == []


def test_names_that_were_right_once_are_not_asked_for_again():
    plant = Plant().ready()
    plant.source.expire("air", {}, 0, at(5000))
    assert plant.train().number == 2


def test_a_label_may_begin_long_before_the_data():
    plant = Plant()
    plant.measure()
    plant.label(0, 600)
    once = plant.train()
    plant.labelling.remove([plant.labelling.list()[0].id], by="operator")
    draft = LabelDraft("rooms", LabelKind.NORMAL, 0, at(600), {})
    plant.labelling.add(draft, source="command", by="operator")
    again = plant.train()
    assert again.training["rows"] == once.training["rows"]
    archive = read_archive(plant.artifacts.load("rooms/2"))
    assert archive["values"].shape[1] <= 600 + 5000


def test_too_little_normal_data_is_told_and_leaves_nothing_behind():
    plant = Plant()
    plant.measure()
    plant.label(0, 20)
    with pytest.raises(NotEnoughNormalData, match="too little normal data"):
        plant.train()
    assert plant.records.versions("rooms") == []
    assert plant.artifacts.names() == []
    assert plant.results.measurements() == []


def test_an_unknown_detector_is_named_with_those_there_are():
    with pytest.raises(NotFound, match=r"'room'.*Known: rooms"):
        Plant().retraining.run("room")


def test_the_training_measurement_has_every_field():
    plant = Plant().ready()
    (row,) = plant.results.read(
        Query(TRAINING, TRAINING_FIELDS, 0, at(5000), {"detector": "rooms"})
    )
    assert row.fields["rows"][0] == 1200
    assert row.fields["model"][0] == "rooms/1"
    assert row.fields["verdict"][0] == "champion"
    assert np.isfinite(row.fields["val_loss"].astype(float)).all()


class TestDue:
    def test_at_first_because_there_is_no_model(self):
        plant = Plant()
        assert plant.retraining.due("rooms", plant.clock.now()) == "there is no model yet"

    def test_not_while_labels_are_still_being_made(self):
        plant = Plant().ready()
        plant.label(600, 650)
        assert plant.retraining.due("rooms", plant.clock.now()) is None
        assert plant.retraining.due("rooms", plant.clock.now() + QUIET) == "labels changed"

    def test_soon_again_when_only_the_store_was_away(self, monkeypatch):
        plant = Plant()
        plant.measure()
        plant.label(0, 600)

        def away(query):
            raise StoreUnavailable("the store does not answer")

        with monkeypatch.context() as patch:
            patch.setattr(plant.source, "read", away)
            with pytest.raises(StoreUnavailable):
                plant.train()
        assert plant.retraining.due("rooms", plant.clock.now() + QUIET) == "there is no model yet"

    def test_not_again_within_the_hour_when_the_same_data_were_too_few(self):
        plant = Plant()
        plant.measure()
        plant.label(0, 20)
        with pytest.raises(NotEnoughNormalData):
            plant.train()
        hour = 3600 * 10**9
        assert plant.retraining.due("rooms", plant.clock.now() + hour - 1) is None
        assert plant.retraining.due("rooms", plant.clock.now() + hour) == "there is no model yet"

    def test_when_a_label_is_taken_back(self):
        plant = Plant().ready()
        extra = plant.label(600, 650)
        plant.train()
        assert plant.retraining.due("rooms", plant.clock.now() + QUIET) is None
        plant.labelling.remove([extra.id], by="operator")
        assert plant.retraining.due("rooms", plant.clock.now() + QUIET) == "labels changed"

    def test_not_for_a_label_that_was_replaced_by_its_like(self):
        plant = Plant().ready()
        (label,) = plant.labelling.list()
        plant.labelling.remove([label.id], by="operator")
        plant.label(0, 600)
        assert plant.retraining.due("rooms", plant.clock.now() + QUIET) is None

    def test_when_what_is_learned_is_defined_anew_but_not_for_its_timetable(self):
        plant = Plant().ready()
        plant.spec = plant.spec.model_copy(update={"trim": 0.02})
        plant.wire()
        assert "definition changed" in plant.retraining.due("rooms", plant.clock.now() + QUIET)
        plant.spec = plant.spec.model_copy(update={"trim": 0.0, "promote": "review"})
        plant.wire()
        assert plant.retraining.due("rooms", plant.clock.now() + QUIET) is None

    def test_not_again_at_once_after_the_same_training_failed(self):
        plant = Plant()
        plant.label(0, 600)
        with pytest.raises(NoData):
            plant.train()
        soon, later = plant.clock.now() + QUIET, plant.clock.now() + 61 * 60 * 10**9
        assert plant.retraining.due("rooms", soon) is None
        assert plant.retraining.due("rooms", later) == "there is no model yet"
        set_back = plant.clock.now() - 60 * 60 * 10**9
        assert plant.retraining.due("rooms", set_back) == "there is no model yet"
        plant.label(600, 650)
        assert plant.retraining.due("rooms", plant.clock.now() + QUIET) == "there is no model yet"

    def test_one_that_is_removed_while_it_trains_says_so(self):
        plant = Plant()
        plant.measure()
        plant.label(0, 600)

        def heard(share: float, words: str) -> None:
            plant.detectors.configure({})

        with pytest.raises(NotFound, match="ends without a version: the detector has been removed"):
            plant.retraining.run("rooms", heard)
        assert plant.records.versions("rooms") == []

    def test_daily_while_the_model_is_provisional(self):
        plant = Plant(learn_from="4d")
        plant.measure()
        plant.train()
        assert plant.retraining.due("rooms", plant.clock.now() + QUIET) is None
        assert "provisional" in plant.retraining.due("rooms", plant.clock.now() + 145 * STEP)


def test_labels_are_named_by_what_they_say():
    plant = Plant()
    plant.measure()
    label = plant.label(0, 600)
    other = dataclasses.replace(label, id=99, note="again", created_by="somebody")
    assert label_hash([label]) == label_hash([other])
    assert label_hash([label]) != label_hash([dataclasses.replace(label, stop=at(601))])


def test_ranges_far_apart_are_read_apart():
    plant = Plant()
    plant.measure(0, 300)
    shift = 10**6
    values = np.random.default_rng(0).normal(size=(300, 2))
    times = at(shift) + np.arange(300, dtype=np.int64) * STEP
    plant.source.write(
        "air", [Points({"room": "a"}, times, {"x": values[:, 0], "y": values[:, 1]})]
    )
    plant.now(shift + NORMAL)
    plant.label(0, 300)
    plant.label(shift, shift + 300)
    archive = plant.train()
    assert archive.training["series"]["room=a"]["rows"] > 580
    assert len(read_archive(plant.artifacts.load("rooms/1"))["times"]) < 1000


def test_the_record_says_the_smallest_faults_that_are_found():
    training = Plant(detection_limits=True).ready().records.versions("rooms")[0].training
    told = training["series"]["room=a"]["detection_limits"]
    assert [sentence.split(":")[0] for sentence in told] == ["x", "y"]
    assert {one["kind"] for one in training["detection_limits"]} == {
        "bias",
        "drift",
        "noise",
        "stuck",
    }
    assert all(one["seconds"] > 0 for one in training["detection_limits"])
    assert training["detection_limits_notes"] == []


def test_the_record_says_that_of_a_large_fleet_a_part_was_looked_at(monkeypatch):
    monkeypatch.setattr("backend.detection.detection_limits.MOST_SERIES", 1)
    training = Plant(detection_limits=True).ready().records.versions("rooms")[0].training
    (told,) = training["detection_limits_notes"]
    assert "known for 1 of 2 series only" in told


def test_nobody_has_to_wait_for_detection_limits():
    plant = Plant(detection_limits=False).ready()
    training = plant.records.versions("rooms")[0].training
    assert training["detection_limits"] == []
    assert training["series"]["room=a"]["detection_limits"] == []


def test_modes_are_taken_from_the_notes_of_normal_labels():
    plant = Plant(modes="labelled", threshold={"kind": "quantile", "q": 1, "per_mode": True})
    plant.measure()
    for start, note in ((0, "mode: idle"), (300, "as always; mode: full load")):
        draft = LabelDraft("rooms", LabelKind.NORMAL, at(start), at(start + 300), note=note)
        plant.labelling.add(draft, source="command", by="operator")
    version = plant.train()
    fitted = from_files(plant.artifacts.load(version.artifact), LinearModel)
    assert fitted.modes.names.tolist() == [["full load", "idle"]] * 2
    assert fitted.limits.table.shape == (2, 3)
    assert [label["mode"] for label in version.training["labels"]] == ["idle", "full load"]


def test_another_mode_in_a_note_is_another_label_set():
    plant = Plant().ready()
    (label,) = plant.labelling.list("rooms")
    renamed = dataclasses.replace(label, note="mode: idle")
    assert label_hash([label]) != label_hash([renamed])
    assert label_hash([label]) == label_hash([dataclasses.replace(label, note="night shift")])
