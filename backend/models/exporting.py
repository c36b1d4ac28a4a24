"""The network of one member of a fleet as a file that plain Keras loads."""

from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import version
from typing import Any

from numpy.typing import NDArray

from backend.exceptions import InputError
from backend.models import registry
from backend.models.parted import parted
from backend.ports import Edges, NetworkFile
from backend.specs import EnsembleSpec, GanSpec, ModelSpec, OnNetworkSpec

WHOLE = (
    "dense_autoencoder",
    "lstm_autoencoder",
    "gru_autoencoder",
    "rnn_autoencoder",
    "conv_autoencoder",
    "variational_autoencoder",
    "forecaster",
    "aer",
)
"""Networks whose outputs are all that they say of a window."""

IN_PART = ("rapp", "embedded", "gan")
"""Kinds that look at more than the reconstruction of the network that is written."""

Weights = Mapping[str, NDArray[Any]]


def export(
    spec: ModelSpec,
    weights: Weights,
    channels: int,
    *,
    part: int | None = None,
    edges: Edges | None = None,
) -> NetworkFile:
    """Write a network; a `backend.ports.NetworkExporter`.

    Of `rapp` and `embedded` it is the autoencoder inside, of `gan` the encoder and the generator.

    Args:
        spec: of the model.
        weights: of one member, each with a leading axis of 1.
        channels: F.
        part: which member of an ensemble, from 1 on; where only one can be written, that one.
        edges: what stands around it; without any it takes and gives scaled windows.

    Raises:
        InputError: there is no network in the model that reconstructs windows, or no such part.
        ArtifactError: the weights are not those of the model.
    """
    whole = spec.kind in WHOLE
    if isinstance(spec, EnsembleSpec):
        number = _chosen(spec, part)
        spec, weights = spec.members[number - 1], parted(weights, str(number - 1))[0]
    elif part is not None:
        raise InputError(
            f"The model is a single {spec.kind} and no ensemble: leave the part (--part) out."
        )
    if not _has_network(spec):
        raise InputError(
            f"{_what(spec)} has no network that gives a window back: kinds that can be exported "
            f"are {_kinds()}."
        )
    if isinstance(spec, OnNetworkSpec):
        spec, weights = spec.network, parted(weights, "network")[0]
    network: Any = registry.build(spec, 1, channels)
    network.load(weights)
    # loaded late, as the registry does it: TensorFlow comes with it
    keras = import_module("backend.models.plain_keras")
    member = {name: weight[0] for name, weight in network.weights().items()}
    model = keras.plain_keras(network.stack, member, edges)
    return NetworkFile(
        data=keras.as_file(model),
        kind=spec.kind,
        window=spec.window,
        outputs=tuple(model.output) if isinstance(model.output, dict) else (keras.RECONSTRUCTION,),
        whole=whole,
        made_with={"keras": version("keras")},
    )


def _has_network(spec: ModelSpec) -> bool:
    if isinstance(spec, GanSpec) and spec.search == "latent":
        return False
    return spec.kind in (*WHOLE, *IN_PART)


def _chosen(spec: EnsembleSpec, part: int | None) -> int:
    """Which member of an ensemble is written, from 1 on.

    Raises:
        InputError: none can be, several can and none is named, or there is none of that number.
    """
    named = dict(enumerate(spec.members, 1))
    able = [number for number, member in named.items() if _has_network(member)]
    if part in named:
        return part
    if part is not None:
        raise InputError(f"The ensemble has no part {part}: it has {_parts(named)}.")
    if not able:
        raise InputError(
            f"The ensemble of {_parts(named)} has no network that gives a window back: kinds that "
            f"can be exported are {_kinds()}."
        )
    if len(able) > 1:
        several = _parts({number: named[number] for number in able})
        raise InputError(f"The ensemble has several networks: say which with --part: {several}.")
    return able[0]


def _parts(members: Mapping[int, ModelSpec]) -> str:
    return ", ".join(f"{number} {member.kind}" for number, member in members.items())


def _what(spec: ModelSpec) -> str:
    searching = " that searches for its codes (search: latent)" if spec.kind == "gan" else ""
    return f"A model of kind {spec.kind}{searching}"


def _kinds() -> str:
    return f"{', '.join(WHOLE)}, and what reconstructs inside of {', '.join(IN_PART)}"
