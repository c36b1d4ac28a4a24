import pytest

from backend.services.piece_size import Sizing, bytes_of_series
from backend.specs import DetectorSpec

GIB = 1 << 30


def spec(**model):
    channels = ["a", "b", "c", "d", "e"]
    told = {"name": "x", "measurement": "m", "channels": channels, "every": "10m", "model": model}
    return DetectorSpec.model_validate(told)


def keys(count):
    return [f"m={number:04}" for number in range(count)]


def test_pieces_hold_each_series_once_in_their_order():
    for count in (0, 1, 2, 255, 256, 257, 1000):
        parts = Sizing(memory=64 * GIB, most=256).parts(spec(kind="pca"), 840, keys(count))
        assert [key for part in parts for key in part] == keys(count)
        sizes = {len(part) for part in parts}
        assert max(sizes, default=0) <= 256
        assert not sizes or max(sizes) - min(sizes) <= 1


def test_a_small_fleet_is_one_piece():
    assert Sizing().parts(spec(kind="pca"), 840, keys(5)) == [tuple(keys(5))]


def test_less_memory_makes_smaller_pieces_and_never_none():
    sizes = []
    for memory in (64 * GIB, GIB, GIB // 2, 1):
        parts = Sizing(memory=memory, most=1000).parts(spec(kind="pca"), 8400, keys(1000))
        sizes.append(max(map(len, parts)))
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] == 1000
    assert sizes[-1] == 1


def test_what_was_measured_lies_between_half_of_what_is_said_and_all_of_it():
    lstm = spec(kind="lstm_autoencoder", window=12, units=[16, 4])
    nearest = spec(kind="k_nearest", window=12)
    dense = spec(kind="dense_autoencoder", window=12, units=[16, 4])
    always = 256 << 20
    for one, points, series, peak in (
        (spec(kind="pca", window=12), 840, 256, 471),
        (spec(kind="pca", window=12), 8400, 64, 714),
        (dense, 840, 128, 444),
        (dense, 8400, 64, 858),
        (lstm, 840, 64, 953),
        (nearest, 840, 64, 310),
        (spec(kind="ensemble"), 8400, 32, 614),
    ):
        said = always + series * bytes_of_series(one, points)
        assert said / 2 < peak << 20 <= said


@pytest.mark.parametrize(
    ("small", "large"),
    [
        ({"kind": "pca"}, {"kind": "k_nearest"}),
        ({"kind": "dense_autoencoder"}, {"kind": "lstm_autoencoder"}),
        ({"kind": "lstm_autoencoder", "units": [8]}, {"kind": "lstm_autoencoder", "units": [64]}),
        (
            {"kind": "gru_autoencoder", "units": [8]},
            {"kind": "gru_autoencoder", "units": [{"gru": 9}]},
        ),
        ({"kind": "pca"}, {"kind": "ensemble"}),
        ({"kind": "pca"}, {"kind": "rapp"}),
    ],
)
def test_what_holds_more_at_once_counts_for_more(small, large):
    assert bytes_of_series(spec(**small), 840) < bytes_of_series(spec(**large), 840)
