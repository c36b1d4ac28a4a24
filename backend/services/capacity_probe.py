"""The measuring behind a forecast: small trainings and ticks, by the code that does the real ones.

It runs in a process of its own, so that what it takes of memory is known and nothing is left
behind. No store is written to.

Shapes: S series, T rows, F channels, L rows that are looked back at.
"""

import math
import statistics
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backend.detection import training
from backend.detection.detection_limits import MOST_SERIES, detection_limits
from backend.detection.enough import windows_needed
from backend.detection.forecast import Run
from backend.detection.grid import Rows
from backend.detection.members import members_of
from backend.detection.pipeline import Fitted, score
from backend.detection.training import Outcome
from backend.exceptions import NormalcyError, NotEnoughNormalData
from backend.ports import ArtifactStore, Clock, Floats, ModelFactory
from backend.services.capacity_tick import Ticking
from backend.services.heap import give_back_memory
from backend.services.material import Materials, Outline
from backend.services.piece_size import is_flat
from backend.services.stores import Stores
from backend.services.versions import from_files, to_files, unpack
from backend.specs import (
    DetectorSpec,
    EnsembleSpec,
    GanSpec,
    ModelSpec,
    NetworkSpec,
    OnNetworkSpec,
    networks,
)

TRAIN, TICK = "probe_training", "probe_scoring"
SEATS = 8
"""Networks that learn side by side for each processor: with fewer a step of one is dearer."""
FEW_EPOCHS, MORE_EPOCHS, MANY_EPOCHS = 2, 4, 8
MOST_ROWS, MOST_ROWS_OF_STEPS = 2500, 700
"""Rows of a series that networks are tried on, and those that go through a window row by row; a
longer history is scaled up."""
STOP_SHARE = 1 / 3
"""What a window that early stopping looks at costs, of one that is learned from."""
_LEAST_SHARE = 0.3
"""Of the time, for the longer run, however long compiling took."""
_STILL = 1e-30
"""A step so small that no weight moves: no epoch is better, and patience ends when it is told."""
_FEW, _MANY = 64, 512
_WEIGHTS = 256 << 20
"""Bytes of weights in the larger of the two fleets that are scored."""
_TICKS = 9
_LOOK_EVERY_S = 0.02
_LEAST_ROWS = 500
"""Rows of a synthetic series, at least."""
_VERSION = "probe/1"

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Ask:
    """What is to be tried.

    Attributes:
        spec: the detector, with a model that is no choice of several.
        outline: what it learns from, as JSON; None where the source cannot tell.
        keys: a few of its series.
        points: rows of each series in a real training.
        series: the fleet; 0 where nobody knows.
        piece: series that are really trained together.
        cores: processors there are.
        seconds: how long it may take, about.
        scratch: a folder for what was fitted.
        candidate: whether it is only to be known what a try of so many series takes.
    """

    spec: Mapping[str, Any]
    outline: Mapping[str, Any] | None
    keys: tuple[str, ...]
    points: int
    series: int
    piece: int
    cores: int
    seconds: float
    scratch: str
    candidate: bool = False

    def plain(self) -> dict[str, Any]:
        """As JSON-ready values."""
        return {**vars(self), "keys": list(self.keys)}

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> "Ask":
        """Read back what `plain` gave."""
        return cls(**{**plain, "keys": tuple(plain["keys"])})


