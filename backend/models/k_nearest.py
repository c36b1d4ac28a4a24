"""K nearest neighbors: how far the most similar normal windows are."""

from collections.abc import Mapping

from backend.models.distances import nearest
from backend.models.estimator import Arrays, Estimator, Opinion, Shape
from backend.ports import Floats, Times
from backend.specs import KNearestSpec


class KNearest(Estimator[KNearestSpec]):
    """Root of the mean of the squared distances from the nearest windows of training.

    The channels' parts are exact, expected is the neighbors' mean. With fewer windows learned from
    than neighbors asked for, all of them count.

    Works where normal is of any shape, but not where normal stretches over so much that training
    cannot have seen all of it.

    Source: Ramaswamy, Rastogi and Shim, Efficient algorithms for mining outliers from large data
    sets, 2000; Angiulli and Pizzuti, Fast outlier detection in high dimensional spaces, 2002.
    """

    def shapes(self) -> Mapping[str, Shape]:
        """Of one member."""
        return {"rows": (None, self.window * self.channels)}

    def learn(self, windows: Floats, times: Times, seed: int) -> Arrays:
        """The windows themselves."""
        return {"rows": windows}

    def say(self, known: Arrays, windows: Floats, times: Times) -> Opinion:
        """The distance, what each channel adds, and the mean of the neighbors."""
        found = nearest(windows, known["rows"], self.spec.neighbors)
        return Opinion.distance(found.squares, self.channels, found.middle)
