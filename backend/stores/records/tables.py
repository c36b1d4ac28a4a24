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
    sqlite_autoincrement=True,  # a number is never given twice
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
    Index("ix_runs_detector_id", "detector", "id"),
    _partial("ix_runs_running", "worker", where="state = 'running'"),
    sqlite_autoincrement=True,
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
    _partial("uq_requests_waiting", "kind", "detector", "fingerprint", where=WAITING, unique=True),
    _partial("ix_requests_open", "id", where=OPEN),
    sqlite_autoincrement=True,
)