@dataclass(frozen=True)
class _Given:
    """What is learned from: rows (S, T, F), what is normal of them, and what labels say."""

    rows: Rows
    normal: Mask
    said: Mapping[str, Any]
    read_s: float | None = None
    synthetic: str = ""

    def repeated(self, series: int) -> "_Given":
        """So many series, the same ones again and again under other names."""
        place = np.arange(series) % len(self.rows.keys)
        keys = tuple(f"probe={number}" for number in range(series))
        said = {**self.said, "anomalous": self.said["anomalous"][place]}
        said["modes"] = {name: mode[place] for name, mode in self.said["modes"].items()}
        rows = replace(self.rows, keys=keys, values=self.rows.values[place])
        return replace(self, rows=rows, normal=self.normal[place], said=said)

    def cut(self, most: int) -> "_Given":
        """The first rows, until a series has so many normal ones."""
        count = self.normal.cumsum(axis=1).max(axis=0)
        stop = int(np.searchsorted(count, most)) + 1
        part = slice(0, stop)
        said = {**self.said, "anomalous": self.said["anomalous"][:, part]}
        said["modes"] = {name: mode[:, part] for name, mode in self.said["modes"].items()}
        rows = replace(self.rows, times=self.rows.times[part], values=self.rows.values[:, part])
        return replace(self, rows=rows, normal=self.normal[:, part], said=said)

    @property
    def normal_rows(self) -> float:
        """Normal rows of a series, about."""
        return max(float(self.normal.sum(axis=1).mean()), 1.0)


