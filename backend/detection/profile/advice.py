"""What follows from a look: settings to start with, and what a person should know before."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from typing import Any

from backend.detection.profile.look import Look
from backend.specs import format_duration
from backend.specs.networks import LstmAutoencoderSpec

_DAY, _MINUTE = 86_400_000_000_000, 60_000_000_000
_WINDOW, _LONGEST_PERIOD = (4, 30), 60
_NEAR, _SHARE = 0.03, 0.1
_DAYS_FOR_A_PROFILE = {"day": 5, "week": 35}
_DRIFTS = 2.0
_NAMED = 10
_MANY_CHANNELS = 30
_FEW_ROWS = 300
_MISSING = 0.05
LABELS = {"label", "labels", "anomaly", "is_anomaly", "attack", "target", "class", "event"}
"""Names, in small letters, that columns have which tell what is an anomaly."""


@dataclass(frozen=True)
class Advice:
    """Settings to start with, and warnings.

    Attributes:
        channels: those worth watching.
        every: the grid, nanoseconds.
        window: rows fed to the model at once.
        preprocessing: keys of that section that are not at their default.
        error: the same of the section of the error.
        reasons: why each of these settings, a sentence each.
        warnings: what to know before, a sentence each.
    """

    channels: tuple[str, ...]
    every: int
    window: int
    preprocessing: Mapping[str, Any]
    error: Mapping[str, Any]
    reasons: tuple[str, ...]
    warnings: tuple[str, ...]

    def settings(self) -> dict[str, Any]:
        """As they stand below a detector's name."""
        found: dict[str, Any] = {
            "channels": list(self.channels),
            "every": duration(self.every),
            "model": {"kind": "lstm_autoencoder", "window": self.window},
        }
        if self.preprocessing:
            found["preprocessing"] = dict(self.preprocessing)
        if self.error:
            found["error"] = dict(self.error)
        return found


def advise(look: Look, *, network: bool = True) -> Advice:
    """What follows from a look at one series.

    Args:
        look: what is seen of it.
        network: whether the usual network is to learn it, which wants more rows than others.
    """
    useful = [c.name for c in look.channels if not c.constant and c.missing < 1]
    window, because = _window(look)
    reasons = [f"every {duration(look.every)}: {_rhythm(look)}", f"window {window}: {because}"]
    preprocessing: dict[str, Any] = {}
    for key, value, reason in _preprocessing(look):
        preprocessing[key] = value
        reasons.append(reason)
    error = {}
    if len(useful) > _MANY_CHANNELS:
        error = {"channels": "mean_top"}
        reasons.append(
            f"error by mean_top: a fault in one of {len(useful)} channels would be averaged away"
        )
    return Advice(
        channels=tuple(useful or look.names),
        every=look.every,
        window=window,
        preprocessing=preprocessing,
        error=error,
        reasons=tuple(reasons),
        warnings=tuple(_warnings(look, len(useful), window, network)),
    )


def duration(nanos: int) -> str:
    """Nanoseconds as people and the configuration write them."""
    return format_duration(timedelta(milliseconds=max(1, round(nanos / 1e6))))


def _rhythm(look: Look) -> str:
    if look.cadence.step is None:
        return "a guess, since there are fewer than two rows"
    if abs(look.cadence.step - look.every) <= look.every // 100:
        return "the rows come so"
    return f"most rows come so often or more, and usually every {duration(look.cadence.step)}"


