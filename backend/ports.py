"""What the rooms above need of the outside world, as Protocols, and the arrays they exchange.

Shapes: S series, T grid points, N windows, W rows a window, F channels. Times are UTC nanoseconds
(int64); a missing number is NaN inside the program and absent outside it.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from backend.exceptions import NormalcyError
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
    parse_series_key,
)
from backend.specs import ModelSpec

Times = NDArray[np.int64]
Floats = NDArray[np.float64]
Strings = NDArray[np.object_]
FieldKind = Literal["float", "string", "integer", "boolean"]
Aggregate = Literal["mean", "min", "max", "last", "count"]


# -- series ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Points:
    """Rows of one tag combination as columns.

    Attributes:
        tags: tag to value; empty values are not allowed.
        times: (T,) int64 nanoseconds.
        fields: name to (T,) float64 with NaN where absent, or (T,) object of `str` or None.
    """

    tags: Mapping[str, str]
    times: Times
    fields: Mapping[str, Floats | Strings]

    def __len__(self) -> int:
        return len(self.times)


@dataclass(frozen=True)
class Query:
    """Which rows to read: `start <= time < stop` of a measurement, one result a group.

    Attributes:
        measurement: name of the measurement.
        fields: fields to read, in the order wanted.
        start: first nanosecond read.
        stop: first nanosecond no longer read.
        where: tags that must have these values.
        group_by: tags that part the rows into series; rows that differ in other tags merge.
        newest: only the last so many rows of each series.
        oldest: only the first so many rows of each series; not together with `newest`.
        every: in place of rows one number of each field in buckets of so many nanoseconds, aligned
            to 1970 and stamped at their starts. A bucket that `start` or `stop` cuts is that of its
            rows within. Strings have none and are absent. Not together with `newest` or `oldest`.
        aggregate: which number of a bucket; a field that has no value there has none of these.
        series: only these series, by their tags of `group_by`; all of them if not given.
    """

    measurement: str
    fields: tuple[str, ...]
    start: int
    stop: int
    where: Mapping[str, str] = field(default_factory=dict)
    group_by: tuple[str, ...] = ()
    newest: int | None = None
    oldest: int | None = None
    every: int | None = None
    aggregate: Aggregate = "mean"
    series: tuple[SeriesKey, ...] | None = None

    @property
    def wanted(self) -> tuple[Mapping[str, str], ...] | None:
        """The tags of each of `series`; None where all are wanted."""
        return None if self.series is None else tuple(map(parse_series_key, self.series))


@dataclass(frozen=True)
class Finding:
    """One thing looked at in a store: whether it is well, and how it is or what to do."""

    what: str
    ok: bool
    detail: str


@dataclass(frozen=True)
class Credentials:
    """What a store wants to know of its caller; secrets never show in a repr."""

    username: str | None = None
    password: str | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)


class SeriesStore(Protocol):
    """A time-series database: InfluxDB, or the embedded one.

    Every method raises `StoreUnavailable` when the store cannot be reached and `StoreRefused` when
    it says no. Names and values are data: any string that the store can hold at all is safe.
    """

    @property
    def reduces(self) -> bool:
        """Whether numbers of buckets (`Query.every`) cost it much less than their rows do."""
        ...

    def ping(self) -> str:
        """Say what answers, in a few words such as `InfluxDB 1.6.7`."""
        ...

    def read(self, query: Query) -> list[Points]:
        """Read rows, one `Points` a series that has any, sorted by series key.

        Times ascend; equal times stay separate rows where merged tag sets bring them. Every field
        asked for is there, NaN (None for strings) where a row lacks it; rows lacking all of them
        are left out. `tags` holds exactly `group_by`, "" where a series lacks the tag. Integers and
        booleans arrive as floats. An unknown measurement or field is simply empty.
        """
        ...

    def stream(self, query: Query, rows: int) -> Iterator[Points]:
        """Read what `read` reads, in pieces of at most `rows` rows, without ever holding it whole.

        Pieces of one series follow each other in the order of time; series come in any order. What
        was handed out before an error is right, and not all there is. Refuses `newest` and
        `oldest`.
        """
        ...

    def write(self, measurement: str, batches: Sequence[Points]) -> None:
        """Store rows; when it returns they are durable.

        A row at a time already present overwrites the fields it carries and leaves the others.
        NaN and None are not written; rows with nothing to write are left out.

        Raises:
            PartialWrite: some rows were dropped by the store, the rest is stored.
            InputError: infinity, an empty measurement, tag or field name, a line break in a name.
        """
        ...

    def write_all(self, tables: Mapping[str, Sequence[Points]]) -> None:
        """Store rows of several measurements, in their order: one request where that is enough.

        Raises:
            PartialWrite, InputError: as `write` does.
        """
        ...

    def delete(self, measurement: str, where: Mapping[str, str], start: int, stop: int) -> None:
        """Delete rows whose tags match.

        Raises:
            InputError: the measurement is not one of normalcy's own results.
            StoreRefused: the server cannot delete rows, as InfluxDB 3 Core.
        """
        ...

    def measurements(self) -> list[str]:
        """All measurements, sorted."""
        ...

    def fields(self, measurement: str) -> dict[str, FieldKind]:
        """Fields of a measurement with their kinds, sorted by name; empty when unknown."""
        ...

    def mixed_fields(self, measurement: str) -> dict[str, tuple[str, ...]]:
        """Fields stored under kinds that cannot be read together, with those kinds, foremost first.

        On an InfluxDB a field may be a float in one shard and text in the next; only values of the
        foremost kind are read.
        """
        ...

    def tag_values(self, measurement: str, tag: str, limit: int | None = None) -> list[str]:
        """Values of a tag, sorted, at most `limit` of them; empty when unknown."""
        ...

    def tag_keys(self, measurement: str) -> list[str]:
        """Tags of a measurement, sorted; empty when unknown."""
        ...

    def examine(self, at: int, *, writing: bool, scratch: bool) -> list[Finding]:
        """Look at the store from every side, and never raise: what is wrong is a finding.

        Args:
            at: the time now, to compare the server's clock with.
            writing: whether these credentials are meant to write; else that they could is told.
            scratch: write a point to `schema.SCRATCH` and read it back.
        """
        ...

    def close(self) -> None:
        """Release connections and files."""
        ...


# -- records and artifacts -------------------------------------------------------------------------


class RecordStore(Protocol):
    """Labels, versions, runs, requests and watermarks; safe for several processes at once.

    What a method returned is durable. Raises `StoreUnavailable` when the database cannot be
    reached or stays locked, `NotFound` for unknown ids.
    """

    def ping(self) -> str:
        """Say what answers, in a few words such as `SQLite 3.46`."""
        ...

    # labels: added and removed, never changed
    def add_labels(self, labels: Sequence[Label]) -> list[Label]:
        """Store labels, all or none; their `id` is assigned here.

        Raises:
            Conflict: one came by a link about an alert (`Alert.source`), and such a one is there.
        """
        ...

    def labels(self, detector: str | None = None, *, removed: bool = False) -> list[Label]:
        """Labels sorted by start and id; with `removed`, those taken back too."""
        ...

    def remove_labels(self, ids: Sequence[int], *, by: str, at: int) -> list[Label]:
        """Take labels back, all or none; `NotFound` if one is unknown or removed already."""
        ...

    def change_labels(
        self, add: Sequence[Label], remove: Sequence[int], *, by: str, at: int
    ) -> tuple[list[Label], list[Label]]:
        """Take labels back and store others in their place, all or none.

        Args:
            add: labels to store; their `id` is assigned here.
            remove: labels to take back.
            by: who takes them back.
            at: when.

        Returns:
            The labels stored, in the order given, and those taken back, by start and id.

        Raises:
            NotFound: one to take back is unknown or removed already.
            Conflict: as `add_labels`, judged after the removal.
        """
        ...

    # annotations in Grafana and the labels they stand for
    def annotation_links(self, book: str | None = None) -> list[AnnotationLink]:
        """What is known of the annotations of one Grafana, or of all, by book and number."""
        ...

    def tie(
        self,
        link: AnnotationLink,
        *,
        add: Sequence[Label] = (),
        remove: Sequence[int] = (),
        by: str,
        at: int,
    ) -> AnnotationLink:
        """Store a link with the labels it brings and takes back, all or none.

        Ids of labels that are added join those of the link; labels that were taken back already
        stay as they are.

        Args:
            link: new with revision 0, else with the revision it was read with.
            add: labels to store.
            remove: labels to take back.
            by: who takes them back.
            at: when.

        Raises:
            Conflict: someone else tied or changed it meanwhile, or its rid is tied already.
        """
        ...

    def untie(self, link: AnnotationLink, *, remove: Sequence[int] = (), by: str, at: int) -> None:
        """Forget a link and take labels back, all or none.

        Raises:
            Conflict: someone else changed or forgot it meanwhile.
        """
        ...

    def annotation_problems(self) -> list[AnnotationProblem]:
        """Annotations of every Grafana that a person should look at, in the order noted."""
        ...

    def note_annotation_problems(self, book: str, problems: Sequence[AnnotationProblem]) -> None:
        """Let these be the problems of a Grafana, in place of those noted before."""
        ...

    # detectors made by the API or the pages
    def save_detector(self, detector: StoredDetector) -> None:
        """Store or replace a detector."""
        ...

    def delete_detector(self, name: str) -> None:
        """Remove a detector's definition; its labels, versions and results stay."""
        ...

    def detectors(self) -> list[StoredDetector]:
        """Stored detectors by name."""
        ...

    # model versions
    def add_version(self, version: Version) -> Version:
        """Store a version. Its number is assigned by `next_number` before; refuses a duplicate."""
        ...

    def next_number(self, detector: str) -> int:
        """Reserve the next version number of a detector; numbers are never given twice."""
        ...

    def versions(self, detector: str, *, limit: int | None = None) -> list[Version]:
        """Versions, newest first, at most `limit`; each brings its whole training record."""
        ...

    def version(self, detector: str, number: int) -> Version:
        """One version."""
        ...

    def set_verdict(self, detector: str, number: int, verdict: Verdict) -> None:
        """Change what became of a version."""
        ...

    def promote(self, promotion: Promotion) -> None:
        """Let a version serve: records the promotion, makes it champion, retires the former."""
        ...

    def promotions(self, detector: str) -> list[Promotion]:
        """Promotions in the order they were made."""
        ...

    # progress of scoring
    def watermarks(self, detector: str) -> dict[SeriesKey, int]:
        """For each series the first nanosecond not yet scored."""
        ...

    def set_watermarks(self, detector: str, marks: Mapping[SeriesKey, int]) -> None:
        """Move watermarks forward; a mark behind the stored one is ignored."""
        ...

    def rewind_watermarks(self, detector: str, mark: int) -> None:
        """Move marks that lie ahead of this one back to it: they came from a wrong clock."""
        ...

    def set_aside(self, series: SetAside) -> None:
        """Put a series aside, or renew its reason."""
        ...

    def series_set_aside(self, detector: str) -> list[SetAside]:
        """Series set aside, by key."""
        ...

    def readmit(self, detector: str, series: SeriesKey) -> None:
        """Take a series back; nothing happens if it was not set aside."""
        ...

    def standings(self) -> list[Standing]:
        """How every detector stands that was ever scored or set aside from, or has a champion."""
        ...

    # what processes say of themselves
    def report_process(self, report: ProcessReport) -> None:
        """Store what a process says, in place of what it said before; a power cut may undo it."""
        ...

    def process_reports(self, *, counts: bool = True) -> list[ProcessReport]:
        """What every process said last, by name.

        Args:
            counts: also what it counted, by far the most of it.
        """
        ...

    def forget_processes(self, names: Collection[str]) -> None:
        """Remove what processes said; names that are unknown are ignored."""
        ...

    # runs of jobs
    def start_run(
        self,
        kind: str,
        detector: str,
        *,
        worker: str,
        at: int,
        details: Mapping[str, Any] | None = None,
    ) -> Run:
        """Record that a job began, with what is known of it already; forgets the oldest logs."""
        ...

    def tell_run(self, run: int, *, share: float, words: str, at: int) -> Run:
        """Keep how far a run is, and what it does in its log where that changed; the run then.

        One that has ended stays as it is, and is returned so. A power cut may undo the newest.
        """
        ...

    def cancel_run(self, run: int, *, by: str) -> Run:
        """Note that a run is to end; its worker ends it at its next step. The first wish stands.

        Raises:
            Conflict: it has ended already.
        """
        ...

    def run(self, run: int) -> Run:
        """One run."""
        ...

    def run_log(self, run: int) -> list[LogLine]:
        """What a run told of itself, oldest first: at most the newest `records.LOG_LINES`."""
        ...

    def finish_run(
        self, run: int, state: State, *, at: int, message: str = "", details: Mapping[str, Any]
    ) -> None:
        """Record how a job ended; one that was found interrupted or cancelled stays so."""
        ...

    def runs(self, detector: str | None = None, *, limit: int = 100) -> list[Run]:
        """Runs, newest first."""
        ...

    def open_runs(self) -> list[Run]:
        """Every run that goes on by the record, oldest first."""
        ...

    def interrupt_runs(self, *, worker: str, at: int) -> int:
        """Mark running runs of a worker as interrupted, or as cancelled if asked so; how many."""
        ...

    # leases: of several processes one does a piece of work; a power cut may undo the last ones
    def take_lease(
        self, name: str, holder: str, *, length: int, due: int | None = None
    ) -> Lease | None:
        """Take a lease that is free or has run out; None if it is not to be had.

        One that would hold for over a minute longer than this was taken before the clock was set
        back, and is free too.

        Times are read from one clock: the server's, or this machine's where the database is a file.
        A scheduled time that was served already is refused, unless it lies more than a minute in
        the future: then somebody's clock was wrong.

        Args:
            name: the piece of work.
            holder: who takes it; a process, and never a later one by the same name.
            length: nanoseconds that it holds unless renewed.
            due: the scheduled time to serve; without it, one left unfinished stays on record.

        Returns:
            The lease, with the scheduled time that was served before.
        """
        ...

    def renew_leases(self, tokens: Collection[str], *, length: int) -> frozenset[str]:
        """Let leases hold for `length` nanoseconds from now; those that are still held."""
        ...

    def holds_lease(self, name: str, token: str) -> bool:
        """Whether nobody else has taken a lease since it was taken with this token."""
        ...

    def drop_lease(self, name: str, token: str, *, done: bool) -> None:
        """Give a lease back, if it is still held.

        Args:
            name: the piece of work.
            token: of the lease.
            done: its scheduled time was served; else another process is to take it up.
        """
        ...

    def leases(self) -> list[Lease]:
        """Leases that are held, have run out or were left unfinished, by name."""
        ...

    # requests: the web asks, a worker answers
    def add_request(
        self, kind: str, detector: str, payload: Mapping[str, Any], *, by: str, at: int
    ) -> Request:
        """Ask for work. An equal request still waiting is returned instead of a second one."""
        ...

    def claim_request(
        self,
        *,
        worker: str,
        at: int,
        deadline: int,
        kinds: Collection[str] | None = None,
        request: int | None = None,
    ) -> Request | None:
        """Take the oldest request that waits, or whose deadline passed; no two get the same.

        Args:
            worker: who takes it.
            at: the time now; a claim whose deadline is not after it has expired.
            deadline: until when the claim holds unless renewed.
            kinds: only requests of these kinds; of any kind if not given.
            request: only this one.
        """
        ...

    def update_request(
        self,
        request: int,
        *,
        progress: float,
        deadline: int,
        worker: str | None = None,
        words: str | None = None,
    ) -> Request:
        """Report progress, with `words` what is done, and extend the claim; the request then.

        Raises:
            Conflict: it ended meanwhile or, if `worker` is given, another one has claimed it.
        """
        ...

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
        """Record how a request ended.

        Raises:
            Conflict: it ended before or, if `worker` is given, another one has claimed it.
        """
        ...

    def cancel_request(self, request: int, *, by: str, at: int) -> Request:
        """End a request that waits; of one worked on, note that it is to end: its worker ends it.

        Raises:
            Conflict: it has ended already.
        """
        ...

    def request(self, request: int) -> Request:
        """One request."""
        ...

    def requests(
        self,
        *,
        kind: str | None = None,
        detector: str | None = None,
        payload: Mapping[str, Any] | None = None,
        limit: int = 100,
    ) -> list[Request]:
        """Requests, newest first: of one kind, one detector, one payload, or of any."""
        ...

    def open_requests(self) -> list[Request]:
        """Every request that waits or is worked on, oldest first."""
        ...

    # alerts: Grafana tells, messages carry it on
    def add_alerts(self, alerts: Sequence[Alert], *, at: int, telling: bool) -> list[Alert]:
        """Store the alerts that are new, all or none, and return them in the order given.

        What is known already only has its `heard_at` renewed. With `telling` one message is made
        for the new ones together, which waits to be sent.
        """
        ...

    def alert(self, alert: int) -> Alert:
        """One alert."""
        ...

    def alerts(
        self, detector: str | None = None, *, state: AlertState | None = None, limit: int = 100
    ) -> list[Alert]:
        """Alerts by start, newest first; one that fired and is over shows as resolved only."""
        ...

    def alerts_of_fingerprint(self, fingerprint: str) -> list[Alert]:
        """Everything said of an alert and its repetitions, by start and id."""
        ...

    def alerts_of_message(self, message: int) -> list[Alert]:
        """What a message tells of, by id."""
        ...

    def forget_alerts(self, *, before: int) -> int:
        """Remove alerts last heard of before a time, and messages that tell of none; count."""
        ...

    def messages(self, ids: Collection[int]) -> dict[int, Message]:
        """Messages by id; unknown ones are left out."""
        ...

    def due_messages(self, at: int, *, limit: int = 100) -> list[Message]:
        """Messages whose next try is due, oldest first."""
        ...

    def claim_message(self, message: int, *, at: int, until: int) -> Message | None:
        """Take a due message for a try, for nobody else before `until`; None if it is not due."""
        ...

    def settle_message(self, message: int, state: Delivery, *, at: int, problem: str = "") -> None:
        """Record how a try ended; one that is pending is tried again at `at`."""
        ...

    # accounts and tokens: who may call
    def users(self) -> list[User]:
        """Accounts by name."""
        ...

    def user(self, name: str) -> User:
        """One account."""
        ...

    def add_user(self, user: User) -> User:
        """Store a new account.

        Raises:
            Conflict: the name is taken.
        """
        ...

    def change_user(
        self, name: str, *, at: int, password_hash: str | None = None, role: Role | None = None
    ) -> User:
        """Change what is given of an account, and note when.

        Raises:
            Conflict: it is the only administrator and would be none.
        """
        ...

    def remove_user(self, name: str, *, last: bool = False) -> None:
        """Remove an account; with `last` even that of the only administrator.

        Raises:
            Conflict: it is the only administrator.
        """
        ...

    def tokens(self) -> list[Token]:
        """Every token by id, those that count no more too."""
        ...

    def add_token(self, token: Token) -> Token:
        """Store a token; its `id` is assigned here."""
        ...

    def revoke_token(self, token: int, *, at: int) -> Token:
        """Take a token back; `NotFound` if it is unknown or was revoked already."""
        ...

    def token_by_digest(self, digest: str) -> Token | None:
        """The token whose secret has this digest, whether or not it still counts."""
        ...

    def touch_token(self, token: int, *, at: int) -> None:
        """Note when a token was last shown."""
        ...

    # -- who changed what, who is signed in

    def together(self) -> AbstractContextManager[None]:
        """All calls of this thread inside are one transaction: they hold all, or none.

        One that raises a `Conflict` of the database itself undoes the rest: let it pass.
        """
        ...

    def add_audit(self, entry: AuditEntry) -> AuditEntry:
        """Store an entry of the audit log and number it; none is ever changed."""
        ...

    def audit(
        self,
        *,
        who: str | None = None,
        detectors: Collection[str] = (),
        action: str | None = None,
        before: int | None = None,
        limit: int = 100,
    ) -> list[AuditEntry]:
        """Entries of the audit log, newest first.

        Args:
            who: of this person.
            detectors: of one of these detectors; of any if empty.
            action: this one, or all that begin with it and a dot.
            before: older than the entry of this number.
            limit: at most so many.
        """
        ...

    def forget_audit(self, *, before: int) -> int:
        """Remove entries of the audit log from before a time, and say how many."""
        ...

    def begin_session(self, session: SignedIn) -> SignedIn:
        """Store that somebody signed in, and number it."""
        ...

    def session(self, digest: str) -> SignedIn | None:
        """The session whose cookie's secret has this digest; None if it has ended."""
        ...

    def sessions(self, kind: SessionKind, name: str) -> list[SignedIn]:
        """Where one person is signed in, newest first."""
        ...

    def touch_session(self, session: int, *, at: int) -> None:
        """Note when a browser was last seen."""
        ...

    def end_session(self, session: int) -> bool:
        """End a session: its cookie is void from now on; False if it had ended already."""
        ...

    def forget_sessions(self, *, seen_before: int, began_before: int) -> int:
        """Remove sessions that were last seen or began before a time, and say how many."""
        ...

    def spend_link(self, digest: str, *, at: int) -> bool:
        """Note that a signed link was used; False if it had been already."""
        ...

    def is_spent(self, digest: str) -> bool:
        """Whether a signed link was used already."""
        ...

    def forget_links(self, *, before: int) -> int:
        """Forget the links that were used before a time, and say how many."""
        ...

    def identity(self, name: str) -> Identity | None:
        """Who of those that sign in elsewhere goes by a name here."""
        ...

    def keep_identity(self, identity: Identity) -> Identity:
        """Store who signed in elsewhere, or their new name and time; `first_at` stays.

        Raises:
            Conflict: the name belongs to somebody else.
        """
        ...

    # drift
    def keep_drift_watch(self, watch: DriftWatch) -> None:
        """Keep how far the errors of a detector are followed, in place of what was kept."""
        ...

    def drift_watch(self, detector: str) -> DriftWatch | None:
        """What was kept; None where nothing is followed so far."""
        ...

    def propose_retraining(self, proposal: DriftProposal) -> DriftProposal:
        """Put a proposal on record in place of one of the detector that is still open."""
        ...

    def drift_proposals(self, detector: str | None = None) -> list[DriftProposal]:
        """All of one detector, or of all detectors, the newest first."""
        ...

    def drift_proposal(self, proposal: int) -> DriftProposal:
        """One of them.

        Raises:
            NotFound: there is none of that number.
        """
        ...

    def answer_drift(
        self, proposal: int, answer: DriftAnswer, *, by: str, at: int
    ) -> DriftProposal:
        """Say what became of an open proposal.

        Raises:
            NotFound: there is none of that number.
            Conflict: it was answered before.
        """
        ...

    # upkeep
    def note_upkeep(self, upkeep: Upkeep) -> None:
        """Keep when something was done last, in the place of what was kept of it."""
        ...

    def upkeep(self) -> list[Upkeep]:
        """What was done last in each way, by name."""
        ...

    def versioned(self) -> list[str]:
        """Names of the detectors that have versions, also of those that are no more."""
        ...

    def artifacts_in_use(self) -> frozenset[str]:
        """Names of the artifacts that versions name."""
        ...

    def remove_version(self, detector: str, number: int) -> bool:
        """Remove the record of a version; whether it was there.

        Raises:
            Conflict: it serves.
        """
        ...

    def ended(self, *, before: int) -> int:
        """How many runs and requests ended, and drift proposals were answered, before a time."""
        ...

    def forget_ended(self, *, before: int, limit: int = 500) -> int:
        """Remove the oldest of what `ended` counts, and say how many."""
        ...

    def close(self) -> None:
        """Release connections."""
        ...


