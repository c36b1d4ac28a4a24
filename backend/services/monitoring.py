"""What Prometheus is told: how work and detectors stand, and what every process counts.

Everything is asked for in a handful of statements, whose cost follows from how many detectors there
are, not how many series; nobody asks a store of series. Where the records are away, this says so,
beside what the own process counts.
"""

import platform
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from prometheus_client.metrics_core import (
    GaugeMetricFamily,
    InfoMetricFamily,
    Metric,
)

from backend.exceptions import NormalcyError
from backend.ports import Clock, RecordStore
from backend.records import DriftAnswer, ProcessReport, Request, Run, Standing, State
from backend.services.detectors import Detectors
from backend.services.overview import grace
from backend.services.pace import lag_s
from backend.services.process_reports import PROGRAM, Reporter, age, is_stale, merged, present
from backend.services.processes import living
from backend.specs import DetectorSpec

_SECOND = 1e9


class Monitoring:
    """Collects what is to be known of the whole product; a collector for Prometheus' client."""

    def __init__(
        self, records: RecordStore, detectors: Detectors, own: Reporter, clock: Clock
    ) -> None:
        """Watch what `records` and `detectors` hold.

        Args:
            records: where processes meet.
            detectors: which there are.
            own: what this process counts.
            clock: the time.
        """
        self._records = records
        self._detectors = detectors
        self.own = own
        self._clock = clock

    def collect(self) -> list[Metric]:
        """Every family, by name, with what this process counts at the moment."""
        try:
            # told first, so that whichever of several web processes answers, all count alike
            self.own.tell()
        except NormalcyError:
            # a disk that is full may still be read
            return self.look(untold=self.own.current())
        return self.look()

    def look(self, untold: ProcessReport | None = None) -> list[Metric]:
        """Every family, by name, as the processes have told them.

        Args:
            untold: what a process counts that could not tell it.
        """
        try:
            known = [*self._work(), *self._standing(), *self._processes(untold)]
            up = untold is None
        except NormalcyError:
            known, up = merged([untold] if untold else []), False
        return sorted([_build(), records_up(up), *known], key=lambda family: family.name)

    def _work(self) -> list[Metric]:
        now = self._clock.now()
        asked, runs = self._records.open_requests(), self._records.open_runs()
        jobs = len(living(self._records.leases()))
        return [
            _gauge("jobs_processes", "Processes that run the timetable.", {(): jobs}),
            *queue(asked, now),
            *open_runs(runs, now),
        ]

    def _standing(self) -> list[Metric]:
        found = {one.detector: one for one in self._records.standings()}
        specs, now = self._detectors.all(), self._clock.now()
        proposals = Counter(
            x.detector for x in self._records.drift_proposals() if x.answer is DriftAnswer.OPEN
        )
        drifted = {spec.name: proposals[spec.name] for spec in specs}
        ages = {x.name: max(now - x.at, 0) / _SECOND for x in self._records.upkeep()}
        return [
            *standing(specs, found, now),
            _by_detector("drifted", "Whether a retraining is proposed because of drift.", drifted),
            _by("name", "upkeep_age_seconds", "When it was last done, such as a backup.", ages),
        ]

    def _processes(self, untold: ProcessReport | None) -> list[Metric]:
        now, told = self._clock.now(), self._records.process_reports()
        if untold is not None:
            told = [untold, *(one for one in told if one.name != untold.name)]
        return [*heard(told, now), *merged(present(told, now))]


class Told:
    """Families that were collected, as Prometheus' encoders ask for them."""

    def __init__(self, families: Sequence[Metric]) -> None:
        self._families = families

    def collect(self) -> Sequence[Metric]:
        """Each of them."""
        return self._families


def records_up(up: bool) -> Metric:
    """Whether the record store can be written."""
    return _gauge("records_up", "Whether the record store can be written.", {(): up})


def queue(requests: Iterable[Request], now: int) -> list[Metric]:
    """How many requests wait and are worked on, and for how long the oldest has waited."""
    requests = list(requests)
    waiting = [one for one in requests if one.state is State.WAITING]
    going = [one for one in requests if one.state is State.RUNNING]
    oldest = max((now - one.created_at for one in waiting), default=0) / _SECOND
    return [
        _gauge("requests_waiting", "Requests that wait.", _count(waiting), "kind"),
        _gauge("requests_running", "Requests that are worked on.", _count(going), "kind"),
        _gauge(
            "requests_oldest_seconds",
            "For how long the request has waited that has waited longest.",
            {(): max(oldest, 0.0)},
        ),
    ]


