"""Dynamic principal components: of rows joined with the rows before them."""

from backend.models.pca import Pca


class DynamicPca(Pca):
    """`pca` over a window of several rows, so that it knows how channels follow each other in time.

    The distance from the plane (SPE) is the default: what happens within it follows slow and
    harmless drifts. A channel's contribution is summed over the lags. Works where a process has
    inertia, the more so at a fast cadence; the number of directions grows with the window, and so
    does the history that it takes.

    Source: Ku, Storer and Georgakis, Disturbance detection and isolation by dynamic principal
    component analysis, 1995.
    """
