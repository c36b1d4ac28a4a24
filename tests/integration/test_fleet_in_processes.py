"""A fleet trained in worker processes of this machine, by the product's own tasks and settings."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from backend.bootstrap import Application, bootstrap, piece_sizing
from backend.ports import Points
from backend.records import LabelDraft, LabelKind, StoredDetector
from backend.services.versions import read_archive, unpack
from backend.settings import load

STEP = 600 * 10**9
START = 1_700_000_400 * 10**9 // STEP * STEP
LENGTH = 400
BODY = {
    "measurement": "air",
    "channels": ["x", "y"],
    "group_by": ["room"],
    "every": "10m",
    "model": {"kind": "pca", "window": 4},
    "detection_limits": False,
}
SMALLEST = {"NORMALCY_TRAINING_MEMORY": "1GiB"}
"""So little that each series is a piece of its own."""


@contextmanager
def running(home: Path, **environ: str) -> Iterator[Application]:
    application = bootstrap(load({**os.environ, "NORMALCY_HOME": str(home), **environ}))
    try:
        yield application
    finally:
        application.close()


def furnish(application: Application) -> None:
    t = np.arange(LENGTH, dtype=np.int64)
    for index, room in enumerate("abc"):
        noise = np.random.default_rng(index).normal(size=(2, LENGTH)) * 0.1
        fields = {"x": np.sin(t / 20) + noise[0], "y": np.cos(t / 20) + noise[1]}
        application.source.write("air", [Points({"room": room}, START + t * STEP, fields)])
    application.records.save_detector(StoredDetector("rooms", BODY, "me", 1))
    draft = LabelDraft("rooms", LabelKind.NORMAL, START, START + LENGTH * STEP)
    application.labelling.add(draft, source="command", by="me")


def contents(application: Application) -> Mapping[str, np.ndarray]:
    files = application.artifacts.load("rooms/1")
    return {**unpack(files["version.npz"]), **read_archive(files)}


def test_each_piece_is_trained_in_a_worker_and_the_version_is_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workers = tmp_path / "workers"
    monkeypatch.setenv("NORMALCY_HOME", str(workers))
    heard: list[str] = []
    several = {"NORMALCY_TRAINING_EXECUTOR": "processes", "NORMALCY_TRAINING_PROCESSES": "2"}
    with running(workers, **several, **SMALLEST) as application:
        furnish(application)
        version = application.retraining.run("rooms", lambda share, words: heard.append(words))
        found = contents(application)
        assert application.artifacts.names() == ["rooms/1"]
    with running(tmp_path / "here") as application:
        furnish(application)
        alone = application.retraining.run("rooms")
        wanted = contents(application)

    assert "piece 3 of 3" in heard
    assert "fitting" not in heard
    assert version.data_hash == alone.data_hash
    assert list(version.training["series"]) == ["room=a", "room=b", "room=c"]
    assert found.keys() == wanted.keys()
    for name, array in wanted.items():
        if array.dtype.kind in "fi":
            np.testing.assert_allclose(found[name], array, rtol=1e-9, err_msg=name)


def test_a_piece_may_take_what_a_worker_has_beside_its_libraries() -> None:
    def memory(**environ: str) -> int:
        return piece_sizing(load({f"NORMALCY_TRAINING_{k}": v for k, v in environ.items()})).memory

    gib = 1 << 30
    assert memory(MEMORY="4GiB") == 3 * gib
    assert memory(MEMORY="1GiB") == gib // 4
    whole = memory()
    assert memory(EXECUTOR="processes", PROCESSES="4") == whole // 4
    sizing = piece_sizing(load({"NORMALCY_TRAINING_TIMEOUT": "90s"}))
    assert sizing.timeout_s == 90.0
