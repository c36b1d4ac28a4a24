"""Many series with a row or two each are checked and encoded together, and come out the same."""

import numpy as np
import pytest

from backend.exceptions import InputError
from backend.ports import FieldKind, Points
from backend.stores.influx import lineprotocol, writing
from backend.stores.influx.catalog import Catalog
from backend.stores.rows import admit, alike


def row(number: int, **fields: object) -> Points:
    columns = {
        name: np.array([value], dtype=object if isinstance(value, str | None) else float)
        for name, value in fields.items()
    }
    return Points({"n": f"m {number}"}, np.array([number]), columns)


def fleet() -> list[Points]:
    """Rows of all sorts: most alike, some with a gap, one with other columns, one long."""
    found = [row(n, a=n / 7, s=f'say "{n}"') for n in range(50)]
    found[20] = row(20, a=np.nan, s="x")
    found[21] = row(21, a=1.0, s=None)
    found[30] = row(30, b=1.0)
    found[40] = Points({}, np.arange(700), {"a": np.ones(700), "s": np.full(700, "t", object)})
    return found


def encoded(batches: list[Points]) -> bytes:
    return b"".join(lineprotocol.bodies("m", batches))


def test_together_they_are_encoded_as_one_by_one() -> None:
    batches = fleet()
    apart = [points for one in batches for points in admit("m", [one])]

    together = admit("m", batches)

    assert encoded(together) == b"".join(encoded([one]) for one in apart)
    assert [dict(one.tags) for one in together] == [dict(one.tags) for one in apart]
    assert [list(one.fields) for one in together] == [list(one.fields) for one in apart]


def test_small_ones_that_are_alike_are_taken_together() -> None:
    sizes = [len(group) for group in alike(fleet())]
    assert sizes == [30, 1, 9, 1, 9]


@pytest.mark.parametrize(
    "wrong",
    [
        Points({"n": "x"}, np.array([1]), {"a": np.array([np.inf])}),
        Points({"n": "x"}, np.array([1]), {"a": np.array([1.0, 2.0])}),
        Points({"n": ""}, np.array([1]), {"a": np.array([1.0])}),
        Points({"n": "line\nbreak"}, np.array([1]), {"a": np.array([1.0])}),
    ],
    ids=["infinity", "a length", "an empty tag", "a line break"],
)
def test_one_bad_row_among_many_is_refused(wrong: Points) -> None:
    with pytest.raises(InputError):
        admit("m", [row(1, a=1.0), row(2, a=2.0), wrong, row(3, a=3.0)])


def test_several_measurements_are_one_body() -> None:
    sent: list[bytes] = []
    tables = {"a": [row(1, x=1.0)], "b": [], "c": [row(2, x=2.0), row(3, x=3.0)]}

    writing.write(tables, lambda body, encoding: sent.append(body))

    assert sent == [b"a,n=m\\ 1 x=1.0 1\nc,n=m\\ 2 x=2.0 2\nc,n=m\\ 3 x=3.0 3\n"]


def test_they_are_several_where_a_server_would_not_take_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lineprotocol, "BYTES_A_BODY", 40)
    sent: list[bytes] = []
    tables = {name: [row(1, x=1.0)] for name in "abcde"}

    writing.write(tables, lambda body, encoding: sent.append(body))

    assert [body.count(b"\n") for body in sent] == [2, 2, 1]


# -- kinds of fields, which every read asks for ----------------------------------------------------


class Fields:
    """A catalog whose server is a dictionary, and a clock set by hand."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now, self.asked = 0.0, 0
        self.stored: dict[str, FieldKind] = {"a": "float", "b": "string"}
        self.catalog = Catalog(None, None, create=False, monotonic=lambda: self.now)  # type: ignore[arg-type]
        monkeypatch.setattr(self.catalog, "fields", self._fields)

    def _fields(self, measurement: str) -> dict[str, FieldKind]:
        self.asked += 1
        return dict(self.stored)

    def kinds(self, *names: str) -> dict[str, FieldKind]:
        return self.catalog.kinds("m", names)


@pytest.fixture
def fields(monkeypatch: pytest.MonkeyPatch) -> Fields:
    return Fields(monkeypatch)


def test_known_fields_are_asked_for_once_a_minute(fields: Fields) -> None:
    for fields.now in (0.0, 1.0, 59.0):
        assert fields.kinds("a", "b") == {"a": "float", "b": "string"}
    assert fields.asked == 1
    fields.stored["b"], fields.now = "float", 60.0
    assert fields.kinds("b") == {"b": "float"}
    assert fields.asked == 2


def test_a_field_that_is_not_known_yet_is_looked_for_each_time(fields: Fields) -> None:
    assert fields.kinds("a", "c") == {"a": "float"}
    fields.stored["c"] = "float"
    assert fields.kinds("a", "c") == {"a": "float", "c": "float"}
    assert fields.kinds("a", "c") == {"a": "float", "c": "float"}
    assert fields.asked == 2