class ArtifactStore(Protocol):
    """Model files: written once, whole, read back only if every byte is as written."""

    def save(self, name: str, files: Mapping[str, bytes]) -> None:
        """Store files under a name, durable and all or none; replaces an unreadable earlier try.

        Raises:
            Conflict: the name holds a complete artifact already.
        """
        ...

    def load(self, name: str, prefix: str | tuple[str, ...] = "") -> dict[str, bytes]:
        """Read an artifact back, or only its files whose names begin in one of some ways.

        Raises:
            NotFound: no artifact of that name.
            ArtifactError: a file is missing, or one that is read is damaged or foreign (its SHA-256
                differs).
        """
        ...

    def remove(self, name: str) -> None:
        """Take an artifact away, whole; nothing happens if it is gone already."""
        ...

    def names(self, *, before: int | None = None) -> list[str]:
        """Complete artifacts, sorted: all, or those that were saved before a time."""
        ...


# -- backups ---------------------------------------------------------------------------------------


class RecordDump(Protocol):
    """All records as they were at one moment, as rows of plain values."""

    @property
    def schema(self) -> str:
        """Which form the tables have."""
        ...

    def tables(self) -> list[str]:
        """Names of the tables."""
        ...

    def rows(self, table: str) -> Iterator[Mapping[str, Any]]:
        """The rows of a table, by its key."""
        ...

    def counters(self) -> dict[str, int]:
        """By table, the last number given; so that none is given twice."""
        ...


