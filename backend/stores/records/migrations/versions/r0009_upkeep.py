"""When the service was last looked after: backups, restores, clearing up."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision: str | None = "0008"


def upgrade() -> None:
    """Create the table of upkeep: one row a kind, written over."""
    op.create_table(
        "upkeep",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("details", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_upkeep"),
    )
