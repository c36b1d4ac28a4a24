"""Which processes run the timetable."""

from collections.abc import Iterable

from backend.records import Lease

PROCESS = "process:"
"""What the lease is called by which a process shows that it lives."""


def living(leases: Iterable[Lease]) -> list[str]:
    """The names of the processes whose leases hold, `host:pid:…`, sorted."""
    return sorted(x.holder for x in leases if x.name.startswith(PROCESS) and not x.expired)
