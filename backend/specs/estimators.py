"""Estimators: what they share, and each linear or Gaussian kind with its defaults."""

from typing import ClassVar, Literal

from pydantic import Field

from backend.specs.base import Spec


class EstimatorSpec(Spec):
    """What every estimator shares; it is fitted in one step, so nothing is set apart to stop by."""

    validation: ClassVar[float] = 0.0

    window: int = Field(1, ge=1, le=4096, description="grid points looked at at once")
    rows: int = Field(
        20_000, ge=30, description="most windows learned from; of a longer history evenly spread"
    )
    seed: int = Field(0, ge=0)


class ComponentsSpec(EstimatorSpec):
    """What kinds over principal components share."""

    statistic: Literal["t2", "spe", "combined"] = "combined"
    variance: float = Field(0.9, gt=0, le=1, description="share of the variance they explain")
    components: int | None = Field(
        None, ge=1, description="how many; in place of as many as `variance` asks for"
    )


class PcaSpec(ComponentsSpec):
    """Principal components: T2 within their plane, the squared distance to it, or both."""

    kind: Literal["pca"] = "pca"


class DpcaSpec(ComponentsSpec):
    """Dynamic principal components: those of rows joined with the rows before them."""

    kind: Literal["dpca"] = "dpca"
    window: int = Field(6, ge=2, le=4096, description="grid points joined: the lags plus one")
    statistic: Literal["t2", "spe", "combined"] = "spe"


class MahalanobisSpec(EstimatorSpec):
    """Distance from the mean in units of the covariance."""

    kind: Literal["mahalanobis"] = "mahalanobis"
    window: int = Field(6, ge=1, le=4096, description="grid points looked at at once")
    rows: int = Field(
        10_000, ge=30, description="most windows learned from; of a longer history evenly spread"
    )
    covariance: Literal["ledoit_wolf", "robust", "empirical"] = "ledoit_wolf"
    ridge: float = Field(0.03, ge=0, description="added to every variance of the scaled channels")


class ConditionalGaussianSpec(EstimatorSpec):
    """Each channel given all others and the rows before, as a Gaussian has it."""

    kind: Literal["conditional_gaussian"] = "conditional_gaussian"
    window: int = Field(11, ge=1, le=4096, description="grid points looked at at once")
    ridge: float = Field(0.1, ge=0, description="added to every variance of the scaled channels")


class GaussianMixtureSpec(EstimatorSpec):
    """Several kinds of normal, each with a mean and a covariance of its own."""

    kind: Literal["gaussian_mixture"] = "gaussian_mixture"
    rows: int = Field(
        6_000, ge=30, description="most windows learned from; of a longer history evenly spread"
    )
    components: int = Field(
        8, ge=1, le=64, description="most of them; how many is chosen by the criterion of Bayes"
    )
    ridge: float = Field(0.03, ge=0, description="added to every variance of the scaled channels")


class RobustZSpec(EstimatorSpec):
    """Baseline: how far each channel is from its median."""

    kind: Literal["robust_z"] = "robust_z"


class SeasonalQuantileSpec(EstimatorSpec):
    """Baseline: where each channel stands in its usual band at this time of the day or the week."""

    kind: Literal["seasonal_quantile"] = "seasonal_quantile"
    quantile: float = Field(
        0.01, gt=0, lt=0.5, description="share of normal rows on either side of the band"
    )