class RecordDumps(Protocol):
    """Takes all records out of a record store at once, and puts them into one."""

    def dump(self) -> AbstractContextManager[RecordDump]:
        """All records of this moment; others go on writing meanwhile."""
        ...

    def is_empty(self) -> bool:
        """Whether the store holds nothing that a person made or a training found."""
        ...

    def staged(self, dump: RecordDump) -> AbstractContextManager["StagedRecords"]:
        """A dump that was looked at and is ready to be loaded; nothing is changed so far.

        Args:
            dump: in the form of this program or of an older one.

        Raises:
            StoreRefused: the dump has a form that this program does not know.
            InputError: its rows do not belong into its tables.
            StoreError: there is no room to look at it.
        """
        ...


@dataclass(frozen=True)
class Restoration:
    """What goes into the records together with those that are restored.

    Attributes:
        upkeep: when it was done.
        entry: the same for the audit log.
        renamed: artifacts that have another name now.
        numbers: by detector, the number of a version that is not to be given again.
    """

    upkeep: Upkeep
    entry: AuditEntry
    renamed: Mapping[str, str] = field(default_factory=dict)
    numbers: Mapping[str, int] = field(default_factory=dict)


class StagedRecords(Protocol):
    """Records that can take the place of those that are there."""

    def load(self, restoration: Restoration) -> dict[str, int]:
        """Let these be the records, all or none; how many rows each table has then.

        Runs that went on when the records were dumped count as interrupted, requests that were
        worked on are free again, and messages that waited are not sent. Numbers that were given
        here, tokens that were revoked and links that were used stay so.
        """
        ...


