import struct

import numpy as np
import pytest
from matplotlib.image import imread

from backend.plots import style
from backend.plots.animation import DOTS_PER_INCH, FRAMES, Track, animate
from backend.plots.channels import (
    MOST_ROWS,
    Channels,
    channels_with_events,
    input_against_reconstruction,
)
from backend.plots.quality import (
    confusion_matrix,
    operating_curves,
    precision_recall_curves,
    quality_against_threshold,
    side_by_side,
)
from backend.plots.scores import Story, contributions, error_over_time
from backend.plots.spans import Span
from backend.plots.training import error_distribution, loss_curve
from backend.plots.trial import MOST_ROWS as MOST_SERIES
from backend.plots.trial import NAMES, Bar, Mark, Past, alarms_of_the_fleet, score_over_the_past

MINUTE = 60_000_000_000
START = 1_790_000_000_000_000_000
POINTS = 300


@pytest.fixture
def story():
    random = np.random.default_rng(0)
    times = START + MINUTE * np.arange(POINTS, dtype=np.int64)
    smoothed = random.lognormal(size=POINTS)
    smoothed[200:230] *= 20
    smoothed[50:60] = np.nan  # not judged
    fault = Span(int(times[200]), int(times[230]), "drift", "temp")
    return Story(times, smoothed, np.full(POINTS, 5.0), [fault], [fault])


def _wave(phase=0.0):
    return np.sin(np.arange(POINTS) / 20 + phase)


def _channels(*names):
    values = {name: _wave(i) for i, name in enumerate(names)}
    expected = {name: column + 0.1 for name, column in values.items()}
    return Channels(values, expected, {names[0]: "°C"})


def _shares(count):
    return {f"channel {i}": np.full(POINTS, 1 / count) for i in range(count)}


def _curve():
    limits = np.linspace(0, 3, 50)
    return {
        "threshold": limits,
        "precision": limits / 3,
        "recall": 1 - limits / 3,
        "f1": limits / 4,
    }


def _models(count):
    return [f"model {i}" for i in range(count)]


def _roc(count):
    share = np.linspace(0, 1, 30)
    return {
        name: {"false_alarms": share, "recall": share ** (0.5 / (i + 1))}
        for i, name in enumerate(_models(count))
    }


def _figures(count):
    one = {"vus_pr": 0.7, "f1": 0.5, "fc1": None, "far": 0.05, "best_f1": 0.8}
    return {name: {**one, "vus_pr": 0.1 + 0.05 * i} for i, name in enumerate(_models(count))}


def _past(failures=True):
    times = START + MINUTE * np.arange(POINTS, dtype=np.int64)
    score = np.abs(_wave()) + 0.1
    score[50:60] = np.nan
    bars = [Bar(int(times[20 * i]), int(times[20 * i + 5]), why) for i, why in enumerate(NAMES)]
    marks = [Mark(int(times[100]), "pump 7", True), Mark(int(times[200]), "$seal_", False)]
    return Past(times, score, bars, marks if failures else (), [int(times[0])])


