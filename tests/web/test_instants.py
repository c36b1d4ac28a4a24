import pytest

from backend.web.instants import milliseconds, parse_instant

NOON = 1_777_636_800_000


@pytest.mark.parametrize(
    "given",
    [
        NOON,
        str(NOON),
        float(NOON),
        "2026-05-01T12:00:00Z",
        "2026-05-01T12:00:00.000Z",
        "2026-05-01T14:00:00+02:00",
        "2026-05-01T12:00:00",
        " 2026-05-01 12:00 ",
    ],
    ids=repr,
)
def test_every_form_of_a_time_is_read(given):
    assert parse_instant(given) == NOON * 1_000_000


def test_microseconds_are_exact():
    assert parse_instant("2026-05-01T12:00:00.123457Z") == NOON * 1_000_000 + 123_457_000


@pytest.mark.parametrize(
    "given",
    [
        None,
        True,
        [],
        {},
        "",
        "now-6h",
        "yesterday",
        -1,
        "-1",
        1.5,
        float("nan"),
        float("inf"),
        2**63,
        "9" * 19,
        "9" * 5000,
        "²",
        "1969-12-31T23:59:59Z",
        "9999-12-31T23:59:59Z",
        "0001-01-01T00:00:00+23:59",
        "2026-13-01",
    ],
    ids=lambda given: repr(given)[:40],
)
def test_what_is_no_time_is_refused(given):
    with pytest.raises(ValueError, match=r"expected epoch|invalid literal"):
        parse_instant(given)


def test_none_stays_none():
    assert milliseconds(None) is None
    assert milliseconds(1_999_999) == 1
