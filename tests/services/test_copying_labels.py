"""Copying what people said between record stores."""

from dataclasses import replace

from backend.records import Label, LabelKind, StoredDetector
from backend.services.copying_labels import CopiedRecords, copy_labels
from tests.fakes.records import MemoryRecordStore

LABEL = Label(
    id=0,
    detector="gas-room",
    kind=LabelKind.NORMAL,
    start=10,
    stop=20,
    tags={"room": "a"},
    note="after the overhaul",
    source="api",
    created_by="ann",
    created_at=5,
)


def filled() -> MemoryRecordStore:
    records = MemoryRecordStore()
    removed = replace(LABEL, start=1)
    (gone, *_) = records.add_labels([removed, LABEL, replace(LABEL, source="yaml", stop=30)])
    records.remove_labels([gone.id], by="ann", at=6)
    records.save_detector(StoredDetector("halls", {"measurement": "air"}, "ann", 7))
    return records


def test_labels_in_force_are_copied_with_who_said_them() -> None:
    target = MemoryRecordStore()
    target.add_labels([replace(LABEL, detector="other")])

    copied = copy_labels(filled(), target)

    assert copied == CopiedRecords(1, 0, 1, 1, 0)
    (found,) = target.labels("gas-room")
    assert replace(found, id=0) == LABEL
    assert [detector.name for detector in target.detectors()] == ["halls"]


def test_copying_again_changes_nothing() -> None:
    target = MemoryRecordStore()
    copy_labels(filled(), target)
    before = target.labels()
    target.save_detector(StoredDetector("halls", {"measurement": "changed"}, "bob", 9))

    assert copy_labels(filled(), target) == CopiedRecords(0, 1, 1, 0, 1)
    assert target.labels() == before
    assert target.detectors()[0].changed_by == "bob"
