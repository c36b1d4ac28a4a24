from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backend.demo.comparison import compare
from backend.demo.scenario import Fault, FaultKind
from backend.services.events import Event

# A busy machine is slow without anything being wrong.
PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

MS = 1_000_000
"""Events are told apart by their millisecond."""


def fault(start, stop):
    return Fault(start * MS, stop * MS, "x", FaultKind.SPIKE)


def event(start, stop):
    end = None if stop is None else stop * MS
    return Event("d", "", {}, start * MS, end, 2.0, False, ("x",), "d/1")


def test_an_event_that_overlaps_a_fault_finds_it():
    comparison = compare([fault(10, 20)], [event(15, 30)], tolerance=0)
    assert comparison.found == ((fault(10, 20), event(15, 30)),)
    assert comparison.missed == ()
    assert comparison.false == ()


def test_an_event_within_the_tolerance_after_a_fault_finds_it():
    assert compare([fault(10, 20)], [event(24, 30)], tolerance=5 * MS).found
    assert compare([fault(10, 20)], [event(25, 30)], tolerance=5 * MS).false


def test_an_event_that_ended_before_the_fault_is_false():
    comparison = compare([fault(10, 20)], [event(5, 10)], tolerance=5 * MS)
    assert comparison.missed == (fault(10, 20),)
    assert comparison.false == (event(5, 10),)


def test_an_open_event_finds_what_comes_after_its_start():
    assert compare([fault(10, 20)], [event(8, None)], tolerance=0).found


def test_the_first_event_is_the_one_that_found_it():
    later, first = event(14, 15), event(11, 12)
    comparison = compare([fault(10, 20)], [later, first], tolerance=0)
    assert comparison.found[0][1] == first
    assert comparison.false == ()


def test_one_event_may_find_two_faults():
    faults = [fault(10, 20), fault(30, 40)]
    assert len(compare(faults, [event(15, 35)], tolerance=0).found) == 2


RANGES = st.lists(
    st.tuples(st.integers(0, 100), st.integers(1, 20)).map(lambda pair: (pair[0], sum(pair))),
    max_size=6,
    unique_by=lambda pair: pair[0],
)


@given(RANGES, RANGES, st.integers(0, 10))
@PATIENT
def test_every_fault_is_found_or_missed_and_every_event_explained_or_false(faults, events, late):
    injected, found = [fault(*r) for r in faults], [event(*r) for r in events]
    comparison = compare(injected, found, late * MS)
    assert comparison.injected == len(injected)
    assert {f for f, _ in comparison.found} | set(comparison.missed) == set(injected)
    explained = [
        e for e in found if any(e.start < f.stop + late * MS and f.start < e.stop for f in injected)
    ]
    assert len(comparison.false) == len(found) - len(explained)
