"""GRU autoencoder: the LSTM autoencoder with two gates in place of three, and no cell.

Source: Cho et al., Learning phrase representations using RNN encoder-decoder, 2014.
"""

from backend.models.encoder_decoder import encoder_decoder
from backend.models.network import Network
from backend.specs import GruAutoencoderSpec


class GruAutoencoder(Network):
    """GRU layers around a bottleneck; see `encoder_decoder`.

    Works where the LSTM autoencoder does, with a quarter fewer weights: the better choice for short
    histories. Does not count steps as an LSTM can, which matters for windows of a hundred rows.
    """

    def __init__(self, spec: GruAutoencoderSpec, series: int, channels: int) -> None:
        super().__init__(spec, encoder_decoder(spec, "gru", channels), series)
