"""Networks: what they share, and each kind with its defaults."""

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from backend.specs.base import Spec

Units = Annotated[int, Field(ge=1, le=4096)]
Lstm = Annotated[dict[Literal["lstm", "dense"], Units], Field(min_length=1, max_length=1)]
Gru = Annotated[dict[Literal["gru", "dense"], Units], Field(min_length=1, max_length=1)]
Rnn = Annotated[dict[Literal["rnn", "dense"], Units], Field(min_length=1, max_length=1)]
Activation = Literal[
    "linear", "relu", "elu", "selu", "gelu", "tanh", "sigmoid", "swish", "softplus"
]


class NetworkSpec(Spec):
    """What every network shares: size, regularisation, optimiser, stopping."""

    if TYPE_CHECKING:
        kind: str

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
    start: Literal["own", "pooled"] = Field(
        "own", description="whether a network of all series is what each one's begins with"
    )


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
    units: tuple[Units | Lstm, ...] = Field((32, 8), min_length=1)
    decoder: tuple[Units | Lstm, ...] | None = None


class GruAutoencoderSpec(NetworkSpec):
    """As the LSTM autoencoder, with GRU layers; the other layers are `{dense: n}`."""

    kind: Literal["gru_autoencoder"] = "gru_autoencoder"
    units: tuple[Units | Gru, ...] = Field((32, 8), min_length=1)
    decoder: tuple[Units | Gru, ...] | None = None


class RnnAutoencoderSpec(NetworkSpec):
    """As the LSTM autoencoder, with layers without gates: one is the simple kind, several the deep.

    The other layers are `{dense: n}`.
    """

    kind: Literal["rnn_autoencoder"] = "rnn_autoencoder"
    units: tuple[Units | Rnn, ...] = Field((32, 8), min_length=1)
    decoder: tuple[Units | Rnn, ...] | None = None


class ConvAutoencoderSpec(NetworkSpec):
    """Convolutions along time that shorten the window, mirrored up again."""

    kind: Literal["conv_autoencoder"] = "conv_autoencoder"
    units: tuple[Units, ...] = Field(
        (32, 8), min_length=1, description="filters of the encoder's layers; the last is the code"
    )
    kernel: int = Field(3, ge=1, le=512, description="rows a filter sees")
    stride: int = Field(2, ge=1, le=64, description="how much each layer shortens the window")


class VariationalAutoencoderSpec(NetworkSpec):
    """Encoder to a distribution, held near the standard normal one, and the way back."""

    kind: Literal["variational_autoencoder"] = "variational_autoencoder"
    layers: Literal["dense", "lstm", "gru", "rnn"] = "dense"
    units: tuple[Units, ...] = Field(
        (32, 8), min_length=2, description="encoder layers; the last is the size of the code"
    )
    beta: float = Field(0.01, ge=0, description="weight of the divergence from the normal one")


class ForecasterSpec(NetworkSpec):
    """The last rows of the window from those before."""

    kind: Literal["forecaster"] = "forecaster"
    window: int = Field(10, ge=2, le=4096, description="grid points fed to the model at once")
    core: Literal["lstm", "gru", "rnn", "tcn"] = "lstm"
    units: tuple[Units, ...] = Field((32,), min_length=1, description="its layers or blocks")
    horizon: int = Field(1, ge=1, le=4096, description="how many last rows are forecast")
    kernel: int = Field(3, ge=1, le=512, description="rows a filter of a `tcn` sees")


class AerSpec(NetworkSpec):
    """Reconstruction of rows with regression of the row before and the row after."""

    kind: Literal["aer"] = "aer"
    window: int = Field(10, ge=3, le=4096, description="grid points fed to the model at once")
    units: tuple[Units, ...] = Field(
        (30,), min_length=1, description="encoder layers, so many units in either direction"
    )
    regression: float = Field(
        0.5, ge=0, le=1, description="share of the loss that the row before and after have"
    )
