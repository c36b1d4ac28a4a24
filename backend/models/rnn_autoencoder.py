"""Autoencoder of plain recurrent layers: simple with one of them, deep with several.

Source: Elman, Finding structure in time, 1990, for the layer; the encoder-decoder is that of the
LSTM autoencoder.
"""

from backend.models.encoder_decoder import encoder_decoder
from backend.models.network import Network
from backend.specs import RnnAutoencoderSpec


class RnnAutoencoder(Network):
    """Recurrent layers without gates around a bottleneck; see `encoder_decoder`.

    Works for short windows, where it is the quickest of the recurrent kinds. Does not remember over
    more than some ten rows, as its gradients fade on the way back (Bengio, Simard and Frasconi,
    Learning long-term dependencies with gradient descent is difficult, 1994).
    """

    def __init__(self, spec: RnnAutoencoderSpec, series: int, channels: int) -> None:
        super().__init__(spec, encoder_decoder(spec, "rnn", channels), series)