class BackupDraft(Protocol):
    """A backup that is being written."""

    def add(self, name: str, chunks: Iterable[bytes]) -> None:
        """Write a file of it."""
        ...

    def tell(self, **facts: Any) -> None:
        """Say something of the backup as a whole."""
        ...


class Backup(Protocol):
    """A backup that is read; every file of it is as written."""

    @property
    def facts(self) -> Mapping[str, Any]:
        """What was told of it."""
        ...

    @property
    def size(self) -> int:
        """Bytes of all that is in it, unpacked."""
        ...

    def attachments(self) -> list[str]:
        """Names of its files of other kinds."""
        ...

    def records(self) -> RecordDump:
        """The records in it."""
        ...

    def artifacts(self) -> list[str]:
        """Names of the artifacts in it, sorted."""
        ...

    def artifact(self, name: str, prefix: str | tuple[str, ...] = "") -> dict[str, bytes]:
        """The files of an artifact in it, or only those whose names begin in one of some ways.

        Raises:
            NotFound: it holds no such artifact.
        """
        ...

    def attachment(self, name: str) -> Iterator[bytes] | None:
        """A file of another kind, in chunks; None if it is not in it."""
        ...


class BackupFiles(Protocol):
    """Backups as single files."""

    def create(self, path: Path, *, replace: bool = False) -> AbstractContextManager[BackupDraft]:
        """A new backup: it has its name once it is whole and has been read back, or never.

        Raises:
            Conflict: there is such a file already.
            StoreError: it cannot be written.
        """
        ...

    def open(self, path: Path, told: "Progress") -> AbstractContextManager[Backup]:
        """Read a backup, after every byte of it was looked at.

        Raises:
            NotFound: there is no such file.
            InputError: it is no backup, is damaged, or tries what a backup would not.
            StoreRefused: a newer normalcy has made it.
        """
        ...


