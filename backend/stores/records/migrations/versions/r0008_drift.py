"""How far errors have drifted, and what was proposed because of it."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision: str | None = "0007"

_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Create what is followed, a row a detector, and the proposals."""
    op.create_table(
        "drift_watches",
        sa.Column("detector", sa.Text, nullable=False),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.Column("until", sa.BigInteger, nullable=False),
        sa.Column("state", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("detector", name="pk_drift_watches"),
    )
    op.create_table(
        "drift_proposals",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("detector", sa.Text, nullable=False),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.Column("found_at", sa.BigInteger, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("details", sa.JSON, nullable=False),
        sa.Column("answer", sa.Text, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("answered_at", sa.BigInteger),
        sa.PrimaryKeyConstraint("id", name="pk_drift_proposals"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_drift_proposals_detector", "drift_proposals", ["detector", "answer"])
