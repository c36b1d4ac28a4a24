"""Who changed what; which links were used; who signed out; who signs in elsewhere."""

revision = "0006"
down_revision: str | None = "0005"


def upgrade() -> None:
    """Add nothing yet."""