# -- signing in elsewhere --------------------------------------------------------------------------


@dataclass(frozen=True)
class Departure:
    """A browser that is led to where its person signs in, and what to remember of it meanwhile.

    Attributes:
        url: where it is led.
        state: comes back with it.
        nonce: comes back inside what the provider states.
        verifier: proves that who asks for the statement is who led it there.
    """

    url: str
    state: str = field(repr=False)
    nonce: str = field(repr=False)
    verifier: str = field(repr=False)


class IdentityProvider(Protocol):
    """Another service that says who somebody is."""

    @property
    def issuer(self) -> str:
        """What it calls itself."""
        ...

    def depart(self, back: str) -> Departure:
        """Lead a browser there.

        Args:
            back: the address where it is to come back.

        Raises:
            SignInRefused: the provider cannot be reached, or does not say how.
        """
        ...

    def arrive(self, code: str, left: Departure, back: str) -> Mapping[str, Any]:
        """What the provider states of the person who came back, verified.

        Args:
            code: what the browser brought.
            left: how it was led there.
            back: where it came back.

        Raises:
            SignInRefused: the provider cannot be reached, or its statement is not for us, not
                from it, not of now, or not about this browser.
        """
        ...

    def farewell(self, back: str) -> str | None:
        """Where a person signs out there, if the provider is known to offer that; asks nothing."""
        ...


