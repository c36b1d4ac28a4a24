"""The door for notebooks and benchmarks: frames in, frames out, no service needed."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from backend.detection.choosing import fit
from backend.detection.embedding import Codes, embed
from backend.detection.grid import Rows, ceil_to, floor_to, inside, to_rows
from backend.detection.pipeline import Fitted, Scored, score
from backend.detection.training import Training
from backend.exceptions import InputError, MissingChannel, NotEnoughNormalData, NotFound
from backend.models.registry import build
from backend.ports import ModelFactory, Points, Progress
from backend.services.training_record import training_record
from backend.services.versions import from_files, to_files
from backend.specs import DetectorSpec
from backend.stores.artifacts import FileArtifactStore


class Fleet:
    """Several series of one kind, trained and scored as one program.

    Args:
        spec: a `DetectorSpec`, or its mapping as in normalcy.yaml; `name` and `measurement` may be
            left out.
        make_model: builds an untrained model.
    """

    def __init__(
        self, spec: DetectorSpec | Mapping[str, Any], make_model: ModelFactory = build
    ) -> None:
        if not isinstance(spec, DetectorSpec):
            spec = DetectorSpec.model_validate({"name": "notebook", "measurement": "frame", **spec})
        self.spec = spec
        self.rejected: Mapping[str, str] = {}
        self._make_model = make_model
        self._fitted: Fitted | None = None
        self._files: dict[str, bytes] = {}
        self._record: dict[str, Any] = {}

    def fit(
        self,
        frames: Mapping[str, pd.DataFrame],
        normal: Mapping[str, Any] | None = None,
        progress: Progress = lambda share, words: None,
        *,
        anomalous: Mapping[str, Any] | None = None,
    ) -> "Fleet":
        """Train on the normal rows of each frame.

        Args:
            frames: series to frame with a `DatetimeIndex` (UTC; naive is taken as UTC) and one
                float column a channel.
            normal: series to mask of the frame's rows or list of `(start, stop)`; without it
                everything is learned from, robustly.
            progress: told the share done.
            anomalous: in the same form, rows known to be anomalies; only the threshold `f1_max`
                looks at them.

        Raises:
            NotEnoughNormalData: no series could be trained; the message says why.
            MissingChannel: a frame lacks a channel.
        """
        started = time.monotonic()
        rows = self._rows(frames)
        outcome = fit(
            self.spec,
            rows,
            _everything(rows) if normal is None else _mask(rows, frames, normal),
            self._make_model,
            labelled=normal is not None,
            anomalous=_mask(rows, frames, anomalous or {}),
            progress=progress,
        )
        self.rejected = outcome.rejected
        if outcome.fitted is None or outcome.training is None:
            raise NotEnoughNormalData(_reasons(outcome.rejected))
        kept = rows.select([rows.keys.index(key) for key in outcome.fitted.keys])
        self._fitted = outcome.fitted
        self._files = to_files(outcome.fitted, outcome.training, kept)
        self._record = {
            **training_record(outcome.fitted, outcome.training),
            "seconds": time.monotonic() - started,
            **_curves(outcome.training),
        }
        return self

    def score(self, frames: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
        """Score frames of series that were trained.

        A threshold that follows begins each call at its limit: hand over what led up to the rows.

        Returns:
            Series to a frame on the grid (every grid point from the first to the last row) with
            `error smoothed threshold score flag alarm judged outside` and `contribution_<channel>`.

        Raises:
            NotFound: the fleet is not trained, or a series was not.
        """
        scored = self._score(frames)
        return {key: _scored_frame(scored, s, self.spec) for s, key in enumerate(scored.keys)}

    def expected(self, frames: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
        """The reconstruction of each channel in the sensor's unit, on the grid."""
        scored = self._score(frames)
        index = _index(scored)
        return {
            key: pd.DataFrame(scored.expected[s], index=index, columns=list(self.spec.inputs))
            for s, key in enumerate(scored.keys)
        }

    def embed(self, frames: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
        """What the model's bottleneck holds of the window that ends at each grid point.

        Returns:
            Series to a frame on the grid with `e1`, `e2` and so on; NaN where no full window ends.

        Raises:
            NotFound: the fleet is not trained, or a series was not.
            InputError: the kind of model has no bottleneck.
        """
        codes = embed(self._trained(), self._known_rows(frames))
        return {key: codes_frame(codes, codes.keys.index(key)) for key in frames}

    @property
    def training(self) -> dict[str, Any]:
        """The training record: rows, limits, trimmed ranges, warnings, losses, held-out errors."""
        self._trained()
        return self._record

    def save(self, path: str | Path) -> None:
        """Store the fitted fleet under a path that does not exist yet."""
        self._trained()
        path = Path(path)
        FileArtifactStore(path.parent).save(path.name, self._files)

    @classmethod
    def load(cls, path: str | Path, make_model: ModelFactory = build) -> "Fleet":
        """Read a fleet back.

        Raises:
            ArtifactError: the files are damaged or not a fleet.
        """
        path = Path(path)
        files = FileArtifactStore(path.parent).load(path.name)
        fitted = from_files(files, make_model)
        fleet = cls(fitted.spec, make_model)
        fleet._fitted, fleet._files = fitted, files
        return fleet

    def _trained(self) -> Fitted:
        if self._fitted is None:
            raise NotFound("Nothing is trained yet: call fit() first.")
        return self._fitted

    def _score(self, frames: Mapping[str, pd.DataFrame]) -> Scored:
        scored = score(self._trained(), self._known_rows(frames))
        return _only(scored, [scored.keys.index(key) for key in frames])

    def _known_rows(self, frames: Mapping[str, pd.DataFrame]) -> Rows:
        """The rows of all series that were trained, absent where no frame is given."""
        fitted = self._trained()
        if unknown := sorted(set(frames) - set(fitted.keys)):
            reason = self.rejected.get(unknown[0], "it was not in the training frames")
            raise NotFound(f"The series {unknown[0]!r} has no model: {reason}.")
        absent = {key: pd.DataFrame(columns=list(self.spec.inputs)) for key in fitted.keys}
        return self._rows({key: frames.get(key, absent[key]) for key in fitted.keys})

    def _rows(self, frames: Mapping[str, pd.DataFrame]) -> Rows:
        points = [_points(frame, self.spec) for frame in frames.values()]
        times = np.concatenate([p.times for p in points]) if points else np.empty(0, np.int64)
        if not times.size:
            raise InputError("The frames hold no rows: there is nothing to train on or to score.")
        step = self.spec.step
        start, stop = floor_to(int(times.min()), step), ceil_to(int(times.max()) + 1, step)
        rows = to_rows(points, self.spec.inputs, start, stop, step)
        return Rows(tuple(frames), rows.times, step, rows.values)


class Detector:
    """One series; a fleet of one."""

    def __init__(
        self, spec: DetectorSpec | Mapping[str, Any], make_model: ModelFactory = build
    ) -> None:
        self._fleet = Fleet(spec, make_model)

    @property
    def spec(self) -> DetectorSpec:
        """The specification, with every default filled in."""
        return self._fleet.spec

    def fit(
        self,
        frame: pd.DataFrame,
        normal: Any = None,
        progress: Progress = lambda share, words: None,
        *,
        anomalous: Any = None,
    ) -> "Detector":
        """Train on the normal rows of a frame; see `Fleet.fit`."""
        self._fleet.fit(
            {"": frame},
            None if normal is None else {"": normal},
            progress,
            anomalous=None if anomalous is None else {"": anomalous},
        )
        return self

    def score(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Score a frame; see `Fleet.score`."""
        return self._fleet.score({"": frame})[""]

    def expected(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The reconstruction of each channel in the sensor's unit, on the grid."""
        return self._fleet.expected({"": frame})[""]

    def embed(self, frame: pd.DataFrame) -> pd.DataFrame:
        """What the model's bottleneck holds of each window; see `Fleet.embed`."""
        return self._fleet.embed({"": frame})[""]

    @property
    def training(self) -> dict[str, Any]:
        """The training record; see `Fleet.training`."""
        return self._fleet.training

    def save(self, path: str | Path) -> None:
        """Store the fitted detector under a path that does not exist yet."""
        self._fleet.save(path)

    @classmethod
    def load(cls, path: str | Path, make_model: ModelFactory = build) -> "Detector":
        """Read a detector back; see `Fleet.load`."""
        fleet = Fleet.load(path, make_model)
        detector = cls(fleet.spec, make_model)
        detector._fleet = fleet
        return detector


def _points(frame: pd.DataFrame, spec: DetectorSpec) -> Points:
    if missing := [name for name in spec.inputs if name not in frame.columns]:
        columns = ", ".join(map(str, frame.columns))
        raise MissingChannel(f"The frame lacks the channel {missing[0]!r}; it has: {columns}.")
    fields = {name: frame[name].to_numpy(dtype=np.float64) for name in spec.inputs}
    return Points({}, _nanoseconds(frame), fields)


def _nanoseconds(frame: pd.DataFrame) -> NDArray[np.int64]:
    if len(frame) == 0:
        return np.empty(0, dtype=np.int64)
    if not isinstance(frame.index, pd.DatetimeIndex):
        raise InputError("The frame's index is not a DatetimeIndex: set the time column as index.")
    index = frame.index if frame.index.tz is not None else frame.index.tz_localize("UTC")
    return np.asarray(index.as_unit("ns").asi8, dtype=np.int64)


def _everything(rows: Rows) -> NDArray[np.bool_]:
    return np.ones((len(rows.keys), len(rows.times)), dtype=bool)


def _mask(
    rows: Rows, frames: Mapping[str, pd.DataFrame], chosen: Mapping[str, Any]
) -> NDArray[np.bool_]:
    """(S, T) buckets of the rows chosen for each series; none of a series that is not named."""
    masks = [_one_mask(rows, frame, chosen.get(key, ())) for key, frame in frames.items()]
    return np.array(masks, dtype=bool).reshape(len(rows.keys), len(rows.times))


def _one_mask(rows: Rows, frame: pd.DataFrame, normal: Any) -> NDArray[np.bool_]:
    if isinstance(normal, pd.Series | np.ndarray):
        chosen = np.asarray(normal, dtype=bool)
        if chosen.shape != (len(frame),):
            raise InputError(
                f"The mask of normal rows has shape {chosen.shape}, the frame {len(frame)} rows."
            )
        times = _nanoseconds(frame)
        buckets = (times - rows.times[0]) // rows.step
        normal_rows = np.bincount(buckets[chosen], minlength=len(rows.times))
        other_rows = np.bincount(buckets[~chosen], minlength=len(rows.times))
        # One row that is not normal makes its bucket not normal; one without any row is what the
        # rows on both its sides are.
        known = normal_rows + other_rows > 0
        good = (normal_rows > 0) & (other_rows == 0)
        place = np.arange(len(known))
        before = np.maximum.accumulate(np.where(known, place, 0))
        after = np.minimum.accumulate(np.where(known, place, len(known) - 1)[::-1])[::-1]
        return np.asarray(good[before] & good[after])
    ranges = [(_time(start), _time(stop)) for start, stop in normal]
    return inside(rows.times, rows.step, ranges)


def _time(value: Any) -> int:
    stamp = pd.Timestamp(value)
    stamp = stamp.tz_localize("UTC") if stamp.tzinfo is None else stamp
    return int(stamp.as_unit("ns").value)


def _only(scored: Scored, series: list[int]) -> Scored:
    chosen = {
        name: value if name == "times" else value[series]
        for name, value in vars(scored).items()
        if name != "keys"
    }
    return Scored(keys=tuple(scored.keys[s] for s in series), **chosen)


def codes_frame(codes: Codes, s: int) -> pd.DataFrame:
    """The codes of one series, a column for each number."""
    names = [f"e{place + 1}" for place in range(codes.vectors.shape[2])]
    return pd.DataFrame(codes.vectors[s], index=_index(codes), columns=names)


def _index(found: Scored | Codes) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(found.times.astype("datetime64[ns]"), tz="UTC", name="time")


def _scored_frame(scored: Scored, s: int, spec: DetectorSpec) -> pd.DataFrame:
    columns: dict[str, Any] = {
        "error": scored.error[s],
        "smoothed": scored.smoothed[s],
        "threshold": scored.threshold[s],
        "score": scored.score[s],
        "flag": scored.flag[s].astype(np.float64),
        "alarm": scored.alarm[s].astype(np.float64),
        "judged": scored.judged[s].astype(np.float64),
        "outside": scored.outside[s].astype(np.float64),
        "reason": scored.reason[s],
    }
    for f, channel in enumerate(spec.channels):
        columns[f"contribution_{channel}"] = scored.contributions[s, :, f]
    return pd.DataFrame(columns, index=_index(scored))


def _curves(training: Training) -> dict[str, Any]:
    smoothed = training.held_out_smoothed
    return {
        "losses": [list(curve.loss) for curve in training.curves],
        "val_losses": [list(curve.val_loss) for curve in training.curves],
        "held_out_smoothed": [row[np.isfinite(row)].tolist() for row in smoothed],
    }


def _reasons(rejected: Mapping[str, str]) -> str:
    return "; ".join(f"{key}: {why}" if key else why for key, why in rejected.items())


__all__ = ["Detector", "Fleet"]
