"""Memory of every process of the service over time, and whether it grows."""

import csv
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, field
from pathlib import Path

import numpy as np
import psutil

from benchmarks.soaking.plant import Plant, role_of

EVERY_S = 2.0
WARM_S = 120.0
"""A process fills its caches for so long."""
LEAST_S = 240.0
"""Behind that, lives that are shorter say nothing about growth."""
MOST_MB_A_MINUTE = 0.5
"""Anonymous memory that a role may gain: by ten megabytes in twenty minutes it would show."""
LIBRARY_MB = 40.0
"""Resident pages of files by which a process grows that loads something large, as TensorFlow."""
MEGA = 1 << 20
COLUMNS = ("second", "role", "pid", "anonymous_mb", "resident_mb", "proportional_mb", "unique_mb")


@dataclass(frozen=True)
class Sample:
    """Megabytes of one process at one moment.

    Attributes:
        second: since the watch began.
        role: of the process.
        pid: of the process.
        anonymous: what it has written itself, shared with nobody new: the measure of growth.
        resident: RSS, shared pages counted in full.
        proportional: PSS, shared pages counted in part.
        unique: USS, no shared pages.
    """

    second: float
    role: str
    pid: int
    anonymous: float
    resident: float
    proportional: float
    unique: float


def sample(process: psutil.Process, role: str, second: float) -> Sample | None:
    """A process at this moment; None where it has just ended."""
    try:
        full = process.memory_full_info()
        anonymous = _anonymous(process.pid)
    except (psutil.Error, OSError):
        return None
    sizes = (anonymous, full.rss / MEGA, full.pss / MEGA, full.uss / MEGA)
    return Sample(second, role, process.pid, *sizes)


def _anonymous(pid: int) -> float:
    """RssAnon: unlike PSS and USS it does not move when another process comes or goes."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("RssAnon"):
            return int(line.split()[1]) / 1024
    raise ProcessLookupError(pid)


@dataclass
class Watch:
    """Looks at all processes of a plant again and again; `with Watch(plant):`."""

    plant: Plant
    samples: list[Sample] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)
    _failed: BaseException | None = None

    def __enter__(self) -> "Watch":
        self._began = time.monotonic()
        self._thread = threading.Thread(target=self._go_on, name="watch")
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        if self._failed is not None:
            raise self._failed

    def _go_on(self) -> None:
        try:
            while not self._stop.wait(EVERY_S):
                self._look(time.monotonic() - self._began)
        except BaseException as error:
            self._failed = error

    def _look(self, second: float) -> None:
        for process in self.plant.tree():
            role = role_of(process)
            found = sample(process, role, second) if role else None
            if found is not None:
                self.samples.append(found)


@dataclass(frozen=True)
class Growth:
    """How memory of a role went.

    Attributes:
        role: of the processes.
        processes: how many there were, one after the other or at once.
        median, most: megabytes of anonymous memory of one of them, warm.
        minutes: of all lives that were long enough to judge.
        slope: megabytes a minute within a life; None where no life was long enough.
    """

    role: str
    processes: int
    median: float
    most: float
    minutes: float
    slope: float | None

    @property
    def grows(self) -> bool:
        """Whether it is more than is allowed."""
        return self.slope is not None and self.slope > MOST_MB_A_MINUTE


def growths(samples: Sequence[Sample]) -> list[Growth]:
    """By role, as the processes are nested."""
    lives: dict[str, dict[int, list[Sample]]] = defaultdict(lambda: defaultdict(list))
    for one in samples:
        lives[one.role][one.pid].append(one)
    return [_growth(role, list(lives[role].values())) for role in sorted(lives)]


def _growth(role: str, lives: Sequence[Sequence[Sample]]) -> Growth:
    warm = [_warm(part) for life in lives for part in _parts(life)]
    own = [one.anonymous for life in (warm if any(warm) else lives) for one in life]
    long = [life for life in warm if life and life[-1].second - life[0].second >= LEAST_S]
    minutes = sum(life[-1].second - life[0].second for life in long) / 60
    return Growth(role, len(lives), float(np.median(own)), max(own), minutes, _slope(long))


def _parts(life: Sequence[Sample]) -> list[list[Sample]]:
    """A life, begun anew where a large library was loaded: a worker does that when it needs one."""
    parts: list[list[Sample]] = []
    mapped = -np.inf
    for one in life:
        if one.resident - one.anonymous > mapped + LIBRARY_MB:
            parts.append([])
            mapped = one.resident - one.anonymous
        parts[-1].append(one)
    return parts


def _warm(life: Sequence[Sample]) -> list[Sample]:
    return [one for one in life if one.second - life[0].second >= WARM_S]


def _slope(lives: Sequence[Sequence[Sample]]) -> float | None:
    """Least squares of all lives together, each around its own mean."""
    if not lives:
        return None
    minutes = [np.array([one.second / 60 for one in life]) for life in lives]
    sizes = [np.array([one.anonymous for one in life]) for life in lives]
    x = np.concatenate([part - part.mean() for part in minutes])
    y = np.concatenate([part - part.mean() for part in sizes])
    return float(x @ y / (x @ x))


def restarts(samples: Sequence[Sample]) -> Mapping[str, int]:
    """How many processes of a role took the place of one before; workers of three places at most.

    Those that lived for less than a look are not seen.
    """
    pids = Counter(
        {role: len({s.pid for s in samples if s.role == role}) for role in _roles(samples)}
    )
    at_once: dict[str, int] = {}
    for (role, _), count in Counter((s.role, s.second) for s in samples).items():
        at_once[role] = max(at_once.get(role, 0), count)
    return {role: pids[role] - at_once[role] for role in pids}


def _roles(samples: Sequence[Sample]) -> set[str]:
    return {one.role for one in samples}


def write_csv(path: Path, samples: Sequence[Sample]) -> None:
    """A line a sample."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        writer.writerows(
            [value if isinstance(value, str | int) else f"{value:.1f}" for value in astuple(one)]
            for one in samples
        )


def draw(path: Path, samples: Sequence[Sample]) -> None:
    """A line a process, a picture a role."""
    import matplotlib  # noqa: PLC0415 - slow to load

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415

    roles = sorted(_roles(samples))
    figure, parts = plt.subplots(len(roles), 1, sharex=True, figsize=(9, 2 * len(roles)))
    for axes, role in zip(np.atleast_1d(parts), roles, strict=True):
        for pid in sorted({one.pid for one in samples if one.role == role}):
            life = [one for one in samples if one.pid == pid and one.role == role]
            axes.plot([s.second / 60 for s in life], [s.anonymous for s in life], linewidth=1)
        axes.set_ylabel(f"{role}, MB")
        axes.set_ylim(bottom=0)
        axes.grid(alpha=0.3)
    np.atleast_1d(parts)[-1].set_xlabel("minutes")
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    plt.close(figure)