# -- Grafana's annotations -------------------------------------------------------------------------


@dataclass(frozen=True)
class Mark:
    """What is to be written as an annotation: `[start, stop)` in nanoseconds.

    Grafana keeps milliseconds: the start is rounded down, the stop up.
    """

    start: int
    stop: int
    text: str
    tags: tuple[str, ...]
    dashboard: str | None = None


@dataclass(frozen=True)
class Annotation:
    """What Grafana holds at the moment.

    Attributes:
        id: its number, as text: newer Grafanas will have names.
        start: nanoseconds; exact to the millisecond.
        stop: equal to `start` for a point, later for a region.
        text: what was typed.
        tags: as Grafana keeps them, without that of the rid.
        author: login of the one who made it; empty where Grafana tells none.
        dashboard: uid of the dashboard it was drawn on; None for one of the organization.
        updated: when it was last changed, milliseconds.
        rid: what normalcy marked it by; empty for those that others made.
    """

    id: str
    start: int
    stop: int
    text: str
    tags: tuple[str, ...]
    author: str = ""
    dashboard: str | None = None
    updated: int = 0
    rid: str = ""

    @property
    def is_region(self) -> bool:
        """Whether it covers any time."""
        return self.stop > self.start


@dataclass(frozen=True)
class RuleAlert:
    """What an alert rule says of one series.

    Attributes:
        tags: of the series.
        state: `pending`, `alerting`, `nodata` or `error`.
        since: nanoseconds; None where it is not told.
        summary: in words.
    """

    tags: Mapping[str, str]
    state: str
    since: int | None
    summary: str


