"""Every kind of model that a detector can name."""

from typing import Annotated, Literal

from pydantic import Field

from backend.specs.base import Spec
from backend.specs.derived import (
    DeepSvddSpec,
    EmbeddedSpec,
    GanSpec,
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


class EnsembleSpec(Spec):
    """Several kinds at once; the mean of their errors, each in its own usual one, counts."""

    kind: Literal["ensemble"] = "ensemble"
    members: tuple[SingleSpec, ...] = Field(
        (ConditionalGaussianSpec(), GaussianMixtureSpec(), DpcaSpec(statistic="spe")),
        min_length=1,
        max_length=16,
        description="models, each with its `kind` and settings",
    )

    @property
    def window(self) -> int:
        """The longest of its members."""
        return max(member.window for member in self.members)

    @property
    def validation(self) -> float:
        """The largest share that a member wants to be set apart to stop by."""
        return max(member.validation for member in self.members)

    @property
    def seed(self) -> int:
        """That of the first member."""
        return self.members[0].seed


Candidate = Annotated[SingleSpec | EnsembleSpec, Field(discriminator="kind")]


class AutoSpec(Spec):
    """One of several kinds, chosen by evidence each time the detector is trained."""

    kind: Literal["auto"] = "auto"
    candidates: tuple[Candidate, ...] = Field(
        (ConditionalGaussianSpec(), EnsembleSpec(), DenseAutoencoderSpec(), LstmAutoencoderSpec()),
        min_length=1,
        max_length=16,
        description="models, each with its `kind` and settings; the cheapest first",
    )
    margin: float = Field(
        0.02, ge=0, lt=1, description="how much more faults a later one has to find"
    )
    enough: float = Field(
        0.95, gt=0, le=1, description="share of faults at which no further one is tried"
    )

    @property
    def window(self) -> int:
        """The longest of its candidates."""
        return max(candidate.window for candidate in self.candidates)

    @property
    def validation(self) -> float:
        """The largest share that a candidate wants to be set apart to stop by."""
        return max(candidate.validation for candidate in self.candidates)

    @property
    def seed(self) -> int:
        """That of the first candidate."""
        return self.candidates[0].seed


ModelSpec = Annotated[SingleSpec | EnsembleSpec | AutoSpec, Field(discriminator="kind")]
