"""Kinds built on the reconstruction networks or beside them: each with its defaults."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from backend.specs.base import Spec
from backend.specs.estimators import GaussianMixtureSpec, MahalanobisSpec, PcaSpec
from backend.specs.neighbours import (
    IsolationForestSpec,
    KernelDensitySpec,
    KNearestSpec,
    LocalOutlierFactorSpec,
    OneClassSvmSpec,
)
from backend.specs.networks import (
    ConvAutoencoderSpec,
    DenseAutoencoderSpec,
    GruAutoencoderSpec,
    LstmAutoencoderSpec,
    NetworkSpec,
    RnnAutoencoderSpec,
    Units,
    VariationalAutoencoderSpec,
)

AutoencoderSpec = Annotated[
    DenseAutoencoderSpec
    | LstmAutoencoderSpec
    | GruAutoencoderSpec
    | RnnAutoencoderSpec
    | ConvAutoencoderSpec
    | VariationalAutoencoderSpec,
    Field(discriminator="kind"),
]
CodeEstimatorSpec = Annotated[
    PcaSpec
    | MahalanobisSpec
    | GaussianMixtureSpec
    | KNearestSpec
    | LocalOutlierFactorSpec
    | IsolationForestSpec
    | OneClassSvmSpec
    | KernelDensitySpec,
    Field(discriminator="kind"),
]
Unsaturated = Literal["leaky_relu", "relu", "gelu", "swish", "linear"]


class OnNetworkSpec(Spec):
    """What kinds share that look into an autoencoder; `window` and `seed` are its own.

    Both may also be written beside `network`, as every other kind has them there.
    """

    handed_down: ClassVar[tuple[str, ...]] = ("window", "seed")

    network: AutoencoderSpec = DenseAutoencoderSpec()

    @model_validator(mode="before")
    @classmethod
    def _hand_down(cls, values: Any) -> Any:
        if not isinstance(values, Mapping):
            return values
        given = {key: values[key] for key in cls.handed_down if key in values}
        others = {key: value for key, value in values.items() if key not in given}
        network = values.get("network", {})
        if isinstance(network, Spec):
            network = network.model_dump()
        if not isinstance(network, Mapping):
            return values
        return {**others, "network": {"kind": "dense_autoencoder", **network, **given}}

    @property
    def window(self) -> int:
        """Grid points fed to the network at once."""
        return self.network.window

    @property
    def validation(self) -> float:
        """Share that the network's early stopping looks at."""
        return self.network.validation

    @property
    def seed(self) -> int:
        """Of whatever is drawn."""
        return self.network.seed


class RappSpec(OnNetworkSpec):
    """Reconstruction along the projection pathway: compared in every hidden layer, too."""

    kind: Literal["rapp"] = "rapp"
    by: Literal["nap", "sap"] = Field("nap", description="normalised or simple aggregation")


class EmbeddedSpec(OnNetworkSpec):
    """An estimator over the bottleneck of an autoencoder."""

    kind: Literal["embedded"] = "embedded"
    estimator: CodeEstimatorSpec = MahalanobisSpec(window=1)

    @field_validator("estimator", mode="before")
    @classmethod
    def _has_no_window_of_its_own(cls, estimator: Any) -> Any:
        return {"window": 1, **estimator} if isinstance(estimator, Mapping) else estimator

    @field_validator("estimator")
    @classmethod
    def _sees_one_code(cls, estimator: Any) -> Any:
        if estimator.window != 1:
            raise ValueError(
                f"estimator.window is {estimator.window}: an estimator over the bottleneck looks at"
                " one code at a time; leave it out, and set the window of the network"
            )
        return estimator


class DeepSvddSpec(NetworkSpec):
    """A network that maps normal windows close to one point."""

    kind: Literal["deep_svdd"] = "deep_svdd"
    loss: ClassVar[Literal["mse"]] = "mse"  # type: ignore[misc]
    start: ClassVar[Literal["own"]] = "own"  # type: ignore[misc]
    activation: Unsaturated = "leaky_relu"  # type: ignore[assignment]
    l2: float = Field(1e-6, ge=0, description="weight decay added to the loss")
    units: tuple[Units, ...] = Field((32, 16), min_length=1, description="layers, none has a bias")


class TransformationSpec(NetworkSpec):
    """A network that tells which of several random maps a window went through."""

    kind: Literal["transformation"] = "transformation"
    loss: ClassVar[Literal["mse"]] = "mse"  # type: ignore[misc]
    epochs: int = Field(25, ge=1, le=10_000)
    transformations: int = Field(16, ge=2, le=256, description="how many maps there are")
    values: int = Field(16, ge=1, le=1024, description="numbers that a map leaves of a window")
    units: tuple[Units, ...] = Field((32, 8), min_length=1)


class GanSpec(NetworkSpec):
    """Generator and discriminator of windows; scored by how well a window can be generated."""

    kind: Literal["gan"] = "gan"
    loss: ClassVar[Literal["mse"]] = "mse"  # type: ignore[misc]
    start: ClassVar[Literal["own"]] = "own"  # type: ignore[misc]
    epochs: int = Field(40, ge=1, le=10_000)
    optimizer: Literal["adam", "nadam", "rmsprop", "sgd", "adagrad"] = "rmsprop"
    learning_rate: float = Field(0.002, gt=0, le=1)
    search: Literal["encoder", "latent"] = "encoder"
    steps: int = Field(100, ge=1, le=10_000, description="of the search in the latent space")
    kappa: float = Field(1.0, ge=0, description="weight of the discriminator's features")
    latent: int = Field(8, ge=1, le=1024, description="numbers that a window is generated from")
    units: tuple[Units, ...] = Field((32, 16), min_length=1)
