"""The record store in memory: the same contract, nothing kept."""

import json
import secrets
import threading
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import replace
from typing import Any, TypeVar

from backend.exceptions import Conflict, NotFound, StoreRefused
from backend.records import (
    LOG_LINES,
    LOGS_KEPT,
    Alert,
    AlertState,
    AnnotationLink,
    AnnotationProblem,
    AuditEntry,
    Delivery,
    DriftAnswer,
    DriftProposal,
    DriftWatch,
    Identity,
    Label,
    Lease,
    LogLine,
    Message,
    ProcessReport,
    Promotion,
    Request,
    Role,
    Run,
    SeriesKey,
    SessionKind,
    SetAside,
    SignedIn,
    Standing,
    State,
    StoredDetector,
    Token,
    Upkeep,
    User,
    Verdict,
    Version,
)

Row = TypeVar("Row")
OPEN = (State.WAITING, State.RUNNING)
_MINUTE = 60_000_000_000


class MemoryRecordStore:
    """Twin of `SqlRecordStore` for tests of the rooms above."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._labels: dict[int, Label] = {}
        self._detectors: dict[str, StoredDetector] = {}
        self._numbers: dict[str, int] = {}
        self._versions: dict[tuple[str, int], Version] = {}
        self._promotions: list[Promotion] = []
        self._marks: dict[tuple[str, SeriesKey], int] = {}
        self._aside: dict[tuple[str, SeriesKey], SetAside] = {}
        self._runs: dict[int, Run] = {}
        self._last_run = self._last_request = 0
        self._upkeep: dict[str, Upkeep] = {}
        self._watches: dict[str, DriftWatch] = {}
        self._proposals: dict[int, DriftProposal] = {}
        self._logs: dict[int, list[LogLine]] = {}
        self._requests: dict[int, Request] = {}
        self._leases: dict[str, Lease] = {}
        self._served: dict[str, int] = {}
        self._audit: list[AuditEntry] = []
        self._sessions: dict[int, SignedIn] = {}
        self._spent: dict[str, int] = {}
        self._identities: dict[tuple[str, str], Identity] = {}
        self._links: dict[tuple[str, str], AnnotationLink] = {}
        self._problems: dict[str, list[AnnotationProblem]] = {}
        self._alerts: dict[int, Alert] = {}
        self._messages: dict[int, Message] = {}
        self._users: dict[str, User] = {}
        self._tokens: dict[int, Token] = {}
        self._reports: dict[str, ProcessReport] = {}
        self._given = 0

    def ping(self) -> str:
        return "memory"

    # -- labels

    def add_labels(self, labels: Sequence[Label]) -> list[Label]:
        with self._lock:
            self._refuse_second_word(labels)
            first = len(self._labels) + 1
            added = [
                replace(label, id=first + offset, tags=_plain(label.tags))
                for offset, label in enumerate(labels)
            ]
            self._labels.update({label.id: label for label in added})
            return added

    def _refuse_second_word(self, labels: Sequence[Label]) -> None:
        there = [one for one in self._labels.values() if one.removed_at is None]
        sources = [one.source for one in [*there, *labels] if one.source.startswith("alert ")]
        if len(set(sources)) < len(sources):
            raise Conflict("There is such a label already.")

    def labels(self, detector: str | None = None, *, removed: bool = False) -> list[Label]:
        with self._lock:
            found = [
                label
                for label in self._labels.values()
                if detector in (None, label.detector) and (removed or label.removed_at is None)
            ]
        return sorted(found, key=lambda label: (label.start, label.id))

    def remove_labels(self, ids: Sequence[int], *, by: str, at: int) -> list[Label]:
        with self._lock:
            for number in ids:
                if number not in self._labels or self._labels[number].removed_at is not None:
                    raise NotFound(f"There is no label {number}, or it was removed already.")
            taken = [replace(self._labels[i], removed_by=by, removed_at=at) for i in set(ids)]
            self._labels.update({label.id: label for label in taken})
        return sorted(taken, key=lambda label: (label.start, label.id))

    def change_labels(
        self, add: Sequence[Label], remove: Sequence[int], *, by: str, at: int
    ) -> tuple[list[Label], list[Label]]:
        with self._lock:
            before = dict(self._labels)
            taken = self.remove_labels(remove, by=by, at=at)
            try:
                return self.add_labels(add), taken
            except Conflict:
                self._labels = before
                raise

    # -- annotations

    def annotation_links(self, book: str | None = None) -> list[AnnotationLink]:
        with self._lock:
            return [self._links[key] for key in sorted(self._links) if book in (None, key[0])]

    def tie(
        self,
        link: AnnotationLink,
        *,
        add: Sequence[Label] = (),
        remove: Sequence[int] = (),
        by: str,
        at: int,
    ) -> AnnotationLink:
        with self._lock:
            self._refuse_changed(link)
            added = self.add_labels(add)
            self._take_back(remove, by, at)
            labels = (*link.labels, *(label.id for label in added))
            stored = replace(link, labels=labels, revision=link.revision + 1)
            self._links[link.book, link.annotation] = stored
            return stored

    def untie(self, link: AnnotationLink, *, remove: Sequence[int] = (), by: str, at: int) -> None:
        with self._lock:
            self._refuse_changed(link)
            self._take_back(remove, by, at)
            del self._links[link.book, link.annotation]

    def annotation_problems(self) -> list[AnnotationProblem]:
        with self._lock:
            return [problem for noted in self._problems.values() for problem in noted]

    def note_annotation_problems(self, book: str, problems: Sequence[AnnotationProblem]) -> None:
        with self._lock:
            self._problems.pop(book, None)
            self._problems[book] = list(problems)

    def _refuse_changed(self, link: AnnotationLink) -> None:
        there = self._links.get((link.book, link.annotation))
        twice = link.rid and any(
            (other.book, other.rid) == (link.book, link.rid)
            for other in self._links.values()
            if other.annotation != link.annotation
        )
        if (there.revision if there else 0) != link.revision or twice:
            raise Conflict(f"The annotation {link.annotation} was taken up by another meanwhile.")

    def _take_back(self, ids: Sequence[int], by: str, at: int) -> None:
        standing = [i for i in ids if i in self._labels and self._labels[i].removed_at is None]
        self.remove_labels(standing, by=by, at=at)

    # -- detectors

    def save_detector(self, detector: StoredDetector) -> None:
        with self._lock:
            self._detectors[detector.name] = replace(detector, spec=_plain(detector.spec))

    def delete_detector(self, name: str) -> None:
        with self._lock:
            if self._detectors.pop(name, None) is None:
                raise NotFound(f"There is no stored detector {name!r}.")

    def detectors(self) -> list[StoredDetector]:
        with self._lock:
            return [self._detectors[name] for name in sorted(self._detectors)]

    # -- versions

    def next_number(self, detector: str) -> int:
        with self._lock:
            self._numbers[detector] = self._numbers.get(detector, 0) + 1
            return self._numbers[detector]

    def add_version(self, version: Version) -> Version:
        key = (version.detector, version.number)
        with self._lock:
            if key in self._versions:
                raise Conflict(f"Version {version.name} is stored already.")
            spec, training = _plain(version.spec), _plain(version.training)
            self._versions[key] = replace(version, spec=spec, training=training)
            return self._versions[key]

    def versions(self, detector: str, *, limit: int | None = None) -> list[Version]:
        with self._lock:
            found = [one for one in self._versions.values() if one.detector == detector]
        return sorted(found, key=lambda version: -version.number)[:limit]

    def version(self, detector: str, number: int) -> Version:
        with self._lock:
            return _found(self._versions, (detector, number), "version")

    def set_verdict(self, detector: str, number: int, verdict: Verdict) -> None:
        with self._lock:
            changed = replace(self.version(detector, number), verdict=verdict)
            self._versions[detector, number] = changed

    def promote(self, promotion: Promotion) -> None:
        with self._lock:
            self.version(promotion.detector, promotion.number)
            for version in self.versions(promotion.detector):
                if version.verdict is Verdict.CHAMPION:
                    self.set_verdict(version.detector, version.number, Verdict.RETIRED)
            self.set_verdict(promotion.detector, promotion.number, Verdict.CHAMPION)
            self._promotions.append(promotion)

    def promotions(self, detector: str) -> list[Promotion]:
        with self._lock:
            return [one for one in self._promotions if one.detector == detector]

    # -- scoring

    def watermarks(self, detector: str) -> dict[SeriesKey, int]:
        with self._lock:
            return {key: mark for (name, key), mark in self._marks.items() if name == detector}

    def set_watermarks(self, detector: str, marks: Mapping[SeriesKey, int]) -> None:
        with self._lock:
            for series, mark in marks.items():
                key = (detector, series)
                self._marks[key] = max(mark, self._marks.get(key, mark))

    def rewind_watermarks(self, detector: str, mark: int) -> None:
        with self._lock:
            for key, there in self._marks.items():
                if key[0] == detector:
                    self._marks[key] = min(mark, there)

    def set_aside(self, series: SetAside) -> None:
        with self._lock:
            self._aside[series.detector, series.series] = series

    def series_set_aside(self, detector: str) -> list[SetAside]:
        with self._lock:
            return [self._aside[key] for key in sorted(self._aside) if key[0] == detector]

    def readmit(self, detector: str, series: SeriesKey) -> None:
        with self._lock:
            self._aside.pop((detector, series), None)

    def standings(self) -> list[Standing]:
        with self._lock:
            asked = {name for name, _ in (*self._marks, *self._aside)}
            asked |= {one.detector for one in self._promotions}
            return [self._standing(name) for name in sorted(asked)]

    def _standing(self, detector: str) -> Standing:
        marks = list(self.watermarks(detector).values())
        last = next((one for one in self._promotions[::-1] if one.detector == detector), None)
        serving = last and self._versions.get((detector, last.number))
        return Standing(
            detector=detector,
            series=len(marks),
            scored_from=min(marks, default=None),
            scored_to=max(marks, default=None),
            set_aside=len(self.series_set_aside(detector)),
            serving=serving.number if serving else None,
            made_at=serving.created_at if serving else None,
        )

    # -- processes

    def report_process(self, report: ProcessReport) -> None:
        with self._lock:
            self._reports[report.name] = replace(report, families=_plain(report.families))

    def process_reports(self, *, counts: bool = True) -> list[ProcessReport]:
        with self._lock:
            told = [self._reports[name] for name in sorted(self._reports)]
        return told if counts else [replace(one, families={}) for one in told]

    def forget_processes(self, names: Collection[str]) -> None:
        with self._lock:
            for name in names:
                self._reports.pop(name, None)

    # -- runs

    def start_run(
        self,
        kind: str,
        detector: str,
        *,
        worker: str,
        at: int,
        details: Mapping[str, Any] | None = None,
    ) -> Run:
        with self._lock:
            self._last_run += 1
            number, known = self._last_run, _plain(details or {})
            run = Run(number, kind, detector, State.RUNNING, at, worker, details=known)
            self._runs[run.id] = run
            self._logs.pop(run.id - LOGS_KEPT, None)
            return run

    def tell_run(self, run: int, *, share: float, words: str, at: int) -> Run:
        with self._lock:
            before = self.run(run)
            if before.state is not State.RUNNING:
                return before
            if words != before.words:
                lines = [*self._logs.get(run, ()), LogLine(at, words)]
                self._logs[run] = lines[-LOG_LINES:]
            self._runs[run] = replace(before, progress=share, words=words, told_at=at)
            return self._runs[run]

    def cancel_run(self, run: int, *, by: str) -> Run:
        with self._lock:
            found = self.run(run)
            if found.state is not State.RUNNING:
                raise Conflict(f"Run {run} cannot be cancelled: it is {found.state}.")
            self._runs[run] = replace(found, cancelled_by=found.cancelled_by or by)
            return self._runs[run]

    def run(self, run: int) -> Run:
        with self._lock:
            return _found(self._runs, run, "run")

    def run_log(self, run: int) -> list[LogLine]:
        with self._lock:
            self.run(run)
            return list(self._logs.get(run, ()))

    def finish_run(
        self, run: int, state: State, *, at: int, message: str = "", details: Mapping[str, Any]
    ) -> None:
        with self._lock:
            begun = _found(self._runs, run, "run")
            if begun.state in (State.INTERRUPTED, State.CANCELLED):
                return
            self._runs[run] = replace(
                begun,
                state=state,
                finished_at=at,
                message=message,
                details=_plain(details),
            )

    def runs(self, detector: str | None = None, *, limit: int = 100) -> list[Run]:
        with self._lock:
            found = [run for run in self._runs.values() if detector in (None, run.detector)]
        return found[::-1][:limit]

    def open_runs(self) -> list[Run]:
        with self._lock:
            return [run for run in self._runs.values() if run.state is State.RUNNING]

    def interrupt_runs(self, *, worker: str, at: int) -> int:
        with self._lock:
            running = [
                run
                for run in self._runs.values()
                if run.state is State.RUNNING and run.worker == worker
            ]
            for run in running:
                state = State.CANCELLED if run.cancelled_by else State.INTERRUPTED
                self._runs[run.id] = replace(run, state=state, finished_at=at)
            return len(running)

    # -- leases

    def take_lease(
        self, name: str, holder: str, *, length: int, due: int | None = None
    ) -> Lease | None:
        with self._lock:
            now, there = time.time_ns(), self._leases.get(name)
            held = there and now < there.until <= now + max(length, 0) + _MINUTE
            if there and there.holder and held:
                return None
            served = self._served.get(name)
            if due is not None and served is not None and due <= served <= now + _MINUTE:
                return None
            left = there.due if there else None
            self._leases[name] = Lease(
                name,
                holder,
                secrets.token_hex(8),
                now + length,
                left if due is None else due,
                there.holder if there else "",
                served=served,
            )
            return self._leases[name]

    def renew_leases(self, tokens: Collection[str], *, length: int) -> frozenset[str]:
        with self._lock:
            held = [one for one in self._leases.values() if one.holder and one.token in tokens]
            for lease in held:
                self._leases[lease.name] = replace(lease, until=time.time_ns() + length)
            return frozenset(lease.token for lease in held)

    def holds_lease(self, name: str, token: str) -> bool:
        with self._lock:
            return name in self._leases and self._leases[name].token == token

    def drop_lease(self, name: str, token: str, *, done: bool) -> None:
        with self._lock:
            if not self.holds_lease(name, token):
                return
            lease = self._leases.pop(name)
            if done and lease.due is not None:
                self._served[name] = lease.due
            elif lease.due is not None:
                self._leases[name] = replace(lease, holder="", token="", formerly="")

    def leases(self) -> list[Lease]:
        with self._lock:
            now = time.time_ns()
            held = [self._leases[name] for name in sorted(self._leases)]
            return [replace(one, expired=one.until <= now) for one in held]

    # -- requests

    def add_request(
        self, kind: str, detector: str, payload: Mapping[str, Any], *, by: str, at: int
    ) -> Request:
        wanted = (kind, detector, _plain(payload))
        with self._lock:
            for request in self._requests.values():
                waits = request.state is State.WAITING
                if waits and (request.kind, request.detector, request.payload) == wanted:
                    return request
            self._last_request += 1
            request = Request(self._last_request, *wanted, by, at)
            self._requests[request.id] = request
            return request

    def claim_request(
        self,
        *,
        worker: str,
        at: int,
        deadline: int,
        kinds: Collection[str] | None = None,
        request: int | None = None,
    ) -> Request | None:
        with self._lock:
            for one in self._requests.values():
                if kinds is not None and one.kind not in kinds:
                    continue
                running = one.state is State.RUNNING
                expired = running and one.deadline is not None and one.deadline <= at
                if request in (None, one.id) and (one.state is State.WAITING or expired):
                    return self._change(
                        one.id,
                        state=State.RUNNING,
                        worker=worker,
                        claimed_at=at,
                        deadline=deadline,
                        progress=0.0,
                        words="",
                    )
        return None

    def update_request(
        self,
        request: int,
        *,
        progress: float,
        deadline: int,
        worker: str | None = None,
        words: str | None = None,
    ) -> Request:
        with self._lock:
            self._refuse_other(request, worker)
            if (state := self.request(request).state) is not State.RUNNING:
                raise Conflict(f"Request {request} is {state}, not running.")
            told = {} if words is None else {"words": words}
            return self._change(request, progress=progress, deadline=deadline, **told)

    def cancel_request(self, request: int, *, by: str, at: int) -> Request:
        with self._lock:
            found = self.request(request)
            if found.state not in OPEN:
                raise Conflict(f"Request {request} cannot be cancelled: it is {found.state}.")
            waits = found.state is State.WAITING
            ended = {"state": State.CANCELLED, "finished_at": at} if waits else {}
            return self._change(request, cancelled_by=found.cancelled_by or by, **ended)

    def finish_request(
        self,
        request: int,
        state: State,
        *,
        at: int,
        result: Mapping[str, Any],
        message: str = "",
        worker: str | None = None,
    ) -> None:
        with self._lock:
            self._refuse_other(request, worker)
            if (now := self.request(request).state) not in (State.WAITING, State.RUNNING):
                raise Conflict(f"Request {request} is {now} already.")
            result = _plain(result)
            self._change(request, state=state, finished_at=at, result=result, message=message)

    def request(self, request: int) -> Request:
        with self._lock:
            return _found(self._requests, request, "request")

    def requests(
        self,
        *,
        kind: str | None = None,
        detector: str | None = None,
        payload: Mapping[str, Any] | None = None,
        limit: int = 100,
    ) -> list[Request]:
        with self._lock:
            found = [
                one
                for one in self._requests.values()
                if kind in (None, one.kind)
                and detector in (None, one.detector)
                and (payload is None or _plain(payload) == one.payload)
            ]
            return found[::-1][:limit]

    def open_requests(self) -> list[Request]:
        with self._lock:
            return [one for one in self._requests.values() if one.state in OPEN]

    def _refuse_other(self, request: int, worker: str | None) -> None:
        if worker not in (None, claimed := self.request(request).worker):
            raise Conflict(f"Request {request} was taken over by {claimed}.")

    def _change(self, request: int, **values: Any) -> Request:
        self._requests[request] = replace(self._requests[request], **values)
        return self._requests[request]

    # -- alerts

    def add_alerts(self, alerts: Sequence[Alert], *, at: int, telling: bool) -> list[Alert]:
        with self._lock:
            new: list[Alert] = []
            message = self._new_number() if telling else None
            for alert in alerts:
                known = [one for one in [*self._alerts.values(), *new] if _same(one, alert)]
                for one in known:
                    if one.id in self._alerts:
                        self._alerts[one.id] = replace(one, heard_at=at)
                if not known:
                    kept = {
                        name: _plain(getattr(alert, name))
                        for name in ("tags", "labels", "annotations", "values")
                    }
                    number = self._new_number()
                    new.append(replace(alert, id=number, message=message, **kept))
            self._alerts.update({alert.id: alert for alert in new})
            if message is not None and new:
                self._messages[message] = Message(message, at, Delivery.PENDING, at)
            return new

    def alert(self, alert: int) -> Alert:
        with self._lock:
            return _found(self._alerts, alert, "alert")

    def alerts(
        self, detector: str | None = None, *, state: AlertState | None = None, limit: int = 100
    ) -> list[Alert]:
        with self._lock:
            found = [
                one
                for one in self._alerts.values()
                if detector in (None, one.detector)
                and state in (None, one.state)
                and not self._is_over(one)
            ]
        return sorted(found, key=lambda one: (-one.start, -one.id))[:limit]

    def _is_over(self, alert: Alert) -> bool:
        return alert.state is AlertState.FIRING and any(
            one.state is AlertState.RESOLVED and one.stop is not None and one.stop >= alert.start
            for one in self.alerts_of_fingerprint(alert.fingerprint)
        )

    def alerts_of_fingerprint(self, fingerprint: str) -> list[Alert]:
        with self._lock:
            found = [one for one in self._alerts.values() if one.fingerprint == fingerprint]
        return sorted(found, key=lambda one: (one.start, one.id))

    def alerts_of_message(self, message: int) -> list[Alert]:
        with self._lock:
            return [one for one in self._alerts.values() if one.message == message]

    def forget_alerts(self, *, before: int) -> int:
        with self._lock:
            gone = [one.id for one in self._alerts.values() if one.heard_at < before]
            for number in gone:
                del self._alerts[number]
            told = {one.message for one in self._alerts.values()}
            self._messages = {
                number: one
                for number, one in self._messages.items()
                if number in told or one.created_at >= before
            }
            return len(gone)

    def messages(self, ids: Collection[int]) -> dict[int, Message]:
        with self._lock:
            return {number: self._messages[number] for number in ids if number in self._messages}

    def due_messages(self, at: int, *, limit: int = 100) -> list[Message]:
        with self._lock:
            return [one for one in self._messages.values() if _is_due(one, at)][:limit]

    def claim_message(self, message: int, *, at: int, until: int) -> Message | None:
        with self._lock:
            one = self._messages.get(message)
            if one is None or not _is_due(one, at):
                return None
            self._messages[message] = replace(one, next_try=until, tries=one.tries + 1)
            return self._messages[message]

    def settle_message(self, message: int, state: Delivery, *, at: int, problem: str = "") -> None:
        with self._lock:
            one = _found(self._messages, message, "message")
            times = {"next_try": at} if state is Delivery.PENDING else {"ended_at": at}
            self._messages[message] = replace(one, state=state, problem=problem, **times)

    # -- accounts and tokens

    def users(self) -> list[User]:
        with self._lock:
            return [self._users[name] for name in sorted(self._users)]

    def user(self, name: str) -> User:
        with self._lock:
            return _found(self._users, name, "account")

    def add_user(self, user: User) -> User:
        with self._lock:
            if user.name in self._users:
                raise Conflict(f"There is an account {user.name!r} already.")
            self._users[user.name] = user
            return user

    def change_user(
        self, name: str, *, at: int, password_hash: str | None = None, role: Role | None = None
    ) -> User:
        with self._lock:
            former = self.user(name)
            if role not in (None, Role.ADMIN):
                self._refuse_last(name)
            self._users[name] = replace(
                former,
                password_hash=password_hash or former.password_hash,
                role=role or former.role,
                changed_at=at,
            )
            return self._users[name]

    def remove_user(self, name: str, *, last: bool = False) -> None:
        with self._lock:
            self.user(name)
            if not last:
                self._refuse_last(name)
            del self._users[name]

    def _refuse_last(self, name: str) -> None:
        if [one.name for one in self._users.values() if one.role is Role.ADMIN] == [name]:
            raise Conflict(f"{name!r} is the only administrator.")

    def tokens(self) -> list[Token]:
        with self._lock:
            return list(self._tokens.values())

    def add_token(self, token: Token) -> Token:
        with self._lock:
            stored = replace(token, id=len(self._tokens) + 1)
            self._tokens[stored.id] = stored
            return stored

    def revoke_token(self, token: int, *, at: int) -> Token:
        with self._lock:
            there = _found(self._tokens, token, "token")
            if there.revoked_at is not None:
                raise NotFound(f"The token {token} was revoked already.")
            self._tokens[token] = replace(there, revoked_at=at)
            return self._tokens[token]

    def token_by_digest(self, digest: str) -> Token | None:
        with self._lock:
            return next((one for one in self._tokens.values() if one.digest == digest), None)

    def touch_token(self, token: int, *, at: int) -> None:
        with self._lock:
            if token in self._tokens:
                self._tokens[token] = replace(self._tokens[token], used_at=at)

    # -- who changed what, who is signed in

    @contextmanager
    def together(self) -> Iterator[None]:
        """What was there comes back when the block raises, as a database undoes it."""
        with self._lock:
            before = {name: copy(value) for name, value in vars(self).items() if name != "_lock"}
            try:
                yield
            except BaseException:
                vars(self).update(before)
                raise

    def add_audit(self, entry: AuditEntry) -> AuditEntry:
        with self._lock:
            stored = replace(entry, id=self._audit[-1].id + 1 if self._audit else 1)
            self._audit.append(stored)
            return stored

    def audit(
        self,
        *,
        who: str | None = None,
        detectors: Collection[str] = (),
        action: str | None = None,
        before: int | None = None,
        limit: int = 100,
    ) -> list[AuditEntry]:
        with self._lock:
            found = [
                one
                for one in reversed(self._audit)
                if who in (None, one.who)
                and (not detectors or one.detector in detectors)
                and (action is None or f"{one.action}.".startswith(f"{action}."))
                and (before is None or one.id < before)
            ]
            return found[:limit]

    def forget_audit(self, *, before: int) -> int:
        with self._lock:
            kept = [one for one in self._audit if one.at >= before]
            gone, self._audit = len(self._audit) - len(kept), kept
            return gone

    def begin_session(self, session: SignedIn) -> SignedIn:
        with self._lock:
            stored = replace(session, id=max(self._sessions, default=0) + 1)
            self._sessions[stored.id] = stored
            return stored

    def session(self, digest: str) -> SignedIn | None:
        with self._lock:
            return next((one for one in self._sessions.values() if one.digest == digest), None)

    def sessions(self, kind: SessionKind, name: str) -> list[SignedIn]:
        with self._lock:
            found = [one for one in self._sessions.values() if (one.kind, one.name) == (kind, name)]
            return found[::-1]

    def touch_session(self, session: int, *, at: int) -> None:
        with self._lock:
            if session in self._sessions:
                self._sessions[session] = replace(self._sessions[session], seen_at=at)

    def end_session(self, session: int) -> bool:
        with self._lock:
            return self._sessions.pop(session, None) is not None

    def forget_sessions(self, *, seen_before: int, began_before: int) -> int:
        with self._lock:
            old = [
                one.id
                for one in self._sessions.values()
                if one.seen_at < seen_before or one.began_at < began_before
            ]
            for number in old:
                del self._sessions[number]
            return len(old)

    def spend_link(self, digest: str, *, at: int) -> bool:
        with self._lock:
            is_new = digest not in self._spent
            self._spent.setdefault(digest, at)
            return is_new

    def is_spent(self, digest: str) -> bool:
        with self._lock:
            return digest in self._spent

    def forget_links(self, *, before: int) -> int:
        with self._lock:
            old = [digest for digest, at in self._spent.items() if at < before]
            for digest in old:
                del self._spent[digest]
            return len(old)

    def identity(self, name: str) -> Identity | None:
        with self._lock:
            return next((one for one in self._identities.values() if one.name == name), None)

    def keep_identity(self, identity: Identity) -> Identity:
        with self._lock:
            key, taken = (identity.issuer, identity.subject), self.identity(identity.name)
            if taken is not None and (taken.issuer, taken.subject) != key:
                raise Conflict(f"The name {identity.name!r} belongs to somebody else here.")
            first = self._identities.get(key, identity).first_at
            self._identities[key] = replace(identity, first_at=first)
            return self._identities[key]

    # -- drift

    def keep_drift_watch(self, watch: DriftWatch) -> None:
        with self._lock:
            self._watches[watch.detector] = replace(watch, state=_plain(watch.state))

    def drift_watch(self, detector: str) -> DriftWatch | None:
        with self._lock:
            return self._watches.get(detector)

    def propose_retraining(self, proposal: DriftProposal) -> DriftProposal:
        with self._lock:
            for number, one in self._proposals.items():
                if one.detector == proposal.detector and one.answer is DriftAnswer.OPEN:
                    self._proposals[number] = replace(
                        one, answer=DriftAnswer.OUTDATED, answered_at=proposal.found_at
                    )
            made = replace(proposal, id=self._new_number(), details=_plain(proposal.details))
            self._proposals[made.id] = made
            return made

    def drift_proposals(self, detector: str | None = None) -> list[DriftProposal]:
        with self._lock:
            found = [p for p in self._proposals.values() if detector in (None, p.detector)]
            return sorted(found, key=lambda one: -one.id)

    def drift_proposal(self, proposal: int) -> DriftProposal:
        with self._lock:
            return _found(self._proposals, proposal, "proposal")

    def answer_drift(
        self, proposal: int, answer: DriftAnswer, *, by: str, at: int
    ) -> DriftProposal:
        with self._lock:
            known = self.drift_proposal(proposal)
            if known.answer is not DriftAnswer.OPEN:
                raise Conflict(f"Proposal {proposal} was answered before: it is {known.answer}.")
            self._proposals[proposal] = replace(known, answer=answer, by=by, answered_at=at)
            return self._proposals[proposal]

    # -- upkeep

    def note_upkeep(self, upkeep: Upkeep) -> None:
        with self._lock:
            self._upkeep[upkeep.name] = replace(upkeep, details=_plain(upkeep.details))

    def upkeep(self) -> list[Upkeep]:
        with self._lock:
            return [self._upkeep[name] for name in sorted(self._upkeep)]

    def versioned(self) -> list[str]:
        with self._lock:
            return sorted({detector for detector, _ in self._versions})

    def artifacts_in_use(self) -> frozenset[str]:
        with self._lock:
            return frozenset(version.artifact for version in self._versions.values())

    def remove_version(self, detector: str, number: int) -> bool:
        with self._lock:
            version = self._versions.get((detector, number))
            if version is not None and version.verdict is Verdict.CHAMPION:
                raise Conflict(f"Version {number} of {detector!r} serves: it cannot be removed.")
            return self._versions.pop((detector, number), None) is not None

    def ended(self, *, before: int) -> int:
        with self._lock:
            answered = _answered(self._proposals, before)
            runs, requests = _ended(self._runs, before), _ended(self._requests, before)
            return len(runs) + len(requests) + len(answered)

    def forget_ended(self, *, before: int, limit: int = 500) -> int:
        with self._lock:
            runs = _ended(self._runs, before)[:limit]
            requests = _ended(self._requests, before)[: limit - len(runs)]
            for run in runs:
                del self._runs[run]
                self._logs.pop(run, None)
            for request in requests:
                del self._requests[request]
            rest = limit - len(runs) - len(requests)
            answered = _answered(self._proposals, before)[:rest]
            for proposal in answered:
                del self._proposals[proposal]
            return len(runs) + len(requests) + len(answered)

    def _new_number(self) -> int:
        self._given += 1
        return self._given

    def close(self) -> None:
        """Nothing to release."""


def _same(one: Alert, other: Alert) -> bool:
    return (one.fingerprint, one.start, one.state) == (other.fingerprint, other.start, other.state)


def _ended(rows: Mapping[int, Any], before: int) -> list[int]:
    return sorted(number for number, row in rows.items() if (row.finished_at or before) < before)


def _answered(rows: Mapping[int, DriftProposal], before: int) -> list[int]:
    return sorted(n for n, row in rows.items() if (row.answered_at or before) < before)


def _is_due(message: Message, at: int) -> bool:
    return message.state is Delivery.PENDING and message.next_try <= at


def _found(rows: Mapping[Any, Row], key: Any, what: str) -> Row:
    try:
        return rows[key]
    except KeyError:
        raise NotFound(f"There is no {what} {key}.") from None


def _plain(value: Mapping[str, Any]) -> dict[str, Any]:
    try:
        result: dict[str, Any] = json.loads(json.dumps(dict(value), allow_nan=False))
    except (TypeError, ValueError) as error:
        raise StoreRefused(f"A record holds what JSON cannot express ({error}).") from error
    return result
