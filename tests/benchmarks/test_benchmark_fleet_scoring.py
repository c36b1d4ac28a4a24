"""The benchmark of a fleet's ticks runs; how fast anybody is, is not tested."""

import io
import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.fleet_scoring import (
    DEFAULT,
    PARTS,
    Found,
    HandClock,
    Sizes,
    Tick,
    Ticks,
    application,
    enlarged,
    learned,
    prepare,
    run_ticks,
    table,
)
from tests.servers.influxdb import InfluxServer


@pytest.mark.influx
@pytest.mark.slow
def test_a_fleet_of_any_size_is_made_of_a_few_machines_and_ticks(
    influxdb_server: InfluxServer, tmp_path: Path
) -> None:
    files = learned(influxdb_server, tmp_path / "learned", DEFAULT)
    prepare(influxdb_server, tmp_path / "fleet", files, Sizes(series=20, steps=200, ticks=3))

    found = run_ticks(tmp_path / "fleet", 20, 0.1, 3, bare=0.0)

    assert [tick.points for tick in found.later] == [20, 20, 20]
    # the first of them also reads the scores of a block that is full, to see whether they drift
    assert [tick.calls["read"] for tick in found.later] == [2, 1, 1]
    assert all(tick.calls["write"] == 1 for tick in found.later)
    assert all(tick.calls["model"] == 1 for tick in found.later)
    with application(tmp_path / "fleet", HandClock()) as app:
        assert len(app.records.watermarks("fleet")) == 20


def test_the_table_has_a_line_for_each_fleet_and_for_the_rival() -> None:
    tick = Tick(2.0, dict.fromkeys(PARTS, 0.4), {"read": 1, "write": 1}, 1000)
    ticks = Ticks(1000, 1.0, 3.0, tick, [tick], 250.0)
    found = Found([ticks], rival_seconds=80.0, rival_series=1000)

    head, line, _, rival = table(found)

    assert head.split()[:3] == ["series", "days", "tick"]
    assert line.split()[:4] == ["1000", "1.0", "2.000", "2000"]
    assert rival.endswith("80.0 s, 200 times as long")


def test_each_machine_keeps_what_one_of_a_few_has_learned() -> None:
    array = np.arange(14.0).reshape(7, 2)

    def packed(**arrays: np.ndarray) -> bytes:
        buffer = io.BytesIO()
        np.savez_compressed(buffer, **arrays)
        return buffer.getvalue()

    names = ("version.npz", "weights.npz", "probe.npz", "archive.npz")
    files = {name: packed(own=array, times=np.arange(3)) for name in names}
    files["version.json"] = json.dumps({"series": [""] * 7, "basis": list("abcdefg")}).encode()

    made = enlarged(files, 20)

    with np.load(io.BytesIO(made["weights.npz"])) as arrays:
        np.testing.assert_array_equal(arrays["own"][[0, 8, 19]], array[[0, 1, 5]])
        assert len(arrays["times"]) == 3
    assert json.loads(made["version.json"])["basis"][8] == "b"
