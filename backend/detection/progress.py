"""Progress of a part of some work, told as that of the whole."""

from backend.ports import Progress


def part_of(progress: Progress, start: float, stop: float) -> Progress:
    """Progress of what takes the work from one share done to another."""
    return lambda share, words: progress(start + share * (stop - start), words)
