"""What is known of Grafana's annotations, and what is wrong with some."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision: str | None = "0002"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Create the tables of links and of problems."""
    _links()
    _problems()


def _links() -> None:
    op.create_table(
        "annotation_links",
        sa.Column("book", sa.Text, nullable=False),
        sa.Column("annotation", sa.Text, nullable=False),
        sa.Column("tie", sa.Text, nullable=False),
        sa.Column("start", sa.BigInteger, nullable=False),
        sa.Column("stop", sa.BigInteger, nullable=False),
        sa.Column("content", sa.Text, nullable=False),
        sa.Column("updated", sa.BigInteger, nullable=False),
        sa.Column("labels", sa.JSON, nullable=False),
        sa.Column("dashboard", sa.Text, nullable=False),
        sa.Column("rid", sa.Text, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("book", "annotation", name="pk_annotation_links"),
    )
    named = sa.text("rid <> ''")
    op.create_index(
        "uq_annotation_links_rid",
        "annotation_links",
        ["book", "rid"],
        unique=True,
        sqlite_where=named,
        postgresql_where=named,
    )


def _problems() -> None:
    op.create_table(
        "annotation_problems",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("book", sa.Text, nullable=False),
        sa.Column("annotation", sa.Text, nullable=False),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("since", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_annotation_problems"),
        sqlite_autoincrement=True,
    )
