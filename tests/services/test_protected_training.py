"""What a training really got: the truth table of flags and labels, early, late and taken back."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
import pytest

from backend.ports import Points
from backend.records import Label, LabelDraft, LabelKind
from backend.schema import SCORES
from backend.services.versions import read_archive
from tests.fakes.series import MemorySeriesStore
from tests.services.plant import START, STEP, Plant, at

FIRST, LENGTH = 400, 12
KINDS = (LabelKind.NORMAL, LabelKind.ANOMALY, LabelKind.EXCLUDE)


@dataclass(frozen=True)
class Segment:
    """Some points: whether they were flagged, the machine was off, and what was said of them."""

    place: int
    flagged: bool
    off: bool
    labels: frozenset[LabelKind]

    @property
    def points(self) -> tuple[int, int]:
        start = FIRST + self.place * LENGTH
        return start, start + LENGTH


def segments() -> list[Segment]:
    subsets = [
        frozenset(k for k, on in zip(KINDS, row, strict=True) if on)
        for row in product((0, 1), repeat=3)
    ]
    table = product((False, True), (False, True), subsets)
    return [Segment(n, *row) for n, row in enumerate(table)]


SEGMENTS = segments()
END = SEGMENTS[-1].points[1]


def plant() -> Plant:
    """One room that runs for long; the segments lie behind 400 ordinary points."""
    made = Plant(
        judge_when="x > -100",
        learn_from="100d",
        model={"kind": "dense_autoencoder", "window": 1},
        smoothing={"span": 1},
    )
    rng = np.random.default_rng(0)
    values = rng.standard_normal((END + 100, 2))
    for segment in SEGMENTS:
        if segment.off:
            values[slice(*segment.points), 0] = -200.0
    times = np.arange(len(values), dtype=np.int64) * STEP + START
    made.source.write("air", [Points({"room": "a"}, times, {"x": values[:, 0], "y": values[:, 1]})])
    for segment in SEGMENTS:
        if segment.flagged:
            flag(made, *segment.points)
    made.now(END + 50)
    return made


def flag(made: Plant, start: int, stop: int) -> None:
    """Points as an earlier version has written them."""
    times = np.arange(start, stop, dtype=np.int64) * STEP + START
    made.results.write(
        SCORES,
        [Points({"detector": "rooms", "room": "a"}, times, {"flag": np.ones(len(times))})],
    )


def say(made: Plant, wanted: tuple[LabelKind, ...] = KINDS) -> Iterator[Label]:
    """Labels that overlap: two that contradict each other word for word are refused when said."""
    for segment in SEGMENTS:
        for kind in sorted(segment.labels & set(wanted)):
            start, stop = map(at, segment.points)
            less = {LabelKind.NORMAL: 0, LabelKind.ANOMALY: 1, LabelKind.EXCLUDE: 2}[kind]
            draft = LabelDraft("rooms", kind, start, stop - less, {})
            yield made.labelling.add(draft, source="command", by="operator")


def learned(made: Plant) -> np.ndarray:
    """(T,) points that the newest version was trained on, by its archive."""
    version = made.train()
    archive = read_archive(made.artifacts.load(version.artifact), ["normal"])
    found = np.zeros(END + 100, dtype=bool)
    found[(archive["times"][archive["normal"][0]] - START) // STEP] = True
    return found


def told(segment: Segment, *, labelled: bool, labels: frozenset[LabelKind]) -> bool:
    """Whether a segment is to be learned from, in words of the design."""
    if segment.off or labels & {LabelKind.ANOMALY, LabelKind.EXCLUDE}:
        return False
    return LabelKind.NORMAL in labels if labelled else not segment.flagged


def check(found: np.ndarray, *, labelled: bool, said: tuple[LabelKind, ...] = KINDS) -> None:
    for segment in SEGMENTS:
        labels = segment.labels & set(said)
        expected = told(segment, labelled=labelled, labels=labels)
        got = found[slice(*segment.points)]
        assert (got == expected).all(), (segment, got)


UNFIT = (LabelKind.ANOMALY, LabelKind.EXCLUDE)


@pytest.mark.parametrize("labelled", [True, False], ids=["labelled", "unlabelled"])
def test_flagged_points_are_learned_from_only_where_they_are_called_normal(labelled):
    made, said = plant(), KINDS if labelled else UNFIT
    if labelled:
        made.label(0, FIRST)
    list(say(made, said))
    check(learned(made), labelled=labelled, said=said)


@pytest.mark.parametrize("labelled", [True, False], ids=["labelled", "unlabelled"])
def test_a_label_that_comes_late_counts_in_the_next_training(labelled):
    made, said = plant(), KINDS if labelled else UNFIT
    if labelled:
        made.label(0, FIRST)
    check(learned(made), labelled=labelled, said=())
    list(say(made, said))
    check(learned(made), labelled=labelled, said=said)


@pytest.mark.parametrize("labelled", [True, False], ids=["labelled", "unlabelled"])
def test_a_label_that_is_taken_back_counts_no_more(labelled):
    made, said = plant(), KINDS if labelled else UNFIT
    if labelled:
        made.label(0, FIRST)
    labels = list(say(made, said))
    check(learned(made), labelled=labelled, said=said)
    for label in labels:
        if label.kind is not LabelKind.NORMAL:
            made.labelling.remove([label.id], by="operator")
    kept = (LabelKind.NORMAL,) if labelled else ()
    check(learned(made), labelled=labelled, said=kept)
    for label in labels:
        if label.kind is LabelKind.NORMAL:
            made.labelling.remove([label.id], by="operator")
    check(learned(made), labelled=labelled, said=())


def test_what_is_left_out_is_told_and_what_is_lacking_because_of_it():
    made = plant()
    version = made.train()
    flagged = sum(LENGTH for s in SEGMENTS if s.flagged)
    assert any(f"{flagged} points are not learned from" in w for w in version.training["warnings"])
    flag(made, 0, END + 50)
    with pytest.raises(Exception, match="were flagged and nobody called them normal"):
        made.train()


def test_a_flag_of_a_coarser_grid_speaks_of_all_its_buckets():
    made = plant()
    times = np.arange(0, END, 6, dtype=np.int64) * STEP + START
    hours = np.zeros(len(times))
    hours[10:13] = 1.0
    made.results = MemorySeriesStore()
    made.wire()
    made.results.write(SCORES, [Points({"detector": "rooms", "room": "a"}, times, {"flag": hours})])
    found = learned(made)
    assert not found[60:78].any()
    assert found[[59, 78]].all()


def test_flags_of_one_series_say_nothing_of_another():
    made = plant()
    times = np.arange(END + 100, dtype=np.int64) * STEP + START
    values = np.random.default_rng(1).standard_normal((len(times), 2))
    made.source.write("air", [Points({"room": "b"}, times, {"x": values[:, 0], "y": values[:, 1]})])
    version = made.train()
    archive = read_archive(made.artifacts.load(version.artifact), ["normal"])
    rows = dict(zip(version.training["series"], archive["normal"], strict=True))
    assert rows["room=b"].sum() > rows["room=a"].sum() + 200
    assert len(archive["times"][rows["room=b"]]) >= 0.9 * (END + 50)
    assert at(0) in archive["times"][rows["room=a"]]
