"""What one has to know to use an exported network, as JSON-ready values."""

from typing import Any

from backend import __version__
from backend.detection.curves import LOG, STRAIGHT
from backend.detection.pipeline import Fitted
from backend.detection.smoothing import ewma_kernel
from backend.ports import Floats, NetworkFile
from backend.records import Version, parse_series_key
from backend.specs import DetectorSpec, ErrorSpec, RenewedThreshold, format_duration

FORMAT = 1
_BEGINS = {"day": "00:00", "week": "Thursday 00:00"}


def about(
    version: Version, fitted: Fitted, s: int, network: NetworkFile, *, scaled: bool
) -> dict[str, Any]:
    """Everything beside the network itself.

    Args:
        version: which it is of.
        fitted: the same in memory.
        s: index of the series.
        network: what was written.
        scaled: whether it takes and gives scaled windows, and not sensor units.
    """
    spec, key = fitted.spec, fitted.keys[s]
    found = {
        "format": FORMAT,
        "detector": spec.name,
        "version": version.number,
        "series": key,
        "tags": parse_series_key(key),
        "kind": network.kind,
        "part_of": None if network.kind == spec.model.kind else spec.model.kind,
        "made_with": {"normalcy": __version__, **network.made_with},
        "input": {
            "shape": ["windows", network.window, len(spec.inputs)],
            "units": "scaled" if scaled else "sensor",
            "every": format_duration(spec.every),
            "max_gap": spec.max_gap,
            "judge_when": spec.judge_when,
        },
        "outputs": list(network.outputs),
        "channels": [_channel(fitted, s, f, network, scaled) for f in range(len(spec.inputs))],
        "preprocessing": _preprocessing(fitted, s),
        "error": _error(fitted, s, network),
        "smoothing": {"span": spec.smoothing.span, "length": len(ewma_kernel(spec.smoothing.span))},
        "threshold": _threshold(fitted, s),
    }
    return found | {"how": _how(spec, network, scaled)}


def _channel(fitted: Fitted, s: int, f: int, network: NetworkFile, scaled: bool) -> dict[str, Any]:
    center, scale = (
        _by_place(part[s, :, f], network.window)
        for part in (fitted.scaler.center, fitted.scaler.scale)
    )
    role = "judged" if fitted.counted[s, f] else "context"
    known: dict[str, Any] = {
        "name": fitted.spec.inputs[f],
        "role": role if fitted.active[s, f] else "constant",
        "center": None if fitted.scaler.itself else center,
        "scale": scale,
        "usual": float(fitted.middle[s, f]),
        "absent": 0.0 if scaled else center,
    }
    if network.whole:
        known["spread"] = dict(zip(network.outputs, fitted.spread[s, :, f].tolist(), strict=True))
    return known


def _by_place(values: Floats, window: int) -> float | list[float]:
    """One number, or one for each place of a window, oldest first."""
    found: list[float] = values[-window:].tolist()
    return found[0] if len(values) == 1 else found


def _preprocessing(fitted: Fitted, s: int) -> dict[str, Any]:
    """As the detector asks for it, and what was learned for it."""
    learned = fitted.preprocessing
    asked = fitted.spec.preprocessing.model_dump(mode="json")
    curves = learned.curves
    bent = {
        name: {
            "curve": "log" if curves.kind[s, f] == LOG else "power",
            "center": float(curves.center[s, f]),
            "width": float(curves.width[s, f]),
            "power": float(curves.power[s, f]),
        }
        for f, name in enumerate(fitted.spec.inputs)
        if curves.kind[s, f] != STRAIGHT
    }
    found = {**asked, "scaling": fitted.spec.scaling}
    if bent:
        found["curves"] = bent
    if learned.profile.period != "none":
        found["usual_at"] = learned.profile.usual[s].tolist()
    return found


