"""Isolation forest: how few random cuts part a window from all others."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import IsolationForest as Grown

from backend.detection.sampling import evenly
from backend.models.estimator import CHUNK, Arrays, Estimator, Opinion, Shape
from backend.models.readable import EVEN
from backend.ports import Floats, Times
from backend.specs import IsolationForestSpec

_LARGEST = 1e30
"""Trees compare in single precision; values beyond are cut off."""

_LOOKED_AT = 2000
"""Windows of training, evenly spread, among which the most usual one is looked for."""


class IsolationForest(Estimator[IsolationForestSpec]):
    """Odds of being an anomaly, above those of the most usual window of training.

    Each tree cuts at random until its windows stand alone; what is unusual does so soon. From the
    mean number of cuts `d` and the one `c` to be expected of so many windows follows the score
    `s = 2 ** (-d / c)` between 0 and 1; the raw value is `s / (1 - s)` less that of the most usual
    window of training. Channels have no parts.

    Trees are kept as if each were complete: node `n` leads to `2 n + 1` where its channel is at
    most its threshold, else to `2 n + 2`. With fewer windows than `samples` every tree has all.

    Works without any tuning and with channels of any unit; cuts run along single channels, so that
    broken relations between channels are hardly seen.

    Source: Liu, Ting and Zhou, Isolation forest, 2008.
    """

    def shapes(self) -> Mapping[str, Shape]:
        """Of one member."""
        trees = self.spec.trees
        return {
            "channel": (trees, None),
            "threshold": (trees, None),
            "cuts": (trees, None),
            "expected": (),
            "least": (),
        }

    def learn(self, windows: Floats, times: Times, seed: int) -> Arrays:
        """The trees, and the odds of the most usual window."""
        samples = min(self.spec.samples, len(windows))
        values = _single(windows)
        grown = Grown(
            n_estimators=self.spec.trees, max_samples=samples, random_state=seed % 2**32
        ).fit(values)
        depth = int(np.ceil(np.log2(max(samples, 2))))
        trees = [_complete(each.tree_, depth) for each in grown.estimators_]
        channel, threshold, cuts = (np.stack(part) for part in zip(*trees, strict=True))
        known = {
            "channel": channel,
            "threshold": threshold,
            "cuts": cuts,
            "expected": _cuts_of(np.array(samples)),
        }
        return known | {"least": _odds(known, evenly(values, _LOOKED_AT)).min()}

    def say(self, known: Arrays, windows: Floats, times: Times) -> Opinion:
        """How much above the most usual."""
        return Opinion(np.maximum(_odds(known, _single(windows)) - known["least"], 0.0))


def scores(known: Arrays, values: NDArray[np.float32]) -> Floats:
    """(N,) between 0 and 1, the larger the more unusual."""
    trees = len(known["channel"])
    size = max(EVEN, CHUNK // (8 * trees) // EVEN * EVEN)
    cuts = [_cuts(known, values[start : start + size]) for start in range(0, len(values), size)]
    expected = known["expected"]
    # A single window is parted from the others, of which there are none, by no cut.
    share = np.concatenate(cuts) / expected if expected > 0 else np.ones(len(values))
    return np.asarray(2.0**-share)


def _odds(known: Arrays, values: NDArray[np.float32]) -> Floats:
    score = scores(known, values)
    return score / (1 - score)


def _cuts(known: Arrays, values: NDArray[np.float32]) -> Floats:
    """(n,) mean number of cuts over the trees."""
    trees, inner = known["channel"].shape
    channel, threshold = known["channel"].astype(np.int64).ravel(), known["threshold"].ravel()
    at, flat = np.arange(len(values))[:, None] * values.shape[1], values.ravel()
    tree = np.arange(trees) * inner
    node = np.zeros((len(values), trees), np.int64)
    for _ in range(inner.bit_length()):
        place = node + tree
        right = flat[channel[place] + at] > threshold[place]
        node = 2 * node + 1 + right
    return np.asarray(known["cuts"][np.arange(trees), node - inner].mean(axis=1))


def _complete(tree: Any, depth: int) -> tuple[Floats, Floats, Floats]:
    """Channels and thresholds of all inner nodes of a tree, and the cuts to each of its leaves.

    Below a leaf that comes early, all goes left and right alike.
    """
    inner = 2**depth - 1
    nodes = np.zeros(2 * inner + 1, np.int64)
    cuts = np.zeros(2 * inner + 1)
    for level in range(depth):
        n = np.arange(2**level - 1, 2 ** (level + 1) - 1)
        node, leaf = nodes[n], tree.children_left[nodes[n]] < 0
        nodes[2 * n + 1] = np.where(leaf, node, tree.children_left[node])
        nodes[2 * n + 2] = np.where(leaf, node, tree.children_right[node])
        cuts[2 * n + 1] = cuts[2 * n + 2] = cuts[n] + ~leaf
    own = nodes[:inner]
    return (
        np.maximum(tree.feature[own], 0).astype(np.float64),
        tree.threshold[own],
        cuts[inner:] + _cuts_of(tree.n_node_samples[nodes[inner:]]),
    )


def _cuts_of(samples: NDArray[Any]) -> Floats:
    """Cuts that part one of so many windows from the others, in the mean of random trees."""
    many = np.maximum(samples, 3).astype(np.float64)
    mean = 2 * (np.log(many - 1) + np.euler_gamma) - 2 * (many - 1) / many
    return np.where(samples > 2, mean, np.where(samples == 2, 1.0, 0.0))


def _single(windows: Floats) -> NDArray[np.float32]:
    return np.clip(windows, -_LARGEST, _LARGEST).astype(np.float32)
