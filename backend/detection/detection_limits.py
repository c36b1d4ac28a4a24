"""What a version can see of a fault, in the unit of each sensor.

Faults of growing size are put into normal rows, and the version scores them through the whole way
to the alarm at its own threshold. The served model has seen these rows without the faults; its
threshold comes from rows that its folds had not seen, so that a fault has, if anything, further to
go than on new data: the sizes err on the careful side.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backend.detection.alarms import AlarmState, raise_alarms
from backend.detection.faults import Fault, Kind, inject
from backend.detection.grid import Rows
from backend.detection.members import members_of
from backend.detection.pipeline import Fitted, score
from backend.detection.sampling import evenly
from backend.detection.scaling import fit_scaler
from backend.detection.smoothing import ewma_kernel
from backend.ports import Floats, ModelFactory, Progress
from backend.records import SeriesKey
from backend.specs import DetectorSpec, format_duration

Mask = NDArray[np.bool_]

KINDS: tuple[Kind, ...] = ("bias", "drift", "noise", "stuck")
TRIES = 4
SHARE = 0.75
"""A fault counts as found where it is in so many of the tries."""
MOST_SERIES = 8
_SMALLEST, _LARGEST = -4.0, 4.0
"""Powers of two, in spreads of the channel."""
_HALVINGS = 5
_FEWEST_ROWS, _MOST_ROWS = 48, 240
_PROMPT = 4
"""A step counts as found only within this part of the time that other faults are given."""
_WINDOWS = 1_200_000
"""Most windows that are looked at, a call of the model counted as `_CALL`; so the number of
channels is bounded."""
_CALL = 1_000


@dataclass(frozen=True)
class DetectionLimit:
    """The smallest fault of one kind that is found in one channel.

    Attributes:
        series: its key.
        channel: its name.
        kind: of the fault.
        size: smallest that is found, in the sensor's unit, of a drift in an hour; None where not
            even `largest` is. A stuck value has no size: 1 where it is found.
        largest: the largest that was tried.
        seconds: from its start, within which it was found, or else looked for.
        tries: stretches of normal time it was tried in.
    """

    series: SeriesKey
    channel: str
    kind: Kind
    size: float | None
    largest: float
    seconds: float
    tries: int

    @property
    def found(self) -> bool:
        """Whether any size is found."""
        return self.size is not None

    @property
    def words(self) -> str:
        """The fault and the time, as part of a sentence."""
        size = f"{self.largest if self.size is None else self.size:.2g}"
        size = size if self.found else f"up to {size}"
        named = {
            "bias": f"a step of {size}",
            "drift": f"a drift of {size} an hour",
            "noise": f"noise of {size}",
            "stuck": "a stuck value",
        }
        return f"{named[self.kind]} within {format_duration(timedelta(seconds=self.seconds))}"

    def plain(self) -> dict[str, Any]:
        """As JSON-ready values."""
        return {**vars(self), "words": self.words}


def sentences(limits: Sequence[DetectionLimit]) -> tuple[str, ...]:
    """One for each channel of one series, in the unit of its sensor."""
    return tuple(
        "; ".join(_clauses(channel, [one for one in limits if one.channel == channel]))
        for channel in dict.fromkeys(one.channel for one in limits)
    )


def not_looked_at(limits: Sequence[DetectionLimit], fitted: Fitted) -> tuple[str, ...]:
    """That of a large fleet only a part was looked at, in words; nothing where all of it was.

    Args:
        limits: what was found; nothing is said where nothing was looked for.
        fitted: the version that was looked at.
    """
    channels = int(fitted.counted.any(axis=0).sum())
    return known_parts(limits, len(fitted.keys), channels)


def known_parts(limits: Sequence[DetectionLimit], series: int, channels: int) -> tuple[str, ...]:
    """As `not_looked_at`, of a version with so many series and channels that count."""
    parts = (
        (len({one.series for one in limits}), series, "series"),
        (len({one.channel for one in limits}), channels, "channels"),
    )
    told = [f"{known} of {whole} {what}" for known, whole, what in parts if 0 < known < whole]
    if not told:
        return ()
    return (f"known for {' and '.join(told)} only: of a large fleet a part is looked at",)


def _clauses(channel: str, limits: Sequence[DetectionLimit]) -> Iterator[str]:
    begin = f"{channel}: "
    for verb, found in (("finds", True), ("cannot see", False)):
        if named := [one.words for one in limits if one.found is found]:
            yield f"{begin}{verb} {_listed(named)}"
            begin = ""


def _listed(parts: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(parts[:-1]), parts[-1])))


def looked_at(series: int) -> list[int]:
    """The places of a fleet's series that are looked at."""
    return _some(np.arange(series), MOST_SERIES)


