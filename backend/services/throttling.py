"""So many tries in so long a time, counted for each who tries."""

from collections import OrderedDict
from threading import Lock

MOST_KEYS = 10_000


class Throttle:
    """Counts tries in memory; who tried longest ago is forgotten first."""

    def __init__(self, tries: int, span: int) -> None:
        """Nobody has tried yet.

        Args:
            tries: how many are let through in `span`.
            span: nanoseconds.
        """
        self._tries = tries
        self._span = span
        self._times: OrderedDict[str, list[int]] = OrderedDict()
        self._lock = Lock()

    def wait(self, keys: tuple[str, ...], now: int) -> int:
        """Count a try under every key, or say how long it is until the next is let through.

        Returns:
            Nanoseconds; 0 if this one was counted and may go on.
        """
        with self._lock:
            waits = [self._wait(key, now) for key in keys]
            if any(waits):
                return max(waits)
            for key in keys:
                self._times.setdefault(key, []).append(now)
                self._times.move_to_end(key)
            while len(self._times) > MOST_KEYS:
                self._times.popitem(last=False)
            return 0

    def forgive(self, keys: tuple[str, ...], at: int) -> None:
        """Take back the try that was counted at a time: it was a good one."""
        with self._lock:
            for key in keys:
                times = self._times.get(key, [])
                if at in times:
                    times.remove(at)
                if not times:  # who is forgiven takes no other's place
                    self._times.pop(key, None)

    def _wait(self, key: str, now: int) -> int:
        # What lies far ahead was counted by a clock that has been set back since.
        times = [time for time in self._times.get(key, []) if abs(now - time) < self._span]
        if not times:
            self._times.pop(key, None)
            return 0
        self._times[key] = times
        return 0 if len(times) < self._tries else times[-self._tries] + self._span - now
