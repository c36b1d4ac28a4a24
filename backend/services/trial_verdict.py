"""Go or no-go for one series, and the reason in a sentence.

The rule, in this order; the first that holds decides:

1. no-go where nothing, or less than half of what was due, could be judged;
2. no-go where its alarms would have been silent all the time;
3. no-go with more false alarms a week than `most_alarms`, or with more than a tenth of the time
   under false alarm;
4. no-go where failures are known and fewer than half of them were announced;
5. go.
"""

from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

from backend.specs import format_duration

LEAST_COVERAGE, LEAST_ANNOUNCED, MOST_FALSE_SHARE = 0.5, 0.5, 0.1


@dataclass(frozen=True)
class Figures:
    """What a trial counted of one series; a figure without anything to count is None.

    Attributes:
        coverage: share of the due points, from the first version on, that were judged.
        flagged_share: share of the judged points that were flagged.
        alarms: alarms that would have been told.
        alarms_per_week: the same a week of judged time in which alarms are told.
        false_alarms: those of them that no failure and no label `anomaly` explains.
        false_alarms_per_week: the same a week of such time that is not itself explained.
        false_share: share of that time under false alarm.
        silent_alarms: alarms that would have been shown, and told to nobody.
        failures: known failures of the series before which it was judged at all.
        announced: those before which an alarm began, within the horizon.
        forewarning_seconds: median time from that alarm to the failure.
    """

    coverage: float | None
    flagged_share: float | None
    alarms: int
    alarms_per_week: float | None
    false_alarms: int
    false_alarms_per_week: float | None
    false_share: float | None
    silent_alarms: int
    failures: int
    announced: int
    forewarning_seconds: float | None

    def plain(self) -> dict[str, Any]:
        """As JSON-ready values."""
        return asdict(self)


@dataclass(frozen=True)
class Verdict:
    """Whether a series may be watched by this detector as it is, and why, or why not."""

    go: bool
    reason: str


def judge(figures: Figures, most_alarms: float, unwatched: str, silence: str) -> Verdict:
    """Apply the rule.

    Args:
        figures: what was counted.
        most_alarms: false alarms a week that an operator would stand.
        unwatched: why nothing was judged, if nothing was.
        silence: why alarms are told to nobody, if they never are.
    """
    for reason in (
        _blind(figures, unwatched),
        _silent(figures, silence),
        _noisy(figures, most_alarms),
        _missing(figures),
    ):
        if reason:
            return Verdict(False, reason)
    return Verdict(True, _good(figures))


def _blind(figures: Figures, unwatched: str) -> str:
    if not figures.coverage:
        return f"nothing could be judged: {unwatched}"
    if figures.coverage < LEAST_COVERAGE:
        return (
            f"only {figures.coverage:.0%} of the points that were due could be judged: see to gaps "
            "and missing channels first"
        )
    return ""


def _silent(figures: Figures, silence: str) -> str:
    if figures.alarms_per_week is not None:
        return ""
    shown = f"; {figures.silent_alarms} would have been shown" if figures.silent_alarms else ""
    return f"its alarms would have been silent all the time: {silence}{shown}"


def _noisy(figures: Figures, most_alarms: float) -> str:
    rate, share = figures.false_alarms_per_week or 0.0, figures.false_share or 0.0
    if rate > most_alarms:
        return (
            f"{rate:.2g} false alarms a week, more than the {most_alarms:g} allowed: mark more "
            "normal time, or choose a higher threshold or a longer alarm.for"
        )
    if share > MOST_FALSE_SHARE:
        return (
            f"{share:.0%} of the time under false alarm: what is normal has changed since it was "
            "marked; mark newer ranges"
        )
    return ""


def _missing(figures: Figures) -> str:
    if figures.announced >= LEAST_ANNOUNCED * figures.failures:
        return ""
    return (
        f"it announced {figures.announced} of {figures.failures} failures: they do not show in "
        "these channels in time, or the threshold is too high"
    )


def _good(figures: Figures) -> str:
    rate = f"{figures.false_alarms_per_week or 0.0:.2g} false alarms a week"
    if not figures.failures:
        return f"{rate}; no failure is known in this time, so that what it would find is not shown"
    wait = timedelta(seconds=round(figures.forewarning_seconds or 0.0))
    return (
        f"it announced {figures.announced} of {figures.failures} failures, by the median "
        f"{format_duration(wait)} before, with {rate}"
    )
