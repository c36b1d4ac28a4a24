"""Every kind of model that a detector can name."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Annotated, Literal

from pydantic import Field

from backend.specs.base import Spec
from backend.specs.derived import (
    DeepSvddSpec,
    EmbeddedSpec,
    GanSpec,
    OnNetworkSpec,
    RappSpec,
    TransformationSpec,
)
from backend.specs.estimators import (
    ConditionalGaussianSpec,
    DpcaSpec,
    GaussianMixtureSpec,
    MahalanobisSpec,
    PcaSpec,
    RobustZSpec,
    SeasonalQuantileSpec,
)
from backend.specs.neighbours import (
    IsolationForestSpec,
    KernelDensitySpec,
    KNearestSpec,
    LocalOutlierFactorSpec,
    MatrixProfileSpec,
    OneClassSvmSpec,
)
from backend.specs.networks import (
    AerSpec,
    ConvAutoencoderSpec,
    DenseAutoencoderSpec,
    ForecasterSpec,
    GruAutoencoderSpec,
    LstmAutoencoderSpec,
    NetworkSpec,
    RnnAutoencoderSpec,
    VariationalAutoencoderSpec,
)

SingleSpec = Annotated[
    DenseAutoencoderSpec
    | LstmAutoencoderSpec
    | GruAutoencoderSpec
    | RnnAutoencoderSpec
    | ConvAutoencoderSpec
    | VariationalAutoencoderSpec
    | ForecasterSpec
    | AerSpec
    | RappSpec
    | EmbeddedSpec
    | DeepSvddSpec
    | TransformationSpec
    | GanSpec
    | PcaSpec
    | DpcaSpec
    | MahalanobisSpec
    | ConditionalGaussianSpec
    | GaussianMixtureSpec
    | RobustZSpec
    | SeasonalQuantileSpec
    | KNearestSpec
    | LocalOutlierFactorSpec
    | IsolationForestSpec
    | OneClassSvmSpec
    | KernelDensitySpec
    | MatrixProfileSpec,
    Field(discriminator="kind"),
]
"""Kinds that stand for themselves."""


class SeveralSpec(Spec, ABC):
    """A kind made of others."""

    @property
    @abstractmethod
    def parts(self) -> "Sequence[SingleSpec | EnsembleSpec]":
        """What it is made of, at least one."""

    @property
    def window(self) -> int:
        """The longest of its parts."""
        return max(part.window for part in self.parts)

    @property
    def validation(self) -> float:
        """The largest share that a part wants to be set apart to stop by."""
        return max(part.validation for part in self.parts)

    @property
    def seed(self) -> int:
        """That of the first part."""
        return self.parts[0].seed


class EnsembleSpec(SeveralSpec):
    """Several kinds at once; the mean of their errors, each in its own usual one, counts."""

    kind: Literal["ensemble"] = "ensemble"
    members: tuple[SingleSpec, ...] = Field(
        (ConditionalGaussianSpec(), GaussianMixtureSpec(), DpcaSpec(statistic="spe")),
        min_length=1,
        max_length=16,
        description="models, each with its `kind` and settings",
    )

    @property
    def parts(self) -> Sequence[SingleSpec]:
        """Its members."""
        return self.members


Candidate = Annotated[SingleSpec | EnsembleSpec, Field(discriminator="kind")]


class AutoSpec(SeveralSpec):
    """One of several kinds, chosen by evidence each time the detector is trained."""

    kind: Literal["auto"] = "auto"
    candidates: tuple[Candidate, ...] = Field(
        (EnsembleSpec(), DenseAutoencoderSpec(), LstmAutoencoderSpec()),
        min_length=1,
        max_length=16,
        description="models, each with its `kind` and settings; the cheapest first",
    )
    margin: float = Field(
        0.05, ge=0, lt=1, description="how much more faults a later one has to find"
    )
    enough: float = Field(
        0.95, gt=0, le=1, description="share of faults at which no further one is tried"
    )

    @property
    def parts(self) -> Sequence[SingleSpec | EnsembleSpec]:
        """Its candidates."""
        return self.candidates


ModelSpec = Annotated[SingleSpec | EnsembleSpec | AutoSpec, Field(discriminator="kind")]


def singles(model: ModelSpec) -> Iterator[SingleSpec]:
    """The kinds that a model is made of, or may be; itself where it stands for itself."""
    if isinstance(model, SeveralSpec):
        for part in model.parts:
            yield from singles(part)
    else:
        yield model


def networks(model: ModelSpec) -> Iterator[NetworkSpec]:
    """The networks among them, also those that other kinds look into."""
    for single in singles(model):
        if isinstance(single, OnNetworkSpec):
            yield single.network
        elif isinstance(single, NetworkSpec):
            yield single
