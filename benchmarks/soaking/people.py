"""Those who use the service while it soaks: operator and maintainer, who change things; visitors.

What they were told is done has to be there in the end, once. What was not acknowledged may
be there or not.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

import requests

from benchmarks.soaking.course import BEFORE_S, SECOND, Course
from benchmarks.soaking.plant import TOKEN, Plant

_ANSWER_S = 10.0
_PATIENCE_S = 180.0
_LOOK_S = 0.5
_OPERATOR_S, _VISITOR_S = 3.0, 0.5
"""Seconds between two things that a person does, on the whole."""
_OPEN = ("waiting", "running")
_APART_S = 100
"""A score looks back no further."""
_SETTLED_S = 60
"""A backfill goes over time that one version has scored alone: none is begun sooner."""


@dataclass
class Told:
    """What the service has acknowledged."""

    added: dict[int, str] = field(default_factory=dict)
    """Labels: number to note."""
    removed: set[int] = field(default_factory=set)
    removing: set[int] = field(default_factory=set)
    """Labels that were asked to be taken back, acknowledged or not."""
    unanswered: set[str] = field(default_factory=set)
    """Notes of labels that may be there or not."""
    requests: dict[int, str] = field(default_factory=dict)
    """Work asked for: number to kind."""
    rolled_back: Counter[str] = field(default_factory=Counter)
    """How often a former version was to serve again, by detector."""
    ends: Counter[str] = field(default_factory=Counter)
    """How the work that was asked for ended, as `retrain done`."""
    answers: Counter[str] = field(default_factory=Counter)
    """Answers to everybody by status, or by what came in place of one."""
    bad: list[str] = field(default_factory=list)
    """The first answers that say the service itself is wrong: a 500."""


class Caller:
    """Asks the service over HTTP, and counts what comes."""

    def __init__(self, plant: Plant, told: Told) -> None:
        self._plant = plant
        self._told = told
        self._session = requests.Session()
        self._session.headers["Authorization"] = f"Bearer {TOKEN}"

    def ask(self, method: str, path: str, body: object = None) -> Any:
        """The answer's content if all is well; None in every other case."""
        try:
            answer = self._session.request(
                method, self._plant.url + path, json=body, timeout=_ANSWER_S
            )
        except requests.RequestException as error:
            self._told.answers[type(error).__name__] += 1
            return None
        self._told.answers[str(answer.status_code)] += 1
        if answer.status_code == 500 and len(self._told.bad) < 20:
            self._told.bad.append(f"{method} {path}: {answer.text[:500]}")
        if not answer.ok:
            return None
        if "json" not in answer.headers.get("Content-Type", ""):
            return answer.text
        return answer.json()

    def close(self) -> None:
        """Hang up."""
        self._session.close()


class _Person:
    """Does something again and again; `with` starts and ends that."""

    def __init__(self, plant: Plant, told: Told, lots: Random, pause_s: float) -> None:
        self._caller = Caller(plant, told)
        self._told = told
        self._lots = lots
        self._pause_s = pause_s
        self._stop = threading.Event()
        self._failed: BaseException | None = None
        self._thread = threading.Thread(target=self._go_on, name=type(self).__name__)

    def __enter__(self) -> Any:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.leave()

    def leave(self) -> None:
        """Finish what is going on."""
        self._stop.set()
        self._thread.join()
        self._caller.close()
        if self._failed is not None:
            raise self._failed

    def _go_on(self) -> None:
        try:
            while not self._stop.wait(self._lots.uniform(0.2, 2) * self._pause_s):
                self.act()
        except BaseException as error:
            self._failed = error

    def act(self) -> None:
        """Do one thing."""
        raise NotImplementedError


class Operator(_Person):
    """Marks ranges, and takes marks back."""

    def __init__(self, plant: Plant, told: Told, lots: Random, courses: Sequence[Course]) -> None:
        super().__init__(plant, told, lots, _OPERATOR_S)
        self._courses = courses
        self._number = 0

    def act(self) -> None:
        """More marks than are taken back."""
        if self._lots.random() < 0.7:
            self._label(self._lots.choice(self._courses))
        else:
            self._take_back()

    def _label(self, course: Course) -> None:
        """Of any kind on history; of time that is compared only what does not change its scores.

        An `exclude` label changes those of past time when that is scored again, and not before.
        """
        self._number += 1
        note = f"soak {self._number}"
        kind = self._lots.choice(["normal", "anomaly", "exclude"])
        last = course.live - (BEFORE_S + _APART_S if kind == "exclude" else 0)
        begin = course.start + self._lots.randrange(last - 40) * SECOND
        body = {
            "detector": course.fleet.name,
            "kind": kind,
            "from": begin // 10**6,
            "to": (begin + self._lots.randrange(5, 40) * SECOND) // 10**6,
            "tags": {course.fleet.tag: course.fleet.key(self._lots.randrange(course.fleet.series))},
            "note": note,
        }
        rows = self._caller.ask("POST", "/api/v1/labels", body)
        if rows is None:
            self._told.unanswered.add(note)
        else:
            self._told.added.update({row["id"]: row["note"] for row in rows})

    def _take_back(self) -> None:
        left = sorted(self._told.added.keys() - self._told.removing)
        if not left:
            return
        number = self._lots.choice(left)
        self._told.removing.add(number)
        if self._caller.ask("DELETE", f"/api/v1/labels/{number}") is not None:
            self._told.removed.add(number)


