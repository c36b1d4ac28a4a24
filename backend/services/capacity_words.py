"""What a forecast of capacity comes to, in sentences for an operator."""

from collections.abc import Iterator

from backend.detection.forecast import UNBOUNDED
from backend.services.capacity_report import Report
from backend.specs.sizes import format_size

_FULL = 0.7
"""From this share of the time on it is said that little is left."""
_TOLD_S = 0.5
_LARGE = 100_000
"""So many series and more are told as that many: nobody has them, and nothing so far off is known.
"""


def sentences(report: Report) -> list[str]:
    """What can be held, what the fleet takes, and what to use from when on."""
    return [*_scoring(report), *_training(report), *_ways(report), *_memory(report)]


def count_of(series: int) -> str:
    """A number of series in words, two figures of it: no more is known."""
    if series >= min(_LARGE, UNBOUNDED):
        return f"more than {_LARGE:,} series"
    if series < 100:
        return f"{series} series"
    digits = len(str(series)) - 2
    return f"about {series // 10**digits * 10**digits:,} series"


def span(seconds: float) -> str:
    """A time in words, two figures of it."""
    for unit, length in (("h", 3600.0), ("min", 60.0), ("s", 1.0)):
        if seconds >= 1.5 * length or (unit == "s" and seconds >= 1.0):
            return f"{_two(seconds / length)} {unit}"
    return f"{_two(seconds * 1000)} ms"


def _two(value: float) -> str:
    return f"{float(f'{value:.2g}'):g}"


def _scoring(report: Report) -> Iterator[str]:
    tick = report.tick
    held = count_of(report.tick_holds)
    yield f"Scoring: a tick holds {held} within its interval of {span(tick.interval_s)}."
    if not report.series:
        return
    took = tick.whole.at(report.series)
    yield (
        f"A tick of {report.series} series takes {span(took)}, "
        f"{_share(took, tick.interval_s)} of the interval."
    )
    if took > tick.interval_s:
        yield (
            "That is more than there is: lengthen schedule.score, or part the fleet into several "
            "detectors by where, on several machines."
        )
    elif took > _FULL * tick.interval_s:
        yield "Little is left for late data and other detectors: do not let it grow much further."


def _training(report: Report) -> Iterator[str]:
    held = count_of(report.ways.alone)
    yield (
        f"Training: one process holds {held} within {span(report.available_s)} "
        f"({report.why_available})."
    )
    if report.present_s is None:
        return
    yield (
        f"All {report.series} series take {span(report.present_s)}, "
        f"{_share(report.present_s, report.available_s)} of that; series that did not change since "
        "the last version are not trained again."
    )
    parts = {
        "compiling": report.cost.once,
        "choosing a model": report.choosing_s,
        "looking for the smallest faults that are found": report.limits_s,
    }
    told = [f"{what} {span(took)}" for what, took in parts.items() if took > _TOLD_S]
    if told:
        yield f"Of these, whatever the series: {', '.join(told)}."
    if report.epochs_from:
        yield f"It is reckoned with {report.epochs_from}."


def _ways(report: Report) -> Iterator[str]:
    found = report.ways
    if not found.here:
        yield (
            "Not even one series can be trained in that time: give it more, or choose a quicker "
            "model."
        )
        return
    if found.processes > 1 and found.alone < UNBOUNDED:
        yield (
            f"From {count_of(found.alone)} on set training.executor: processes, with "
            f"processes: {found.processes}; they hold {count_of(found.here)}."
        )
    elif found.alone < UNBOUNDED:
        why = (
            "its memory holds no second one"
            if found.by_memory
            else "a training keeps its processors busy already"
        )
        yield f"More processes on this machine bring little: {why}."
    if found.here >= _LARGE:
        return
    workers = ""
    if found.workers > 1:
        workers = f"; {report.series} series need {found.workers} machines like this one"
    yield f"From {count_of(found.here)} on train on a Dask cluster{workers} (docs/clusters.md)."


def _memory(report: Report) -> Iterator[str]:
    library = "with TensorFlow" if report.with_tensorflow else "without TensorFlow"
    training, scoring = report.training_memory, report.scoring_memory
    yield (
        f"Memory, {library}: a process that trains takes {format_size(training.base)} and "
        f"{format_size(training.each)} for each series of a piece ({report.piece} at most), one "
        f"that scores {format_size(scoring.base)} and {format_size(scoring.each)} for each series."
    )
    needed = training.at(min(report.piece, max(report.series, 1))) + scoring.at(report.series)
    if needed > report.machine.memory:
        yield (
            f"Both together need {format_size(needed)}, and the machine has "
            f"{format_size(report.machine.memory)}: set training.memory, or use a larger machine."
        )


def _share(part: float, whole: float) -> str:
    share = part / whole
    return f"{share:.0%}" if share >= 0.01 else "less than 1%"
