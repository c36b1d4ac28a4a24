"""Networks: what they share, and each kind with its defaults."""

from typing import Annotated, Literal

from pydantic import Field

from backend.specs.base import Spec

Units = Annotated[int, Field(ge=1, le=4096)]
Layer = Annotated[dict[Literal["lstm", "dense"], Units], Field(min_length=1, max_length=1)]
Activation = Literal[
    "linear", "relu", "elu", "selu", "gelu", "tanh", "sigmoid", "swish", "softplus"
]


class NetworkSpec(Spec):
    """What every reconstruction network shares: size, regularisation, optimiser, stopping."""

    window: int = Field(10, ge=1, le=4096, description="grid points fed to the model at once")
    activation: Activation = "tanh"
    l2: float = Field(0.0, ge=0, description="weight decay added to the loss")
    dropout: float = Field(0.0, ge=0, lt=1, description="share of inputs hidden while training")
    loss: Literal["mse", "mae", "huber"] = "mse"
    optimizer: Literal["adam", "nadam", "rmsprop", "sgd", "adagrad"] = "adam"
    learning_rate: float = Field(0.003, gt=0, le=1)
    epochs: int = Field(60, ge=1, le=10_000)
    batch: int = Field(64, ge=1, le=65_536, description="windows a step and series")
    windows_per_epoch: int = Field(
        6000, ge=1, description="a longer history is sampled anew in each epoch"
    )
    validation: float = Field(
        0.15,
        ge=0,
        lt=0.9,
        description="share at the end of each training block, for early stopping",
    )
    patience: int = Field(8, ge=0, description="epochs without gain before stopping; 0 never stops")
    seed: int = Field(0, ge=0)


class DenseAutoencoderSpec(NetworkSpec):
    """Dense autoencoder over the flattened window; the decoder mirrors `units`."""

    kind: Literal["dense_autoencoder"] = "dense_autoencoder"
    window: int = Field(1, ge=1, le=4096, description="grid points fed to the model at once")
    units: tuple[Units, ...] = Field(
        (32, 16), min_length=1, description="encoder layers; the last is the bottleneck"
    )


class LstmAutoencoderSpec(NetworkSpec):
    """LSTM stack, bottleneck, repeat vector, LSTM stack, dense layer a time step.

    `units` are the encoder's layers and the last is the bottleneck: a number is an LSTM layer,
    `{dense: n}` a dense layer. The decoder mirrors them unless `decoder` names its own.
    """

    kind: Literal["lstm_autoencoder"] = "lstm_autoencoder"
    units: tuple[Units | Layer, ...] = Field((32, 8), min_length=1)
    decoder: tuple[Units | Layer, ...] | None = None
