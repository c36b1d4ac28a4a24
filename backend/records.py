"""What normalcy remembers: labels, model versions, promotions, runs, requests, watermarks.

Times are UTC nanoseconds since 1970 as integers; ranges are half-open `[start, stop)`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

SeriesKey = str
"""A series' name: its tags as `tag=value,…`, sorted by tag; empty where a detector has no tags."""


def series_key(tags: Mapping[str, str]) -> SeriesKey:
    r"""Name a series by its tags; `,`, `=` and `\` inside a tag or value are escaped by `\`."""
    return ",".join(f"{_escape(tag)}={_escape(tags[tag])}" for tag in sorted(tags))


def parse_series_key(key: SeriesKey) -> dict[str, str]:
    """Undo `series_key`.

    Raises:
        ValueError: `key` is not of the form `tag=value,…`.
    """
    tags: dict[str, str] = {}
    for part in _split(key, ",") if key else []:
        pair = _split(part, "=")
        if len(pair) != 2:
            raise ValueError(f"{key!r} is not a series: expected tag=value,…")
        tags[_unescape(pair[0])] = _unescape(pair[1])
    return tags


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace(",", "\\,").replace("=", "\\=")


def _split(text: str, separator: str) -> list[str]:
    parts, current, escaped = [], "", False
    for letter in text:
        if letter == separator and not escaped:
            parts.append(current)
            current = ""
            continue
        current += letter
        escaped = letter == "\\" and not escaped
    return [*parts, current]


def _unescape(text: str) -> str:
    result, escaped = "", False
    for letter in text:
        if letter == "\\" and not escaped:
            escaped = True
            continue
        result += letter
        escaped = False
    return result


class LabelKind(StrEnum):
    """What an operator says of a range; `exclude` wins over `anomaly`, `anomaly` over `normal`."""

    NORMAL = "normal"
    ANOMALY = "anomaly"
    EXCLUDE = "exclude"


@dataclass(frozen=True)
class Label:
    """An operator's statement on `[start, stop)`, for every series whose tags match `tags`.

    An empty `tags` speaks for the whole detector. A removed label stays on record with who removed
    it and when, so that old model versions can still be explained.
    """

    id: int
    detector: str
    kind: LabelKind
    start: int
    stop: int
    tags: Mapping[str, str] = field(default_factory=dict)
    note: str = ""
    source: str = "command"
    """`command`, `yaml`, `api`, `page`, `grafana`, `file`, or `alert …` by a link in a message."""
    created_by: str = ""
    created_at: int = 0
    removed_by: str | None = None
    removed_at: int | None = None

    def matches(self, tags: Mapping[str, str]) -> bool:
        """Whether the label speaks for a series with these tags."""
        return all(tags.get(tag) == value for tag, value in self.tags.items())


@dataclass(frozen=True)
class LabelDraft:
    """A label as stated, before it is stored."""

    detector: str
    kind: LabelKind
    start: int
    stop: int
    tags: Mapping[str, str] = field(default_factory=dict)
    note: str = ""


class Tie(StrEnum):
    """Why an annotation in Grafana is known.

    `drawn`: a person made or changed it, and its labels follow it. `written`: normalcy made it of a
    label. `event`: normalcy made it of a detected event. `leaving`: what it said was taken back,
    and it is still to be removed from Grafana.
    """

    DRAWN = "drawn"
    WRITTEN = "written"
    EVENT = "event"
    LEAVING = "leaving"


@dataclass(frozen=True)
class AnnotationLink:
    """What is known of an annotation in Grafana, and which labels it stands for.

    Attributes:
        book: the Grafana and the organization in it; numbers of annotations are those of a book.
        annotation: its number there, as text.
        tie: why it is known.
        start: of the annotation, when last seen.
        stop: of the annotation, when last seen.
        content: digest of what it said when it was last understood; empty where it was refused.
        updated: when Grafana last changed it, milliseconds.
        labels: the labels it stands for; some may have been taken back since.
        dashboard: uid of the dashboard it was drawn on; empty for one of the organization.
        rid: what normalcy marks its own by; empty for those drawn by people.
        revision: counts changes, so that of two processes only one makes the next.
    """

    book: str
    annotation: str
    tie: Tie
    start: int
    stop: int
    content: str
    updated: int = 0
    labels: tuple[int, ...] = ()
    dashboard: str = ""
    rid: str = ""
    revision: int = 0


