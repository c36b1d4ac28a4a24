"""How far runs are and who ends them; who may sign in or call."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision: str | None = "0004"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add the columns of progress and the tables of accounts and tokens."""
    _progress()
    _run_log()
    _users()
    _tokens()


def _progress() -> None:
    words = sa.Column("words", sa.Text, nullable=False, server_default="")
    share = sa.Column("progress", sa.Double, nullable=False, server_default="0")
    for column in (share, words, sa.Column("told_at", sa.BigInteger)):
        op.add_column("runs", column)
    op.add_column("runs", sa.Column("cancelled_by", sa.Text))
    op.add_column("requests", sa.Column("words", sa.Text, nullable=False, server_default=""))
    op.add_column("requests", sa.Column("cancelled_by", sa.Text))


def _run_log() -> None:
    op.create_table(
        "run_log",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("run", sa.BigInteger, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("words", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_run_log"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_run_log_run", "run_log", ["run", "id"])


def _users() -> None:
    op.create_table(
        "users",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("password_hash", sa.Text, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("created_by", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("changed_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_users"),
    )


def _tokens() -> None:
    op.create_table(
        "tokens",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("detectors", sa.JSON, nullable=False),
        sa.Column("created_by", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger),
        sa.Column("revoked_at", sa.BigInteger),
        sa.Column("used_at", sa.BigInteger),
        sa.PrimaryKeyConstraint("id", name="pk_tokens"),
        sqlite_autoincrement=True,
    )
    op.create_index("uq_tokens_digest", "tokens", ["digest"], unique=True)
