"""A version serves only where it gives the scores that it gave when it was made."""

import io
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backend.exceptions import ArtifactError, InputError
from backend.services import program as programs
from backend.services import versions
from backend.services.joining import _made_with
from backend.services.program import changed_since, program
from backend.services.serving import Served
from backend.services.verifying import Verifying
from backend.services.versions import from_files, made_by
from backend.stores.backups import ZipBackups
from tests.fakes.models import LinearModel
from tests.services.plant import Plant

Files = dict[str, bytes]


@pytest.fixture
def plant() -> Plant:
    return Plant().ready()


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> Mapping[str, str]:
    """Another program: a newer numpy, and a TensorFlow where there was none, or another."""
    other = {**program(), "numpy": "9.0.0", "tensorflow": "9.1.0"}
    for module in (programs, versions):
        monkeypatch.setattr(module, "program", lambda: other)
    return other


def changed(files: Files, name: str, change: Callable[[dict[str, Any]], object]) -> Files:
    with np.load(io.BytesIO(files[name])) as archive:
        arrays = {key: archive[key] for key in archive.files}
    change(arrays)
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return {**files, name: buffer.getvalue()}


def off_by(share: float) -> Callable[[dict[str, Any]], object]:
    return lambda arrays: arrays.update(score=arrays["score"] * (1 + share))


def refuse(files: Files) -> str:
    with pytest.raises(ArtifactError) as caught:
        from_files(files, LinearModel)
    return str(caught.value)


def test_a_version_says_by_what_it_was_made(plant: Plant) -> None:
    made = made_by(plant.artifacts.load("rooms/1"))

    assert made == program()
    assert {"normalcy", "python", "processor", "numpy", "scipy", "keras", "tensorflow"} <= set(made)
    assert changed_since(made) == []


def test_another_program_that_scores_the_same_serves(
    plant: Plant, elsewhere: Mapping[str, str]
) -> None:
    files = plant.artifacts.load("rooms/1")

    from_files(files, LinearModel)
    from_files(changed(files, "probe.npz", off_by(5e-5)), LinearModel)


def test_another_program_that_scores_otherwise_is_refused_with_what_has_changed(
    plant: Plant, elsewhere: Mapping[str, str]
) -> None:
    files = plant.artifacts.load("rooms/1")
    before = made_by(files)
    words = refuse(changed(files, "probe.npz", off_by(1e-3)))

    assert f"numpy {before['numpy']} (now 9.0.0)" in words
    assert f"tensorflow {before['tensorflow']} (now 9.1.0)" in words
    assert "train the detector again, or install what it was made with" in words


def test_the_same_program_must_score_the_same_to_the_last_digits(plant: Plant) -> None:
    files = plant.artifacts.load("rooms/1")

    from_files(changed(files, "probe.npz", off_by(5e-7)), LinearModel)
    assert "its files, or the numerical libraries" in refuse(
        changed(files, "probe.npz", off_by(5e-6))
    )


@pytest.mark.parametrize(
    "harm",
    [
        lambda arrays: arrays.update(score=arrays["score"][:, :-1]),
        lambda arrays: arrays["score"].fill(np.nan),
        lambda arrays: arrays.pop("score"),
    ],
    ids=["fewer", "no numbers", "none"],
)
def test_a_proof_that_proves_nothing_is_refused(
    plant: Plant, harm: Callable[[dict[str, Any]], object]
) -> None:
    refuse(changed(plant.artifacts.load("rooms/1"), "probe.npz", harm))


@pytest.mark.parametrize("made_with", [None, 5, "numpy", [["numpy"]]])
def test_what_no_program_has_written_is_refused_or_unknown(plant: Plant, made_with: object) -> None:
    files = plant.artifacts.load("rooms/1")
    about = json.loads(files["version.json"])
    about["made_with"] = made_with
    assert "cannot be read" in refuse({**files, "version.json": json.dumps(about).encode()})


def test_versions_of_before_serve_and_say_nothing_of_their_program(plant: Plant) -> None:
    files = plant.artifacts.load("rooms/1")
    about = json.loads(files["version.json"])
    del about["made_with"]
    old = {**files, "version.json": json.dumps(about).encode()}

    from_files(old, LinearModel)
    assert made_by(old) == {}
    refuse(changed(old, "probe.npz", off_by(1e-3)))


def test_a_version_of_parts_that_several_programs_made_names_none() -> None:
    assert _made_with([{"made_with": {"numpy": "1"}}, {"made_with": {"numpy": "1"}}]) == {
        "numpy": "1"
    }
    assert _made_with([{"made_with": {"numpy": "1"}}, {"made_with": {"numpy": "2"}}]) == {}
    assert _made_with([{}, {"made_with": {"numpy": "2"}}]) == {}


