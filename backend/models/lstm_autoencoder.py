"""LSTM autoencoder: the window becomes a vector, the vector becomes the window again.

Source: Srivastava, Mansimov and Salakhutdinov, Unsupervised learning of video representations
using LSTMs, 2015; for sensors Malhotra et al., LSTM-based encoder-decoder for multi-sensor anomaly
detection, 2016.
"""

from backend.models.encoder_decoder import encoder_decoder
from backend.models.network import Network
from backend.specs import LstmAutoencoderSpec


class LstmAutoencoder(Network):
    """LSTM layers around a bottleneck; see `encoder_decoder`.

    Works where the shape of a window tells normal from faulty and some thousand normal windows are
    there to learn it from. Does not where channels merely hold levels: PCA then finds the same, in
    a hundredth of the time. With a wide bottleneck it learns to copy, faults included.
    """

    def __init__(self, spec: LstmAutoencoderSpec, series: int, channels: int) -> None:
        super().__init__(spec, encoder_decoder(spec, "lstm", channels), series)
