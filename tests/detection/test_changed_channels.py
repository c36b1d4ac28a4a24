import numpy as np
import pytest

from backend.detection.changed_channels import UNITS, Change, Ordinary, changes, renamed

ORDINARY = Ordinary(
    low=np.array([15.0, 0.0, 3.0]),
    high=np.array([25.0, 1.0, 3.0]),
    active=np.array([True, True, False]),
    flatline=np.array([10.0, np.inf, np.inf]),
)

DUE = np.ones(60, dtype=bool)


def rows(count: int = 60) -> np.ndarray:
    rng = np.random.default_rng(0)
    return np.column_stack(
        [rng.uniform(16, 24, count), rng.uniform(0.1, 0.9, count), np.full(count, 3.0)]
    )


def test_ordinary_rows_tell_nothing():
    assert changes(rows(), ORDINARY, DUE) == []


@pytest.mark.parametrize("unit", UNITS)
def test_another_unit_is_named(unit):
    factor, offset = UNITS[unit]
    values = rows()
    values[40:, 0] = values[40:, 0] * factor + offset
    (found,) = changes(values, ORDINARY, DUE)
    assert (found.channel, found.change, found.rows) == (0, Change.UNIT, 20)
    told_factor, told_offset = UNITS[found.hint]
    # several units can lie near each other: what is told brings the values home
    home = (values[40:, 0] - told_offset) / told_factor
    assert ((home > 14) & (home < 26)).mean() >= 0.9


def test_a_value_far_off_that_fits_no_unit_or_hardly_moves_is_a_fault_and_no_unit():
    strange = rows()
    strange[40:, 0] += 33.0
    assert changes(strange, ORDINARY, DUE) == []
    broken = rows()
    broken[40:, 0] = 200.0 + 1e-3 * np.arange(20)
    assert changes(broken, ORDINARY, DUE) == []


def test_a_few_strange_rows_are_not_enough():
    values = rows()
    values[-5:, 0] *= 1000
    assert changes(values, ORDINARY, DUE) == []


def test_a_channel_that_rests_longer_than_ever_is_stuck_and_one_that_may_rest_is_not():
    values = rows()
    values[-15:, 0] = 20.0
    values[-15:, 1] = 0.5
    (found,) = changes(values, ORDINARY, DUE)
    assert (found.channel, found.change, found.rows) == (0, Change.STUCK, 15)


def test_a_channel_is_gone_only_while_others_report():
    values = rows()
    values[-12:, 1] = np.nan
    (found,) = changes(values, ORDINARY, DUE)
    assert (found.channel, found.change, found.rows) == (1, Change.GONE, 12)
    values[-12:] = np.nan
    assert changes(values, ORDINARY, DUE) == []


def test_a_machine_that_is_off_tells_nothing_of_its_channels():
    values, due = rows(), DUE.copy()
    values[-20:, 0] = 0.02  # rests there, and looks like another unit
    values[-20:, 1] = np.nan
    due[-20:] = False
    assert changes(values, ORDINARY, due) == []
    assert [one.change for one in changes(values, ORDINARY, DUE)] == [Change.STUCK, Change.GONE]


def test_since_when_is_told_in_rows_of_the_grid_also_where_some_are_missing():
    values = rows()
    values[-30:, 0] = 20.0
    values[-30:-1:2, 0] = np.nan
    (found,) = changes(values, ORDINARY, DUE)
    assert (found.change, found.rows, found.longer) == (Change.STUCK, 29, False)


def test_what_is_so_in_all_rows_may_have_begun_before():
    values = rows()
    values[:, 0] += 273.15
    (found,) = changes(values, ORDINARY, DUE)
    assert (found.change, found.rows, found.longer) == (Change.UNIT, 60, True)


def test_a_constant_channel_is_not_looked_at():
    values = rows()
    values[:, 2] = np.nan
    assert changes(values, ORDINARY, DUE) == []


def test_a_field_that_begins_where_a_channel_ends_and_looks_like_it_is_its_new_name():
    values = rows()
    own = values[:, 0].copy()
    own[-20:] = np.nan
    nothing = np.full(60, np.nan)
    new, other, old = nothing.copy(), nothing.copy(), values[:, 0] + 0.1
    new[-20:] = values[-20:, 0]
    other[-20:] = 400 + values[-20:, 0]
    late = nothing.copy()
    late[-8:] = values[-8:, 0]
    fields = {"temperature": new, "pressure": other, "there before": old, "later": late}
    assert list(renamed(own, fields, 15.0, 25.0)) == ["temperature"]
