"""The benchmark of the datasource compares like with like; how fast anybody is, is not tested."""

import json
from pathlib import Path

import pytest

from benchmarks import datasource
from benchmarks.datasource import CHUNKED, OURS, RAW, Chart, ratio, table
from benchmarks.races import Measured
from tests.servers.influxdb import InfluxServer


@pytest.mark.influx
def test_both_ways_show_the_same_range(influxdb_server: InfluxServer, tmp_path: Path) -> None:
    chart = Chart(influxdb_server, tmp_path, rows=20_000, points=100)

    assert 50 < chart.check() <= 100
    (frame,) = json.loads(chart.ours())
    assert frame["fields"][1]["labels"] == {"detector": "gas-room", "room": "R1"}
    # each row is a time in milliseconds and a value
    assert chart.raw(chunked=False) > 20_000 * len("[1700000000000,0.1],")
    assert chart.raw(chunked=True) > 20_000 * len("[1700000000000,0.1],")
    chart.close()


@pytest.mark.influx
def test_a_chart_that_loses_the_peak_does_not_take_part(
    influxdb_server: InfluxServer, tmp_path: Path
) -> None:
    chart = Chart(influxdb_server, tmp_path, rows=2_000, points=100)
    chart._score = chart._score + 1

    with pytest.raises(RuntimeError, match="another chart"):
        chart.check()
    chart.rows = 10**7
    with pytest.raises(RuntimeError, match="the server answers 200"):
        chart.raw(chunked=False)
    chart.close()


@pytest.mark.influx
@pytest.mark.usefixtures("influxdb_server")
def test_the_figures_are_printed_and_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "figures.json"
    options = ["--rows", "5000", "--points", "50", "--repeat", "3", "--json", str(path)]

    code = datasource.main(options)

    figures = json.loads(path.read_text())
    assert figures["server"].startswith("InfluxDB 1")
    assert [one["contestant"] for one in figures["timings"]] == [OURS, RAW, CHUNKED]
    assert {len(one["seconds"]) for one in figures["timings"]} == {3}
    assert code == (0 if figures["met"] else 1)
    assert f"{figures['ratio']:.2f}" in capsys.readouterr().out


def test_the_faster_of_the_servers_ways_counts() -> None:
    took = {OURS: [1.0, 9.0, 1.0], RAW: [4.0, 4.0, 4.0], CHUNKED: [2.0, 2.0, 5.0]}
    measured = [Measured("chart", name, 10, seconds) for name, seconds in took.items()]

    assert ratio(measured) == 0.5
    assert "ok   a chart of 7 points" in table(measured, 7)
    assert "MISS" in table([Measured("chart", OURS, 10, [3.0]), *measured[1:]], 7)