class Probe:
    """Tries out what a detector costs; each method is a task for a process of its own.

    Args:
        stores: where rows are read.
        make_model: builds an untrained model.
        clock: the time.
        used: bytes that this process uses.
        open_artifacts: a store of artifacts in a folder.
    """

    def __init__(
        self,
        stores: Stores,
        make_model: ModelFactory,
        clock: Clock,
        used: Callable[[], int],
        open_artifacts: Callable[[str], ArtifactStore],
    ) -> None:
        self._materials = Materials(stores, clock)
        self._make_model = make_model
        self._clock = clock
        self._used = used
        self._open_artifacts = open_artifacts

    # -- training ----------------------------------------------------------------------------------

    def train(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Train a few series a few times, and leave what was fitted in the scratch folder.

        Args:
            arguments: as `Ask.plain` gives them.

        Raises:
            NotEnoughNormalData: not even synthetic rows can be learned from.
        """
        ask = Ask.of(arguments)
        spec, began = DetectorSpec.model_validate(ask.spec), time.perf_counter()
        bare = self._used()
        self._make_model(spec.model, 1, len(spec.inputs))
        loaded, loading = self._used(), time.perf_counter() - began
        whole = self._learnable(ask, spec)
        try:
            found = self._tried(ask, spec, whole)
        except NotEnoughNormalData as error:
            if whole.synthetic:
                raise
            found = self._tried(ask, spec, _synthetic(spec, ask.points, str(error)))
        return {**found, "bare": bare, "loaded": loaded, "loading_s": loading}

    def _tried(self, ask: Ask, spec: DetectorSpec, whole: _Given) -> dict[str, Any]:
        given = whole.cut(_most_rows(spec)) if is_taught(spec.model) else whole
        tries = _Tries(self, spec, ask, given, time.perf_counter() + ask.seconds)
        runs, small = tries.runs(), tries.small()
        fitted, files = tries.made
        rows = given.repeated(len(fitted.keys)).rows
        self._open_artifacts(ask.scratch).save(_VERSION, files)
        return {
            "runs": [asdict(run) for run in runs],
            "small": [asdict(run) for run in small],
            "read_s": whole.read_s,
            "rows": whole.normal_rows / given.normal_rows,
            "work": _work(spec, whole.normal_rows) / _work(spec, given.normal_rows),
            "normal_rows": whole.normal_rows,
            "limits_s": 0.0 if ask.candidate else self._limits(spec, fitted, given, ask),
            "scored_s": _seconds(lambda: score(fitted, rows)) / len(fitted.keys),
            "synthetic": whole.synthetic,
        }

    def fit(self, spec: DetectorSpec, given: _Given) -> Outcome:
        """One training, by the code that does the real ones."""
        return training.fit(spec, given.rows, given.normal, self._make_model, **given.said)

    def watched(self, work: Callable[[], Outcome]) -> tuple[Outcome, float, float, int]:
        """What a training came to, its seconds by the clock and of processors, and most bytes."""
        give_back_memory()
        with _watch(self._used) as peak:
            began, busy = time.perf_counter(), time.process_time()
            outcome = work()
            seconds, busy = time.perf_counter() - began, time.process_time() - busy
        return outcome, seconds, busy, max(peak)

    def _learnable(self, ask: Ask, spec: DetectorSpec) -> _Given:
        """Rows that a model can learn from: real ones, or else synthetic ones that say why."""
        given = self._read(ask, spec)
        lacking = "no rows could be read" if given is None else _lacking(spec, given)
        if given is not None and not lacking:
            return given
        return _synthetic(spec, ask.points, lacking)

    def _read(self, ask: Ask, spec: DetectorSpec) -> _Given | None:
        """The rows of a few real series; None where the source has none."""
        if ask.outline is None or not ask.keys:
            return None
        outline = Outline.of(ask.outline, ask.keys)
        began = time.perf_counter()
        try:
            material = self._materials.read(replace(outline, spec=spec), ask.keys)
        except NormalcyError:
            return None
        took = (time.perf_counter() - began) / len(ask.keys)
        return _Given(material.rows, material.normal, material.said, took)

    def _limits(self, spec: DetectorSpec, fitted: Fitted, given: _Given, ask: Ask) -> float:
        """Seconds in which the smallest faults are looked for, by those of the first channel."""
        if not spec.detection_limits:
            return 0.0
        count = min(MOST_SERIES, len(fitted.keys), ask.series or MOST_SERIES)
        few = given.repeated(count)
        some = members_of(fitted, list(range(count)), self._make_model)
        began = time.perf_counter()
        try:
            detection_limits(some, few.rows, few.normal, self._make_model, _stop_at_once)
        except _Enough as enough:
            return (time.perf_counter() - began) / max(enough.share, 1e-3)
        return time.perf_counter() - began

    # -- scoring -----------------------------------------------------------------------------------

    def tick(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Score one tick of fleets of two sizes, made of what was fitted.

        Args:
            arguments: `scratch`, where it lies; `rows` that are new in a tick; `most`, the larger
                size at most.
        """
        bare = self._used()
        files = self._open_artifacts(arguments["scratch"]).load(_VERSION)
        fitted = from_files(files, self._make_model)
        values = unpack(files["probe.npz"])["values"]
        loaded = self._used()
        size = sum(w.nbytes for w in fitted.model.weights().values()) // len(fitted.keys) + 1
        many = max(2, min(_MANY, int(arguments["most"]), _WEIGHTS // size))
        sizes = sorted({max(1, min(_FEW, many // 4)), many})
        found = [self._ticked(fitted, values, count, arguments["rows"]) for count in sizes]
        return {"bare": bare, "loaded": loaded, "sizes": found}

    def _ticked(self, fitted: Fitted, values: Floats, series: int, new: int) -> dict[str, Any]:
        place = np.arange(series) % len(fitted.keys)
        fleet = members_of(fitted, place.tolist(), self._make_model)
        fleet = replace(fleet, keys=tuple(f"probe={number}" for number in range(series)))
        give_back_memory()
        with _watch(self._used) as peak:
            ticking = Ticking(fleet, values, new, self._clock)
            ticking.tick()
            seconds = statistics.median(ticking.tick() for _ in range(_TICKS))
        return {"series": series, "seconds": seconds, "peak": max(peak)}


class _Tries:
    """The trainings of one probe.

    Attributes:
        made: what the last one came to, and its files.
    """

    made: tuple[Fitted, dict[str, bytes]]

    def __init__(
        self, probe: Probe, spec: DetectorSpec, ask: Ask, given: _Given, deadline: float
    ) -> None:
        self._probe = probe
        self._spec = spec
        self._ask = ask
        self._given = given
        self._deadline = deadline
        self._taught = is_taught(spec.model)

    def runs(self) -> list[Run]:
        """As a large fleet is trained: cold, warm, with more series, and with more epochs."""
        ask = self._ask
        if not self._taught:
            return self._by_size()
        count = max(1, min(ask.piece, SEATS * ask.cores))
        stands_for = ask.piece
        if ask.candidate:
            count = stands_for = ask.series
        runs = [self._run(count, FEW_EPOCHS, stands_for, warm=False)]
        runs.append(self._run(count, FEW_EPOCHS, stands_for))
        if 2 * count <= stands_for and runs[-1].seconds < _LEAST_SHARE * ask.seconds:
            runs.append(self._run(2 * count, FEW_EPOCHS, stands_for))
        return [*runs, self._run(count, self._more(runs[1].seconds), stands_for)]

    def small(self) -> list[Run]:
        """As the present fleet is, where it is too small to be trained as a large one."""
        series, ask = self._ask.series, self._ask
        large = min(ask.piece, SEATS * ask.cores)
        if not self._taught or ask.candidate or not 0 < series < large:
            return []
        runs = [self._run(series, FEW_EPOCHS, series, warm=False)]
        runs.append(self._run(series, FEW_EPOCHS, series))
        return [*runs, self._run(series, self._more(runs[-1].seconds), series)]

    def _by_size(self) -> list[Run]:
        few = self._ask.series if self._ask.candidate else 2
        runs = [self._run(few, 0, few, warm=False), self._run(few, 0, few)]
        if self._ask.candidate:
            return runs
        each = runs[-1].seconds / few
        many = max(4, min(_FEW, int(0.8 * self._left() / max(each, 1e-4))))
        return [*runs, self._run(many, 0, many)]

    def _more(self, took: float) -> int:
        """Epochs of the longer run, after a short one: more of them outweigh a moment's noise."""
        affordable = max(self._left(), _LEAST_SHARE * self._ask.seconds)
        return MANY_EPOCHS if affordable > 4 * took else MORE_EPOCHS

    def _left(self) -> float:
        return self._deadline - time.perf_counter()

    def _run(self, series: int, epochs: int, stands_for: int, *, warm: bool = True) -> Run:
        spec, given = self._spec, self._given.repeated(series)
        if self._taught:
            times = stands_for / series * _full(spec, self._ask.points, given.normal_rows)
            spec = spec.model_copy(update={"model": hurried(spec.model, epochs, times)})
        outcome, seconds, busy, peak = self._probe.watched(lambda: self._fit(spec, given))
        curves = () if outcome.training is None else outcome.training.curves
        folds = () if outcome.training is None else outcome.training.fold_curves
        lengths = [len(curve.loss) for curve in (*curves, *folds)]
        mean = float(np.mean(lengths)) if self._taught and lengths else 0.0
        return Run(series, mean, seconds, busy, peak, warm)

    def _fit(self, spec: DetectorSpec, given: _Given) -> Outcome:
        """A training with what is stored of it.

        Raises:
            NotEnoughNormalData: nothing came of it.
        """
        outcome = self._probe.fit(spec, given)
        if outcome.fitted is None or outcome.training is None:
            why = next(iter(outcome.rejected.values()), "there is no series")
            raise NotEnoughNormalData(f"What {spec.name!r} costs cannot be tried: {why}.")
        fitted = replace(outcome.fitted, spec=self._spec)
        place = [given.rows.keys.index(key) for key in fitted.keys]
        files = to_files(fitted, outcome.training, given.rows.select(place))
        self.made = fitted, files
        return outcome


# -- networks that do not learn, as long as is wanted ----------------------------------------------


def is_taught(model: ModelSpec) -> bool:
    """Whether there is a network in a model, which learns epoch after epoch."""
    return any(True for _ in networks(model))


def _most_rows(spec: DetectorSpec) -> int:
    """Normal rows of a series that are tried, enough to learn from."""
    whole = all(is_flat(own) or own.window == 1 for own in networks(spec.model))
    return max(MOST_ROWS if whole else MOST_ROWS_OF_STEPS, 2 * windows_needed(spec))


def hurried(model: ModelSpec, epochs: int, times: float) -> Any:
    """The same model, whose networks stop after so many epochs.

    They are asked for as many epochs as make the work `times` as much, so that their program is
    built as for that, and never get better, so that patience ends them. A loss that does not fall
    knows no patience: such networks are asked for no more than they are to have.
    """
    if isinstance(model, EnsembleSpec):
        parts = tuple(hurried(part, epochs, times) for part in model.parts)
        return model.model_copy(update={"members": parts})
    if isinstance(model, OnNetworkSpec):
        return model.model_copy(update={"network": hurried(model.network, epochs, times)})
    if isinstance(model, GanSpec):
        return model.model_copy(update={"epochs": epochs})
    if isinstance(model, NetworkSpec):
        meant = max(epochs, math.ceil(model.epochs * times))
        still = {"epochs": meant, "patience": epochs - 1, "learning_rate": _STILL}
        return model.model_copy(update=still)
    return model


def _full(spec: DetectorSpec, points: int, rows: float) -> float:
    """How many times the steps of an epoch there are with all rows, of those tried."""
    return max(1.0, _work(spec, max(points, rows)) / _work(spec, rows))


def _work(spec: DetectorSpec, rows: float) -> float:
    """Windows of an epoch with so many normal rows, those looked at to stop counted for less."""
    network = next(networks(spec.model), None)
    if network is None:
        return max(rows, 1.0)
    most = network.windows_per_epoch
    stop = rows * network.validation
    return max(1.0, min(rows - stop, most) + STOP_SHARE * min(stop, most))


# -- helping hands ---------------------------------------------------------------------------------


class _Enough(Exception):
    """Ends some work early; carries the share that was done."""

    def __init__(self, share: float) -> None:
        self.share = share
        super().__init__(share)


def _stop_at_once(share: float, words: str) -> None:
    if share < 1.0:
        raise _Enough(share)


def _lacking(spec: DetectorSpec, given: _Given) -> str:
    """What keeps rows from being learned from; nothing where all series can be."""
    least = windows_needed(spec)
    if (given.normal.sum(axis=1) < least).any():
        return f"a series has less than the {least} normal rows that are needed"
    there = np.isfinite(given.rows.values).any(axis=1).all()
    return "" if there else "a channel of a series has no values"


def _synthetic(spec: DetectorSpec, points: int, why: str) -> _Given:
    """Waves with noise, all of them normal, of two series."""
    points = max(points, 2 * windows_needed(spec), _LEAST_ROWS)
    channels = len(spec.inputs)
    phase = np.arange(points)[:, None] / 40 + np.arange(channels)
    noise = np.random.default_rng(0).normal(scale=0.1, size=(2, points, channels))
    times = np.arange(points, dtype=np.int64) * spec.step
    values = np.sin(phase)[None] + np.cos(phase / 7)[None] + noise
    rows = Rows(("probe=0", "probe=1"), times, spec.step, values)
    normal = np.ones((2, points), dtype=bool)
    said = {"labelled": True, "anomalous": np.zeros_like(normal), "modes": {}}
    return _Given(rows, normal, said, synthetic=why)


def _seconds(work: Callable[[], Any]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


@contextmanager
def _watch(used: Callable[[], int]) -> Iterator[list[int]]:
    """Bytes in use, looked at again and again until the end."""
    found, ended = [used()], threading.Event()

    def look() -> None:
        while not ended.wait(_LOOK_EVERY_S):
            found.append(used())

    watching = threading.Thread(target=look, name="capacity", daemon=True)
    watching.start()
    try:
        yield found
    finally:
        ended.set()
        watching.join()
        found.append(used())
