"""Many multiples of a threshold at once: what asking for each one by itself would give."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.detection.counted import of_counts
from backend.detection.evaluation import decide
from backend.detection.multiples import ANOMALOUS, NORMAL, UNLABELLED, Counting, Marked
from backend.detection.what_if import Before, Stored, count_alerts, judge_again
from backend.specs import AlarmSpec

STEP = 60
MULTIPLES = np.array([0.25, 0.5, 1.0, 2.0, 4.0])


def rows(seed: int, count: int = 300) -> tuple[Stored, Marked]:
    """A walk of scores with pauses, rows not judged, rows that a check flags, and two anomalies."""
    draw = np.random.default_rng(seed)
    steps = np.where(draw.random(count) < 0.03, 5, 1)
    times = (np.cumsum(steps) * STEP).astype(np.int64)
    score = np.exp(np.clip(np.cumsum(draw.normal(0, 0.4, count)), -3, 3))
    judged, checked = draw.random(count) > 0.05, draw.random(count) < 0.04
    score[checked] = 1.5
    event = np.full(count, -1)
    event[50:80], event[200:210] = 0, 1
    said = np.where(event >= 0, ANOMALOUS, np.where(draw.random(count) < 0.5, NORMAL, UNLABELLED))
    seen = np.where(judged, np.where(checked, np.inf, score), np.nan)
    silent = np.zeros(count, dtype=bool)
    marked = Marked(times, seen, said.astype(np.int8), event, silent)
    return Stored(times, score, score, judged, checked), marked


def counted(marked: Marked, alarm: AlarmSpec, *cuts: int) -> Counting:
    found = Counting(MULTIPLES, alarm, STEP, 2)
    edges = [0, *cuts, len(marked.times)]
    for start, stop in itertools.pairwise(edges):
        found.add(marked.part(slice(start, stop)))
    return found


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    points=st.one_of(st.integers(1, 5), st.sampled_from([40, 299, 400])),
    clear=st.sampled_from([0.3, 0.8, 1.0]),
    cuts=st.lists(st.integers(1, 299), max_size=4).map(sorted),
)
def test_each_multiple_is_what_asking_for_it_alone_gives(
    seed: int, points: int, clear: float, cuts: list[int]
) -> None:
    stored, marked = rows(seed)
    alarm = AlarmSpec(points=points, clear_below=clear)
    found = counted(marked, alarm, *cuts).found()
    for k, multiple in enumerate(MULTIPLES):
        said, _ = judge_again(stored, np.full(300, multiple), alarm, STEP, Before())
        assert found.flagged[k] == said.flag.sum()
        assert found.alerts[k] == count_alerts(said.alarm, stored.times, STEP, Before())
        judged = np.where(stored.judged, marked.said, UNLABELLED)
        told = decide(judged, said.flag)
        quality = of_counts(found.hits, found.false, found.anomalous, found.normal)
        assert quality.precision[k] == pytest.approx(told.precision)
        assert quality.recall[k] == pytest.approx(told.recall)
        assert quality.f1[k] == pytest.approx(told.f1)
        assert quality.far[k] == pytest.approx(told.far)
        caught = {int(e) for e in marked.event[said.flag & (marked.event >= 0)]}
        assert found.caught[k] == len(caught)
    assert (found.judged, found.events) == (stored.judged.sum(), 2)


def test_an_alarm_that_is_on_before_the_range_counts_as_its_first() -> None:
    score = np.array([2.0] * 10 + [0.1] + [2.0] * 4)
    none = np.full(15, -1)
    marked = Marked(
        np.arange(15, dtype=np.int64) * STEP,
        score,
        np.full(15, UNLABELLED, dtype=np.int8),
        none,
        np.zeros(15, dtype=bool),
    )
    found = Counting(MULTIPLES, AlarmSpec(points=3), STEP, 0)
    found.lead(marked.part(slice(0, 5)))
    found.add(marked.part(slice(5, None)))
    assert found.found().alerts.tolist() == [2, 2, 2, 0, 0]
    assert found.found().judged == 10


def test_silent_rows_are_flagged_and_raise_no_alarm() -> None:
    _, marked = rows(3)
    silent = Marked(*[getattr(marked, n) for n in ("times", "score", "said", "event")],
                    np.ones(300, dtype=bool))  # fmt: skip
    found = counted(silent, AlarmSpec(points=1)).found()
    assert not found.alerts.any()
    assert found.flagged[0] > 0


def test_without_labels_nothing_is_known_of_quality() -> None:
    found = of_counts(np.array([0, 0]), np.array([0, 0]), 0, 0)
    for figure in (found.precision, found.recall, found.f1, found.far):
        assert np.isnan(figure).all()


def test_more_multiples_than_a_byte_tells_apart_are_refused() -> None:
    with pytest.raises(ValueError, match="at most 250"):
        Counting(np.linspace(0.1, 2, 251), AlarmSpec(), STEP, 0)
