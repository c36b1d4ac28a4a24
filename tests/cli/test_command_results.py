"""`normalcy results delete`, as it is typed."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

from backend.cli import cli
from backend.ports import Points
from backend.schema import SCORES
from backend.services.audit_log import Wanted
from backend.services.forgetting import Forgetting
from tests.cli.conftest import Command
from tests.fakes.series import MemorySeriesStore


@pytest.fixture
def holding(normalcy: Command) -> tuple[Command, MemorySeriesStore]:
    results = MemorySeriesStore()
    times = np.arange(5) * 10**9
    results.write(SCORES, [Points({"detector": "rooms"}, times, {"score": np.ones(5)})])
    normalcy.application.forgetting = Forgetting(results)
    return normalcy, results


def test_it_asks_before_anything_is_gone(holding: tuple[Command, MemorySeriesStore]) -> None:
    normalcy, results = holding
    runner = CliRunner()

    no = runner.invoke(cli, ["results", "delete", "rooms"], obj=normalcy.session, input="n\n")
    assert no.exit_code == 1
    assert results.measurements() == [SCORES]

    yes = runner.invoke(cli, ["results", "delete", "rooms"], obj=normalcy.session, input="y\n")
    assert yes.exit_code == 0
    assert "Delete all results of rooms?" in yes.stderr
    assert f"{SCORES}             5" in yes.stdout
    assert results.measurements() == []


def test_a_range_without_a_question(holding: tuple[Command, MemorySeriesStore]) -> None:
    normalcy, _ = holding
    span = ("--from", "1970-01-01T00:00:01", "--to", "1970-01-01T00:00:03")

    done = normalcy("results", "delete", "rooms", *span, "--yes", "--json")

    assert json.loads(done.stdout) == [{"measurement": SCORES, "rows": 2}]
    (entry,) = normalcy.application.audit.entries(Wanted())
    assert (entry.action, entry.detector, entry.who) == (
        "results.remove",
        "rooms",
        normalcy.session.user,
    )
    assert entry.words == f"1970-01-01T00:00:01Z to 1970-01-01T00:00:03Z: 2 rows of {SCORES}"


def test_a_detector_without_results_is_told(holding: tuple[Command, MemorySeriesStore]) -> None:
    result = holding[0]("results", "delete", "rom", "--yes", code=1)

    assert "no results of a detector 'rom'" in result.stderr
