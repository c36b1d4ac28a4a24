"""Which kind of model a detector is served by, where it is told to choose.

The evidence is what a live system has: normal time that was held back, and synthetic faults put
into it. Every candidate learns from the first part of each series' normal rows and is judged on the
last, as it is and with faults. The cheap ones come first; a later one takes over only where it
finds clearly more. Labelled anomalies are counted beside it, for people to see: a choice by them
would suit the few faults that have been, not those to come.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backend.detection import training
from backend.detection.faults import Fault, draw, inject
from backend.detection.former import Former
from backend.detection.grid import Rows
from backend.detection.pipeline import Fitted, score
from backend.detection.progress import part_of
from backend.detection.sampling import evenly
from backend.detection.scaling import fit_scaler
from backend.detection.training import Outcome
from backend.ports import Floats, ModelFactory, Progress
from backend.specs import AutoSpec, DetectorSpec, EnsembleSpec, SingleSpec

Mask = NDArray[np.bool_]

_SERIES = 4
"""Series of a fleet that candidates are tried on, evenly taken."""
_ROWS = 12_000
"""Newest normal rows of them that candidates are tried on."""
_HELD_BACK = 0.25
_FOLDS = 2
_FAULTS = 24
_LENGTH = 30
_QUANTILE = 0.99
"""Of clean held-back errors: what lies above counts as found."""
_TRIED = 0.5
"""Share of the progress that the tries take."""


@dataclass(frozen=True)
class Try:
    """How a candidate did.

    Attributes:
        kind: of the model.
        found: share of the rows of synthetic faults above nearly all of clean time; None where the
            candidate could not be trained.
        labelled: the same of labelled anomalies; None without any.
        reason: why it could not be trained.
    """

    kind: str
    found: float | None
    labelled: float | None = None
    reason: str = ""


@dataclass(frozen=True)
class Choice:
    """What was chosen, why in a sentence, and what all candidates did."""

    spec: DetectorSpec
    reason: str
    tries: tuple[Try, ...]

    def plain(self) -> dict[str, Any]:
        """As JSON-ready values."""
        kind = self.spec.model.kind
        return {"kind": kind, "reason": self.reason, "tries": [asdict(one) for one in self.tries]}


def fit(
    spec: DetectorSpec,
    rows: Rows,
    normal: Mask,
    make_model: ModelFactory,
    *,
    former: Former | None = None,
    progress: Progress = lambda share, words: None,
    **labels: Any,
) -> Outcome:
    """Fit a model version by `training.fit`; a detector of kind `auto` chooses its model first.

    What was chosen, and why, stands in the outcome's training. The candidates are all tried from
    nothing, as the former version has seen what they are judged on; the chosen one begins with its
    weights, if they are of the same kind.
    """
    if not isinstance(spec.model, AutoSpec):
        return training.fit(
            spec, rows, normal, make_model, former=former, progress=progress, **labels
        )
    tried = part_of(progress, 0.0, _TRIED)
    choice = choose(spec, spec.model, _sample(rows, normal, labels), make_model, tried)
    outcome = training.fit(
        choice.spec,
        rows,
        normal,
        make_model,
        former=former,
        progress=part_of(progress, _TRIED, 1.0),
        **labels,
    )
    if outcome.training is None:
        return outcome
    return replace(outcome, training=replace(outcome.training, choice=choice.plain()))


def tried_on(series: int) -> list[int]:
    """The places of a fleet's series that candidates are tried on."""
    return [int(place) for place in evenly(np.arange(series), _SERIES)]


def pick(
    spec: DetectorSpec,
    rows: Rows,
    normal: Mask,
    make_model: ModelFactory,
    progress: Progress = lambda share, words: None,
    **labels: Any,
) -> Choice | None:
    """Choose the model of a detector of kind `auto` by some of its series; None for other kinds.

    Args:
        spec: the detector.
        rows: (S, T, F) of those series that `tried_on` tells.
        normal: (S, T) rows called normal.
        make_model: builds an untrained model.
        progress: told the share done.
        labels: as `fit` takes them.
    """
    if not isinstance(spec.model, AutoSpec):
        return None
    return choose(spec, spec.model, _sample(rows, normal, labels), make_model, progress)


@dataclass(frozen=True)
class Sample:
    """What candidates are tried on.

    Attributes:
        rows: (S, T, F).
        learned: (S, T) rows that they learn from.
        held_back: (S, T) normal rows that they are judged on.
        anomalous: (S, T) rows labelled as anomalies.
        labelled: whether anybody said what is normal.
    """

    rows: Rows
    learned: Mask
    held_back: Mask
    anomalous: Mask
    labelled: bool


def choose(
    spec: DetectorSpec, auto: AutoSpec, sample: Sample, make_model: ModelFactory, progress: Progress
) -> Choice:
    """Try one candidate after the other until one finds enough.

    Args:
        spec: the detector.
        auto: its candidates, and what is enough.
        sample: what they are tried on.
        make_model: builds an untrained model.
        progress: told the share done.
    """
    tries: list[Try] = []
    best = 0
    for number, candidate in enumerate(auto.candidates):
        progress(number / len(auto.candidates), f"trying {candidate.kind}")
        tries.append(_try(_with(spec, candidate), sample, make_model))
        found, leader = tries[number].found, tries[best].found
        if found is not None and (leader is None or found > leader + auto.margin * (number > best)):
            best = number
        if (tries[best].found or 0.0) >= auto.enough:
            break
    return Choice(_with(spec, auto.candidates[best]), _reason(auto, tries, best), tuple(tries))