@dataclass(frozen=True)
class AnnotationProblem:
    """Why an annotation is no label, or what else a person should know of it, and since when."""

    book: str
    annotation: str
    message: str
    since: int


class Verdict(StrEnum):
    """What became of a model version."""

    CHAMPION = "champion"
    CHALLENGER = "challenger"
    REJECTED = "rejected"
    RETIRED = "retired"


@dataclass(frozen=True)
class Version:
    """The record of one model version; its files lie in the artifact store under `artifact`."""

    detector: str
    number: int
    created_at: int
    artifact: str
    spec: Mapping[str, Any]
    label_hash: str
    data_hash: str
    provisional: bool
    verdict: Verdict
    training: Mapping[str, Any]
    """The training record: rows, folds, losses, thresholds, trimmed ranges, warnings, seconds,
    series set aside with the reason."""

    @property
    def name(self) -> str:
        """What is written with every point: `detector/number`."""
        return f"{self.detector}/{self.number}"


@dataclass(frozen=True)
class Promotion:
    """From the grid point `serves_from` on, points are scored by version `number`."""

    detector: str
    number: int
    serves_from: int
    at: int
    by: str


class State(StrEnum):
    """How far a run or a request is."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    CANCELLED = "cancelled"


LOG_LINES = 500
"""Most that is kept of what one run told; the oldest go first."""
LOGS_KEPT = 1000
"""Of so many runs, the newest, what they told is kept; of older ones only how they ended."""


@dataclass(frozen=True)
class Run:
    """One execution of a job: what, when, how it ended."""

    id: int
    kind: str
    detector: str
    state: State
    started_at: int
    worker: str
    finished_at: int | None = None
    message: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)
    progress: float = 0.0
    words: str = ""
    """What it does at the moment."""
    told_at: int | None = None
    """When it last told of its progress."""
    cancelled_by: str | None = None
    """Who asked for its end; it stops at its next step."""


@dataclass(frozen=True)
class LogLine:
    """What a run told of itself at a moment."""

    at: int
    words: str


@dataclass(frozen=True)
class Request:
    """Work that the web or a command asks of the jobs: the processes meet in the store."""

    id: int
    kind: str
    """What is asked for, such as `retrain` or `backfill`."""
    detector: str
    payload: Mapping[str, Any]
    created_by: str
    created_at: int
    state: State = State.WAITING
    worker: str | None = None
    claimed_at: int | None = None
    deadline: int | None = None
    finished_at: int | None = None
    progress: float = 0.0
    result: Mapping[str, Any] = field(default_factory=dict)
    message: str = ""
    words: str = ""
    """What is done for it at the moment."""
    cancelled_by: str | None = None
    """Who asked for its end; its worker stops at its next step."""


@dataclass(frozen=True)
class Lease:
    """The right of one process to a piece of work, for as long as it renews it.

    Attributes:
        name: the piece of work, such as `score:pump`.
        holder: who holds it; empty where it was given back with its work unfinished.
        token: drawn anew each time it is taken; who still knows the right one still holds it.
        until: when it ends unless renewed, by the clock of the record store.
        due: the scheduled time that it is held for, if any, or that was left unfinished.
        formerly: who held it before and let it run out; empty where it was free.
        expired: whether `until` has passed.
        served: the scheduled time that was served last, if any was.
    """

    name: str
    holder: str
    token: str
    until: int
    due: int | None = None
    formerly: str = ""
    expired: bool = False
    served: int | None = None


@dataclass(frozen=True)
class DriftWatch:
    """How far the errors of a detector's normal time are followed, and what was seen so far.

    Attributes:
        detector: its name.
        number: of the version whose errors they are.
        until: nanoseconds; up to here they are followed.
        state: what goes on from there, JSON-ready.
    """

    detector: str
    number: int
    until: int
    state: Mapping[str, Any] = field(default_factory=dict)


class DriftAnswer(StrEnum):
    """What became of a proposal to retrain."""

    OPEN = "open"
    ACCEPTED = "accepted"
    DISMISSED = "dismissed"
    OUTDATED = "outdated"


@dataclass(frozen=True)
class DriftProposal:
    """A proposal to train a detector anew, as its normal errors have drifted.

    Attributes:
        id: given by the store; 0 before.
        detector: its name.
        number: of the version whose errors drift.
        found_at: nanoseconds.
        reason: why, in sentences.
        details: `series` with what is known of each that drifts: `since` (nanoseconds) and `times`
            (its errors in usual ones).
        answer: what became of it; outdated where another version serves since.
        by: who answered.
        answered_at: nanoseconds.
    """

    detector: str
    number: int
    found_at: int
    reason: str
    details: Mapping[str, Any] = field(default_factory=dict)
    answer: DriftAnswer = DriftAnswer.OPEN
    by: str = ""
    answered_at: int | None = None
    id: int = 0


@dataclass(frozen=True)
class SetAside:
    """A series that cannot be trained or scored for now; the rest goes on without it."""

    detector: str
    series: SeriesKey
    reason: str
    since: int
    retry_at: int


@dataclass(frozen=True)
class Standing:
    """How a detector stands, in a few figures; cheap to ask for, however many series it has.

    Attributes:
        detector: its name.
        series: how many have been scored.
        scored_from, scored_to: the first nanosecond not yet scored, of the series that is furthest
            behind and of the one that is furthest; None before anything was scored.
        set_aside: how many series are.
        serving: number of the version that serves; None before one does.
        made_at: when that version was made.
    """

    detector: str
    series: int = 0
    scored_from: int | None = None
    scored_to: int | None = None
    set_aside: int = 0
    serving: int | None = None
    made_at: int | None = None


@dataclass(frozen=True)
class ProcessReport:
    """What a process last said of itself.

    Attributes:
        name: of the process among all there ever are.
        role: what it is, as `web`, `jobs` or the place of a worker.
        host: the machine it runs on.
        pid: its number there.
        program: version of normalcy that it runs.
        started_at: when it began.
        at: when it said so.
        families: its counters by name, JSON-ready.
    """

    name: str
    role: str
    host: str
    pid: int
    program: str
    started_at: int
    at: int
    families: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class StoredDetector:
    """A detector made by the API or in the pages, as its YAML-equivalent mapping."""

    name: str
    spec: Mapping[str, Any]
    changed_by: str
    changed_at: int


class AlertState(StrEnum):
    """What Grafana says of an alert."""

    FIRING = "firing"
    RESOLVED = "resolved"


@dataclass(frozen=True)
class Alert:
    """One thing that Grafana said of an alert: that it fires, or that it is over.

    The same `fingerprint`, `start` and `state` said again is the same. One that fires is over as
    soon as a resolved one of its fingerprint ends after its start.
    """

    id: int
    fingerprint: str
    """Grafana's name for the rule and the labels of an alert."""
    state: AlertState
    start: int
    stop: int | None
    """None while it fires."""
    detector: str
    """As the alert names it, empty where it names none; there may be no such detector."""
    tags: Mapping[str, str] = field(default_factory=dict)
    """The series it is about; empty speaks for the whole detector."""
    rule: str = ""
    """The rule's uid in Grafana, where it was told."""
    title: str = ""
    summary: str = ""
    description: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, float] = field(default_factory=dict)
    """What the rule's queries gave, by their letters."""
    panel_url: str = ""
    """The panel of the rule, else its dashboard, else the rule itself."""
    received_at: int = 0
    heard_at: int = 0
    """When Grafana last said it."""
    message: int | None = None
    """What tells people of it; None where no chat was configured."""

    @property
    def source(self) -> str:
        """Where a label comes from that was made by a link about this alert: once for each."""
        return f"alert {self.fingerprint} {self.start}"


