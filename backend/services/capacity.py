"""How large a fleet this machine can hold: measured for some seconds, then worked out."""

import math
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, replace
from tempfile import TemporaryDirectory
from typing import Any

from backend.detection.forecast import UNBOUNDED, Line, Machine, Run, ways
from backend.detection.grid import last_closed
from backend.exceptions import NoData, NormalcyError, NotFound, StoreError
from backend.ports import Clock, Executor, Progress, Query
from backend.records import Label, SeriesKey, Version
from backend.services.capacity_probe import TICK, TRAIN, Ask, is_taught
from backend.services.capacity_report import (
    TRIED,
    Probed,
    Report,
    Tick,
    available,
    cost_of,
    epochs_from,
    memory_of,
    new_rows,
    writing,
)
from backend.services.material import Materials, Outline
from backend.services.piece_size import Sizing, bytes_of_series
from backend.services.stores import Stores
from backend.specs import AutoSpec, DetectorSpec, nanoseconds

SECONDS = 20.0
_TRAINING_SHARE, _SCORING_SHARE = 0.55, 0.25
"""Of the time, when nothing stands in the way."""
_LARGEST_TICK = 512
_READ_SERIES = 64
_TIMEOUT_S = 1800.0
_LOOK_EVERY_S = 0.1


@dataclass(frozen=True)
class _Known:
    """What is known of a fleet before anything is measured."""

    outline: Outline | None
    keys: tuple[SeriesKey, ...]
    series: int
    points: int
    champion: Version | None
    notes: tuple[str, ...]


