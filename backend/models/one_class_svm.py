"""One-class support vector machine: a boundary around normal windows."""

from collections.abc import Mapping

import numpy as np
from sklearn.svm import OneClassSVM

from backend.models.distances import squared
from backend.models.estimator import Arrays, Estimator, Opinion, Shape
from backend.ports import Floats, Times
from backend.specs import OneClassSvmSpec

_NOTHING = 1e-10
"""Variance of windows that are all alike."""


class OneClassSvm(Estimator[OneClassSvmSpec]):
    """How far the decision is below that of the innermost window of training.

    A plane in the space of a Gaussian kernel leaves all but a share `nu` of the windows on its far
    side. `gamma` is by itself `1 / (D * variance)`. Far away all kernels vanish, and the value is
    the same everywhere: what is far out and what is farther out are told apart no more. Channels
    have no parts.

    Works where normal is one or several clouds of any shape, and the vote of an ensemble should be
    a bounded one.

    Source: Schölkopf, Platt, Shawe-Taylor, Smola and Williamson, Estimating the support of a
    high-dimensional distribution, 2001.
    """

    def shapes(self) -> Mapping[str, Shape]:
        """Of one member."""
        return {
            "support": (None, self.window * self.channels),
            "coefficient": (None,),
            "gamma": (),
            "innermost": (),
        }

    def learn(self, windows: Floats, times: Times, seed: int) -> Arrays:
        """Support vectors with their coefficients, and the largest sum of kernels."""
        gamma = self.spec.gamma
        if gamma is None:
            gamma = 1 / (windows.shape[1] * max(float(windows.var()), _NOTHING))
        machine = OneClassSVM(kernel="rbf", nu=self.spec.nu, gamma=gamma).fit(windows)
        known = {
            "support": np.asarray(machine.support_vectors_),
            "coefficient": np.asarray(machine.dual_coef_[0]),
            "gamma": np.array(gamma),
        }
        return known | {"innermost": _decision(known, windows).max()}

    def say(self, known: Arrays, windows: Floats, times: Times) -> Opinion:
        """How far below the innermost."""
        return Opinion(np.maximum(known["innermost"] - _decision(known, windows), 0.0))


def _decision(known: Arrays, windows: Floats) -> Floats:
    """(N,) weighted sums of kernels: the decision, but for its constant."""
    decision = np.empty(len(windows))
    for which, squares in squared(windows, known["support"]):
        decision[which] = np.exp(-known["gamma"] * squares) @ known["coefficient"]
    return decision