def _error(fitted: Fitted, s: int, network: NetworkFile) -> dict[str, Any]:
    asked = fitted.spec.error.model_dump(mode="json")
    if not network.whole:
        return {**asked, "follows_from_outputs": False}
    unit = dict(zip(network.outputs, fitted.yardstick.unit[s].tolist(), strict=True))
    return {**asked, "follows_from_outputs": True, "unit": unit}


def _threshold(fitted: Fitted, s: int) -> dict[str, Any]:
    limits = fitted.limits
    found = {
        **fitted.spec.threshold.model_dump(mode="json"),
        "value": float(limits.values[s]),
        "basis": limits.basis[s],
    }
    if limits.table.shape[1] > 1:
        found["of_modes"] = limits.table[s, 1:].tolist()
    return found


# -- in words --------------------------------------------------------------------------------------


def _how(spec: DetectorSpec, network: NetworkFile, scaled: bool) -> list[str]:
    every = format_duration(spec.every)
    return [
        f"A window is {network.window} consecutive points, oldest first; a point is the mean of a "
        f"bucket of {every}, stamped at its start.",
        "The last axis is the channels in the order of `channels`.",
        *_before(spec, scaled),
        *_judging(spec.error, network, scaled),
        "smoothed = weighted mean of the error and those before it: weights fall by "
        "1 - 2 / (span + 1) a point, `smoothing.length` of them, and sum to 1.",
        f"score = smoothed / {_limit(spec)}; above 1 a point is flagged.",
    ]


def _before(spec: DetectorSpec, scaled: bool) -> list[str]:
    if not scaled:
        return [
            "Values are in sensor units, in and out. For an absent value put `absent`; of a "
            "`constant` channel nothing is seen, and `usual` comes back."
        ]
    known = {
        "scale_then_window": "scaled = (x - center) / scale.",
        "window_then_scale": "scaled = (x - center) / scale, each place of a window by its own.",
        "each_window": "scaled = (x - mean) / max(deviation, scale), mean and deviation of the "
        "window itself, absent values left out; what it is divided by is the scale below.",
    }
    asked = spec.preprocessing
    steps = {
        "transform": (
            asked.transform not in ("none", {}),
            "bent by its curve (`curves`, where it has one)",
        ),
        "profile": (
            asked.profile != "none",
            f"less what is usual at the time of the {asked.profile} (`usual_at`, evenly spread "
            f"from {_BEGINS.get(asked.profile)} UTC on, in straight lines between)",
        ),
        "detrend": (bool(asked.detrend), "less the median of the time before (`detrend`)"),
        "difference": (bool(asked.difference), "less the value so long before (`difference`)"),
    }
    done = [words for is_asked, words in steps.values() if is_asked]
    first = [f"Before it is scaled each channel is {', then '.join(done)}."] if done else []
    return [
        *first,
        known[asked.order],
        "For an absent value put 0 after scaling, for a `constant` channel always.",
    ]


def _judging(error: ErrorSpec, network: NetworkFile, scaled: bool) -> list[str]:
    if not network.whole:
        return [
            "The detector looks at more than this network gives: its error does not follow from "
            "it, and `threshold` is no limit of the distance of window and reconstruction."
        ]
    size = "|residual| / spread" if error.metric == "absolute" else "(residual / spread) ** 2"
    over = "of the window's last point" if error.window == "last" else "in the mean of the window"
    mean = "the mean of all judged channels"
    if error.channels == "mean_top":
        mean = f"half {mean} and half the mean of the {error.top} largest"
    residual = "(window - output) * scale" if scaled else "window - output"
    sentences = [
        f"residual = {residual}.",
        f"A channel's error = {size}, {over}; the error is {mean}.",
    ]
    if len(network.outputs) > 1:
        sentences.append(
            "Each output has such an error; divided by its `unit`, their mean is the error."
        )
    return sentences


def _limit(spec: DetectorSpec) -> str:
    moves = spec.threshold.follow is not None or isinstance(spec.threshold, RenewedThreshold)
    return "threshold.value, where the limit begins that then moves" if moves else "threshold.value"
