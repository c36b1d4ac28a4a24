"""RaPP: its mathematics against values worked out by hand, and the model around it."""

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from backend.exceptions import ArtifactError
from backend.models.projection_pathway import MOST, NOTHING, Usual, learn_usual, normalised, simple
from backend.models.registry import build
from backend.ports import Floats, Lesson
from backend.specs import DetectorSpec, LstmAutoencoderSpec, RappSpec


def usual(differences: Floats) -> Usual:
    there = np.ones(differences.shape[:2], np.bool_)
    return learn_usual([(differences, there)])


class TestMathematics:
    def test_sap_is_the_squared_length(self) -> None:
        assert simple(np.array([[[3.0, 4.0], [0.0, -2.0]]])).tolist() == [[25.0, 4.0]]

    def test_nap_counts_each_direction_in_its_usual_deviation(self) -> None:
        # variances are 4 and 1 around a mean of (1, 0), so that both lie two deviations away
        training = np.array([[[3.0, 1.0], [3.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]]])
        seen = np.array([[[5.0, 0.0], [1.0, 2.0], [1.0, 0.0]]])
        np.testing.assert_allclose(normalised(seen, usual(training)), [[4.0, 4.0, 0.0]], atol=1e-12)

    def test_nap_of_training_is_the_number_of_directions_in_the_mean(self) -> None:
        training = np.random.default_rng(0).normal(size=(2, 500, 5)) @ np.diag([1, 2, 3, 4, 5])
        scores = normalised(training, usual(training))
        np.testing.assert_allclose(scores.mean(axis=1), [5.0, 5.0])

    @pytest.mark.parametrize(("share", "kept"), [(4 * NOTHING, 2), (NOTHING / 4, 1)])
    def test_directions_next_to_nothing_are_left_out(self, share: float, kept: int) -> None:
        training = np.random.default_rng(0).normal(size=(1, 400, 2)) * [1.0, np.sqrt(share)]
        assert usual(training).projection.shape == (1, 2, kept)

    def test_differences_that_are_always_the_same_say_nothing(self) -> None:
        training = np.ones((1, 20, 3))
        learned = usual(training)
        assert learned.projection.shape == (1, 3, 0)
        assert normalised(training, learned).tolist() == [[0.0] * 20]

    def test_there_is_a_most_of_directions(self) -> None:
        training = np.random.default_rng(0).normal(size=(1, 900, MOST + 40))
        assert usual(training).projection.shape == (1, MOST + 40, MOST)

    def test_members_are_learned_apart_and_in_pieces(self) -> None:
        training = np.random.default_rng(0).normal(size=(2, 60, 3))
        training[1, 40:] = 1e6
        there = np.ones((2, 60), np.bool_)
        there[1, 40:] = False
        cut = [(training[:, at : at + 25], there[:, at : at + 25]) for at in (0, 25, 50)]
        together = learn_usual(cut)
        for member, count in enumerate((60, 40)):
            alone = usual(training[member : member + 1, :count])
            seen = np.random.default_rng(1).normal(size=(2, 9, 3))
            np.testing.assert_allclose(
                normalised(seen, together)[member], normalised(seen[member][None], alone)[0]
            )

    def test_members_of_fewer_directions_do_not_gain_any(self) -> None:
        training = np.random.default_rng(0).normal(size=(2, 80, 3))
        training[1, :, 2] = 0.0
        learned = usual(training)
        assert learned.projection.shape == (2, 3, 3)
        assert (learned.projection[1, :, 2] == 0).all()
        assert normalised(np.array([[[0, 0, 9.0]]] * 2), learned)[1] < 1.0

    def test_what_is_far_beyond_is_a_number(self) -> None:
        training = np.random.default_rng(0).normal(size=(1, 80, 2))
        far = np.array([[[1e300, -1e300], [np.inf, 0.0]]])
        assert np.isfinite(normalised(far, usual(training))).all()
        assert np.isfinite(simple(far)).all()