def test_nothing_is_written_by_a_program_that_scores_otherwise(
    plant: Plant, elsewhere: Mapping[str, str]
) -> None:
    """The worker of a new program is refused its version: the tick fails, and says why."""
    files = plant.artifacts.load("rooms/1")
    plant.artifacts.remove("rooms/1")
    plant.artifacts.save("rooms/1", changed(files, "probe.npz", off_by(1e-3)))
    plant.wire()
    plant.now(900)

    with pytest.raises(ArtifactError, match=r"made with .*numpy"):
        plant.scoring.tick("rooms")
    assert plant.scores() == {}
    (run,) = [run for run in plant.records.runs() if run.kind == "score"]
    assert "other scores than when it was trained" in run.message

    # the program that it was made with, or a training by the new one, brings it back
    plant.label(600, 650)
    plant.train()
    plant.scoring.tick("rooms")
    assert plant.scores()


class TestVerifying:
    def verifying(self, plant: Plant) -> Verifying:
        return Verifying(
            plant.records, plant.artifacts, plant.detectors, plant.make_model, ZipBackups()
        )

    def test_versions_that_serve_are_verified(self, plant: Plant) -> None:
        (one,) = self.verifying(plant).run()
        assert (one.model, one.ok, one.words, one.changed) == ("rooms/1", True, "", ())

    def test_a_program_that_scores_otherwise_is_told(
        self, plant: Plant, elsewhere: Mapping[str, str]
    ) -> None:
        files = plant.artifacts.load("rooms/1")
        plant.artifacts.remove("rooms/1")
        plant.artifacts.save("rooms/1", changed(files, "probe.npz", off_by(1e-3)))

        (one,) = self.verifying(plant).run("rooms")
        assert not one.ok
        assert "numpy" in one.words

    def test_what_has_changed_is_told_though_it_scores_the_same(
        self, plant: Plant, elsewhere: Mapping[str, str]
    ) -> None:
        (one,) = self.verifying(plant).run()
        assert one.ok
        assert [line.split()[0] for line in one.changed] == ["numpy", "tensorflow"]

    def test_files_that_are_gone_or_damaged_are_told(self, plant: Plant) -> None:
        plant.artifacts.remove("rooms/1")
        (one,) = self.verifying(plant).run()
        assert "There is no artifact rooms/1" in one.words

    def test_whatever_a_library_raises_is_told_and_the_rest_verified(self, plant: Plant) -> None:
        """As where a new one has no more what the model is made of."""
        plant.label(600, 650)
        plant.train()
        made = []

        def breaking(*given: Any) -> LinearModel:
            made.append(given)
            if len(made) == 1:
                raise AttributeError("module 'keras' has no attribute 'x'")
            return LinearModel(*given)

        plant.make_model = breaking
        first, second = self.verifying(plant).run(every=True)

        assert (first.ok, second.ok) == (False, True)
        assert first.words == (
            "It cannot be loaded (AttributeError: module 'keras' has no attribute 'x')."
        )

    def test_versions_in_a_backup_of_no_normalcy(self, plant: Plant, tmp_path: Path) -> None:
        path = tmp_path / "a.backup"
        with ZipBackups().create(path) as draft:
            draft.add("records/versions.jsonl", [b'{"detector":"rooms"}\n'])
            draft.tell(schema="0001", counters={}, made_at=1)
        with pytest.raises(InputError, match="A version in the backup has no 'number'"):
            self.verifying(plant).in_backup(path)

    def test_detectors_without_versions(self, plant: Plant) -> None:
        empty = Plant()
        assert self.verifying(empty).run("rooms") == []
        with pytest.raises(Exception, match="There is no detector 'x'"):
            self.verifying(empty).run("x")

    def test_others_than_the_one_that_serves_are_verified_too_when_asked(
        self, plant: Plant
    ) -> None:
        plant.label(600, 650)
        plant.train()

        assert [one.model for one in self.verifying(plant).run()] == ["rooms/2"]
        assert [one.model for one in self.verifying(plant).run(every=True)] == [
            "rooms/2",
            "rooms/1",
        ]


def test_served_versions_are_proven_when_they_are_loaded(plant: Plant) -> None:
    served = Served(plant.records, plant.artifacts, plant.make_model)
    version, fitted = served.load("rooms", 1)
    assert version.name == "rooms/1"
    assert fitted.keys == ("room=a", "room=b")