@dataclass(frozen=True)
class RuleState:
    """What an alert rule of a detector says.

    Attributes:
        detector: which it watches.
        kind: alarm, fleet, blind, retrain, drift or aside.
        name: as Grafana shows it.
        state: `inactive`, `pending` or `firing`.
        health: `ok`, `nodata` or `error`.
        problem: why it could not be evaluated.
        evaluated_at: nanoseconds; None if it never was.
        alerts: those that are not normal.
    """

    detector: str
    kind: str
    name: str
    state: str
    health: str
    problem: str
    evaluated_at: int | None
    alerts: tuple[RuleAlert, ...]


class RuleBook(Protocol):
    """The alert rules of one organization of a Grafana."""

    def states(self) -> list[RuleState]:
        """The rules that normalcy made with what they say now, by detector and kind.

        Raises:
            GrafanaError: it does not answer or refuses.
        """
        ...


class AnnotationBook(Protocol):
    """The annotations of one organization of a Grafana.

    Every method raises `GrafanaUnavailable` when Grafana cannot be reached or stays busy, and
    `GrafanaRefused` when it says no: the message names the right that is missing.
    """

    def name(self) -> str:
        """Which Grafana and which organization: numbers of annotations hold only there."""
        ...

    def between(self, start: int, stop: int, tags: Sequence[str]) -> list[Annotation]:
        """All annotations that overlap a range and have any of these tags, by start and id.

        It is complete, or it raises. What alert rules note themselves is left out.
        """
        ...

    def get(self, annotation: str) -> Annotation | None:
        """One annotation; None if there is none of that number."""
        ...

    def create(self, mark: Mark, rid: str) -> Annotation:
        """Write an annotation, once, whatever happens on the way.

        Args:
            mark: what to write.
            rid: what it is marked by; where the answer to a first try was lost, an annotation that
                has it is returned in place of a second one.

        Raises:
            GrafanaRefused: also for tags that are too long, and for an unknown dashboard.
        """
        ...

    def update(self, annotation: str, mark: Mark, rid: str) -> Annotation:
        """Let an annotation be this, all of it; its dashboard stays.

        Raises:
            NotFound: there is none of that number.
        """
        ...

    def delete(self, annotation: str) -> None:
        """Remove an annotation; nothing happens if it is gone already."""
        ...


# -- models ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Lesson:
    """What one member of a fleet learns from; no other sees its rows, but for `pool`.

    Attributes:
        rows: (T, F) scaled rows, NaN = absent.
        train: (N,) index of the last row of each training window.
        stop: (N,) the same for the windows that early stopping looks at; may be empty.
        seed: of this member's initial weights and shuffling.
        times: (T,) nanoseconds of the rows, for kinds that know the time of day; by default the
            rows are a nanosecond apart.
        pool: members of one number may learn from each other's windows where a spec asks for it;
            those of different numbers never do.
    """

    rows: Floats
    train: NDArray[np.int64]
    stop: NDArray[np.int64]
    seed: int
    times: Times = field(default_factory=lambda: np.empty(0, np.int64))
    pool: int = 0

    def __post_init__(self) -> None:
        if not self.times.size:
            object.__setattr__(self, "times", np.arange(len(self.rows), dtype=np.int64))


Start = Mapping[str, NDArray[Any]]
"""Weights to begin with, each with a leading axis of S."""


@dataclass(frozen=True)
class LossCurve:
    """Losses an epoch of one member; `best` is the epoch (from 0) whose weights were kept."""

    loss: tuple[float, ...]
    val_loss: tuple[float, ...]
    best: int


Progress = Callable[[float, str], None]
"""Called with the share done (0 to 1) and a few words."""


@dataclass(frozen=True)
class Voice:
    """What a model, or one member of an ensemble, makes of windows.

    Attributes:
        expected: (S, N, W, F) what it would take for normal in place of each window, scaled and
            finite; None for a kind that has no notion of it.
        raw: (S, N) how unusual each window is, in the model's own unit: finite, never negative,
            larger is more unusual. None where the distance of window and `expected` says it.
        parts: (S, N, F) what each channel adds to `raw`, never negative; None where `expected`
            says it, or where it has to be found by hiding channels.
    """

    expected: Floats | None = None
    raw: Floats | None = None
    parts: Floats | None = None


