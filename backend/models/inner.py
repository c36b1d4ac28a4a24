"""The network inside of another model."""

from backend.exceptions import ConfigurationError
from backend.models import registry
from backend.models.network import Network
from backend.specs import ModelSpec


def inner_network(spec: ModelSpec, series: int, channels: int) -> Network:
    """The untrained network that a spec describes.

    Raises:
        ConfigurationError: its kind has no layers to look into.
    """
    network = registry.build(spec, series, channels)
    if not isinstance(network, Network):
        raise ConfigurationError(
            f"model.network is of kind {spec.kind}, which is no network with a bottleneck:"
            " expected an autoencoder such as dense_autoencoder"
        )
    return network