def open_runs(runs: Sequence[Run], now: int) -> list[Metric]:
    """How many runs go on by the record, and since when the oldest has told nothing."""
    silent = max((now - (one.told_at or one.started_at) for one in runs), default=0) / _SECOND
    return [
        _gauge("runs_open", "Runs that go on, by the record.", _count(runs), "kind"),
        _gauge(
            "runs_silent_seconds",
            "Since when the run has told nothing that has told nothing for longest.",
            {(): max(silent, 0.0)},
        ),
    ]


def standing(
    specs: Iterable[DetectorSpec], found: Mapping[str, Standing], now: int
) -> list[Metric]:
    """How each detector stands."""
    pairs = [(spec, found.get(spec.name, Standing(spec.name))) for spec in specs]
    marked = [(spec, one) for spec, one in pairs if one.scored_to is not None]
    served = {one.detector: one for _, one in pairs if one.serving is not None}
    return [
        _gauge("detectors", "Detectors that are defined.", {(): len(pairs)}),
        _by_detector(
            "series", "Series that were ever scored.", {x.name: one.series for x, one in pairs}
        ),
        _by_detector(
            "series_set_aside", "Series set aside.", {x.name: one.set_aside for x, one in pairs}
        ),
        _by_detector(
            "lag_seconds",
            "For how long the oldest closed bucket that is not scored has waited.",
            {x.name: lag_s(x, one.scored_to or 0, now) for x, one in marked},
        ),
        _by_detector(
            "slowest_series_lag_seconds",
            "The same of the series that is furthest behind, set aside or not.",
            {x.name: lag_s(x, one.scored_from or 0, now) for x, one in marked},
        ),
        _by_detector(
            "blind_after_seconds",
            "With a greater lag it counts as blind.",
            {spec.name: grace(spec) / _SECOND for spec, _ in pairs},
        ),
        _by_detector(
            "has_model", "Whether a version serves.", {x.name: x.name in served for x, _ in pairs}
        ),
        _by_detector(
            "model_version",
            "Number of the version that serves.",
            {name: one.serving or 0 for name, one in served.items()},
        ),
        _by_detector(
            "model_age_seconds",
            "Age of the version that serves.",
            {name: max(now - (one.made_at or now), 0) / _SECOND for name, one in served.items()},
        ),
    ]


def heard(reports: Iterable[ProcessReport], now: int) -> list[Metric]:
    """Which processes tell what they count, and when each did last."""
    up: dict[tuple[str, ...], float] = {}
    ages: dict[tuple[str, ...], float] = {}
    for one in reports:
        where = one.role, one.host
        seconds = 0.0 if is_future(one, now) else age(one, now) / _SECOND
        up[where] = max(up.get(where, 0.0), float(not is_stale(one, now)))
        ages[where] = min(ages.get(where, seconds), seconds)
    labels = "process", "host"
    return [
        _gauge("process_up", "Whether a process told lately what it counts.", up, *labels),
        _gauge("process_report_age_seconds", "When it did so last.", ages, *labels),
    ]


def is_future(report: ProcessReport, now: int) -> bool:
    """Whether the clock that a report was made by is a little ahead."""
    return report.at > now and not is_stale(report, now)


def _build() -> Metric:
    info = {"version": PROGRAM, "python": platform.python_version()}
    return InfoMetricFamily("normalcy_build", "What runs.", value=info)


def _count(work: Iterable[Request | Run]) -> dict[tuple[str, ...], float]:
    return {(kind,): float(n) for kind, n in Counter(one.kind for one in work).items()}


def _by_detector(name: str, words: str, values: Mapping[str, float]) -> Metric:
    return _by("detector", f"detector_{name}", words, values)


def _by(label: str, name: str, words: str, values: Mapping[str, float]) -> Metric:
    found: dict[tuple[str, ...], float] = {(key,): float(value) for key, value in values.items()}
    return _gauge(name, words, found, label)


def _gauge(name: str, words: str, values: Mapping[tuple[str, ...], float], *labels: str) -> Metric:
    family = GaugeMetricFamily(f"normalcy_{name}", words, labels=labels)
    for key, value in values.items():
        family.add_metric(key, float(value))
    return family
