"""The whole loop on a simulated story: import, label, train, score, compare, draw."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from backend import schema
from backend.demo.comparison import Comparison, compare
from backend.demo.scenario import Fault, Scenario
from backend.detection.progress import part_of
from backend.ports import ArtifactStore, Floats, Points, Progress, Query, SeriesStore
from backend.records import Label, LabelDraft, LabelKind, Version
from backend.services.drawing import Span
from backend.services.events import Event, read_events
from backend.services.selection import results_query
from backend.services.versions import read_archive


class Labels(Protocol):
    """Takes the operator's statements."""

    def add_all(self, drafts: Sequence[LabelDraft], *, source: str, by: str) -> list[Label]:
        """Store labels."""
        ...


class Trains(Protocol):
    """Trains a detector on what is labeled."""

    def run(self, detector: str, progress: Progress) -> Version:
        """Train a version."""
        ...


class Scores(Protocol):
    """Scores a range, and what is new."""

    def backfill(self, detector: str, start: int, stop: int, progress: Progress) -> object:
        """Score `[start, stop)`."""
        ...

    def tick(self, detector: str) -> object:
        """Score what has arrived since."""
        ...


class Stage(Protocol):
    """What the loop needs of an application."""

    @property
    def source(self) -> SeriesStore:
        """Where the sensors write."""
        ...

    @property
    def results(self) -> SeriesStore:
        """Where scores are written."""
        ...

    @property
    def artifacts(self) -> ArtifactStore:
        """Where model files lie."""
        ...

    @property
    def labelling(self) -> Labels:
        """Labels."""
        ...

    @property
    def retraining(self) -> Trains:
        """Training."""
        ...

    @property
    def scoring(self) -> Scores:
        """Scoring."""
        ...


@dataclass(frozen=True)
class Material:
    """All that is known when the story was told, for who draws it.

    Attributes:
        scenario: the story.
        comparison: injected faults against found events.
        events: what was found.
        version: the model version that found it.
        held_out: (R,) smoothed errors of normal rows that the model had not seen.
        losses: (2, E) loss of each epoch, in training and on the rows kept for stopping.
        raw, scores, expected, contributions: rows of `[trained, stop)`.
    """

    scenario: Scenario
    comparison: Comparison
    events: tuple[Event, ...]
    version: Version
    held_out: Floats
    losses: Floats
    raw: Points
    scores: Points
    expected: Points
    contributions: Points


Draw = Callable[[Material], list[Path]]
"""Draws pictures of a story and says where they lie."""


@dataclass(frozen=True)
class Told:
    """How a story ended."""

    detector: str
    comparison: Comparison
    seconds: float
    version: str
    pictures: Sequence[Path] = field(default=())

    def plain(self) -> dict[str, Any]:
        """JSON-ready: the counts first, then which."""
        return {
            "injected": self.comparison.injected,
            "found": len(self.comparison.found),
            "false_events": len(self.comparison.false),
            "seconds": round(self.seconds, 2),
            "pictures": [str(path) for path in self.pictures],
            "detector": self.detector,
            "model": self.version,
            "faults": [
                *({**_fault(f), "found_at": e.start} for f, e in self.comparison.found),
                *({**_fault(f), "found_at": None} for f in self.comparison.missed),
            ],
            "false": [_event(event) for event in self.comparison.false],
        }


def tell(stage: Stage, scenario: Scenario, draw: Draw, progress: Progress) -> Told:
    """Play a story from its first row to its pictures.

    Args:
        stage: an application whose clock stands at or after the end of the history, and whose
            configuration holds the scenario's detector.
        scenario: the story.
        draw: draws the pictures.
        progress: told the share done.
    """
    began = time.monotonic()
    name = scenario.spec.name
    progress(0.0, "simulating sensors")
    rows = scenario.rows(scenario.start, scenario.stop)
    stage.source.write(scenario.spec.measurement, [rows])
    normal = LabelDraft(name, LabelKind.NORMAL, scenario.start, scenario.trained, note="simulated")
    stage.labelling.add_all([normal], source="command", by="demo")
    version = stage.retraining.run(name, part_of(progress, 0.05, 0.75))
    stage.scoring.backfill(name, scenario.trained, scenario.stop, part_of(progress, 0.75, 0.9))
    progress(0.9, "drawing")
    material = gather(stage, scenario, version)
    pictures = draw(material)
    progress(1.0, "done")
    return Told(name, material.comparison, time.monotonic() - began, version.name, pictures)


def gather(stage: Stage, scenario: Scenario, version: Version) -> Material:
    """Read back what was written, and hold it against what was injected."""
    spec, start, stop = scenario.spec, scenario.trained, scenario.stop
    events = read_events(stage.results, spec, Span(start, stop))
    faults = scenario.faults(start, stop)
    archive = read_archive(stage.artifacts.load(version.artifact))
    raw = Query(spec.measurement, spec.channels, start, stop, spec.where, spec.group_by)
    return Material(
        scenario=scenario,
        comparison=compare(faults, events, scenario.tolerance),
        events=tuple(events),
        version=version,
        held_out=archive["held_out_smoothed"].ravel(),
        losses=np.stack([archive["loss"][0], archive["val_loss"][0]]),
        raw=stage.source.read(raw)[0],
        scores=_results(stage, scenario, schema.SCORES, schema.SCORE_NUMBERS),
        expected=_results(stage, scenario, schema.EXPECTED, spec.channels),
        contributions=_results(stage, scenario, schema.CONTRIBUTIONS, spec.channels),
    )


def _results(stage: Stage, scenario: Scenario, measurement: str, fields: tuple[str, ...]) -> Points:
    span = Span(scenario.trained, scenario.stop)
    return stage.results.read(results_query(scenario.spec, measurement, fields, span))[0]


def _fault(fault: Fault) -> Mapping[str, Any]:
    return {"kind": str(fault.kind), "channel": fault.channel, **_range(fault.start, fault.stop)}


def _event(event: Event) -> Mapping[str, Any]:
    return {
        **_range(event.start, event.stop),
        "peak_score": event.peak_score,
        "channels": list(event.channels),
    }


def _range(start: int, stop: int | None) -> Mapping[str, int | None]:
    return {"start": start, "stop": stop}