class TestSpec:
    def test_window_and_seed_may_stand_beside_the_network(self) -> None:
        spec = RappSpec.model_validate({"window": 7, "seed": 3, "network": {"units": [5, 2]}})
        assert (spec.window, spec.seed, spec.network.units) == (7, 3, (5, 2))
        assert spec == RappSpec.model_validate(spec.model_dump(mode="json"))

    def test_any_autoencoder_may_be_the_network(self) -> None:
        spec = RappSpec.model_validate({"window": 4, "network": {"kind": "lstm_autoencoder"}})
        assert spec.network == LstmAutoencoderSpec(window=4)
        assert RappSpec(network=LstmAutoencoderSpec(window=4)) == spec

    def test_nothing_else_may(self) -> None:
        with pytest.raises(ValidationError, match="network"):
            RappSpec.model_validate({"network": {"kind": "pca"}})

    def test_a_detector_keeps_it(self) -> None:
        values = {"name": "d", "measurement": "m", "channels": ["a"], "every": "1m"}
        spec = DetectorSpec.model_validate({**values, "model": {"kind": "rapp", "window": 3}})
        assert spec.model.window == 3
        assert DetectorSpec.model_validate(spec.plain()) == spec


@pytest.mark.slow
class TestModel:
    W, F = 3, 2

    def made(self, series: int = 1, **settings: Any) -> Any:
        network = {"units": [6, 3], "epochs": 3, "batch": 16, **settings.pop("network", {})}
        return build(
            RappSpec.model_validate({"window": 3, "network": network, **settings}), series, 2
        )

    def fitted(self, **settings: Any) -> Any:
        rows = np.random.default_rng(0).normal(size=(200, self.F)).cumsum(axis=0)
        rows = (rows - rows.mean(axis=0)) / rows.std(axis=0)
        model = self.made(**settings)
        model.fit([Lesson(rows, np.arange(2, 160), np.arange(160, 200), 0)], lambda s, w: None)
        return model, rows[np.arange(2, 200)[:, None] + np.arange(-2, 1)][None]

    def raw(self, model: Any, windows: Floats) -> Floats:
        (voice,) = model.assess(windows, np.zeros(windows.shape[:2], np.int64))
        found: Floats = voice.raw
        return found

    @pytest.mark.parametrize("kind", ["dense_autoencoder", "lstm_autoencoder", "conv_autoencoder"])
    def test_sap_is_what_it_says(self, kind: str) -> None:
        model, windows = self.fitted(by="sap", network={"kind": kind})
        network = model._network
        again = network.reconstruct(windows)
        expected = np.square(windows - again).sum(axis=(2, 3))
        for before, after in zip(network.hidden(windows), network.hidden(again), strict=True):
            expected += np.square(before - after).sum(axis=2)
        np.testing.assert_allclose(self.raw(model, windows), expected, rtol=1e-9)

    def test_nap_of_what_was_learned_from_is_the_number_of_directions(self) -> None:
        model, windows = self.fitted()
        directions = model.weights()["projection"].shape[2]
        assert self.raw(model, windows).mean() == pytest.approx(directions)

    def test_it_hands_on_bottleneck_and_reconstruction(self) -> None:
        model, windows = self.fitted()
        (voice,) = model.assess(windows, np.zeros(windows.shape[:2], np.int64))
        assert model.embed(windows).shape == (1, windows.shape[1], 3)
        residual = np.square(windows - voice.expected).mean(axis=2)
        np.testing.assert_allclose(voice.parts, residual)

    def test_sap_keeps_the_network_only(self) -> None:
        names = self.made(by="sap").weights()
        assert {name.partition(".")[0] for name in names} == {"network"}
        assert {*self.made().weights()} == {*names, "mean", "projection"}

    def test_damaged_arrays_are_refused_and_nothing_is_taken(self) -> None:
        model, windows = self.fitted()
        before = self.raw(model, windows)
        whole = model.weights()
        changed = {name: np.zeros_like(weight) for name, weight in whole.items()}
        for bad in (np.full_like(whole["mean"], np.nan), whole["mean"][:, :-1]):
            with pytest.raises(ArtifactError, match="mean"):
                model.load({**changed, "mean": bad})
        np.testing.assert_array_equal(self.raw(model, windows), before)
