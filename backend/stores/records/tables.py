"""The tables as the newest migration leaves them; columns are named as the records' attributes."""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Double,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    text,
)

metadata = MetaData(naming_convention={"pk": "pk_%(table_name)s"})

# SQLite numbers rows by itself only in a column that is called INTEGER; it holds 64 bits there too.
_ID = BigInteger().with_variant(Integer(), "sqlite")


def _id() -> Column[int]:
    return Column("id", _ID, primary_key=True, autoincrement=True)


def _text(name: str, *, key: bool = False, absent: bool = False) -> Column[str]:
    return Column(name, Text, primary_key=key, nullable=absent)


def _integer(name: str, *, key: bool = False, absent: bool = False) -> Column[int]:
    return Column(name, BigInteger, primary_key=key, nullable=absent, autoincrement=False)


def _partial(name: str, *columns: str, where: str, unique: bool = False) -> Index:
    condition = text(where)
    return Index(name, *columns, unique=unique, sqlite_where=condition, postgresql_where=condition)


BY_ALERT = "substr(source, 1, 6) = 'alert ' AND removed_at IS NULL"
"""Labels in force that a link about an alert led to: one for each alert."""

labels = Table(
    "labels",
    metadata,
    _id(),
    _text("detector"),
    _text("kind"),
    _integer("start"),
    _integer("stop"),
    Column("tags", JSON, nullable=False),
    _text("note"),
    _text("source"),
    _text("created_by"),
    _integer("created_at"),
    _text("removed_by", absent=True),
    _integer("removed_at", absent=True),
    Index("ix_labels_detector_start", "detector", "start"),
    _partial("uq_labels_alert", "source", where=BY_ALERT, unique=True),
    sqlite_autoincrement=True,  # a number is never given twice
)

RID = "rid <> ''"

annotation_links = Table(
    "annotation_links",
    metadata,
    _text("book", key=True),
    _text("annotation", key=True),
    _text("tie"),
    _integer("start"),
    _integer("stop"),
    _text("content"),
    _integer("updated"),
    Column("labels", JSON, nullable=False),
    _text("dashboard"),
    _text("rid"),
    _integer("revision"),
    _partial("uq_annotation_links_rid", "book", "rid", where=RID, unique=True),
)

annotation_problems = Table(
    "annotation_problems",
    metadata,
    _id(),
    _text("book"),
    _text("annotation"),
    _text("message"),
    _integer("since"),
    sqlite_autoincrement=True,
)

detectors = Table(
    "detectors",
    metadata,
    _text("name", key=True),
    Column("spec", JSON, nullable=False),
    _text("changed_by"),
    _integer("changed_at"),
)

version_numbers = Table(
    "version_numbers",
    metadata,
    _text("detector", key=True),
    _integer("last"),
)

versions = Table(
    "versions",
    metadata,
    _text("detector", key=True),
    _integer("number", key=True),
    _integer("created_at"),
    _text("artifact"),
    Column("spec", JSON, nullable=False),
    _text("label_hash"),
    _text("data_hash"),
    Column("provisional", Boolean, nullable=False),
    _text("verdict"),
    Column("training", JSON, nullable=False),
)

promotions = Table(
    "promotions",
    metadata,
    _id(),
    _text("detector"),
    _integer("number"),
    _integer("serves_from"),
    _integer("at"),
    _text("by"),
    Index("ix_promotions_detector_id", "detector", "id"),
    sqlite_autoincrement=True,
)

watermarks = Table(
    "watermarks",
    metadata,
    _text("detector", key=True),
    _text("series", key=True),
    _integer("mark"),
)

set_aside = Table(
    "set_aside",
    metadata,
    _text("detector", key=True),
    _text("series", key=True),
    _text("reason"),
    _integer("since"),
    _integer("retry_at"),
)

RUNNING = "state = 'running'"

runs = Table(
    "runs",
    metadata,
    _id(),
    _text("kind"),
    _text("detector"),
    _text("state"),
    _integer("started_at"),
    _text("worker"),
    _integer("finished_at", absent=True),
    _text("message"),
    Column("details", JSON, nullable=False),
    Column("progress", Double, nullable=False, server_default="0"),
    Column("words", Text, nullable=False, server_default=""),
    _integer("told_at", absent=True),
    _text("cancelled_by", absent=True),
    Index("ix_runs_detector_id", "detector", "id"),
    _partial("ix_runs_running", "worker", where=RUNNING),
    sqlite_autoincrement=True,
)

run_log = Table(
    "run_log",
    metadata,
    _id(),
    _integer("run"),
    _integer("at"),
    _text("words"),
    Index("ix_run_log_run", "run", "id"),
    sqlite_autoincrement=True,
)

leases = Table(
    "leases",
    metadata,
    _text("name", key=True),
    _text("holder"),  # empty while it is free
    _text("token"),
    _integer("until"),
    _integer("due", absent=True),
    _integer("served", absent=True),  # the scheduled time that was served last
    _text("formerly"),
)

