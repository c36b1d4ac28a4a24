"""What each process says of itself."""

revision = "0007"
down_revision: str | None = "0006"


def upgrade() -> None:
    """Add nothing yet."""