class Delivery(StrEnum):
    """How far a message is."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


@dataclass(frozen=True)
class Message:
    """What tells people of the alerts that came together; its text is written when it is sent."""

    id: int
    created_at: int
    state: Delivery
    next_try: int
    tries: int = 0
    ended_at: int | None = None
    problem: str = ""
    """Why it was not delivered so far, or at all."""


class Role(StrEnum):
    """What a person may do; each may also do what those before may."""

    VIEWER = "viewer"
    LABELLER = "labeller"
    ADMIN = "admin"

    def may(self, needed: "Role") -> bool:
        """Whether this role suffices where another is needed."""
        order = list(Role)
        return order.index(self) >= order.index(needed)


@dataclass(frozen=True)
class User:
    """A local account.

    Attributes:
        name: as it is typed at sign-in.
        password_hash: never the password.
        role: what the person may do.
        created_by: who made it.
        created_at: when.
        changed_at: when password or role last changed: what was signed in before counts no more.
    """

    name: str
    password_hash: str = field(repr=False)
    role: Role
    created_by: str
    created_at: int
    changed_at: int


@dataclass(frozen=True)
class Token:
    """The right of a program to call the API.

    Attributes:
        id: its number.
        name: what it is for.
        digest: SHA-256 of the secret, which is shown once and kept nowhere.
        role: what its holder may do.
        detectors: for these only; for all if empty.
        created_by: who made it.
        created_at: when.
        expires_at: from then on it counts no more; None for never.
        revoked_at: when it was taken back.
        used_at: when it was last shown, to the minute.
    """

    id: int
    name: str
    digest: str = field(repr=False)
    role: Role
    detectors: tuple[str, ...] = ()
    created_by: str = ""
    created_at: int = 0
    expires_at: int | None = None
    revoked_at: int | None = None
    used_at: int | None = None


@dataclass(frozen=True)
class Upkeep:
    """When the service was last looked after in one way, such as by a backup."""

    name: str
    at: int
    details: Mapping[str, Any] = field(default_factory=dict)


class How(StrEnum):
    """The way by which somebody changed something."""

    PAGE = "page"
    API = "api"
    GRAFANA = "grafana"
    LINK = "link"
    COMMAND = "command"
    JOB = "job"


LONGEST_WORDS = 1000
"""Characters that an entry of the audit log says of a change."""


@dataclass(frozen=True)
class AuditEntry:
    """One change, as the audit log keeps it; it is written with the change and never altered.

    Attributes:
        id: its number, given when it is stored.
        at: when.
        who: the name of the person, token or program; empty where nobody had to say.
        how: by a page, the API, Grafana, a link in a message, a command, or the jobs by themselves.
        address: the network address that it came from; empty for commands and jobs.
        action: what was done, such as `label.add`.
        detector: which detector it concerns; empty for what concerns none or all.
        words: what was changed, former and new value in short; never a secret.
    """

    id: int
    at: int
    who: str
    how: How
    address: str
    action: str
    detector: str
    words: str


class SessionKind(StrEnum):
    """What somebody signed in with."""

    ACCOUNT = "account"
    TOKEN = "token"  # nosec B105  # no password
    CONFIGURED = "configured"
    ELSEWHERE = "elsewhere"


@dataclass(frozen=True)
class SignedIn:
    """A browser in which somebody is signed in; where the record is gone, the cookie is void.

    Attributes:
        id: its number, given when it is stored.
        digest: SHA-256 of the secret in the browser's cookie.
        kind: what the person signed in with.
        name: of the account, the token or the person elsewhere.
        proof: what has to hold still, such as when the account was last changed.
        began_at: when the person signed in.
        seen_at: when the browser was last seen, to the minute.
        address: from where the person signed in.
        agent: what the browser calls itself, in short.
    """

    id: int
    digest: str = field(repr=False)
    kind: SessionKind
    name: str
    proof: str = field(repr=False)
    began_at: int
    seen_at: int
    address: str = ""
    agent: str = ""


@dataclass(frozen=True)
class Identity:
    """A person who signs in elsewhere, and the name by which records call them.

    Attributes:
        issuer: who vouches for them.
        subject: what the issuer calls them, for ever.
        name: the name that is theirs alone here.
        first_at: when they first signed in.
        last_at: when they last did.
    """

    issuer: str
    subject: str
    name: str
    first_at: int
    last_at: int