def _window(look: Look) -> tuple[int, str]:
    low, high = _WINDOW
    most = max(1, len(look.times) // 50)
    for period in look.spectrum.dominant:
        rows = -(-period.length // look.every)
        if low <= rows <= min(_LONGEST_PERIOD, most):
            return rows, f"one period of {duration(period.length)}"
    rows = min(max(look.spectrum.memory, low), high)
    if rows > most:
        return most, "no more, since there are few rows"
    return rows, "so long a row resembles those before it"


def _preprocessing(look: Look) -> Iterator[tuple[str, Any, str]]:
    if skewed := [c.name for c in look.channels if c.bends]:
        few = len(skewed) <= _NAMED
        value = dict.fromkeys(skewed, "power") if few else "auto"
        yield "transform", value, f"transform: skewed, and even on a curve: {_listed(skewed)}"
    period = _profile(look)
    if period:
        yield "profile", period, f"profile: channels repeat themselves every {period}"
    wandering = _wandering(look)
    moving = [c for c in look.channels if not c.constant]
    if wandering and 2 * len(wandering) > len(moving) and look.span > 10 * _DAY:
        yield "detrend", "1d", f"detrend: the level wanders: {_listed(wandering)}"
    rare = [s for s in look.spacing if s > 3 * look.every]
    if rare and len(rare) < len(look.channels):
        names = [
            name for name, s in zip(look.names, look.spacing, strict=True) if s > 3 * look.every
        ]
        kept = -(-3 * max(rare) // (2 * look.every)) * look.every
        yield (
            "impute",
            duration(kept),
            f"impute: read more rarely than the others: {_listed(names)}",
        )


def _profile(look: Look) -> str | None:
    for name, days in (("week", 7), ("day", 1)):
        if look.span < _DAYS_FOR_A_PROFILE[name] * _DAY or look.every > days * _DAY // 8:
            continue
        for period in look.periods:
            if abs(period.length - days * _DAY) < _NEAR * days * _DAY and period.share >= _SHARE:
                return name
    return None


def _wandering(look: Look) -> list[str]:
    return [
        c.name
        for c in look.channels
        if c.drift > _DRIFTS and c.stationarity and c.stationarity.verdict != "steady"
    ]


def _warnings(look: Look, useful: int, window: int, network: bool) -> Iterator[str]:
    yield from _about_rows(look, useful, window, network)
    yield from _about_channels(look, useful)
    names = look.names
    for pair in look.alike:
        one, other = names[pair.one], names[pair.other]
        if pair.same:
            yield f"{one} and {other} say the same: leave one out, or its faults count twice."
    if wandering := _wandering(look):
        yield (
            f"The end lies far from the beginning: {_listed(wandering)}. What is learned from the "
            "beginning may not hold later: mark normal ranges of all times."
        )


def _about_rows(look: Look, useful: int, window: int, network: bool) -> Iterator[str]:
    rows = len(look.times)
    weights = _weights(max(1, useful))
    if rows < _FEW_ROWS:
        yield f"There are {rows} rows: too few to learn what is normal and to prove a limit."
    elif network and rows < weights:
        yield (
            f"There are {rows} rows for about {weights} weights of the usual network with "
            f"{useful} channels: collect more, or choose a simpler model such as pca."
        )
    if gaps := look.cadence.gaps:
        lost = sum(stop - start for start, stop in gaps)
        yield (
            f"There {'is 1 gap' if len(gaps) == 1 else f'are {len(gaps)} gaps'}, together "
            f"{duration(lost)}: nothing is judged in a gap and for {window} rows behind it."
        )


def _about_channels(look: Look, useful: int) -> Iterator[str]:
    if not useful:
        yield "No channel varies: there is nothing to learn."
    elif useful == 1:
        yield (
            "There is one channel: only its own past tells what is normal, so that slow faults "
            "stay hidden. Add a channel that moves with it, if only as context."
        )
    elif useful > _MANY_CHANNELS:
        yield (
            f"There are {useful} channels: detectors for parts of the plant learn faster and "
            "name the cause more clearly."
        )
    empty = [c.name for c in look.channels if c.missing == 1]
    constant = [c.name for c in look.channels if c.constant]
    stuck = [f"{c.name} ({c.flat} rows)" for c in look.channels if c.stuck]
    patchy = [
        f"{c.name} ({100 * c.missing:.0f} %)"
        for c, spacing in zip(look.channels, look.spacing, strict=True)
        if _MISSING < c.missing < 1 and spacing <= 3 * look.every
    ]
    labels = [c.name for c in look.channels if c.name.lower() in LABELS]
    told = (
        ("By their names labels and no sensors; --without leaves them out", labels),
        ("Without any value, and left out", empty),
        ("Constant, and left out; a change of it would be told by the plain checks", constant),
        ("Stuck for long while it moves else; exclude that range from normal", stuck),
        ("Often missing; rows that lack it are not judged", patchy),
    )
    for text, names in told:
        if names:
            yield f"{text}: {_listed(names)}."


def _weights(channels: int) -> int:
    """Of the usual network: its layers there and back, and the dense one at the end."""
    units = [u for u in LstmAutoencoderSpec().units if isinstance(u, int)]
    layers = [channels, *units, *reversed(units)]
    gates = sum(4 * own * (own + before + 1) for before, own in pairwise(layers))
    return gates + (layers[-1] + 1) * channels


def _listed(names: list[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")
