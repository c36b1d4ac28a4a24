"""What a process counts of its own doing, for Prometheus.

Each process holds one `Meters`; there is no registry of the program, so that two applications in
one process never count for each other. What is counted is bounded by what the product has (kinds of
work, stores, routes, detectors), never by what users or sensors send: no series, no user, no path.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

Operation = Literal["read", "write"]

CONFIGURATION_OUTDATED = "normalcy_configuration_outdated"

_SHORT = (0.005, 0.02, 0.1, 0.5, 2.0, 10.0)
_STORE = (0.001, 0.005, 0.02, 0.1, 0.5, 2.0, 10.0, 60.0)
_WORK = (0.1, 0.5, 2.0, 10.0, 60.0, 300.0, 1800.0, 7200.0)


class Meters:
    """The counters of one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(namespace="normalcy", registry=self.registry)
        self._jobs = self._counter(
            "jobs", "Work of the timetable and of requests that ended.", "kind", "outcome"
        )
        self._job_seconds = self._histogram(
            "job_seconds", "How long work took, from its claim to its end.", _WORK, "kind"
        )
        self._misfired = self._counter(
            "jobs_misfired", "Scheduled times that were not served in time.", "kind"
        )
        self._timed_out = self._counter(
            "jobs_timed_out", "Work that was ended at its time limit.", "kind"
        )
        self._stuck = self._counter(
            "jobs_stuck", "Work that ran on past its limit, so that the process left.", "kind"
        )
        self._caught_up = self._counter(
            "jobs_caught_up", "Times at which missed work was made up for.", "kind"
        )
        self._caught_up_seconds = self._counter(
            "jobs_caught_up_seconds", "Time that was missed and made up for.", "kind"
        )
        self._store = self._counter(
            "store_requests", "Calls of a store.", "store", "operation", "outcome"
        )
        self._store_seconds = self._histogram(
            "store_seconds", "How long calls of a store took.", _STORE, "store", "operation"
        )
        self._training_seconds = self._counter(
            "training_seconds", "Time spent on trainings, however they ended.", "detector"
        )
        self._trainings = self._counter(
            "trainings", "Trainings by what became of them.", "detector", "outcome"
        )
        self._due = self._counter("due_points", "Points that were to be judged.", "detector")
        self._judged = self._counter("judged_points", "Due points that were judged.", "detector")
        self._points = self._counter("scored_points", "Points that were scored.", "detector")
        self._flagged = self._counter("flagged_points", "Points that were flagged.", "detector")
        self._requests = self._counter(
            "http_requests", "Answers of the web service.", "route", "method", "code"
        )
        self._request_seconds = self._histogram(
            "http_seconds", "How long answers of the web service took.", _SHORT, "route"
        )
        self._under_way = Gauge(
            "normalcy_jobs_under_way", "Work that goes on.", ["kind"], registry=self.registry
        )
        self._outdated = Gauge(
            CONFIGURATION_OUTDATED,
            "1 where normalcy.yaml as it stands is not in force.",
            registry=self.registry,
        )

    def configured(self, *, outdated: bool) -> None:
        """Note whether the configuration of before goes on."""
        self._outdated.set(float(outdated))

    def job_ended(self, kind: str, outcome: str, seconds: float) -> None:
        """Count work that ended.

        Args:
            kind: of work, as `score` or `retrain`.
            outcome: `done`, `failed`, `cancelled`, `timed_out`, `out_of_memory`, `lost`,
                `taken_over`, or the state of a request.
            seconds: that it took.
        """
        self._jobs.labels(kind, outcome).inc()
        self._job_seconds.labels(kind).observe(max(seconds, 0.0))

    @contextmanager
    def job(self, kind: str) -> Iterator[None]:
        """Count work as going on while the block runs."""
        with self._under_way.labels(kind).track_inprogress():
            yield

    def misfired(self, kind: str, times: int = 1) -> None:
        """Count scheduled times that nobody served in time."""
        self._misfired.labels(kind).inc(times)

    def timed_out(self, kind: str) -> None:
        """Count work that was ended at its limit."""
        self._timed_out.labels(kind).inc()

    def stuck(self, kind: str) -> None:
        """Count work that would not end, so that its process has to."""
        self._stuck.labels(kind).inc()

    def caught_up(self, kind: str, seconds: float) -> None:
        """Count missed time that was made up for."""
        self._caught_up.labels(kind).inc()
        self._caught_up_seconds.labels(kind).inc(max(seconds, 0.0))

    def trained(self, detector: str, outcome: str, seconds: float) -> None:
        """Count a training by its verdict, or by how it ended without one."""
        self._trainings.labels(detector, outcome).inc()
        self._training_seconds.labels(detector).inc(max(seconds, 0.0))

    def scored(self, detector: str, *, due: int, judged: int, points: int, flagged: int) -> None:
        """Count what a tick did: the share of due points that were judged is the coverage.

        Args:
            detector: its name.
            due: points that were to be judged.
            judged: those of them that could be.
            points: that were written.
            flagged: those of them above the limit.
        """
        counters = (self._due, self._judged, self._points, self._flagged)
        for counter, number in zip(counters, (due, judged, points, flagged), strict=True):
            counter.labels(detector).inc(number)

    def store_asked(
        self, store: str, outcome: str, seconds: float, operation: Operation = "read"
    ) -> None:
        """Count a call of a store.

        Args:
            store: `source`, `results` or `records`.
            outcome: `ok`, `unavailable`, `refused` or `failed`.
            seconds: that it took.
            operation: whether it was to change something.
        """
        self._store.labels(store, operation, outcome).inc()
        self._store_seconds.labels(store, operation).observe(max(seconds, 0.0))

    def answered(self, route: str, method: str, code: int, seconds: float) -> None:
        """Count an answer of the web service by the rule that its address follows."""
        self._requests.labels(route, method, str(code)).inc()
        self._request_seconds.labels(route).observe(max(seconds, 0.0))

    def _counter(self, name: str, words: str, *labels: str) -> Counter:
        return Counter(f"normalcy_{name}", words, labels, registry=self.registry)

    def _histogram(
        self, name: str, words: str, buckets: tuple[float, ...], *labels: str
    ) -> Histogram:
        return Histogram(f"normalcy_{name}", words, labels, registry=self.registry, buckets=buckets)
