import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread

from backend.plots import style
from backend.plots.profile import gaps_over_time, overview, power_by_period

MINUTE = 60 * 10**9


def table(rows: int, channels: int) -> tuple[np.ndarray, np.ndarray, list[str]]:
    values = np.random.default_rng(0).normal(size=(rows, channels))
    values[rows // 3 : rows // 2, 0] = np.nan
    times = np.arange(rows, dtype=np.int64) * MINUTE
    return times, values, [f"채널 $x_{f}$" for f in range(channels)]


def spectrum(rows: int) -> Figure:
    periods = rows * MINUTE / np.arange(1, rows // 2 + 1)
    return power_by_period(
        [(periods, 1 / periods), (periods / 9, 1 / periods)], [(MINUTE * 7, 0.4)]
    )


PICTURES = {
    "gaps": lambda rows, channels: gaps_over_time(*table(rows, channels), MINUTE),
    "channels": lambda rows, channels: overview(*table(rows, channels)),
    "spectrum": lambda rows, channels: spectrum(rows),
}


@pytest.mark.parametrize("name", PICTURES)
@pytest.mark.parametrize(("rows", "channels"), [(12, 1), (30_000, 60)])
def test_a_picture_shows_something(tmp_path, name: str, rows: int, channels: int) -> None:
    path = style.save(PICTURES[name](rows, channels), tmp_path / "picture.png")
    assert imread(path)[..., :3].std() > 0.01


def test_a_single_row_can_be_drawn(tmp_path) -> None:
    times, values, names = np.array([MINUTE]), np.array([[1.0]]), ["x"]
    for figure in (gaps_over_time(times, values, names, MINUTE), overview(times, values, names)):
        assert style.save(figure, tmp_path / "one.png").exists()


def test_a_gap_is_where_it_was() -> None:
    figure = gaps_over_time(*table(600, 2), MINUTE)
    share = figure.axes[0].collections[0].get_array().reshape(2, -1)
    assert (share[0, 200:300] == 0).all()
    assert (share[0, :199] == 100).all()
    assert (share[1] == 100).all()