class Maintainer(_Person):
    """Asks for trainings, backfills and former versions.

    Args:
        plant: the service.
        told: what it acknowledges.
        lots: what is done when.
        courses: what is watched.
        serving_since: since when the present version of a detector serves, in nanoseconds.
    """

    def __init__(
        self,
        plant: Plant,
        told: Told,
        lots: Random,
        courses: Sequence[Course],
        serving_since: Callable[[str], int],
    ) -> None:
        super().__init__(plant, told, lots, _OPERATOR_S)
        self._courses = courses
        self._serving_since = serving_since

    def act(self) -> None:
        """One thing at a time, so that it is known which version scored what."""
        what = self._lots.choices([self._retrain, self._backfill, self._roll_back], [3, 2, 1])[0]
        what(self._lots.choice(self._courses))

    def _retrain(self, course: Course) -> None:
        if self._is_quiet():
            self._have_done({"kind": "retrain", "detector": course.fleet.name, "cold": True})

    def _backfill(self, course: Course) -> None:
        """Of a range that the present version has scored already."""
        if not self._is_quiet():
            return
        serving = self._serving_since(course.fleet.name)
        stop = time.time_ns() - 5 * SECOND
        if stop - serving < _SETTLED_S * SECOND:
            return
        seconds = (stop - serving) // SECOND
        begin = serving + self._lots.randrange(1, seconds - 20) * SECOND
        asked = {"from": begin // 10**6, "to": stop // 10**6}
        self._have_done({"kind": "backfill", "detector": course.fleet.name, **asked})

    def _roll_back(self, course: Course) -> None:
        if not self._is_quiet():
            return
        name = course.fleet.name
        if self._caller.ask("POST", f"/api/v1/detectors/{name}/rollback", {}) is not None:
            self._told.rolled_back[name] += 1
        self._settle()

    def _is_quiet(self) -> bool:
        """Whether nothing that was asked for is still to be done."""
        rows = self._caller.ask("GET", "/api/v1/requests")
        return rows is not None and not any(row["state"] in _OPEN for row in rows)

    def _have_done(self, body: Mapping[str, object]) -> None:
        """Ask for work, and wait for its end."""
        answer = self._caller.ask("POST", "/api/v1/requests", body)
        if answer is None:
            return self._settle()
        number, kind = answer["id"], str(body["kind"])
        self._told.requests[number] = kind
        deadline = time.monotonic() + _PATIENCE_S
        while time.monotonic() < deadline and not self._stop.is_set():
            seen = self._caller.ask("GET", f"/api/v1/requests/{number}")
            if seen is not None and seen["state"] not in _OPEN:
                self._told.ends[f"{kind} {seen['state']}"] += 1
                return None
            self._stop.wait(_LOOK_S)
        self._told.ends[f"{kind} goes on"] += 1
        return None

    def _settle(self) -> None:
        """Until the service answers again what was not acknowledged may still come to be."""
        while not self._stop.wait(_LOOK_S):
            if self._caller.ask("GET", "/api/v1/requests") is not None:
                self._stop.wait(2.0)
                return


class Visitor(_Person):
    """Looks at pages, at the API, and at panels of Grafana."""

    def __init__(self, plant: Plant, told: Told, lots: Random, courses: Sequence[Course]) -> None:
        super().__init__(plant, told, lots, _VISITOR_S)
        self._courses = courses

    def act(self) -> None:
        """One look."""
        fleet = self._lots.choice(self._courses).fleet
        looks = [
            "/",
            f"/api/v1/detectors/{fleet.name}/events",
            "/api/v1/detectors",
            "/api/v1/series",
            "/api/v1/runs",
            f"/api/v1/detectors/{fleet.name}/models",
            "/healthz",
            "/metrics",
        ]
        if self._lots.random() < 0.5:
            self._caller.ask("GET", self._lots.choice(looks))
        else:
            series = f"{fleet.tag}={fleet.key(self._lots.randrange(fleet.series))}"
            self._caller.ask("POST", "/grafana/query", panel(fleet.name, series, time.time_ns()))


def panel(detector: str, series: str, now: int) -> Mapping[str, object]:
    """What Grafana's panel asks: the score of one series over the last minutes."""
    payload = {"detector": detector, "series": series}
    return {
        "range": {"from": _iso(now - 600 * SECOND), "to": _iso(now)},
        "maxDataPoints": 500,
        "targets": [{"refId": "A", "target": "score", "payload": payload}],
    }


def _iso(at: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(at // SECOND))
