"""What the machine has, or the container or service that this process is kept in."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath

import psutil


def memory(
    groups: Path = Path("/sys/fs/cgroup"), membership: Path = Path("/proc/self/cgroup")
) -> int:
    """Bytes of memory that there are to use, by all processes together.

    Args:
        groups: where the control groups are found.
        membership: says in which of them this process is.
    """
    total = int(psutil.virtual_memory().total)
    for file in _limits(groups, membership):
        with suppress(OSError, ValueError):  # there is no such limit, or it is `max`
            total = min(total, int(file.read_text()))
    return total


def _limits(groups: Path, membership: Path) -> Iterator[Path]:
    """The files with a limit for this process: those of its groups and of all that hold them.

    Inside a container the groups that are told may lie outside; its own limit is at the top then.
    """
    yield groups / "memory.max"
    yield groups / "memory" / "memory.limit_in_bytes"
    with suppress(OSError):
        for line in membership.read_text(encoding="utf-8").splitlines():
            _, _, rest = line.partition(":")
            controllers, _, path = rest.partition(":")
            for group in _upwards(path):
                if not controllers:  # version 2
                    yield groups / group / "memory.max"
                elif controllers == "memory":
                    yield groups / "memory" / group / "memory.limit_in_bytes"


def _upwards(path: str) -> Iterator[str]:
    inside = PurePosixPath(path.lstrip("/"))
    for group in (inside, *inside.parents):
        if group.parts and ".." not in group.parts:
            yield str(group)
