"""The benchmark of latency runs the real jobs; how fast anybody is, is not tested."""

import pytest

from benchmarks.latency import Latency, measure, table
from tests.servers.influxdb import InfluxServer

pytestmark = [pytest.mark.influx, pytest.mark.slow, pytest.mark.timeout(400)]


def test_a_jump_is_followed_to_its_flag_and_its_alarm(influxdb_server: InfluxServer) -> None:
    found = measure(influxdb_server, "1s", times=1)

    ((flag,), (alarm,)) = found.flag, found.alarm
    # An alarm takes two flagged buckets.
    assert 0 < flag < alarm
    assert found.rule == []


def test_the_table_has_a_line_for_each_interval() -> None:
    head, first, second = table([Latency("1s", [1.0, 3.0, 2.0], [4.0]), Latency("1m")])

    assert "rule fires" in head
    assert first.split() == ["1s", "2.0", "(1.0-3.0)", "4.0", "(4.0-4.0)", "-"]
    assert second.split() == ["1m", "-", "-", "-"]
