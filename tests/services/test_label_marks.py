"""What labels say of rows, by the rule of trainings."""

import numpy as np

from backend.detection.grid import Rows
from backend.detection.multiples import ANOMALOUS, NORMAL
from backend.records import Label, LabelKind
from backend.services.label_marks import LabelledRows
from backend.services.reading import labelled_anomalous, labelled_normal

STEP = 10


def label(kind: LabelKind, start: int, stop: int, room: str | None = None) -> Label:
    return Label(0, "rooms", kind, start, stop, {} if room is None else {"room": room})


def test_rows_are_marked_as_a_training_reads_them() -> None:
    labels = [
        label(LabelKind.NORMAL, 0, 500),
        label(LabelKind.ANOMALY, 95, 205),
        label(LabelKind.ANOMALY, 300, 320, "b"),
        label(LabelKind.ANOMALY, 700, 800, "a"),
        label(LabelKind.EXCLUDE, 141, 149),
        label(LabelKind.EXCLUDE, 400, 450, "a"),
    ]
    times = np.arange(0, 1000, STEP, dtype=np.int64)
    rows = Rows(("room=a", "room=b"), times, STEP, np.zeros((2, len(times), 1)))
    normal, anomalous = labelled_normal(rows, labels), labelled_anomalous(rows, labels)
    for s, key in enumerate(rows.keys):
        said, event = LabelledRows(labels, key, STEP).of(times)
        np.testing.assert_array_equal(said == NORMAL, normal[s])
        np.testing.assert_array_equal(said == ANOMALOUS, anomalous[s])
        np.testing.assert_array_equal(event >= 0, anomalous[s])
    assert LabelledRows(labels, "room=a", STEP).events == 2
    assert anomalous.any()
    assert normal.any()


def test_without_labels_nothing_is_said() -> None:
    said, event = LabelledRows([], "room=a", STEP).of(np.arange(0, 50, STEP))
    assert set(said.tolist()) == {2}
    assert set(event.tolist()) == {-1}
