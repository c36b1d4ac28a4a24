"""A detector that chooses its model by what it has: normal time, and faults put into it."""

import numpy as np

from backend.detection.choosing import fit
from backend.detection.training import Outcome
from backend.models.registry import build
from tests.detection.fleets import rows_of, spec, waves

BLIND = {"kind": "robust_z"}
"""Knows each channel alone: what two channels tell of each other it cannot see."""
SEEING = {"kind": "conditional_gaussian", "window": 5}


def chosen(
    *candidates: dict, labels: dict | None = None, series: int = 1, **auto: float
) -> Outcome:
    values = waves(900, series)
    normal = np.ones(values.shape[:2], dtype=bool)
    model = {"kind": "auto", "candidates": list(candidates), **auto}
    return fit(spec(model=model), rows_of(values), normal, build, **(labels or {}))


def test_what_finds_clearly_more_takes_over() -> None:
    outcome = chosen(BLIND, SEEING, enough=1.0)
    assert outcome.fitted.spec.model.kind == "conditional_gaussian"
    choice = outcome.training.choice
    assert choice["kind"] == "conditional_gaussian"
    first, second = choice["tries"]
    assert second["found"] > first["found"] + 0.02
    assert "conditional_gaussian finds" in choice["reason"]
    assert "robust_z" in choice["reason"]


def test_the_first_stays_where_a_later_one_is_hardly_better() -> None:
    outcome = chosen(BLIND, SEEING, enough=1.0, margin=0.99)
    assert outcome.fitted.spec.model.kind == "robust_z"


def test_nothing_more_is_tried_when_one_finds_enough() -> None:
    choice = chosen(SEEING, BLIND, enough=0.01).training.choice
    assert [one["kind"] for one in choice["tries"]] == ["conditional_gaussian"]
    assert "not tried: robust_z" in choice["reason"]


def test_a_candidate_that_cannot_be_trained_is_told_and_passed_over() -> None:
    outcome = chosen({"kind": "dpca", "window": 400}, SEEING)
    assert outcome.fitted.spec.model.kind == "conditional_gaussian"
    assert "too little normal data" in outcome.training.choice["tries"][0]["reason"]


def test_labelled_anomalies_are_counted_and_do_not_choose() -> None:
    bad = np.zeros((1, 900), dtype=bool)
    bad[0, 300:310] = True
    with_labels = chosen(BLIND, SEEING, enough=1.0, labels={"anomalous": bad})
    assert with_labels.training.choice["tries"][0]["labelled"] is not None
    assert (
        with_labels.training.choice["kind"]
        == chosen(BLIND, SEEING, enough=1.0).training.choice["kind"]
    )


def test_the_same_data_give_the_same_choice_for_a_fleet() -> None:
    tries = [chosen(BLIND, SEEING, enough=1.0, series=6).training.choice for _ in range(2)]
    assert tries[0] == tries[1]


def test_a_detector_that_names_its_model_makes_no_choice() -> None:
    values = waves(600)
    normal = np.ones((1, 600), dtype=bool)
    outcome = fit(spec(model=SEEING), rows_of(values), normal, build)
    assert outcome.training.choice is None
