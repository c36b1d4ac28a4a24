"""Which class stands behind which kind of model; loads it, and TensorFlow with it, on first use."""

from importlib import import_module

from backend.ports import Model
from backend.specs import ModelSpec

KINDS: dict[str, str] = {
    "dense_autoencoder": "backend.models.dense_autoencoder:DenseAutoencoder",
    "lstm_autoencoder": "backend.models.lstm_autoencoder:LstmAutoencoder",
}


def build(spec: ModelSpec, series: int, channels: int) -> Model:
    """Make an untrained model; a `backend.ports.ModelFactory`.

    Args:
        spec: kind and settings.
        series: S, how many members the fleet has.
        channels: F, how many channels every member has.

    Raises:
        ConfigurationError: the settings contradict each other.
    """
    module, _, name = KINDS[spec.kind].partition(":")
    model: Model = getattr(import_module(module), name)(spec, series, channels)
    return model
