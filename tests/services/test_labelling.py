import pytest

from backend.exceptions import LabelError, NotFound
from backend.records import LabelDraft, LabelKind
from tests.services.plant import Plant, at


def draft(
    start: int, stop: int, kind: LabelKind = LabelKind.NORMAL, **values: object
) -> LabelDraft:
    return LabelDraft("rooms", kind, at(start), at(stop), **values)


@pytest.fixture
def plant() -> Plant:
    return Plant()


def test_a_label_remembers_who_said_what_when(plant):
    label = plant.labelling.add(draft(0, 10, note="quiet week"), source="api", by="anna")
    assert plant.labelling.list("rooms") == [label]
    assert (label.created_by, label.created_at, label.note) == (
        "anna",
        plant.clock.now(),
        "quiet week",
    )


def test_taking_a_label_back_keeps_it_on_record(plant):
    label = plant.labelling.add(draft(0, 10), source="command", by="anna")
    plant.labelling.remove([label.id], by="ben")
    assert plant.labelling.list("rooms") == []
    (gone,) = plant.labelling.list("rooms", removed=True)
    assert (gone.removed_by, gone.removed_at) == ("ben", plant.clock.now())


@pytest.mark.parametrize("number", [0, -1, 7, 10**30])
def test_a_label_that_is_not_there_cannot_be_taken_back(plant, number):
    with pytest.raises(NotFound, match=str(number)):
        plant.labelling.remove([number], by="ben")


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (draft(10, 10), "is empty"),
        (draft(10, 5), "is empty"),
        (draft(600, 800), "in the future"),
        (draft(0, 10, note="nul\0"), "control character"),
        (draft(0, 10, tags={"room": "a\nb"}), "control character"),
        (draft(0, 10, tags={"floor": "1"}), "the tag 'floor'.*group_by: room"),
    ],
)
def test_a_wrong_label_is_refused_with_a_sentence(plant, wrong, sentence):
    with pytest.raises(LabelError, match=sentence):
        plant.labelling.add(wrong, source="command", by="anna")
    assert plant.labelling.list() == []


def test_planned_maintenance_may_lie_ahead(plant):
    plant.labelling.add(draft(800, 900, LabelKind.EXCLUDE), source="command", by="anna")
    assert len(plant.labelling.list()) == 1


def test_the_very_same_range_cannot_be_both_normal_and_an_anomaly(plant):
    plant.labelling.add(draft(0, 10), source="command", by="anna")
    with pytest.raises(LabelError, match=r"labelled normal already \(label 1 by anna\)"):
        plant.labelling.add(draft(0, 10, LabelKind.ANOMALY), source="command", by="ben")
    plant.labelling.add(draft(2, 8, LabelKind.ANOMALY), source="command", by="ben")


def test_of_several_labels_all_are_stored_or_none(plant):
    with pytest.raises(LabelError):
        plant.labelling.add_all([draft(0, 10), draft(5, 5)], source="file", by="anna")
    assert plant.labelling.list() == []


def test_an_unknown_detector_is_named(plant):
    with pytest.raises(NotFound, match="'halls'"):
        plant.labelling.list("halls")


def test_labels_of_the_configuration_come_and_go_with_it(plant):
    plant.labelling.add(draft(50, 60), source="command", by="anna")
    plant.wire(configured=(draft(0, 10), draft(20, 30)))
    assert [(x.start, x.source) for x in plant.labelling.list()] == [
        (at(0), "yaml"),
        (at(20), "yaml"),
        (at(50), "command"),
    ]
    first = plant.labelling.list()
    plant.wire(configured=(draft(0, 10), draft(20, 30)))
    assert plant.labelling.list() == first
    plant.wire(configured=(draft(20, 30),))
    assert [x.start for x in plant.labelling.list()] == [at(20), at(50)]


def test_a_label_that_two_processes_brought_in_at_once_comes_and_goes_as_one(plant):
    plant.labelling.add_all([draft(0, 10)] * 2, source="yaml", by="normalcy.yaml")
    plant.wire(configured=(draft(0, 10),))
    assert [x.start for x in plant.labelling.list()] == [at(0)]
    plant.labelling.add(draft(0, 10), source="yaml", by="normalcy.yaml")
    plant.wire(configured=())
    assert plant.labelling.list() == []
