"""Estimators that know normal by its neighbors or its boundary: each kind with its defaults."""

from typing import Literal

from pydantic import Field

from backend.specs.estimators import EstimatorSpec


class KNearestSpec(EstimatorSpec):
    """Distance from the nearest normal windows."""

    kind: Literal["k_nearest"] = "k_nearest"
    rows: int = Field(
        3_000, ge=30, description="most windows compared with; of a longer history evenly spread"
    )
    neighbors: int = Field(5, ge=1, le=1000, description="how many windows are the nearest")


class LocalOutlierFactorSpec(EstimatorSpec):
    """How much sparser it is around a window than around its neighbors."""

    kind: Literal["local_outlier_factor"] = "local_outlier_factor"
    rows: int = Field(
        3_000, ge=30, description="most windows compared with; of a longer history evenly spread"
    )
    neighbors: int = Field(20, ge=1, le=1000, description="how many windows are the nearest")


class IsolationForestSpec(EstimatorSpec):
    """How few random cuts part a window from all others."""

    kind: Literal["isolation_forest"] = "isolation_forest"
    trees: int = Field(100, ge=1, le=1000)
    samples: int = Field(256, ge=2, le=4096, description="windows that each tree is grown from")


class OneClassSvmSpec(EstimatorSpec):
    """How far inside or outside the boundary around normal windows."""

    kind: Literal["one_class_svm"] = "one_class_svm"
    rows: int = Field(
        2_000, ge=30, description="most windows learned from; of a longer history evenly spread"
    )
    nu: float = Field(
        0.05, gt=0, le=1, description="share of the windows learned from that may lie outside"
    )
    gamma: float | None = Field(
        None, gt=0, description="of the kernel `exp(-gamma * d ** 2)`; found by itself if not given"
    )


class KernelDensitySpec(EstimatorSpec):
    """How sparse normal windows are around a window."""

    kind: Literal["kernel_density"] = "kernel_density"
    rows: int = Field(
        2_000, ge=30, description="most windows compared with; of a longer history evenly spread"
    )
    bandwidth: float | None = Field(
        None, gt=0, description="deviation of the kernels in scaled channels; found by itself"
    )


class MatrixProfileSpec(EstimatorSpec):
    """Distance of a window's shape from the most similar normal one."""

    kind: Literal["matrix_profile"] = "matrix_profile"
    window: int = Field(16, ge=3, le=4096, description="grid points of a shape")
    rows: int = Field(
        2_000, ge=30, description="most shapes compared with; of a longer history evenly spread"
    )
