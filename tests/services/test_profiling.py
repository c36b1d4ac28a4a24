from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from backend.exceptions import NoData
from backend.ports import Points
from backend.services.detectors import Detectors
from backend.services.profiling import MOST_SERIES, Profiling, profile_frame
from backend.specs import DetectorSpec
from tests.fakes.clock import StillClock
from tests.fakes.records import MemoryRecordStore
from tests.fakes.series import MemorySeriesStore

NOW = 1_760_000_000 * 10**9
MINUTE = 60 * 10**9


def frame(rows: int, channels: int) -> pd.DataFrame:
    index = pd.date_range("2026-03-01", periods=rows, freq="1s", tz="UTC")
    values = np.random.default_rng(0).normal(size=(rows, channels))
    return pd.DataFrame(values, index=index, columns=[f"c{f}" for f in range(channels)])


@pytest.mark.parametrize(("rows", "channels"), [(1, 1), (10, 3), (300_000, 3), (200, 500)])
def test_any_table_can_be_looked_at(rows: int, channels: int) -> None:
    told: list[float] = []
    report = profile_frame(frame(rows, channels), progress=lambda share, _: told.append(share))

    plain = report.fullest.plain()
    assert plain["rows"] == rows
    assert len(plain["channels"]) == channels
    assert told == sorted(told)
    assert 0 <= told[0] <= told[-1] <= 1


def test_infinities_are_missing() -> None:
    table = frame(500, 2)
    table.iloc[10:60, 0] = np.inf
    channel = profile_frame(table).fullest.look.channels[0]
    assert channel.missing == pytest.approx(0.1)
    assert channel.high < 10


def test_the_grid_can_be_given() -> None:
    report = profile_frame(frame(500, 2), every=timedelta(seconds=30))
    assert report.fullest.advice.settings()["every"] == "30s"


def test_a_table_without_numbers() -> None:
    with pytest.raises(NoData):
        profile_frame(frame(10, 1).astype(str))


def test_of_many_series_some_are_looked_at_and_the_fullest_is_proposed_for() -> None:
    source, records, clock = MemorySeriesStore(), MemoryRecordStore(), StillClock(NOW)
    spec = DetectorSpec.model_validate(
        {
            "name": "rooms",
            "measurement": "air",
            "channels": ["x"],
            "group_by": ["room"],
            "every": "1m",
        }
    )
    for room in range(MOST_SERIES + 3):
        rows = 400 if room == 5 else 50
        times = NOW - NOW % MINUTE - np.arange(rows, 0, -1) * MINUTE
        values = np.random.default_rng(room).normal(size=rows)
        source.write("air", [Points({"room": f"{room:02}"}, times, {"x": values})])

    profiling = Profiling(source, Detectors({"rooms": spec}, records, clock), clock)
    found, report = profiling.look("rooms", last=timedelta(days=1))

    assert found == spec
    assert (len(report.series), report.more) == (MOST_SERIES, 3)
    assert report.fullest.key == "room=05"