PICTURES = {
    "loss": lambda story: loss_curve([1.0, 0.5, 0.3], [1.1, 0.6, 0.5], 1),
    "loss without validation": lambda story: loss_curve([1.0, 0.5], [], 1),
    "distribution": lambda story: error_distribution(
        story.smoothed, 5.0, np.concatenate((story.smoothed, [0.0]))
    ),
    "error": error_over_time,
    "contributions": lambda story: contributions(story, _shares(4)),
    "many contributions": lambda story: contributions(story, _shares(30)),
    "channels": lambda story: channels_with_events(_channels("temp", "moist"), story),
    "reconstruction": lambda story: input_against_reconstruction(_channels("temp"), story),
    "quality": lambda story: quality_against_threshold(_curve(), 1.0),
    "roc": lambda story: operating_curves(_roc(12)),
    "precision and recall": lambda story: precision_recall_curves(
        {"a": _curve(), "b": _curve()}, 0.1, {"a": (0.5, 0.5)}
    ),
    "confusion": lambda story: confusion_matrix(((90, 10), (0, 0))),
    "side by side": lambda story: side_by_side(_figures(15)),
    "past": lambda story: score_over_the_past(_past()),
    "quiet past": lambda story: score_over_the_past(Past(story.times, np.full(POINTS, np.nan))),
    "fleet": lambda story: alarms_of_the_fleet({"room=a": _past(), "room=b": _past(False)}),
}


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_is_a_png_of_the_size_asked_for_and_not_blank(name, story, tmp_path):
    figure = PICTURES[name](story)
    path = style.save(figure, tmp_path / "deep" / "picture.png")
    assert path.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    pixels = imread(path)
    width, height = figure.get_size_inches() * style.DOTS_PER_INCH
    assert pixels.shape[:2] == (round(height), round(width))
    assert width == style.WIDTH_INCHES * style.DOTS_PER_INCH
    inside = pixels[pixels.shape[0] // 5 :, :, :3]
    assert (inside < 0.99).any(axis=2).mean() > 0.005


@pytest.mark.parametrize("name", ["온도", "温度", "$x_$ and $\\alpha$", "<b>&", "a_b^c", ""])
def test_any_name_of_a_channel_can_be_drawn(name, story, tmp_path):
    figure = channels_with_events(_channels(name), story)
    assert style.save(figure, tmp_path / "picture.png").stat().st_size > 1000
    figure = contributions(story, {name: np.ones(POINTS), "other": np.zeros(POINTS)})
    assert style.save(figure, tmp_path / "shares.png").stat().st_size > 1000


def test_more_channels_than_fit_are_left_out_and_that_is_said(story):
    names = [f"channel {i}" for i in range(MOST_ROWS + 5)]
    figure = channels_with_events(_channels(*names), story)
    assert len(figure.axes) == MOST_ROWS
    assert f"first {MOST_ROWS} of {MOST_ROWS + 5}" in figure.get_suptitle()


def test_more_contributions_than_colors_are_drawn_as_others(story):
    figure = contributions(story, _shares(30))
    labels = [text.get_text() for text in figure.axes[1].get_legend().get_texts()]
    assert len(labels) == len(style.SERIES)
    assert labels[-1] == f"{30 - len(style.SERIES) + 1} others"


def test_more_models_than_colors_differ_in_their_lines():
    lines = operating_curves(_roc(20)).axes[0].get_lines()[:20]
    looks = {(line.get_color(), line.get_linestyle()) for line in lines}
    assert len(looks) == 20


def test_the_best_model_stands_on_top():
    labels = [text.get_text() for text in side_by_side(_figures(5)).axes[0].get_yticklabels()]
    assert labels[-1] == "model 4"


def test_the_confusion_matrix_tells_numbers_and_shares():
    texts = [text.get_text() for text in confusion_matrix(((90, 10), (5, 5))).axes[0].texts]
    assert texts[1] == "10\n10.0% of normal rows"


def test_more_series_than_fit_are_left_out_and_that_is_said():
    fleet = {f"room={i}": _past() for i in range(MOST_SERIES + 3)}
    figure = alarms_of_the_fleet(fleet)
    assert f"first {MOST_SERIES} of {MOST_SERIES + 3}" in figure.get_suptitle()


def test_legends_name_each_thing_once(story):
    twice = Story(story.times, story.smoothed, story.threshold, story.labeled * 2, story.events * 2)
    texts = [text.get_text() for text in error_over_time(twice).axes[0].get_legend().get_texts()]
    assert texts == ["labeled anomalous", "event found", "smoothed error", "threshold"]


def test_a_logarithmic_axis_shows_plain_numbers(story):
    figure = error_over_time(story)
    figure.canvas.draw()
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert "10" in labels
    assert not any("$" in label for label in labels)


def test_the_animation_is_a_gif_that_moves_and_repeats(story, tmp_path):
    track = Track("signal", _wave(), _wave(0.1))
    path = animate(track, story, tmp_path / "moving.gif")
    data = path.read_bytes()
    assert data[:6] == b"GIF89a"
    width, _ = struct.unpack("<HH", data[6:10])
    assert width == style.WIDTH_INCHES * DOTS_PER_INCH
    assert b"NETSCAPE2.0" in data
    graphic_control = data.count(b"\x21\xf9\x04")
    assert FRAMES * 0.8 <= graphic_control <= FRAMES
