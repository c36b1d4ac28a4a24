"""Detectors as text: normalcy.yaml reads back exactly what was written."""

from pathlib import Path
from typing import Any

import pytest

from backend.services.detector_yaml import as_yaml, body_of
from backend.settings import load
from backend.settings.detector_file import detectors_in
from backend.specs import DetectorSpec, ModelSpec, ThresholdSpec, specs_in
from tests import hostile

PLAIN = {"name": "air", "measurement": "air", "channels": ["x"], "every": "1m"}
NEEDED = {"fixed": {"value": 2}}


def spec(**changes: Any) -> DetectorSpec:
    return DetectorSpec.model_validate({**PLAIN, **changes})


def read_back(text: str, folder: Path) -> dict[str, DetectorSpec]:
    file = folder / "normalcy.yaml"
    file.write_text(text, encoding="utf-8")
    read = detectors_in(file)
    assert load({"NORMALCY_CONFIG": str(file)}).detectors == read
    return read


def kinds(union: Any) -> list[str]:
    return [one.model_fields["kind"].default for one in specs_in(union)]


def test_only_what_is_not_at_its_default_is_told():
    assert body_of(spec()) == {"measurement": "air", "channels": ["x"], "every": "1m"}
    assert as_yaml([spec()]) == (
        "detectors:\n  air:\n    measurement: air\n    channels: [x]\n    every: 1m\n"
    )


@pytest.mark.parametrize("kind", kinds(ModelSpec))
def test_every_kind_of_model(kind: str, tmp_path: Path):
    made = spec(model={"kind": kind})
    assert read_back(as_yaml([made]), tmp_path) == {"air": made}


@pytest.mark.parametrize("kind", kinds(ThresholdSpec))
def test_every_kind_of_threshold(kind: str, tmp_path: Path):
    made = spec(threshold={"kind": kind, **NEEDED.get(kind, {})}, alarm={"for": 7})
    assert read_back(as_yaml([made]), tmp_path) == {"air": made}


@pytest.mark.parametrize(
    "changes",
    [
        {"model": {"kind": "lstm_autoencoder", "window": 12, "units": [32, 4]}},
        {"model": {"kind": "rapp", "window": 9, "network": {"kind": "lstm_autoencoder"}}},
        {"model": {"kind": "embedded", "estimator": {"kind": "pca", "variance": 0.5}}},
        {"model": {"kind": "ensemble", "members": [{"kind": "pca"}, {"kind": "robust_z"}]}},
        {"model": {"kind": "auto", "candidates": [{"kind": "pca", "window": 3}]}},
        {"threshold": {"kind": "budget", "alarms": "5/week", "follow": None}},
        {"threshold": {"kind": "quantile", "q": 1e-05, "margin": 1e22}},
        {"schedule": {"retrain": "0 3 * * *", "timezone": "Asia/Seoul", "score": "1m30s"}},
        {"judge_when": "x > 0", "settle": "15m", "preprocessing": {"transform": {"x": "power"}}},
        {"trim": 0.1, "promote": "review", "write_contributions": True, "folds": 3},
    ],
    ids=str,
)
def test_settings_below_settings(changes: dict[str, Any], tmp_path: Path):
    made = spec(**changes)
    assert read_back(as_yaml([made]), tmp_path) == {"air": made}


WORDS = ["1e3", "0x10", "1_000", "no", "Yes", "~", "null", "12:30:00", "2026-03-01", ".inf"]
NAMES = [*hostile.NAMES, *WORDS, "- a", "a: b", "#", "🌡"]


@pytest.mark.parametrize("name", [name for name in NAMES if name and name.isprintable()])
def test_names_of_others(name: str, tmp_path: Path):
    made = spec(measurement=name, channels=[name, "other"], where={name: name})
    assert read_back(as_yaml([made]), tmp_path) == {"air": made}


@pytest.mark.parametrize("name", ["1e3", "true", "007", "a.b", "2026-03-01"])
def test_names_of_detectors(name: str, tmp_path: Path):
    assert list(read_back(as_yaml([spec(name=name)]), tmp_path)) == [name]


def test_several_in_the_order_given(tmp_path: Path):
    several = [spec(name="b"), spec(name="a")]
    assert list(read_back(as_yaml(several), tmp_path).values()) == several