class Capacity:
    """Measures with the code that does the real work, in processes of its own.

    Args:
        stores: read, never written.
        clock: the time.
        sizing: how large a piece of a fleet may be.
        machine: what there is.
        open_executor: where the tasks `probe_training` and `probe_scoring` run, each in a process
            that has done nothing else.
    """

    def __init__(
        self,
        stores: Stores,
        clock: Clock,
        sizing: Sizing,
        machine: Machine,
        open_executor: Callable[[], Executor],
    ) -> None:
        self._source = stores.source
        self._records = stores.records
        self._materials = Materials(stores, clock)
        self._clock = clock
        self._sizing = sizing
        self._machine = machine
        self._open_executor = open_executor

    def look(
        self,
        spec: DetectorSpec,
        labels: Sequence[Label],
        *,
        series: int | None = None,
        seconds: float = SECONDS,
        progress: Progress = lambda share, words: None,
    ) -> Report:
        """Measure for some seconds and say what a detector needs.

        Args:
            spec: the detector; it need not be configured.
            labels: what is said of it.
            series: how large the fleet is to be; as large as it is, if not given.
            seconds: how long to measure, about; one training is always looked at.
            progress: told the share done.

        Raises:
            NotEnoughNormalData: not even synthetic rows can be learned from.
            TaskError: a measuring process was lost.
        """
        began = time.monotonic()
        progress(0.0, "looking at the fleet")
        known = self._known(spec, labels, series)
        read, told = self._read(spec, known)
        progress(0.1, "training a few series")
        with TemporaryDirectory(prefix="normalcy-capacity-") as scratch:
            probed, others, chosen = self._train(spec, known, seconds, scratch, progress)
            progress(0.7, "scoring a tick")
            ticked = self._tick(spec, known, scratch, seconds, progress)
        report = self._report(spec, known, probed, others, ticked, read)
        notes = (*known.notes, *told, *chosen, *_of_rows(probed.found), *report.notes)
        return replace(report, notes=notes, measured_s=time.monotonic() - began)

    # -- what is there -----------------------------------------------------------------------------

    def _known(self, spec: DetectorSpec, labels: Sequence[Label], series: int | None) -> _Known:
        notes: list[str] = []
        outline = None
        try:
            outline = self._materials.outline(spec, tuple(labels))
        except StoreError as error:
            notes.append(f"The source cannot be asked, so synthetic rows are used. {error}")
        except NoData as error:
            notes.append(f"Synthetic rows are used. {error}")
        champion = self._champion(spec.name)
        keys = () if outline is None else outline.asked() or outline.keys
        there = len(keys) or (0 if champion is None else len(champion.training["series"]))
        points = nanoseconds(spec.learn_from) // spec.step if outline is None else outline.points
        if not any(label.kind == "normal" for label in labels):
            notes.append(
                "Nothing is labelled normal: it is taken to learn from as much as it does without "
                "labels (learn_from)."
            )
        if not (series or there):
            notes.append("How large the fleet is cannot be known: say it with --series.")
        return _Known(outline, tuple(keys), series or there, points, champion, tuple(notes))

    def _champion(self, detector: str) -> Version | None:
        with suppress(NotFound):
            for promotion in reversed(self._records.promotions(detector)):
                version = self._records.version(detector, promotion.number)
                if version.training.get("series"):
                    return version
        return None

    def _read(self, spec: DetectorSpec, known: _Known) -> tuple[Line | None, tuple[str, ...]]:
        """What reading takes in a tick, by a real read of a few series and of one."""
        if not known.keys:
            return None, ()
        stop = last_closed(self._clock.now(), spec.step, nanoseconds(spec.delay))
        rows = math.ceil(nanoseconds(spec.schedule.lateness) / spec.step) + new_rows(spec)
        query = Query(
            spec.measurement,
            spec.inputs,
            stop - rows * spec.step,
            stop,
            spec.where,
            spec.group_by,
            every=spec.step,
        )
        many = known.keys[:_READ_SERIES]
        found = []
        try:
            for some in {1: many[:1], len(many): many}.values():
                taken = []
                for _ in range(3):
                    began = time.perf_counter()
                    self._source.read(replace(query, series=some))
                    taken.append(time.perf_counter() - began)
                found.append((float(len(some)), statistics.median(taken)))
        except NormalcyError as error:
            return None, (f"Reading could not be measured. {error}",)
        if len(found) == 1:
            # what one series costs beside the way there cannot be told: all of it is
            return Line(0.0, found[0][1]), (
                "Reading was measured on one series alone: for more it is, if anything, quicker.",
            )
        return Line.through(found), ()

    # -- measuring ---------------------------------------------------------------------------------

    def _train(
        self, spec: DetectorSpec, known: _Known, seconds: float, scratch: str, progress: Progress
    ) -> tuple[Probed, list[Probed], tuple[str, ...]]:
        """The model that the fleet has, tried; and the candidates, where it is yet to be chosen."""
        share = _TRAINING_SHARE * seconds
        if not isinstance(spec.model, AutoSpec):
            return self._probe(spec, known, share, scratch, progress), [], ()
        record = {} if known.champion is None else known.champion.training.get("choice") or {}
        tries = [one["kind"] for one in record.get("tries", ())]
        wanted = [c for c in spec.model.candidates if not tries or c.kind in tries]
        chosen = next((c for c in wanted if c.kind == record.get("kind")), wanted[0])
        share /= len(wanted)

        def with_model(model: Any) -> DetectorSpec:
            return spec.model_copy(update={"model": model})

        tried = replace(known, series=min(TRIED, known.series or TRIED))
        others = [
            self._probe(with_model(c), tried, share, f"{scratch}/{n}", progress, candidate=True)
            for n, c in enumerate(wanted)
            if c is not chosen
        ]
        own = self._probe(with_model(chosen), known, share, scratch, progress)
        said = (
            f"auto chose {chosen.kind} last time, and is taken to do so again."
            if record
            else f"auto has not chosen yet: {chosen.kind} is taken for chosen, and all candidates "
            "for tried."
        )
        return own, [*others, own], (said,)

    def _probe(
        self,
        own: DetectorSpec,
        known: _Known,
        seconds: float,
        scratch: str,
        progress: Progress,
        *,
        candidate: bool = False,
    ) -> Probed:
        """Try a detector whose model is no choice of several."""
        assert not isinstance(own.model, AutoSpec)
        ask = Ask(
            spec=own.plain(),
            outline=None if known.outline is None else known.outline.plain(),
            keys=known.keys[:TRIED],
            points=known.points,
            series=known.series,
            piece=self._piece(own, known),
            cores=self._machine.cores,
            seconds=seconds,
            scratch=scratch,
            candidate=candidate,
        )
        words = f"training a few series with {own.model.kind}"
        told = _within(progress, 0.1, 0.7, words)
        found = self._run(TRAIN, ask.plain(), seconds * 1.5, told)
        cost = cost_of(own, known.champion, found, found["runs"])
        small = cost_of(own, known.champion, found, found["small"]) if found["small"] else None
        return Probed(own.model, cost, small, found)

    def _piece(self, spec: DetectorSpec, known: _Known) -> int:
        """Series in a piece of as large a fleet as may be."""
        count = max(known.series, self._sizing.most)
        return max(map(len, self._sizing.parts(spec, known.points, ("",) * count)))

    def _tick(
        self, spec: DetectorSpec, known: _Known, scratch: str, seconds: float, progress: Progress
    ) -> Mapping[str, Any]:
        asked = {"scratch": scratch, "rows": new_rows(spec), "most": _LARGEST_TICK}
        told = _within(progress, 0.7, 1.0, "scoring a tick")
        return self._run(TICK, asked, _SCORING_SHARE * seconds, told)

    def _run(
        self, task: str, arguments: Mapping[str, Any], expected_s: float, progress: Progress
    ) -> dict[str, Any]:
        """Run a task in a process of its own; progress is by the clock, as it tells none."""
        executor, began = self._open_executor(), time.monotonic()
        try:
            with ThreadPoolExecutor(1, thread_name_prefix="capacity") as pool:
                going = pool.submit(executor.run, task, arguments, _TIMEOUT_S)
                try:
                    while not wait([going], _LOOK_EVERY_S).done:
                        past = (time.monotonic() - began) / max(expected_s, _LOOK_EVERY_S)
                        progress(min(past, 0.99), "")
                finally:
                    if not going.done():
                        executor.close()
                return going.result()
        finally:
            executor.close()

    # -- what follows ------------------------------------------------------------------------------

    def _report(
        self,
        spec: DetectorSpec,
        known: _Known,
        probed: Probed,
        candidates: Sequence[Probed],
        ticked: Mapping[str, Any],
        read: Line | None,
    ) -> Report:
        own = spec.model_copy(update={"model": probed.model})
        piece = self._piece(own, known)
        few = min(TRIED, known.series or TRIED)
        tries = sum(one.tried_s(spec.folds, few) for one in candidates)
        cost = replace(probed.cost, fleet=probed.cost.fleet + tries)
        small = probed.small and replace(probed.small, fleet=cost.fleet)
        seconds, why = available(spec, self._clock.now())
        training = memory_of(probed.found, bytes_of_series(own, known.points))
        sizes = ticked["sizes"]
        scoring = Line.through([(one["series"], one["peak"]) for one in sizes])
        tick = Tick(
            read=read,
            model=Line.through([(one["series"], one["seconds"]) for one in sizes]),
            write=writing(spec),
            interval_s=spec.schedule.score.total_seconds(),
        )
        series = known.series
        by_memory = scoring.most(self._machine.memory)
        notes = []
        together = min(piece, max(series, 1))
        if (piece_s := cost.piece + together * cost.each) > self._sizing.timeout_s:
            notes.append(
                f"A piece of {together} series takes {piece_s / 60:.0f} min, longer than "
                f"training.timeout ({self._sizing.timeout_s / 60:.0f} min): raise it."
            )
        return Report(
            detector=spec.name,
            kind=probed.model.kind,
            series=series,
            machine=self._machine,
            tick=tick,
            tick_holds=min(tick.whole.most(tick.interval_s), by_memory, UNBOUNDED),
            cost=cost,
            present_s=(small or cost).seconds(series, piece) if series else None,
            piece=piece,
            available_s=seconds,
            why_available=why,
            ways=ways(cost, training, self._machine, piece, seconds, series),
            training_memory=training,
            scoring_memory=scoring,
            with_tensorflow=is_taught(probed.model),
            choosing_s=tries,
            limits_s=probed.cost.fleet,
            epochs_from=epochs_from(own, known.champion),
            notes=tuple(notes),
            measured_s=0.0,
            runs=tuple(Run(**run) for run in probed.found["runs"]),
        )


def _of_rows(found: Mapping[str, Any]) -> tuple[str, ...]:
    """That a model was tried on synthetic rows."""
    why = str(found["synthetic"]).rstrip(".")
    return (f"Tried on synthetic rows: {why}.",) if why else ()


def _within(progress: Progress, start: float, stop: float, words: str) -> Progress:
    return lambda share, _: progress(start + share * (stop - start), words)
