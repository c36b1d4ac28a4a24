"""Some series of a version on their own: a look at few need not pay for the whole fleet."""

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np

from backend.detection.pipeline import Fitted
from backend.detection.window_scaling import WindowScaler
from backend.ports import ModelFactory


def members_of(fitted: Fitted, series: Sequence[int], make_model: ModelFactory) -> Fitted:
    """The same version for these series, by index; their scores stay what they are.

    Args:
        fitted: the version.
        series: which, in the order wanted.
        make_model: builds an untrained model.
    """
    chosen = list(series)
    spec = fitted.spec
    model = make_model(spec.model, len(chosen), len(spec.inputs))
    model.load({name: weight[chosen] for name, weight in fitted.model.weights().items()})
    preprocessing, scaler = fitted.preprocessing, fitted.scaler
    return replace(
        fitted,
        keys=tuple(fitted.keys[s] for s in chosen),
        preprocessing=replace(
            preprocessing,
            curves=_of(preprocessing.curves, chosen),
            profile=replace(preprocessing.profile, usual=preprocessing.profile.usual[chosen]),
        ),
        scaler=WindowScaler(scaler.center[chosen], scaler.scale[chosen], scaler.itself),
        middle=fitted.middle[chosen],
        active=fitted.active[chosen],
        spread=fitted.spread[chosen],
        yardstick=_of(fitted.yardstick, chosen),
        limits=fitted.limits.select(chosen),
        checks=_of(fitted.checks, chosen),
        familiar=_of(fitted.familiar, chosen),
        usual=_of(fitted.usual, chosen),
        modes=_of(fitted.modes, chosen),
        missing=replace(
            fitted.missing,
            absent=fitted.missing.absent[chosen],
            factor=fitted.missing.factor[chosen],
            substitutes=_of(fitted.missing.substitutes, chosen),
        ),
        model=model,
    )


def _of(arrays: Any, chosen: list[int]) -> Any:
    """A dataclass of arrays, each led by the series axis."""
    kept = {field.name: getattr(arrays, field.name) for field in fields(arrays)}
    return replace(arrays, **{name: np.asarray(value)[chosen] for name, value in kept.items()})
