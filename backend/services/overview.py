"""How a detector is doing, in one word and a few figures."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from backend.records import Run, SeriesKey, SetAside, State, Version
from backend.services.pace import lag_s, too_large
from backend.specs import DetectorSpec, nanoseconds

_SEEING = 0.5
"""The share of due points that has to be judged, as for the rule `blind` in Grafana."""


class Condition(StrEnum):
    """The one word, the most urgent first."""

    ANOMALOUS = "anomalous"
    BLIND = "blind"
    LEARNING = "learning"
    NO_MODEL = "no model"
    NORMAL = "normal"


@dataclass(frozen=True)
class SeriesState:
    """How one series is doing; `scored_to` is the first nanosecond not yet scored."""

    detector: str
    series: SeriesKey
    scored_to: int | None
    score: float | None
    alarm: bool
    set_aside: SetAside | None


@dataclass(frozen=True)
class Results:
    """What the store of results says of a detector.

    `scores` holds score and alarm by series, `unjudged` why the newest point of a series was not
    judged, or not by all channels, where that was so, `going_on` how many events go on by series;
    `problem` says why the store could not be read, `down` that no other question will be answered
    either.
    """

    scores: Mapping[SeriesKey, tuple[float, bool]] = field(default_factory=dict)
    coverage: float | None = None
    unjudged: Mapping[SeriesKey, str] = field(default_factory=dict)
    going_on: Mapping[SeriesKey, int] = field(default_factory=dict)
    problem: str = ""
    down: bool = False

    @property
    def open_events(self) -> int:
        """How many events go on."""
        return sum(self.going_on.values())


@dataclass(frozen=True)
class Remembered:
    """What the records say of a detector: its newest version, the one that serves, and progress."""

    newest: Version | None
    champion: Version | None
    runs: Sequence[Run]
    watermarks: Mapping[SeriesKey, int]
    set_aside: Sequence[SetAside]


@dataclass(frozen=True)
class Glance:
    """A detector with what records and results say of it."""

    spec: DetectorSpec
    known: Remembered
    results: Results


@dataclass(frozen=True)
class Overview:
    """A detector at a glance; times are UTC nanoseconds.

    Attributes:
        score: highest of the newest scores of its series.
        scored_to: how far the scoring has come, for the series that is furthest.
        trained_at: when the newest version was made, champion or not.
        champion: the version that serves.
        coverage: share of due points scored in time, 0 to 1.
        lag_s: for how long the oldest closed bucket that is not scored has waited; None before
            anything is scored.
        too_large: what to do where the fleet is too large for its interval; else empty.
    """

    detector: str
    condition: Condition
    why: str
    score: float | None
    scored_to: int | None
    trained_at: int | None
    champion: int | None
    coverage: float | None
    open_events: int
    series: int
    set_aside: tuple[SetAside, ...]
    lag_s: float | None = None
    too_large: str = ""


def overview(spec: DetectorSpec, known: Remembered, results: Results, now: int) -> Overview:
    """Put together what is known of a detector."""
    condition, why = _condition(spec, known, results, now)
    marks, aside = known.watermarks, known.set_aside
    return Overview(
        detector=spec.name,
        condition=condition,
        why=why,
        score=max((score for score, _ in results.scores.values()), default=None),
        scored_to=max(marks.values(), default=None),
        trained_at=known.newest.created_at if known.newest else None,
        champion=known.champion.number if known.champion else None,
        coverage=results.coverage,
        open_events=results.open_events,
        series=len(set(marks) | {one.series for one in aside}),
        set_aside=tuple(aside),
        lag_s=lag_s(spec, max(marks.values()), now) if marks else None,
        too_large=too_large(known.runs),
    )


def grace(spec: DetectorSpec) -> int:
    """Nanoseconds that scoring may lie behind the clock before the detector counts as blind."""
    return (
        spec.step + nanoseconds(spec.delay) + 3 * max(spec.step, nanoseconds(spec.schedule.score))
    )


def _condition(
    spec: DetectorSpec, known: Remembered, results: Results, now: int
) -> tuple[Condition, str]:
    if known.champion is None:
        return _without_model(known)
    if why := _blind(spec, known, results, now):
        return Condition.BLIND, why
    alarms = sorted(key for key, (_, alarm) in results.scores.items() if alarm)
    if known.champion.provisional:
        return Condition.LEARNING, "The model was learned without labels and raises no alarm yet."
    if results.open_events or alarms:
        return Condition.ANOMALOUS, ", ".join(key for key in alarms if key)
    return Condition.NORMAL, ""


def _without_model(known: Remembered) -> tuple[Condition, str]:
    retrains = [run for run in known.runs if run.kind == "retrain"]
    if any(run.state is State.RUNNING for run in retrains):
        return Condition.LEARNING, "The first model is being trained."
    if known.newest:
        return Condition.NO_MODEL, "A model waits for its promotion."
    if retrains and retrains[0].state is State.FAILED:
        return Condition.NO_MODEL, retrains[0].message
    return Condition.NO_MODEL, "Nothing has been trained yet."


def _blind(spec: DetectorSpec, known: Remembered, results: Results, now: int) -> str:
    if results.problem:
        return results.problem
    if not known.watermarks and not known.set_aside:
        return "Nothing has been scored yet."
    aside = {one.series for one in known.set_aside}
    marks = [mark for key, mark in known.watermarks.items() if key not in aside]
    if not marks:
        return "Every series is set aside."
    if now - max(marks) > grace(spec):
        return _failing(known.runs, max(marks)) or (
            "Scoring lies behind: no new data, or the jobs do not run."
        )
    if results.coverage is not None and results.coverage < _SEEING:
        whys = Counter(why for key, why in results.unjudged.items() if key not in aside and why)
        most = f", most often for the reason {whys.most_common(1)[0][0]!r}" if whys else ""
        return f"Of what was due last, {results.coverage:.0%} could be judged{most}."
    return ""


def _failing(runs: Sequence[Run], mark: int) -> str:
    """What the scoring that should have gone past a mark failed of, if it did."""
    for run in runs:
        if run.kind == "score" and run.state is State.FAILED:
            return run.message if (run.finished_at or run.started_at) > mark else ""
    return ""
