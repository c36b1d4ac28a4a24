"""The record store as the rooms above see it: one transaction a call."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import text

from backend.records import (
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
from backend.stores.records import (
    access,
    annotations,
    audit,
    detectors,
    drift,
    process_reports,
    progress,
    requests,
    run_log,
    runs,
    signing_in,
    standings,
    versions,
)
from backend.stores.records import alerts as alert_rows
from backend.stores.records import labels as label_rows
from backend.stores.records import leases as lease_rows
from backend.stores.records import upkeep as upkeep_rows
from backend.stores.records.database import Database

_VERSION = {
    "sqlite": ("SQLite", "SELECT sqlite_version()"),
    "postgresql": ("PostgreSQL", "SHOW server_version"),
}


class SqlRecordStore:
    """`RecordStore` in SQLite or PostgreSQL."""

    def __init__(self, url: str, *, patience_s: float = 30.0, create: bool = True) -> None:
        """Nothing is opened yet; the first call does that, and migrates.

        Args:
            url: `sqlite:////path/to/file` or `postgresql://user:password@host:port/database`.
            patience_s: how long a call waits for others before it raises `StoreUnavailable`.
            create: make what is missing; else a database without records is refused, untouched.

        Raises:
            ConfigurationError: the address is not one of a database that normalcy can use.
        """
        self._database = Database(url, patience_s, create=create)

    def ping(self) -> str:
        """Say what answers."""
        with self._database.reading() as connection:
            name, question = _VERSION[connection.dialect.name]
            return f"{name} {str(connection.scalar(text(question))).split()[0]}"

    def add_labels(self, labels: Sequence[Label]) -> list[Label]:
        """Store labels, all or none."""
        with self._database.writing() as connection:
            return label_rows.add(connection, labels)

    def labels(self, detector: str | None = None, *, removed: bool = False) -> list[Label]:
        """Labels by start and id."""
        with self._database.reading() as connection:
            return label_rows.listed(connection, detector, removed=removed)

    def remove_labels(self, ids: Sequence[int], *, by: str, at: int) -> list[Label]:
        """Take labels back, all or none."""
        with self._database.writing() as connection:
            return label_rows.remove(connection, ids, by=by, at=at)

    def change_labels(
        self, add: Sequence[Label], remove: Sequence[int], *, by: str, at: int
    ) -> tuple[list[Label], list[Label]]:
        """Take labels back and store others in their place, all or none."""
        with self._database.writing() as connection:
            taken = label_rows.remove(connection, remove, by=by, at=at)
            return label_rows.add(connection, add), taken

    def annotation_links(self, book: str | None = None) -> list[AnnotationLink]:
        """What is known of the annotations of one Grafana, or of all."""
        with self._database.reading() as connection:
            return annotations.links(connection, book)

    def tie(
        self,
        link: AnnotationLink,
        *,
        add: Sequence[Label] = (),
        remove: Sequence[int] = (),
        by: str,
        at: int,
    ) -> AnnotationLink:
        """Store a link with the labels it brings and takes back, all or none."""
        with self._database.writing() as connection:
            label_rows.take_back(connection, remove, by=by, at=at)
            added = label_rows.add(connection, add)
            return annotations.tie(connection, link, [label.id for label in added])

    def untie(self, link: AnnotationLink, *, remove: Sequence[int] = (), by: str, at: int) -> None:
        """Forget a link and take labels back, all or none."""
        with self._database.writing() as connection:
            label_rows.take_back(connection, remove, by=by, at=at)
            annotations.untie(connection, link)

    def annotation_problems(self) -> list[AnnotationProblem]:
        """Annotations that a person should look at."""
        with self._database.reading() as connection:
            return annotations.problems(connection)

    def note_annotation_problems(self, book: str, problems: Sequence[AnnotationProblem]) -> None:
        """Let these be the problems of a Grafana."""
        with self._database.writing() as connection:
            annotations.note_problems(connection, book, problems)

    def save_detector(self, detector: StoredDetector) -> None:
        """Store or replace a detector."""
        with self._database.writing() as connection:
            detectors.save(connection, detector)

    def delete_detector(self, name: str) -> None:
        """Remove a detector's definition."""
        with self._database.writing() as connection:
            detectors.remove(connection, name)

    def detectors(self) -> list[StoredDetector]:
        """Stored detectors by name."""
        with self._database.reading() as connection:
            return detectors.listed(connection)

    def add_version(self, version: Version) -> Version:
        """Store a version under a new number."""
        with self._database.writing() as connection:
            return versions.add(connection, version)

    def next_number(self, detector: str) -> int:
        """Reserve the next version number."""
        with self._database.writing() as connection:
            return versions.next_number(connection, detector)

    def versions(self, detector: str, *, limit: int | None = None) -> list[Version]:
        """Versions, newest first."""
        with self._database.reading() as connection:
            return versions.listed(connection, detector, limit=limit)

    def version(self, detector: str, number: int) -> Version:
        """One version."""
        with self._database.reading() as connection:
            return versions.one(connection, detector, number)

    def set_verdict(self, detector: str, number: int, verdict: Verdict) -> None:
        """Change what became of a version."""
        with self._database.writing() as connection:
            versions.set_verdict(connection, detector, number, verdict)

    def promote(self, promotion: Promotion) -> None:
        """Let a version serve and retire the former champion."""
        with self._database.writing() as connection:
            versions.promote(connection, promotion)

    def promotions(self, detector: str) -> list[Promotion]:
        """Promotions in the order they were made."""
        with self._database.reading() as connection:
            return versions.promotions(connection, detector)

    def watermarks(self, detector: str) -> dict[SeriesKey, int]:
        """For each series the first nanosecond not yet scored."""
        with self._database.reading() as connection:
            return progress.watermarks(connection, detector)

    def set_watermarks(self, detector: str, marks: Mapping[SeriesKey, int]) -> None:
        """Move watermarks forward."""
        with self._database.writing() as connection:
            progress.set_watermarks(connection, detector, marks)

    def rewind_watermarks(self, detector: str, mark: int) -> None:
        """Move marks that lie ahead of this one back to it."""
        with self._database.writing() as connection:
            progress.rewind_watermarks(connection, detector, mark)

    def set_aside(self, series: SetAside) -> None:
        """Put a series aside, or renew its reason."""
        with self._database.writing() as connection:
            progress.put_aside(connection, series)

    def series_set_aside(self, detector: str) -> list[SetAside]:
        """Series set aside, by key."""
        with self._database.reading() as connection:
            return progress.put_aside_now(connection, detector)

    def readmit(self, detector: str, series: SeriesKey) -> None:
        """Take a series back."""
        with self._database.writing() as connection:
            progress.readmit(connection, detector, series)

    def standings(self) -> list[Standing]:
        """How every detector stands."""
        with self._database.reading() as connection:
            return standings.listed(connection)

    def report_process(self, report: ProcessReport) -> None:
        """Store what a process says of itself."""
        with self._database.writing_hastily() as connection:
            process_reports.report(connection, report)

    def process_reports(self, *, counts: bool = True) -> list[ProcessReport]:
        """What every process said last."""
        with self._database.reading() as connection:
            return process_reports.listed(connection, counts=counts)

    def forget_processes(self, names: Collection[str]) -> None:
        """Remove what processes said."""
        with self._database.writing_hastily() as connection:
            process_reports.forget(connection, names)

    def start_run(
        self,
        kind: str,
        detector: str,
        *,
        worker: str,
        at: int,
        details: Mapping[str, Any] | None = None,
    ) -> Run:
        """Record that a job began."""
        run = Run(0, kind, detector, State.RUNNING, at, worker, details=details or {})
        with self._database.writing() as connection:
            return runs.start(connection, run)

    def tell_run(self, run: int, *, share: float, words: str, at: int) -> Run:
        """Keep how far a run is, and what it does."""
        with self._database.writing_hastily() as connection:
            return runs.tell(connection, run, share=share, words=words, at=at)

    def cancel_run(self, run: int, *, by: str) -> Run:
        """Note that a run is to end."""
        with self._database.writing() as connection:
            return runs.cancel(connection, run, by=by)

    def run(self, run: int) -> Run:
        """One run."""
        with self._database.reading() as connection:
            return runs.one(connection, run)

    def run_log(self, run: int) -> list[LogLine]:
        """What a run told of itself, oldest first."""
        with self._database.reading() as connection:
            runs.one(connection, run)
            return run_log.listed(connection, run)

    def finish_run(
        self, run: int, state: State, *, at: int, message: str = "", details: Mapping[str, Any]
    ) -> None:
        """Record how a job ended."""
        with self._database.writing() as connection:
            runs.finish(connection, run, state, at=at, message=message, details=details)

    def runs(self, detector: str | None = None, *, limit: int = 100) -> list[Run]:
        """Runs, newest first."""
        with self._database.reading() as connection:
            return runs.listed(connection, detector, limit=limit)

    def open_runs(self) -> list[Run]:
        """Runs that go on by the record, oldest first."""
        with self._database.reading() as connection:
            return runs.still_open(connection)

    def interrupt_runs(self, *, worker: str, at: int) -> int:
        """Mark running runs of a worker as interrupted."""
        with self._database.writing() as connection:
            return runs.interrupt(connection, worker=worker, at=at)

    def take_lease(
        self, name: str, holder: str, *, length: int, due: int | None = None
    ) -> Lease | None:
        """Take a lease that is free or has run out."""
        with self._database.writing_hastily() as connection:
            return lease_rows.take(connection, name, holder, length=length, due=due)

    def renew_leases(self, tokens: Collection[str], *, length: int) -> frozenset[str]:
        """Let leases hold for longer; those that are still held."""
        with self._database.writing_hastily() as connection:
            return lease_rows.renew(connection, tokens, length=length)

    def holds_lease(self, name: str, token: str) -> bool:
        """Whether a lease is still that of the token."""
        with self._database.reading() as connection:
            return lease_rows.holds(connection, name, token)

    def drop_lease(self, name: str, token: str, *, done: bool) -> None:
        """Give a lease back, if it is still held."""
        with self._database.writing_hastily() as connection:
            lease_rows.drop(connection, name, token, done=done)

    def leases(self) -> list[Lease]:
        """Leases that are held, have run out or were left unfinished."""
        with self._database.reading() as connection:
            return lease_rows.listed(connection)

    def add_request(
        self, kind: str, detector: str, payload: Mapping[str, Any], *, by: str, at: int
    ) -> Request:
        """Ask for work, once."""
        with self._database.writing() as connection:
            return requests.add(connection, Request(0, kind, detector, payload, by, at))

    def claim_request(
        self,
        *,
        worker: str,
        at: int,
        deadline: int,
        kinds: Collection[str] | None = None,
        request: int | None = None,
    ) -> Request | None:
        """Take the oldest request that waits or whose claim ran out, or a certain one."""
        claim = requests.Claim(worker, at, deadline)
        with self._database.writing() as connection:
            return requests.claim(connection, claim, kinds=kinds, request=request)

    def update_request(
        self,
        request: int,
        *,
        progress: float,
        deadline: int,
        worker: str | None = None,
        words: str | None = None,
    ) -> Request:
        """Report progress and extend the claim."""
        told: dict[str, Any] = {"progress": progress, "deadline": deadline}
        told |= {} if words is None else {"words": words}
        with self._database.writing() as connection:
            return requests.report(connection, request, told, worker=worker)

    def cancel_request(self, request: int, *, by: str, at: int) -> Request:
        """End a request that waits, or note that it is to end."""
        with self._database.writing() as connection:
            return requests.cancel(connection, request, by=by, at=at)

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
        """Record how a request ended; `Conflict` if it ended before or is another worker's."""
        values = {"state": state, "finished_at": at, "result": result, "message": message}
        with self._database.writing() as connection:
            requests.finish(connection, request, values, worker=worker)

    def request(self, request: int) -> Request:
        """One request."""
        with self._database.reading() as connection:
            return requests.one(connection, request)

    def requests(
        self,
        *,
        kind: str | None = None,
        detector: str | None = None,
        payload: Mapping[str, Any] | None = None,
        limit: int = 100,
    ) -> list[Request]:
        """Requests, newest first: of one kind, one detector, one payload, or of any."""
        asked = requests.Asked(kind, detector, payload)
        with self._database.reading() as connection:
            return requests.listed(connection, asked, limit=limit)

    def open_requests(self) -> list[Request]:
        """Requests that wait or are worked on, oldest first."""
        with self._database.reading() as connection:
            return requests.still_open(connection)

    def add_alerts(self, alerts: Sequence[Alert], *, at: int, telling: bool) -> list[Alert]:
        """Store the alerts that are new, all or none, and return them."""
        with self._database.writing() as connection:
            return alert_rows.add(connection, alerts, at=at, telling=telling)

    def alert(self, alert: int) -> Alert:
        """One alert."""
        with self._database.reading() as connection:
            return alert_rows.one(connection, alert)

    def alerts(
        self, detector: str | None = None, *, state: AlertState | None = None, limit: int = 100
    ) -> list[Alert]:
        """Alerts by start, newest first."""
        with self._database.reading() as connection:
            return alert_rows.listed(connection, detector, state=state, limit=limit)

    def alerts_of_fingerprint(self, fingerprint: str) -> list[Alert]:
        """Everything said of an alert and its repetitions."""
        with self._database.reading() as connection:
            return alert_rows.of_fingerprint(connection, fingerprint)

    def alerts_of_message(self, message: int) -> list[Alert]:
        """What a message tells of."""
        with self._database.reading() as connection:
            return alert_rows.of_message(connection, message)

    def forget_alerts(self, *, before: int) -> int:
        """Remove alerts last heard of before a time."""
        with self._database.writing() as connection:
            return alert_rows.forget(connection, before=before)

    def messages(self, ids: Collection[int]) -> dict[int, Message]:
        """Messages by id."""
        with self._database.reading() as connection:
            return alert_rows.messages(connection, ids)

    def due_messages(self, at: int, *, limit: int = 100) -> list[Message]:
        """Messages whose next try is due, oldest first."""
        with self._database.reading() as connection:
            return alert_rows.due(connection, at, limit=limit)

    def claim_message(self, message: int, *, at: int, until: int) -> Message | None:
        """Take a due message for a try."""
        with self._database.writing() as connection:
            return alert_rows.claim(connection, message, at=at, until=until)

    def settle_message(self, message: int, state: Delivery, *, at: int, problem: str = "") -> None:
        """Record how a try ended."""
        with self._database.writing() as connection:
            alert_rows.settle(connection, message, state, at=at, problem=problem)

    def users(self) -> list[User]:
        """Accounts by name."""
        with self._database.reading() as connection:
            return access.users(connection)

    def user(self, name: str) -> User:
        """One account."""
        with self._database.reading() as connection:
            return access.user(connection, name)

    def add_user(self, user: User) -> User:
        """Store a new account."""
        with self._database.writing() as connection:
            return access.add_user(connection, user)

    def change_user(
        self, name: str, *, at: int, password_hash: str | None = None, role: Role | None = None
    ) -> User:
        """Change what is given of an account."""
        given = {"password_hash": password_hash, "role": role and role.value}
        values = {key: value for key, value in given.items() if value is not None}
        with self._database.writing() as connection:
            return access.change_user(connection, name, {**values, "changed_at": at})

    def remove_user(self, name: str, *, last: bool = False) -> None:
        """Remove an account."""
        with self._database.writing() as connection:
            access.remove_user(connection, name, last=last)

    def tokens(self) -> list[Token]:
        """Tokens by id."""
        with self._database.reading() as connection:
            return access.tokens(connection)

    def add_token(self, token: Token) -> Token:
        """Store a token and number it."""
        with self._database.writing() as connection:
            return access.add_token(connection, token)

    def revoke_token(self, token: int, *, at: int) -> Token:
        """Take a token back."""
        with self._database.writing() as connection:
            return access.revoke_token(connection, token, at=at)

    def token_by_digest(self, digest: str) -> Token | None:
        """The token whose secret has this digest."""
        with self._database.reading() as connection:
            return access.token_by_digest(connection, digest)

    def touch_token(self, token: int, *, at: int) -> None:
        """Note when a token was last shown."""
        with self._database.writing_hastily() as connection:
            access.touch_token(connection, token, at=at)

    @contextmanager
    def together(self) -> Iterator[None]:
        """One transaction for all calls of this thread inside."""
        with self._database.together():
            yield

    def add_audit(self, entry: AuditEntry) -> AuditEntry:
        """Store an entry of the audit log."""
        with self._database.writing() as connection:
            return audit.add(connection, entry)

    def audit(
        self,
        *,
        who: str | None = None,
        detectors: Collection[str] = (),
        action: str | None = None,
        before: int | None = None,
        limit: int = 100,
    ) -> list[AuditEntry]:
        """Entries of the audit log, newest first."""
        asked = audit.Asked(who, detectors, action, before)
        with self._database.reading() as connection:
            return audit.listed(connection, asked, limit=limit)

    def forget_audit(self, *, before: int) -> int:
        """Remove old entries of the audit log."""
        with self._database.writing() as connection:
            return audit.forget(connection, before=before)

    def begin_session(self, session: SignedIn) -> SignedIn:
        """Store that somebody signed in."""
        with self._database.writing() as connection:
            return signing_in.begin(connection, session)

    def session(self, digest: str) -> SignedIn | None:
        """The session of a cookie's secret."""
        with self._database.reading() as connection:
            return signing_in.by_digest(connection, digest)

    def sessions(self, kind: SessionKind, name: str) -> list[SignedIn]:
        """Where one person is signed in, newest first."""
        with self._database.reading() as connection:
            return signing_in.of_name(connection, kind, name)

    def touch_session(self, session: int, *, at: int) -> None:
        """Note when a browser was last seen."""
        with self._database.writing_hastily() as connection:
            signing_in.touch(connection, session, at=at)

    def end_session(self, session: int) -> bool:
        """End a session."""
        with self._database.writing() as connection:
            return signing_in.end(connection, session)

    def forget_sessions(self, *, seen_before: int, began_before: int) -> int:
        """Remove sessions that are over."""
        with self._database.writing() as connection:
            return signing_in.forget(connection, seen_before=seen_before, began_before=began_before)

    def spend_link(self, digest: str, *, at: int) -> bool:
        """Note that a link was used."""
        with self._database.writing() as connection:
            return signing_in.spend(connection, digest, at=at)

    def is_spent(self, digest: str) -> bool:
        """Whether a link was used already."""
        with self._database.reading() as connection:
            return signing_in.is_spent(connection, digest)

    def forget_links(self, *, before: int) -> int:
        """Forget links that were used long ago."""
        with self._database.writing() as connection:
            return signing_in.forget_links(connection, before=before)

    def identity(self, name: str) -> Identity | None:
        """Who goes by a name here."""
        with self._database.reading() as connection:
            return signing_in.identity_of_name(connection, name)

    def keep_identity(self, identity: Identity) -> Identity:
        """Store who signed in elsewhere."""
        with self._database.writing() as connection:
            return signing_in.keep_identity(connection, identity)

    def keep_drift_watch(self, watch: DriftWatch) -> None:
        """Keep how far the errors of a detector are followed."""
        with self._database.writing() as connection:
            drift.keep(connection, watch)

    def drift_watch(self, detector: str) -> DriftWatch | None:
        """What was kept; None where nothing is followed so far."""
        with self._database.reading() as connection:
            return drift.kept(connection, detector)

    def propose_retraining(self, proposal: DriftProposal) -> DriftProposal:
        """Put a proposal on record."""
        with self._database.writing() as connection:
            return drift.propose(connection, proposal)

    def drift_proposals(self, detector: str | None = None) -> list[DriftProposal]:
        """Proposals, the newest first."""
        with self._database.reading() as connection:
            return drift.listed(connection, detector)

    def drift_proposal(self, proposal: int) -> DriftProposal:
        """One of them."""
        with self._database.reading() as connection:
            return drift.one(connection, proposal)

    def answer_drift(
        self, proposal: int, answer: DriftAnswer, *, by: str, at: int
    ) -> DriftProposal:
        """Say what became of an open proposal."""
        with self._database.writing() as connection:
            return drift.answer(connection, proposal, answer, by=by, at=at)

    def note_upkeep(self, upkeep: Upkeep) -> None:
        """Keep when something was done last."""
        with self._database.writing() as connection:
            upkeep_rows.note(connection, upkeep)

    def upkeep(self) -> list[Upkeep]:
        """What was done last, by name."""
        with self._database.reading() as connection:
            return upkeep_rows.listed(connection)

    def versioned(self) -> list[str]:
        """Detectors that have versions."""
        with self._database.reading() as connection:
            return upkeep_rows.versioned(connection)

    def artifacts_in_use(self) -> frozenset[str]:
        """Artifacts that versions name."""
        with self._database.reading() as connection:
            return upkeep_rows.artifacts(connection)

    def remove_version(self, detector: str, number: int) -> bool:
        """Remove the record of a version that does not serve."""
        with self._database.writing() as connection:
            return upkeep_rows.remove_version(connection, detector, number)

    def ended(self, *, before: int) -> int:
        """How many runs and requests ended before a time."""
        with self._database.reading() as connection:
            return upkeep_rows.ended(connection, before=before)

    def forget_ended(self, *, before: int, limit: int = 500) -> int:
        """Remove the oldest runs and requests that ended before a time."""
        with self._database.writing() as connection:
            return upkeep_rows.forget_ended(connection, before=before, limit=limit)

    def close(self) -> None:
        """Release connections."""
        self._database.close()
