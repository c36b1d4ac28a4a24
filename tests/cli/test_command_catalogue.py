"""`normalcy catalogue`, as it is typed."""

import json

import numpy as np
import pytest

from backend.ports import Points
from backend.services.catalogue import Catalogue
from tests.cli.conftest import Command
from tests.fakes.series import MemorySeriesStore

T0 = 1_700_000_000_000_000_000
MINUTE = 60 * 10**9


class Holding(Command):
    """The command over a source in memory."""

    source: MemorySeriesStore


@pytest.fixture
def holding(normalcy: Command) -> Holding:
    source, results = MemorySeriesStore(), MemorySeriesStore()
    times = T0 + np.array([0, 1, 2, 9]) * MINUTE
    source.write("air", [Points({"room": "a"}, times, {"temp": np.ones(4)})])
    normalcy.application.catalogue = Catalogue(source)
    normalcy.application.results_catalogue = Catalogue(results)
    made = Holding(normalcy.session, normalcy.application)
    made.source = source
    return made


def test_measurements_are_listed(holding: Holding) -> None:
    assert holding("catalogue").stdout == "air\n"
    assert json.loads(holding("catalogue", "--json").stdout) == ["air"]
    assert "no measurement yet" in holding("catalogue", "--results").stdout


def test_a_measurement_is_shown_with_its_series(holding: Holding) -> None:
    text = holding("catalogue", "air", "--series").stdout

    assert "fields       temp (float)" in text
    assert "tags         room: a" in text
    assert "room=a  2023-11-14T22:13:20Z  2023-11-14T22:22:20Z  1m" in text
    assert "2023-11-14T22:16:20Z to 2023-11-14T22:22:20Z" in text


def test_the_same_as_json(holding: Holding) -> None:
    shown = json.loads(holding("catalogue", "air", "--by", "room", "--json").stdout)

    assert shown["fields"] == {"temp": "float"}
    (series,) = shown["series"]
    assert (series["cadence_s"], series["gap_count"], series["rows_looked_at"]) == (60.0, 1, 4)
    assert not shown["more_series"]
    assert "series" not in json.loads(holding("catalogue", "air", "--json").stdout)


def test_a_list_that_is_cut_says_so(holding: Holding) -> None:
    once = Points({"room": "b"}, np.array([T0]), {"temp": np.ones(1)})
    holding.source.write("air", [once])

    text = holding("catalogue", "air", "--series", "--limit", "1").stdout

    assert "not all of its series are shown: raise --limit" in text
    assert "not all of its series" not in holding("catalogue", "air", "--series").stdout


def test_a_name_cannot_steer_the_terminal(holding: Holding) -> None:
    name = "a\u202eb\x9b2J"
    times, values = np.array([T0]), {name: np.ones(1)}
    holding.source.write(name, [Points({name: name}, times, values)])

    for arguments in ((), (name, "--series")):
        text = holding("catalogue", *arguments).stdout
        assert "a\\u202eb\\x9b2J" in text
        assert text.replace("\n", "").isprintable()


def test_what_is_not_there_is_told(holding: Holding) -> None:
    assert "did you mean 'air'?" in holding("catalogue", "airs", code=1).stderr
    assert "no tag 'rom'" in holding("catalogue", "air", "--by", "rom", code=1).stderr
    assert "name one" in holding("catalogue", "--series", code=2).stderr
