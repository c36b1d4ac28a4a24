from dataclasses import replace

import pytest

from backend.exceptions import Conflict, InputError, LabelError, NotFound
from backend.records import AnnotationLink, LabelDraft, LabelKind, Tie, Verdict, Version
from backend.services.label_history import LabelHistory, draft_of
from tests.services.plant import STEP, Plant, at


@pytest.fixture
def plant() -> Plant:
    return Plant()


@pytest.fixture
def history(plant) -> LabelHistory:
    return LabelHistory(plant.records, plant.labelling, plant.clock)


def draft(
    start: int, stop: int, kind: LabelKind = LabelKind.NORMAL, **values: object
) -> LabelDraft:
    return LabelDraft("rooms", kind, at(start), at(stop), **values)


def said(labels) -> list[tuple[str, int, int]]:
    return [
        (str(x.kind), (x.start - at(0)) // STEP, (x.stop - at(0)) // STEP)
        for x in sorted(labels, key=lambda x: (x.start, x.id))
    ]


def change(plant, add=(), remove=(), by="ben"):
    return plant.labelling.change("rooms", list(add), list(remove), source="page", by=by)


class TestChange:
    def test_an_edge_moves_in_one_step(self, plant):
        label = plant.label(0, 10)
        done = change(plant, [draft(0, 12, note="longer")], [label.id])
        assert said(plant.labelling.list("rooms")) == [("normal", 0, 12)]
        assert [x.id for x in done.removed] == [label.id]
        assert (done.added[0].created_by, done.added[0].source) == ("ben", "page")

    def test_the_opposite_may_take_the_place_of_what_is_taken_back(self, plant):
        label = plant.label(0, 10)
        with pytest.raises(LabelError, match="labelled normal already"):
            change(plant, [draft(0, 10, LabelKind.ANOMALY)])
        change(plant, [draft(0, 10, LabelKind.ANOMALY)], [label.id])
        assert said(plant.labelling.list("rooms")) == [("anomaly", 0, 10)]

    def test_who_comes_second_is_told_who_was_first_and_nothing_changes(self, plant):
        label = plant.label(0, 10)
        change(plant, [draft(0, 12)], [label.id], by="ann")
        before = plant.labelling.list("rooms")
        with pytest.raises(Conflict, match=f"Label {label.id} was changed or taken back by ann"):
            change(plant, [draft(0, 8)], [label.id])
        assert plant.labelling.list("rooms") == before

    def test_a_change_between_the_look_and_the_writing_is_a_conflict_too(self, plant):
        label = plant.label(0, 10)
        records = plant.records
        change_labels = records.change_labels

        def late(*told, **more):
            records.change_labels = change_labels
            records.remove_labels([label.id], by="ann", at=plant.clock.now())
            return change_labels(*told, **more)

        records.change_labels = late
        with pytest.raises(Conflict, match="by ann"):
            change(plant, [draft(0, 8)], [label.id])
        assert plant.labelling.list("rooms") == []

    def test_labels_of_the_configuration_are_changed_there(self, plant):
        plant.wire((draft(0, 10),))
        (label,) = plant.labelling.list("rooms")
        with pytest.raises(Conflict, match=r"stands in normalcy\.yaml"):
            change(plant, [draft(0, 8)], [label.id])

    @pytest.mark.parametrize(
        ("add", "remove", "error", "sentence"),
        [
            ([], [], LabelError, "nothing to change"),
            ([], [7], NotFound, "'rooms' has no label 7"),
            ([replace(draft(0, 1), detector="pump")], [], LabelError, "its own detector"),
            ([draft(5, 5)], [], LabelError, "is empty"),
        ],
    )
    def test_what_cannot_be_is_refused_whole(self, plant, add, remove, error, sentence):
        label = plant.label(0, 10)
        with pytest.raises(error, match=sentence):
            change(plant, add, remove)
        assert plant.labelling.list("rooms") == [label]


class TestHistory:
    def test_who_did_what_newest_first(self, plant, history):
        one = plant.label(0, 10)
        plant.now(710)
        change(plant, [draft(0, 5), draft(5, 10)], [one.id])
        newest, first = history.changes("rooms")
        assert (newest.at, newest.by) == (at(710), "ben")
        assert said(newest.added) == [("normal", 0, 5), ("normal", 5, 10)]
        assert said(newest.removed) == [("normal", 0, 10)]
        assert (first.by, said(first.added), first.removed) == (
            "operator",
            [("normal", 0, 10)],
            (),
        )
        assert history.changes("rooms", limit=1) == [newest]

    def test_labels_as_they_were(self, plant, history):
        one = plant.label(0, 10)
        plant.now(710)
        plant.labelling.remove([one.id], by="ben")
        assert [x.id for x in history.at("rooms", at(709))] == [one.id]
        assert history.at("rooms", at(710)) == []
        assert history.at("rooms", at(699)) == []

    def test_an_unknown_detector(self, history):
        with pytest.raises(NotFound, match="rooms"):
            history.changes("halls")

    def test_the_same_said_again_is_no_difference(self, plant, history):
        one = plant.label(0, 10)
        plant.label(20, 30)
        plant.now(710)
        plant.labelling.remove([one.id], by="ben")
        plant.now(720)
        plant.labelling.add(draft_of(one), source="api", by="eve")
        plant.label(40, 50, LabelKind.EXCLUDE)
        found = history.difference("rooms", at(705), at(720))
        assert said(found.added) == [("exclude", 40, 50)]
        assert (found.removed, found.unchanged) == ((), 2)
        assert said(history.difference("rooms", at(705), at(715)).removed) == [("normal", 0, 10)]

    def test_the_earlier_moment_comes_first(self, plant, history):
        plant.label(0, 10)
        with pytest.raises(InputError, match="lies after"):
            history.difference("rooms", at(700), at(600))

    def test_since_a_version_learned(self, plant, history):
        kept, gone = plant.label(0, 10), plant.label(20, 30)
        told = [
            {"kind": "normal", "start": x.start, "stop": x.stop, "tags": {}} for x in (kept, gone)
        ]
        version = Version(
            detector="rooms",
            number=plant.records.next_number("rooms"),
            created_at=at(705),
            artifact="rooms/1",
            spec={},
            label_hash="",
            data_hash="",
            provisional=False,
            verdict=Verdict.CHAMPION,
            training={"labels": told},
        )
        plant.records.add_version(version)
        # Said while the training ran: it was not learned, though it is older than the version.
        plant.now(703)
        plant.label(40, 50)
        plant.now(710)
        plant.labelling.remove([gone.id], by="ben")
        found = history.of_version("rooms", 1)
        assert said(found.added) == [("normal", 40, 50)]
        assert [(x.id, x.removed_by) for x in found.removed] == [(gone.id, "ben")]
        assert found.unchanged == 1


class TestRevert:
    def test_labels_are_again_what_they_were_and_history_stays(self, plant, history):
        one = plant.label(0, 10)
        plant.now(710)
        change(plant, [draft(0, 5, LabelKind.ANOMALY), draft(5, 10)], [one.id])
        plant.now(720)
        planned = history.reversal("rooms", at(705))
        assert said(plant.labelling.list("rooms")) == [("anomaly", 0, 5), ("normal", 5, 10)]
        done, changed = history.revert("rooms", at(705), by="eve")
        assert (said(done.add), said(done.remove)) == (said(planned.add), said(planned.remove))
        assert said(plant.labelling.list("rooms")) == [("normal", 0, 10)]
        assert {x.removed_by for x in changed.removed} == {"eve"}
        assert len(history.changes("rooms")) == 3
        plant.now(730)
        history.revert("rooms", at(715), by="eve")
        assert said(plant.labelling.list("rooms")) == [("anomaly", 0, 5), ("normal", 5, 10)]

    def test_nothing_to_do_changes_nothing(self, plant, history):
        plant.label(0, 10)
        plant.now(710)
        reversal, changed = history.revert("rooms", at(705), by="eve")
        assert (reversal.add, reversal.remove, changed.added) == ((), (), ())
        assert len(history.changes("rooms")) == 1

    def test_a_moment_ahead_is_refused(self, plant, history):
        plant.label(0, 10)
        with pytest.raises(InputError, match="lies ahead"):
            history.reversal("rooms", at(800))

    def test_what_was_said_just_now_is_a_moment_that_has_passed(self, plant, history):
        plant.label(0, 10)
        plant.clock.time += 1
        just_now = -(-plant.clock.time // 1_000_000) * 1_000_000 + 1_000_000
        reversal = history.reversal("rooms", just_now)
        assert (reversal.add, reversal.remove) == ((), ())

    def test_labels_of_the_configuration_and_of_grafana_stay(self, plant, history):
        plant.wire((draft(0, 10),))
        history = LabelHistory(plant.records, plant.labelling, plant.clock)
        plant.labelling.list()
        plant.now(710)
        plant.label(20, 30)
        drawn = plant.label(40, 50)
        link = AnnotationLink("g", "1", Tie.DRAWN, at(40), at(50), "c", labels=(drawn.id,))
        plant.records.tie(link, by="ann", at=at(710))
        plant.wire((draft(60, 70),))
        history = LabelHistory(plant.records, plant.labelling, plant.clock)
        plant.labelling.list()
        plant.now(720)
        reversal, _ = history.revert("rooms", at(705), by="eve")
        assert said(plant.labelling.list("rooms")) == [("normal", 40, 50), ("normal", 60, 70)]
        assert said(reversal.remove) == [("normal", 20, 30)]
        assert said(reversal.left) == [("normal", 0, 10), ("normal", 40, 50), ("normal", 60, 70)]
        assert reversal.notice == (
            "Left as they are: 2 labels of normalcy.yaml and 1 label that Grafana's annotations "
            "say; change them there."
        )
