"""Gaussian mixture: several kinds of normal, as many as the data warrant."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import logsumexp

from backend.models.estimator import Arrays, Estimator, Opinion, Shape
from backend.models.gaussian import independent, inverse_root, shrunk, with_last_expected
from backend.ports import Floats, Times
from backend.specs import GaussianMixtureSpec

_NOBODY = 1e-10
"""Windows that a component has at least, lest it have no mean."""

_ROUNDS = 100
_GAIN = 1e-3
"""Mean gain of log likelihood in a round that is not worth another one."""

_PATIENCE = 2
"""Numbers of components tried without a better one, before the search ends."""


@dataclass(frozen=True)
class Mixture:
    """K clouds: log of their shares (K,), means (K, D), roots of inverse covariances (K, D, D)."""

    share: Floats
    mean: Floats
    root: Floats

    def peaks(self) -> Floats:
        """(K,) log density of each cloud at its mean, times its share, but for the power of pi."""
        return self.share + np.linalg.slogdet(self.root)[1]

    def roots_of(self, windows: Floats) -> Floats:
        """(K, N, D) distances from each mean along the axes of its symmetric root."""
        return np.stack([(windows - m) @ r for m, r in zip(self.mean, self.root, strict=True)])


class GaussianMixture(Estimator[GaussianMixtureSpec]):
    """Log likelihood under a mixture of Gaussians with full covariances.

    The raw value is `sqrt(2 * (log p_max - log p))`, where `p_max` bounds the density: of one
    component, its Mahalanobis distance. Contributions are those to the distance from the component
    that is most responsible for a window, expected is its last row's conditional mean under it.

    How many components there are is what the criterion of Bayes (BIC) says, from one up, with
    windows counted as often as they are independent of their neighbors: else it takes more, the
    slower a process is. Each covariance is drawn towards the shrunk covariance of all windows as if
    D + 2 more windows had shown that one, and `ridge` is added to its variances: with fewer windows
    than numbers in a window little else is left, and the kind becomes the shrunk Mahalanobis
    distance.

    Works where a machine has several states; slow changes between them look unusual, and what is
    normal in one state is so in every one.

    Sources: Schwarz, Estimating the dimension of a model, 1978; Fraley and Raftery, Bayesian
    regularization for normal mixture estimation and model-based clustering, 2007.
    """

    def shapes(self) -> Mapping[str, Shape]:
        """Of one member."""
        size = self.window * self.channels
        return {
            "share": (None,),
            "mean": (None, size),
            "root": (None, size, size),
        }

    def learn(self, windows: Floats, times: Times, seed: int) -> Arrays:
        """The mixture of the number of components that explains most for what it takes."""
        return dict(vars(choose(windows, self.spec.components, self.spec.ridge, seed)))

    def say(self, known: Arrays, windows: Floats, times: Times) -> Opinion:
        """How unlikely, what each channel adds, and the last row given all else."""
        mixture = Mixture(known["share"], known["mean"], known["root"])
        roots, peaks = mixture.roots_of(windows), mixture.peaks()
        squares = np.square(roots)
        by_cloud = peaks[:, None] - squares.sum(axis=2) / 2
        lacking = logsumexp(peaks) - logsumexp(by_cloud, axis=0)
        at = by_cloud.argmax(axis=0), np.arange(len(windows))
        means = [
            with_last_expected(windows, mean, root, self.channels)
            for mean, root in zip(mixture.mean, mixture.root, strict=True)
        ]
        distance = Opinion.distance(squares[at], self.channels, np.stack(means)[at])
        return replace(distance, raw=np.sqrt(2 * np.maximum(lacking, 0.0)))


def choose(windows: Floats, most: int, ridge: float, seed: int) -> Mixture:
    """The mixture of least BIC among those of 1 to `most` components.

    The search ends once two more components in a row have not made it better, or where components
    would have fewer windows each than a window has numbers.
    """
    count, size = windows.shape
    prior = shrunk(windows)
    alone = independent(windows)
    best, least, worse = None, np.inf, 0
    for k in range(1, most + 1):
        if best is not None and (worse == _PATIENCE or count < k * size):
            break
        found, likelihood = fit_mixture(windows, k, prior, ridge, seed)
        cost = bic(likelihood * alone / count, alone, k, size)
        worse += 1
        if cost < least or best is None:
            best, least, worse = found, cost, 0
    assert best is not None
    return best


def bic(likelihood: float, windows: float, components: int, size: int) -> float:
    """The criterion of Bayes: twice the log likelihood lacking, plus what parameters cost."""
    parameters = components * (size + size * (size + 1) / 2) + components - 1
    return float(parameters * np.log(windows) - 2 * likelihood)


def fit_mixture(
    windows: Floats, components: int, prior: Floats, ridge: float, seed: int
) -> tuple[Mixture, float]:
    """Expectation and maximisation from the clusters of k-means on.

    Args:
        windows: (N, D).
        components: K, at most N.
        prior: (D, D) covariance that those of the components are drawn to.
        ridge: added to their variances.
        seed: of the first clusters.

    Returns:
        The mixture and its log likelihood.
    """
    from sklearn.cluster import KMeans  # noqa: PLC0415 - scoring starts without it

    size = windows.shape[1]
    # Clouds that share the space are smaller than the whole.
    prior = prior / components ** (2 / size)
    labels = KMeans(components, n_init=1, random_state=seed % 2**32).fit(windows).labels_
    mine = np.eye(components)[labels]
    before = -np.inf
    for _ in range(_ROUNDS):
        mixture = _maximise(windows, mine, prior, ridge)
        by_cloud = mixture.peaks()[:, None] - np.square(mixture.roots_of(windows)).sum(axis=2) / 2
        total = logsumexp(by_cloud, axis=0)
        mine = np.exp(by_cloud - total).T
        mean = float(total.mean())
        if components == 1 or mean - before < _GAIN:
            break
        before = mean
    return mixture, len(windows) * (mean - size / 2 * float(np.log(2 * np.pi)))


def _maximise(windows: Floats, mine: Floats, prior: Floats, ridge: float) -> Mixture:
    """The mixture for windows that belong to components by shares (N, K)."""
    size = windows.shape[1]
    weight = mine.sum(axis=0) + _NOBODY
    mean = mine.T @ windows / weight[:, None]
    strength, lift = size + 2, ridge * np.eye(size)
    roots = []
    for k in range(mine.shape[1]):
        off = windows - mean[k]
        scatter = (off * mine[:, k, None]).T @ off
        roots.append(inverse_root((scatter + strength * prior) / (weight[k] + strength) + lift))
    return Mixture(np.log(weight / weight.sum()), mean, np.stack(roots))