process_reports = Table(
    "process_reports",
    metadata,
    _text("name", key=True),
    _text("role"),
    _text("host"),
    _integer("pid"),
    _text("program"),
    _integer("started_at"),
    _integer("at"),
    Column("families", JSON, nullable=False),
)

WAITING = "state = 'waiting'"
OPEN = "state IN ('waiting', 'running')"

requests = Table(
    "requests",
    metadata,
    _id(),
    _text("kind"),
    _text("detector"),
    Column("payload", JSON, nullable=False),
    _text("fingerprint"),  # SHA-256 of the payload, since databases do not compare JSON alike
    _text("created_by"),
    _integer("created_at"),
    _text("state"),
    _text("worker", absent=True),
    _integer("claimed_at", absent=True),
    _integer("deadline", absent=True),
    _integer("finished_at", absent=True),
    Column("progress", Double, nullable=False),
    Column("result", JSON, nullable=False),
    _text("message"),
    Column("words", Text, nullable=False, server_default=""),
    _text("cancelled_by", absent=True),
    _partial("uq_requests_waiting", "kind", "detector", "fingerprint", where=WAITING, unique=True),
    _partial("ix_requests_open", "id", where=OPEN),
    sqlite_autoincrement=True,
)

messages = Table(
    "messages",
    metadata,
    _id(),
    _integer("created_at"),
    _text("state"),
    _integer("next_try"),
    _integer("tries"),
    _integer("ended_at", absent=True),
    _text("problem"),
    _partial("ix_messages_pending", "next_try", where="state = 'pending'"),
    sqlite_autoincrement=True,
)

alerts = Table(
    "alerts",
    metadata,
    _id(),
    _text("fingerprint"),
    _text("state"),
    _integer("start"),
    _integer("stop", absent=True),
    _text("detector"),
    Column("tags", JSON, nullable=False),
    _text("rule"),
    _text("title"),
    _text("summary"),
    _text("description"),
    Column("labels", JSON, nullable=False),
    Column("annotations", JSON, nullable=False),
    Column("values", JSON, nullable=False),
    _text("panel_url"),
    _integer("received_at"),
    _integer("heard_at"),
    _integer("message", absent=True),
    Index("uq_alerts_told", "fingerprint", "start", "state", unique=True),
    Index("ix_alerts_start", "start"),
    Index("ix_alerts_message", "message"),
    sqlite_autoincrement=True,
)

users = Table(
    "users",
    metadata,
    _text("name", key=True),
    _text("password_hash"),
    _text("role"),
    _text("created_by"),
    _integer("created_at"),
    _integer("changed_at"),
)

tokens = Table(
    "tokens",
    metadata,
    _id(),
    _text("name"),
    _text("digest"),
    _text("role"),
    Column("detectors", JSON, nullable=False),
    _text("created_by"),
    _integer("created_at"),
    _integer("expires_at", absent=True),
    _integer("revoked_at", absent=True),
    _integer("used_at", absent=True),
    Index("uq_tokens_digest", "digest", unique=True),
    sqlite_autoincrement=True,
)

audit = Table(
    "audit",
    metadata,
    _id(),
    _integer("at"),
    _text("who"),
    _text("how"),
    _text("address"),
    _text("action"),
    _text("detector"),
    _text("words"),
    Index("ix_audit_at", "at"),
    Index("ix_audit_detector_id", "detector", "id"),
    sqlite_autoincrement=True,
)

sessions = Table(
    "sessions",
    metadata,
    _id(),
    _text("digest"),
    _text("kind"),
    _text("name"),
    _text("proof"),
    _integer("began_at"),
    _integer("seen_at"),
    _text("address"),
    _text("agent"),
    Index("uq_sessions_digest", "digest", unique=True),
    Index("ix_sessions_name", "kind", "name"),
    sqlite_autoincrement=True,
)

spent_links = Table(
    "spent_links",
    metadata,
    _text("digest", key=True),
    _integer("at"),
)

identities = Table(
    "identities",
    metadata,
    _text("issuer", key=True),
    _text("subject", key=True),
    _text("name"),
    _integer("first_at"),
    _integer("last_at"),
    Index("uq_identities_name", "name", unique=True),
)

drift_watches = Table(
    "drift_watches",
    metadata,
    _text("detector", key=True),
    _integer("number"),
    _integer("until"),
    Column("state", JSON, nullable=False),
)

drift_proposals = Table(
    "drift_proposals",
    metadata,
    _id(),
    _text("detector"),
    _integer("number"),
    _integer("found_at"),
    _text("reason"),
    Column("details", JSON, nullable=False),
    _text("answer"),
    _text("by"),
    Column("answered_at", BigInteger),
    Index("ix_drift_proposals_detector", "detector", "answer"),
    sqlite_autoincrement=True,
)

upkeep = Table(
    "upkeep",
    metadata,
    _text("name", key=True),
    _integer("at"),
    Column("details", JSON, nullable=False),
)
