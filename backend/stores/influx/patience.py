"""How long a server may take, and how often it is asked again."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Patience:
    """Limits of one request, in seconds, and the pauses between tries.

    Attributes:
        connect_s: to open a connection.
        read_s: without a single byte.
        stall_s: in which at least `stall_bytes` have to come; ends what drips for ever.
        stall_bytes: see `stall_s`.
        ping_s: to connect and to answer, when only asked whether it is there.
        pauses: before the second, the third … try.
        longest_pause: most that a server may ask for by Retry-After.
    """

    connect_s: float = 5.0
    read_s: float = 60.0
    stall_s: float = 90.0
    stall_bytes: int = 1 << 14
    ping_s: float = 3.0
    pauses: tuple[float, ...] = (0.2, 1.0)
    longest_pause: float = 20.0
