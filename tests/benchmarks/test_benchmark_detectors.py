"""The benchmark of the detectors gives all the same rows; how fast anybody is, is not tested."""

import json
import subprocess
import sys
from multiprocessing import Pipe, active_children
from pathlib import Path

import numpy as np
import pytest

from benchmarks import detectors
from benchmarks.detectors import (
    FIT,
    LIBRARIES,
    OURS,
    SCORED,
    WHOLE_FIT,
    WHOLE_SCORED,
    Entrant,
    Rows,
    largest,
    learned_rows,
    listen,
    measure,
    rows_of,
    steps_of,
    window_of,
)
from tests.benchmarks.folders import rows, write

pytestmark = pytest.mark.timeout(400)

ESTIMATORS = [(library, name) for library, names in LIBRARIES.items() for name in names]


def some(count: int = 300) -> Rows:
    train, test = rows(count), rows(100, at=count, seed=1)
    return Rows(train.iloc[:, :3], np.ones(count, dtype=bool), test.iloc[:, :3], "1000ms")


def test_the_series_with_most_numbers_is_taken(tmp_path: Path) -> None:
    long, wide = rows(50, channels=2), rows(30, channels=6)
    root = write(tmp_path, [("long", long, long), ("wide", wide, wide), ("small", long[:9], wide)])

    assert largest(root)["series"] == "wide"


def test_all_get_rows_without_gaps_and_channels_that_vary(tmp_path: Path) -> None:
    train, test = rows(40), rows(20, at=40)
    train.iloc[3, 0] = np.nan
    train["still"], test["still"] = 7.0, 8.0
    train.loc[train.index[30:], "label"] = 1
    train.loc[train.index[35:], "still"] = 9.0  # not in rows that are learned from
    root = write(tmp_path, [("one", train, test)])

    found = rows_of(root, largest(root))

    assert list(found.train.columns) == list(found.test.columns) == ["c0", "c1", "c2"]
    assert (len(found.train), int(found.normal.sum()), len(found.test)) == (39, 29, 20)
    assert found.every == "1000ms"
    assert len(rows_of(root, largest(root), most=10).train) == 10


def test_rows_are_scaled_by_the_normal_ones_of_train() -> None:
    given = some()
    given.train.iloc[:, 0] = 5.0 + 3.0 * given.train.iloc[:, 0]
    given.normal[200:] = False
    given.train.iloc[200:, 0] = 1e9

    train, test = given.scaled()

    assert np.median(train[:200], axis=0) == pytest.approx(0, abs=1e-9)
    assert 0.7 < train[:200, 0].std() < 1.3
    assert test.shape == (100, 3)


@pytest.mark.parametrize(("library", "name"), ESTIMATORS, ids=str)
def test_every_estimator_of_a_library_learns_and_scores(library: str, name: str) -> None:
    steps = steps_of(Entrant(library, name), some(), 1)

    assert list(steps) == [FIT, SCORED]
    steps[FIT]()
    scores = steps[SCORED]()
    assert isinstance(scores, np.ndarray)
    assert scores.shape == (100,)


@pytest.mark.parametrize("kind", ["pca", "ensemble"])
def test_ours_is_timed_alone_and_whole(kind: str) -> None:
    steps = steps_of(Entrant(OURS, kind), some(), 1)

    assert list(steps) == [FIT, SCORED, WHOLE_FIT, WHOLE_SCORED]
    for step in steps.values():
        step()


def test_auto_is_no_model_by_itself() -> None:
    assert list(steps_of(Entrant(OURS, "auto"), some(), 1)) == [WHOLE_FIT, WHOLE_SCORED]


def test_the_table_says_how_many_rows_are_learned_from() -> None:
    given = some(2500)
    told = {kind: learned_rows(Entrant(OURS, kind), given, 50) for kind in ("pca", "one_class_svm")}

    assert told == {"pca": "2500", "one_class_svm": "2000"}
    assert learned_rows(Entrant(OURS, "lstm_autoencoder"), given, 50) == "50 steps"
    assert learned_rows(Entrant(OURS, "ensemble"), given, 50) == "several"
    assert learned_rows(Entrant("pyod", "OCSVM"), given, 50) == "2500"
    assert window_of(Entrant(OURS, "dpca"), 50) > window_of(Entrant("pyod", "PCA"), 50) == 1


def test_who_is_silent_too_long_keeps_what_was_told_before() -> None:
    here, there = Pipe(duplex=False)
    there.send(("ready", 0.0))
    there.send((FIT, 1.5))

    measured = listen(here, most=0)

    assert measured.seconds == {FIT: 1.5}
    assert measured.reason == "more than 0 s"


def test_a_process_that_ends_without_a_word_is_told() -> None:
    here, there = Pipe(duplex=False)
    there.close()

    assert listen(here, most=1).reason == "its process ended without a word"


def test_why_somebody_could_not_go_on_is_told() -> None:
    before = active_children()
    measured = measure(Entrant(OURS, "pca"), some(20), 1, most=600)

    assert measured.seconds == {}
    assert "too little normal data" in measured.reason
    assert set(active_children()) <= set(before)


def test_the_figures_are_printed_and_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(detectors, "LIBRARIES", {"pyod": {"ECOD": LIBRARIES["pyod"]["ECOD"]}})
    path = tmp_path / "figures.json"
    root = write(tmp_path, [("one", rows(300), rows(100, at=300))])

    assert detectors.main([str(root), "--kinds", "pca", "--json", str(path)]) == 0

    document = json.loads(path.read_text())
    ours, theirs = document["entrants"]
    assert (ours["library"], ours["name"], ours["reason"]) == (OURS, "pca", "")
    assert list(ours["seconds"]) == [FIT, SCORED, WHOLE_FIT, WHOLE_SCORED]
    assert (theirs["library"], theirs["name"]) == ("pyod", "ECOD")
    assert list(theirs["seconds"]) == [FIT, SCORED]
    assert document["series"] == "pumps one"
    assert "pyod" in document["versions"]
    printed = capsys.readouterr().out
    assert "300 normal rows to learn from, 100 to score, 3 channels" in printed
    assert f"{theirs['seconds'][SCORED]:.3f}" in printed


def test_a_folder_without_an_index_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        detectors.main([str(tmp_path)])

    assert "holds no index.json" in capsys.readouterr().err


def test_libraries_are_held_to_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    code = (
        "import numpy, sklearn.svm; from threadpoolctl import threadpool_info;"
        "from benchmarks.threads import one_thread; one_thread();"
        "import json; print(json.dumps([one['num_threads'] for one in threadpool_info()]))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)

    threads = json.loads(done.stdout)
    assert threads
    assert set(threads) == {1}
