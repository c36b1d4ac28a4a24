"""What the upkeep of versions, runs and results needs."""

revision = "0009"
down_revision: str | None = "0008"


def upgrade() -> None:
    """Add nothing yet."""