def _with(spec: DetectorSpec, model: SingleSpec | EnsembleSpec) -> DetectorSpec:
    return spec.model_copy(update={"model": model})


def _try(spec: DetectorSpec, sample: Sample, make_model: ModelFactory) -> Try:
    kind = spec.model.kind
    quick = spec.model_copy(update={"folds": _FOLDS, "trim_rounds": 1})
    outcome = training.fit(quick, sample.rows, sample.learned, make_model, labelled=sample.labelled)
    if outcome.fitted is None:
        return Try(kind, None, reason=next(iter(outcome.rejected.values()), "no series is there"))
    found, labelled = _seen(outcome.fitted, sample)
    if not found:
        return Try(kind, None, reason="too little normal time is left to put faults into")
    return Try(kind, float(np.mean(found)), float(np.mean(labelled)) if labelled else None)


def _seen(fitted: Fitted, sample: Sample) -> tuple[list[float], list[float]]:
    """Shares found of each synthetic fault, and of each series' labelled anomalies."""
    place = [sample.rows.keys.index(key) for key in fitted.keys]
    rows, held_back = sample.rows.select(place), sample.held_back[place]
    clean = _errors(fitted, rows)
    lines = _lines(clean, held_back)
    found = []
    for turn in _turns(fitted, held_back):
        errors = _errors(fitted, _broken(rows, turn, sample.learned[place]))
        for s, fault in turn.items():
            own = errors[s, fault.start : fault.stop]
            own = own[np.isfinite(own)]
            if own.size and np.isfinite(lines[s]):
                found.append(float(np.mean(own > lines[s])))
    bad = sample.anomalous[place] & np.isfinite(clean)
    labelled = [
        float(np.mean(clean[s, bad[s]] > lines[s])) for s in np.flatnonzero(bad.any(axis=1))
    ]
    return found, labelled


def _errors(fitted: Fitted, rows: Rows) -> Floats:
    """(S, T) smoothed error by the model alone; NaN where not judged."""
    scored = score(fitted, rows)
    return np.where(scored.judged, scored.smoothed, np.nan)


def _lines(clean: Floats, held_back: Mask) -> Floats:
    """(S,) what nearly all clean errors stay below; NaN where nothing was judged."""
    known = held_back & np.isfinite(clean)
    return np.array(
        [
            np.quantile(clean[s, known[s]], _QUANTILE) if known[s].any() else np.nan
            for s in range(len(clean))
        ]
    )


def _turns(fitted: Fitted, held_back: Mask) -> Iterable[Mapping[int, Fault]]:
    """One fault a series at a time, so that none stands in the way of another."""
    rng = np.random.default_rng(fitted.spec.model.seed)
    drawn = [
        draw(rng, held_back[s], fitted.counted[s], count=_FAULTS, length=_LENGTH)
        for s in range(len(held_back))
    ]
    for number in range(max(map(len, drawn), default=0)):
        yield {s: own[number] for s, own in enumerate(drawn) if number < len(own)}


def _broken(rows: Rows, faults: Mapping[int, Fault], learned: Mask) -> Rows:
    scale = fit_scaler(rows.values, learned, "robust").scale
    values = rows.values.copy()
    for s, fault in faults.items():
        values[s] = inject(values[s], fault, scale[s])
    return replace(rows, values=values)


def _sample(rows: Rows, normal: Mask, labels: Mapping[str, Any]) -> Sample:
    place = tried_on(len(rows.keys))
    own = normal[place].copy()
    held_back = np.zeros_like(own)
    for s, row in enumerate(own):
        known = np.flatnonzero(row)
        row[known[:-_ROWS]] = False
        held_back[s, known[-_ROWS:][round((1 - _HELD_BACK) * min(len(known), _ROWS)) :]] = True
    anomalous = labels.get("anomalous")
    bad = np.zeros_like(own) if anomalous is None else anomalous[place]
    return Sample(
        rows.select(place), own & ~held_back, held_back, bad, bool(labels.get("labelled", True))
    )


def _reason(auto: AutoSpec, tries: Sequence[Try], best: int) -> str:
    kind, found = tries[best].kind, tries[best].found
    if found is None:
        return f"{kind} is taken because no candidate could be tried: {tries[best].reason}"
    others = [one for one in tries if one is not tries[best]]
    said = ", ".join(
        f"{one.kind} {one.found:.0%}" if one.found is not None else f"{one.kind} not trained"
        for one in others
    )
    told = f"; the others: {said}" if said else ""
    rest = auto.candidates[len(tries) :]
    skipped = f"; that is enough, so not tried: {', '.join(c.kind for c in rest)}" if rest else ""
    return (
        f"{kind} finds {found:.0%} of the rows of synthetic faults in held-back normal time"
        f"{told}{skipped}; a later candidate had to find {auto.margin:.0%} more"
    )
