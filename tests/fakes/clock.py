"""A clock that stands where it is set."""


class StillClock:
    """Twin of `backend.ports.Clock`."""

    def __init__(self, now: int = 0) -> None:
        self.time = now

    def now(self) -> int:
        return self.time
