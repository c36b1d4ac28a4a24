import numpy as np
import pytest

from backend.detection.alert_difference import (
    Alert,
    Caught,
    Part,
    alerts_in,
    catch,
    extend,
    match,
    meets,
)


def alert(start: int, stop: int, peak: float = 2.0) -> Alert:
    return Alert(start, stop, peak, ("x",))


def test_alerts_are_the_runs_of_the_alarm_with_their_peak_and_who_caused_it() -> None:
    part = Part(
        times=np.arange(6, dtype=np.int64) * 10 + 100,
        score=np.array([0.5, 1.5, 3.0, 0.5, 1.2, 0.2]),
        alarm=np.array([False, True, True, False, True, False]),
        shares=np.tile([0.3, 0.7, 0.0], (6, 1)),
    )

    found = alerts_in(part, ("x", "y", "z"), 10)

    assert found == [Alert(110, 130, 3.0, ("y", "x")), Alert(140, 150, 1.2, ("y", "x"))]


def test_an_alert_that_goes_on_across_the_edge_of_a_part_stays_one() -> None:
    alerts = [alert(0, 10, 2.0)]

    extend(alerts, [Alert(10, 20, 5.0, ("z",)), alert(30, 40)])

    assert alerts == [Alert(0, 20, 5.0, ("z",)), alert(30, 40)]


def test_what_overlaps_is_kept_and_the_rest_is_gone_or_new() -> None:
    before = [alert(0, 10), alert(20, 30), alert(50, 60)]
    after = [alert(5, 15), alert(60, 70)]

    found = match(before, after)

    assert found.gone == (alert(20, 30), alert(50, 60))
    assert found.new == (alert(60, 70),)
    assert [(kept.before, kept.after) for kept in found.kept] == [
        ((alert(0, 10),), (alert(5, 15),))
    ]


def test_a_long_alert_that_meets_two_of_the_other_is_kept_with_both() -> None:
    (kept,) = match([alert(0, 100)], [alert(5, 15), alert(80, 120)]).kept

    assert kept.before == (alert(0, 100),)
    assert kept.after == (alert(5, 15), alert(80, 120))
    assert kept.start == 0


@pytest.mark.parametrize(("before", "after"), [([], [alert(1, 2)]), ([alert(1, 2)], [])])
def test_alone_all_are_new_or_gone(before: list[Alert], after: list[Alert]) -> None:
    found = match(before, after)

    assert (list(found.gone), list(found.new), found.kept) == (before, after, ())


def test_an_alert_meets_a_range_that_it_overlaps_but_not_one_that_it_touches() -> None:
    assert meets(alert(10, 20), [(19, 30)])
    assert not meets(alert(10, 20), [(20, 30), (0, 10)])


@pytest.mark.parametrize(
    ("alerts", "expected"),
    [
        ([alert(90, 95)], Caught(False, 10, None)),
        ([alert(90, 110)], Caught(True, 10, 0)),
        ([alert(104, 110)], Caught(True, None, 4)),
        ([alert(104, 110), alert(95, 97), alert(92, 93)], Caught(True, 8, 4)),
        # on since before the horizon: it announces nothing, though it is on when it happens
        ([alert(10, 110)], Caught(True, None, 0)),
        ([alert(120, 130)], Caught(False, None, None)),
        ([], Caught(False, None, None)),
    ],
)
def test_how_a_labelled_anomaly_was_met(alerts: list[Alert], expected: Caught) -> None:
    assert catch((100, 120), alerts, 50) == expected