class Model(Protocol):
    """A fleet of S networks or estimators of one kind; every array has a leading series axis.

    Attributes:
        window: W.
        voices: V, how many `Voice` it gives; an ensemble has several.
    """

    window: int
    voices: int

    def fit(
        self, lessons: Sequence[Lesson], progress: Progress, start: Start | None = None
    ) -> list[LossCurve]:
        """Train all S members; the same lessons, seeds and start give the same weights.

        Args:
            lessons: one a member.
            progress: told the share done.
            start: what to begin with, in the names and shapes of `starts`; members that are NaN in
                it, and kinds that have nothing to begin with, begin anew.

        Raises:
            TrainingFailed: the losses of some members are not finite; the model stays as it was.
        """
        ...

    def assess(self, windows: Floats, times: Times) -> tuple[Voice, ...]:
        """Look at windows, in float64; what is said of one does not depend on the others.

        Args:
            windows: (S, N, W, F) scaled, NaN = absent.
            times: (S, N) nanoseconds of each window's last row.

        Returns:
            V voices, the same ones whatever the windows.
        """
        ...

    def weights(self) -> dict[str, NDArray[Any]]:
        """All weights by name, each with a leading axis of S."""
        ...

    def starts(self) -> dict[str, NDArray[Any]]:
        """The part of the weights that another training can begin with; none for most kinds."""
        ...

    def load(self, weights: Mapping[str, NDArray[Any]]) -> None:
        """Take weights as `weights` gave them.

        Raises:
            ArtifactError: names or shapes are not those of this model.
        """
        ...


ModelFactory = Callable[[ModelSpec, int, int], Model]
"""(spec, series, channels) to an untrained model."""


@dataclass(frozen=True)
class Units:
    """From one unit to another, `x * factor + offset`: (P, F) each, P places of a window or 1."""

    factor: Floats
    offset: Floats


@dataclass(frozen=True)
class Edges:
    """What stands around a network so that it takes and gives sensor units: before and after."""

    before: Units
    after: Units


@dataclass(frozen=True)
class NetworkFile:
    """The network of one series for others to use.

    Attributes:
        data: a `.keras` file that plain Keras loads.
        kind: of the network.
        window: W.
        outputs: names of what it gives, (B, W, F) each.
        whole: whether the model says no more than its outputs do, so that the error follows from
            them.
        made_with: libraries and their versions.
    """

    data: bytes
    kind: str
    window: int
    outputs: tuple[str, ...]
    whole: bool
    made_with: Mapping[str, str]


class NetworkExporter(Protocol):
    """Writes the network of one member of a fleet in a form that others read."""

    def __call__(
        self,
        spec: ModelSpec,
        weights: Mapping[str, NDArray[Any]],
        channels: int,
        *,
        part: int | None,
        edges: Edges | None,
    ) -> NetworkFile:
        """Write it.

        Args:
            spec: of the model.
            weights: of one member, each with a leading axis of 1.
            channels: F.
            part: which member of an ensemble, from 1 on; where only one can be written, that one.
            edges: what stands around it; without any it takes and gives scaled windows.

        Raises:
            InputError: there is no network in the model that reconstructs windows, or no such part.
        """
        ...


# -- running work ----------------------------------------------------------------------------------


class Executor(Protocol):
    """Runs a named task somewhere: in this process, in a local one, on a cluster."""

    def run(
        self,
        task: str,
        arguments: Mapping[str, Any],
        timeout_s: float,
        wanted: Callable[[], bool] | None = None,
    ) -> dict[str, Any]:
        """Run a task to its end and return its JSON-ready result.

        Args:
            task: its name.
            arguments: JSON-ready.
            timeout_s: it is ended when it takes longer.
            wanted: asked each second or two, in another thread, whether the result still is; the
                task is ended when it says no. Not asked where nothing can end it.

        Raises:
            TaskTimeout: it was ended at its limit.
            WorkerDied: the process that ran it ended, or was ended as nobody wants its result.
            NormalcyError: what the task itself raised.
        """
        ...

    def run_all(
        self,
        task: str,
        calls: Sequence[Mapping[str, Any]],
        timeout_s: float,
        told: Callable[[int], None],
    ) -> list[dict[str, Any] | NormalcyError]:
        """Run a task once for each of `calls`, so many at a time as there are workers.

        A task may be begun again elsewhere when its worker is lost, so it must come to the same
        result when done twice.

        Args:
            task: its name.
            calls: the arguments of each.
            timeout_s: of each.
            told: how many are done, after each and, where they run elsewhere, every second or two
                meanwhile; what it raises ends those that still run.

        Returns:
            What each call came to, in the order of `calls`: its result, or what it raised.
        """
        ...

    def close(self) -> None:
        """End workers."""
        ...


@dataclass(frozen=True)
class Dispatch:
    """How sending a message ended.

    Attributes:
        delivered: the other side has taken it.
        why: if not, what was wrong, without any secret.
        lasting: whether the same message would be refused again.
        wait_s: how long the other side asks to be left alone.
    """

    delivered: bool
    why: str = ""
    lasting: bool = False
    wait_s: float = 0.0


class Messenger(Protocol):
    """Carries messages to people, such as the incoming webhook of a chat."""

    def send(self, text: str) -> Dispatch:
        """Send a text once, and never raise: what is wrong is told."""
        ...


class Clock(Protocol):
    """The time; read once, at the edge, and passed on."""

    def now(self) -> int:
        """UTC nanoseconds since 1970."""
        ...
