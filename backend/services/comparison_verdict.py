"""The first sentence of a comparison: what a person wants to know before any picture."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

_EQUAL = 0.05
"""Rates of alerts a week that differ by less are the same to a person."""

Rate = Literal["fewer", "more", "same", "alone", "blind"]
Caught = Literal["none", "all", "fewer", "more", "same"]


@dataclass(frozen=True)
class Verdict:
    """What a challenger would change.

    Attributes:
        number: of the challenger.
        champion: number of the one that it is held against; 0 where it stands alone.
        rate: its alerts a week beside those of the champion; `blind` where it could judge nothing.
        by: how many fewer or more a week.
        alerts_per_week: its own; 0 where it could judge nothing.
        caught: labelled anomalies that it catches, beside the champion; `none` where there are none
            to catch, `all` where it misses none.
        count: how many it catches.
        of: of how many.
        before: how many the champion catches.
        silent: whether its alarms would be told to nobody.
    """

    number: int
    champion: int
    rate: Rate
    by: float
    alerts_per_week: float
    caught: Caught
    count: int
    of: int
    before: int
    silent: bool


def verdict_of(result: Mapping[str, Any]) -> Verdict:
    """The verdict by what a comparison came to, as it is stored."""
    mine, other = result["challenger"], result["champion"]
    rate = mine["alerts_per_week"]
    former = None if other is None else other["alerts_per_week"]
    before = 0 if other is None else int(other["caught"])
    return Verdict(
        number=mine["number"],
        champion=0 if other is None else other["number"],
        rate=_rate(rate, former),
        by=0.0 if rate is None or former is None else abs(rate - former),
        alerts_per_week=rate or 0.0,
        caught=_caught(mine["caught"], mine["anomalies"], None if other is None else before),
        count=mine["caught"],
        of=mine["anomalies"],
        before=before,
        silent=not mine["alerts"] and mine["silent_alerts"] > 0,
    )


def _rate(rate: float | None, former: float | None) -> Rate:
    if rate is None:
        return "blind"
    if former is None:
        return "alone"
    if abs(rate - former) < _EQUAL:
        return "same"
    return "fewer" if rate < former else "more"


def _caught(count: int, of: int, before: int | None) -> Caught:
    if of == 0:
        return "none"
    if count == of:
        return "all"
    if before is None or count == before:
        return "same"
    return "fewer" if count < before else "more"


def sentences(verdict: Verdict) -> str:
    """The verdict in plain words."""
    if verdict.rate == "blind":
        return f"Version {verdict.number} could judge nothing of this time."
    silent = " Its alarms are silent: nobody would be told." if verdict.silent else ""
    return (
        f"Version {verdict.number} would have raised {_alerts(verdict)}{_missed(verdict)}{silent}"
    )


def _alerts(verdict: Verdict) -> str:
    own = f"{verdict.alerts_per_week:.1f} a week"
    if verdict.rate == "alone":
        return (
            f"{verdict.alerts_per_week:.1f} alerts a week"
            if verdict.alerts_per_week
            else "no alerts"
        )
    if verdict.rate == "same":
        return f"as many alerts as version {verdict.champion} ({own})"
    return f"{verdict.by:.1f} alerts {verdict.rate} a week than version {verdict.champion} ({own})"


def _missed(verdict: Verdict) -> str:
    if verdict.caught == "none":
        return "; no anomaly is labelled in this time, so that nobody knows what it misses."
    still = "still " if verdict.before == verdict.count and verdict.champion else ""
    if verdict.caught == "all":
        count = "the one" if verdict.of == 1 else f"all {verdict.of}"
        return f" and {still}caught {count} labelled anomal{'y' if verdict.of == 1 else 'ies'}."
    told = f" and {still}caught {verdict.count} of {verdict.of} labelled anomalies"
    if verdict.caught == "same":
        return f"{told}."
    return f"{told}, {abs(verdict.count - verdict.before)} {verdict.caught} than before."
