"""The leaderboard's rule: all rows are learned from, one matrix for all files, limits as said."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from backend import Detector
from benchmarks import skab
from benchmarks.quality import SETTINGS, STEPS, settings_of
from benchmarks.skab import (
    HELD_OUT,
    LIMITS,
    OWN,
    SEEN,
    Confusion,
    Outcome,
    Task,
    always,
    flagged,
    pooled,
    run,
    table,
)
from tests.benchmarks.folders import rows, write

PCA = settings_of("pca", STEPS, SETTINGS)


def faulty(count: int, at: int) -> pd.DataFrame:
    """Rows of which the second half has moved, and is labelled so."""
    frame = rows(count, at=at, seed=1)
    frame.loc[frame.index[count // 2 :], "c0"] += 20.0
    frame.loc[frame.index[count // 2 :], "label"] = 1
    return frame


def test_rows_count_by_label_and_flag() -> None:
    flags = np.array([True, True, False, False, True, False])
    labels = np.array([1, 0, 1, 0, 2, 2])

    assert Confusion.of(flags, labels) == Confusion(tp=1, fp=1, fn=1, tn=1)


def test_figures_are_those_of_the_pooled_rows() -> None:
    small = dict.fromkeys(LIMITS, Confusion(tp=1))
    large = dict.fromkeys(LIMITS, Confusion(tp=5, fp=2, fn=4, tn=8))

    found = pooled([Outcome("a", small), Outcome("b", large)])[OWN]

    assert found == Confusion(tp=6, fp=2, fn=4, tn=8)
    assert (found.f1, found.far, found.mar) == (12 / 18, 20.0, 40.0)
    assert always(found) == Confusion(tp=10, fp=10)


def test_nothing_flagged_and_nothing_labelled_are_zero() -> None:
    assert (Confusion().f1, Confusion().far, Confusion().mar) == (0.0, 0.0, 0.0)


def test_all_rows_of_train_are_learned_from_whatever_their_label(tmp_path: Path) -> None:
    train = rows(400)
    train["label"] = 1
    write(tmp_path, [("one", train, faulty(200, at=400))])
    (entry,) = json.loads((tmp_path / "index.json").read_text())

    outcome = run(Task(tmp_path, entry, PCA))

    assert outcome.reason == ""
    for found in outcome.confusions.values():
        assert found.tp + found.fn == 100
        assert found.tp >= 95
        assert found.fp <= 5


def test_limits_are_factors_of_what_training_rows_come_to() -> None:
    train, test = rows(400).drop(columns="label"), faulty(200, at=400).drop(columns="label")
    test["c0"] = np.linspace(0, 20, len(test))
    detector = Detector({"channels": ["c0", "c1", "c2"], "every": "1s", **PCA}).fit(train)

    found = flagged(detector, train, test)

    scored = detector.score(pd.concat([train, test]))
    smoothed = scored["smoothed"].to_numpy()
    held_out = max(detector.training["held_out_smoothed"][0])
    assert found[HELD_OUT].tolist() == (smoothed[400:] > 1.2 * held_out).tolist()
    assert found[SEEN].tolist() == (smoothed[400:] > 1.2 * smoothed[:400].max()).tolist()
    assert found[OWN].tolist() == (scored["flag"].to_numpy()[400:] == 1).tolist()
    assert all(0 < flags.sum() < len(test) for flags in found.values())


def test_what_lies_years_apart_is_scored_apart() -> None:
    train, test = rows(400).drop(columns="label"), faulty(200, at=10**8).drop(columns="label")
    detector = Detector({"channels": ["c0", "c1", "c2"], "every": "1s", **PCA}).fit(train)

    found = flagged(detector, train, test)

    assert {len(flags) for flags in found.values()} == {200}
    assert found[SEEN][110:].all()


def test_the_table_and_the_file_tell_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "figures.json"
    good, short = ("good", rows(400), faulty(200, at=400)), ("short", rows(20), rows(50, at=20))
    write(tmp_path, [good, short])
    options = ["--dataset", "pumps", "--kinds", "pca", "--workers", "1", "--json", str(path)]
    options += ["--set", '{"threshold": {"kind": "fixed", "value": 1e9}}']

    assert skab.main([str(tmp_path), *options]) == 0

    printed = capsys.readouterr().out
    document = json.loads(path.read_text())
    figures = document["kinds"]["pca"]
    assert document["files"] == ["good", "short"]
    assert list(figures["limits"]) == list(LIMITS)
    own = figures["limits"][OWN]
    assert own["tp"] + own["fp"] + own["fn"] + own["tn"] == 250
    # a limit that nothing but the plain check of jumps passes
    assert own["tp"] < 10
    assert figures["limits"][SEEN]["tp"] > 90
    assert f"{own['f1']:6.3f} {own['far']:6.1f} {own['mar']:6.1f}" in printed
    assert "too little normal data" in figures["not_trained"]["short"]
    assert "pca could not be trained on short: too little normal data" in printed
    assert "2 files above; published for all 34 files" in printed


def test_a_file_that_could_not_be_learned_counts_as_never_flagged() -> None:
    unlearned = Outcome("a", dict.fromkeys(LIMITS, Confusion(fn=3, tn=1)), "too short")

    assert pooled([unlearned])[SEEN].mar == 100.0
    assert "pca could not be trained on a: too short" in list(table({"pca": [unlearned]}))


@pytest.mark.parametrize(
    ("folder", "dataset", "sentence"),
    [
        (".", "valves", "has no data set 'valves'; it has: pumps"),
        ("absent", "pumps", "holds no index.json: name a folder"),
    ],
    ids=["unknown set", "no folder"],
)
def test_what_is_not_there_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], folder: str, dataset: str, sentence: str
) -> None:
    write(tmp_path, [("one", rows(3), rows(3, at=3))])

    with pytest.raises(SystemExit, match="2"):
        skab.main([str(tmp_path / folder), "--dataset", dataset])

    assert sentence in capsys.readouterr().err
