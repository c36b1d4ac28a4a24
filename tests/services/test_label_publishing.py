"""Labels become points that panels can draw, and ones taken back are withdrawn."""

import pytest

from backend import schema
from backend.exceptions import StoreUnavailable
from backend.ports import Query
from backend.records import Label, LabelKind
from backend.services.label_publishing import LabelPublishing
from tests.fakes.records import MemoryRecordStore
from tests.fakes.series import MemorySeriesStore

HOUR = 3_600_000_000_000


class Bench:
    def __init__(self) -> None:
        self.records, self.results = MemoryRecordStore(), MemorySeriesStore()
        self.publishing = LabelPublishing(self.records, self.results)

    def said(self, kind: LabelKind = LabelKind.NORMAL, **tags: str) -> int:
        label = Label(0, "rooms", kind, HOUR, 3 * HOUR, tags, "calm", "page", "ann", HOUR)
        return self.records.add_labels([label])[0].id

    def drawn(self) -> list[tuple[str, str, float, float, str, str]]:
        """Kind, room, stop in hours, valid, note, by."""
        by = (schema.KIND_TAG, "room")
        query = Query(schema.LABELS, schema.LABEL_FIELDS, 0, 10 * HOUR, group_by=by)
        found = []
        for part in self.results.read(query):
            tags = (part.tags[schema.KIND_TAG], part.tags["room"])
            columns = [part.fields[name] for name in ("stop_ms", "valid", "note", "by")]
            found += [
                (*tags, stop * 1e6 / HOUR, *rest) for stop, *rest in zip(*columns, strict=True)
            ]
        return found


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_every_label_is_a_point_at_its_start(bench: Bench) -> None:
    bench.said()
    bench.said(LabelKind.ANOMALY, room="R1")

    assert bench.publishing.publish() == 2
    assert bench.drawn() == [
        ("anomaly", "R1", 3.0, 1.0, "calm", "ann"),
        ("normal", "", 3.0, 1.0, "calm", "ann"),
    ]
    assert bench.publishing.publish() == 0


def test_a_label_that_is_taken_back_is_withdrawn(bench: Bench) -> None:
    number = bench.said()
    bench.publishing.publish()
    bench.records.remove_labels([number], by="ann", at=2 * HOUR)

    assert bench.publishing.publish() == 1
    assert [row[3] for row in bench.drawn()] == [0.0]


def test_labels_of_one_start_are_points_of_their_own(bench: Bench) -> None:
    first, second = bench.said(), bench.said()
    bench.publishing.publish()
    bench.records.remove_labels([first], by="ann", at=2 * HOUR)
    bench.publishing.publish()

    assert sorted(row[3] for row in bench.drawn()) == [0.0, 1.0]
    assert first != second


def test_a_restart_changes_nothing(bench: Bench) -> None:
    bench.records.remove_labels([bench.said()], by="ann", at=2 * HOUR)
    bench.said()
    bench.publishing.publish()
    before = bench.drawn()

    LabelPublishing(bench.records, bench.results).publish()

    assert bench.drawn() == before


def test_what_could_not_be_written_is_written_later(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.said()

    def down(*_: object) -> None:
        raise StoreUnavailable("down")

    with monkeypatch.context() as patch:
        patch.setattr(bench.results, "write", down)
        with pytest.raises(StoreUnavailable):
            bench.publishing.publish()

    assert bench.publishing.publish() == 1
    assert len(bench.drawn()) == 1