def detection_limits(
    fitted: Fitted,
    rows: Rows,
    normal: Mask,
    make_model: ModelFactory,
    progress: Progress = lambda share, words: None,
) -> tuple[DetectionLimit, ...]:
    """Look for the smallest faults that are found.

    Of a large fleet some series are taken, and of many channels some, both evenly.

    Args:
        fitted: the version.
        rows: (S, T, F) it was trained on, its series in their order.
        normal: (S, T) rows it learned from.
        make_model: builds an untrained model.
        progress: told the share done.
    """
    known = np.flatnonzero(normal.any(axis=1))
    series = known[looked_at(len(known))].tolist()
    if len(series) < len(fitted.keys):
        fitted = members_of(fitted, series, make_model)
    bench = _lay_out(fitted, rows.select(series), normal[series])
    channels = _affordable(bench)
    found: list[DetectionLimit] = []
    for done, channel in enumerate(channels):
        for kind in KINDS:
            found += _limits(bench, channel, kind)
        progress((done + 1) / len(channels), "looking for what it can see")
    order = {key: place for place, key in enumerate(fitted.keys)}
    return tuple(sorted(found, key=lambda one: order[one.series]))


@dataclass(frozen=True)
class _Bench:
    """What tries share.

    Attributes:
        fitted: the version, S series.
        scale: (S, F) spread of each channel in normal rows.
        pieces: rows of each try, the fault from `first[k]` to the end.
        first: where the fault begins in each.
        able: (S, K) series for which a try counts: normal time, judged, without an alarm.
        length: rows of a fault.
    """

    fitted: Fitted
    scale: Floats
    pieces: tuple[Rows, ...]
    first: tuple[int, ...]
    able: Mask
    length: int

    @property
    def hours(self) -> float:
        """How long a drift lasts."""
        return self.length * self.fitted.spec.step / 3.6e12

    def rows(self, kind: Kind) -> int:
        """How many rows a fault is given to be found in."""
        prompt = max(self.length // _PROMPT, self.fitted.spec.alarm.points)
        return prompt if kind == "bias" else self.length

    def delays(self, channel: int, kind: Kind, sizes: Floats) -> Floats:
        """(S,) rows within which a fault is found often enough; infinite where it is not.

        Args:
            channel: index of the one that goes wrong in all series.
            kind: of the fault.
            sizes: (S,) in spreads.
        """
        found = np.full(self.able.shape, np.inf)
        for k, (piece, first) in enumerate(zip(self.pieces, self.first, strict=True)):
            # both directions in turn: a sensor may be off to either side
            signed = sizes * (-1.0) ** k if kind in ("bias", "drift") else sizes
            length = self.rows(kind)
            faults = [Fault(kind, channel, size, first, length) for size in signed.tolist()]
            pairs = zip(piece.values[:, : first + length], faults, self.scale, strict=True)
            broken = np.stack([inject(*one) for one in pairs])
            times = piece.times[: first + length]
            alarm = _alarms(self.fitted, Rows(piece.keys, times, piece.step, broken), first)
            found[:, k] = np.where(alarm.any(axis=1), alarm.argmax(axis=1) + 1.0, np.inf)
        found[~self.able] = np.inf
        needed = np.ceil(SHARE * self.able.sum(axis=1)).astype(np.int64)
        earliest = np.sort(found, axis=1)
        return earliest[np.arange(len(found)), np.maximum(needed, 1) - 1]


def _alarms(fitted: Fitted, rows: Rows, first: int) -> Mask:
    """(S, T) what alert rules would see, also where too little backs them yet."""
    scored = score(fitted, rows, first=first)
    off = AlarmState.off(len(rows.keys))
    return raise_alarms(scored.score, scored.judged, fitted.spec.alarm, off)


def _lay_out(fitted: Fitted, rows: Rows, normal: Mask) -> _Bench:
    spec = fitted.spec
    lead = spec.model.window + len(ewma_kernel(spec.smoothing.span))
    length = _length(spec, normal, lead)
    pieces, first, able = [], [], []
    for start in _starts(normal, lead, length) if length else ():
        begin = max(0, start - fitted.lookback)
        part = slice(begin, start + length)
        piece = Rows(rows.keys, rows.times[part], rows.step, rows.values[:, part])
        scored = score(fitted, piece, first=start - begin)
        calm = (scored.judged & ~scored.flag).all(axis=1)
        pieces.append(piece)
        first.append(start - begin)
        able.append(calm & normal[:, start - lead : start + length].all(axis=1))
    return _Bench(
        fitted=fitted,
        scale=fit_scaler(rows.values, normal, "robust").scale,
        pieces=tuple(pieces),
        first=tuple(first),
        able=np.array(able, dtype=bool).reshape(len(able), len(rows.keys)).T,
        length=length,
    )


def _length(spec: DetectorSpec, normal: Mask, lead: int) -> int:
    """Rows of a fault: several windows and kernels, as far as normal runs are long enough."""
    wanted = int(np.clip(3 * lead, _FEWEST_ROWS, _MOST_ROWS))
    shortest = spec.model.window + spec.alarm.points
    for length in (wanted, wanted // 2, wanted // 4):
        if length >= shortest and _inside(normal, lead, length).any():
            return length
    return 0


def _inside(normal: Mask, lead: int, length: int) -> Mask:
    """(S, T) rows from which a fault would lie in normal time, with `lead` rows before it."""
    total = np.concatenate((np.zeros((len(normal), 1), int), normal.cumsum(axis=1)), axis=1)
    fits = np.zeros_like(normal)
    span = lead + length
    if normal.shape[1] >= span:
        whole = total[:, span:] - total[:, :-span] == span
        fits[:, lead : lead + whole.shape[1]] = whole
    return fits


def _starts(normal: Mask, lead: int, length: int) -> list[int]:
    """Where to try: spread over the normal time, and such that each series has its share."""
    fits = _inside(normal, lead, length)
    chosen: list[int] = []
    for s in np.argsort(fits.sum(axis=1)):
        own = np.flatnonzero(fits[s])
        lacking = TRIES - int(fits[s, chosen].sum())
        if own.size and lacking > 0:
            chosen += own[np.linspace(0, own.size - 1, lacking).astype(np.int64)].tolist()
    return sorted(set(chosen))[: 4 * TRIES]


def _affordable(bench: _Bench) -> list[int]:
    """Channels that count in any series; some of them, evenly, where all would take too long."""
    able = bench.fitted.counted[bench.able.any(axis=1)].any(axis=0)
    kernel = len(ewma_kernel(bench.fitted.spec.smoothing.span))
    call = len(bench.able) * (bench.length + kernel) + _CALL
    calls = ((len(KINDS) - 1) * (_HALVINGS + 1) + 1) * max(1, len(bench.pieces))
    return _some(np.flatnonzero(able), max(1, _WINDOWS // (call * calls)))


def _limits(bench: _Bench, channel: int, kind: Kind) -> Iterator[DetectionLimit]:
    fitted = bench.fitted
    power, delay = _smallest(bench, channel, kind)
    for s, key in enumerate(fitted.keys):
        if not bench.able[s].any() or not fitted.counted[s, channel]:
            continue
        unit = float(bench.scale[s, channel]) / (bench.hours if kind == "drift" else 1.0)
        unit = 1.0 if kind == "stuck" else unit
        found = bool(np.isfinite(delay[s]))
        yield DetectionLimit(
            series=key,
            channel=fitted.spec.inputs[channel],
            kind=kind,
            size=unit * 2.0 ** float(power[s]) if found else None,
            largest=unit if kind == "stuck" else unit * 2.0**_LARGEST,
            seconds=(float(delay[s]) if found else bench.rows(kind)) * fitted.spec.step / 1e9,
            tries=int(bench.able[s].sum()),
        )


def _smallest(bench: _Bench, channel: int, kind: Kind) -> tuple[Floats, Floats]:
    """(S,) power of two of the smallest size found, and (S,) rows until then; by halving."""
    series = len(bench.able)
    if kind == "stuck":
        return np.zeros(series), bench.delays(channel, kind, np.ones(series))
    low, high = np.full(series, _SMALLEST), np.full(series, _LARGEST)
    delay = bench.delays(channel, kind, 2.0**high)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        later = bench.delays(channel, kind, 2.0**middle)
        found = np.isfinite(later)
        low, high = np.where(found, low, middle), np.where(found, middle, high)
        delay = np.where(found, later, delay)
    return high, delay


def _some(indices: NDArray[np.int64], most: int) -> list[int]:
    return [int(index) for index in evenly(indices, most)]
