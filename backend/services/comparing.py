"""What a new version would change: it and the one that serves replay the last weeks side by side.

Both read the same rows, judge them as the service would have, and are held against the labels as
they are now. Nothing is written.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from backend.detection.alert_difference import Alert, Caught, Difference, catch, match, meets
from backend.detection.grid import ceil_to, last_closed
from backend.detection.progress import part_of
from backend.exceptions import NoData
from backend.ports import Clock, ModelFactory, Progress
from backend.records import Label, LabelKind, Request, SeriesKey, State, parse_series_key
from backend.services.comparison_course import Contender, Heard, replay
from backend.services.comparison_looks import Looking, places, trained_times, worst_held_out
from backend.services.comparison_request import COMPARE, WEEKS, Pair, opponent
from backend.services.comparison_results import Anomaly, Comparison, KeptMet, Look, Met, Side
from backend.services.detectors import Detectors
from backend.services.labelling import Labelling, shown
from backend.services.reading import first_bucket, matching, ranges
from backend.services.serving import Served
from backend.services.stores import Stores
from backend.specs import DetectorSpec, nanoseconds

_WEEK = 604_800_000_000_000
_HOUR = 3_600_000_000_000
HORIZON = 2 * 86_400_000_000_000
"""How long before a labelled anomaly an alert counts as its announcement."""
_REPLAY = 0.9
"""The share of the work that replaying is; the rest is looking at a few windows."""
_LOOKED_THROUGH = 10
"""Newest comparisons of a pair among which one that came to a result is looked for."""

Differences = Mapping[SeriesKey, Difference]


class Comparing:
    """Compares versions; reads only."""

    def __init__(
        self,
        stores: Stores,
        detectors: Detectors,
        labelling: Labelling,
        served: Served,
        make_model: ModelFactory,
        clock: Clock,
    ) -> None:
        self._stores = stores
        self._detectors = detectors
        self._labelling = labelling
        self._served = served
        self._make_model = make_model
        self._clock = clock

    def run(self, pair: Pair, progress: Progress = lambda share, words: None) -> Comparison:
        """Let both replay the last weeks, and say what differs.

        Raises:
            NotFound: there is no such detector or version.
            NoData: nothing is stored in that time.
            ArtifactError: the files of a version are damaged.
        """
        spec, now = self._detectors.get(pair.detector), self._clock.now()
        labels = tuple(self._labelling.list(pair.detector))
        span = self._span(spec, pair, now)
        challenger = self._contender(pair.detector, pair.challenger, span)
        rival = pair.champion
        champion = None if rival is None else self._contender(pair.detector, rival, span)
        both = [one for one in (challenger, champion) if one is not None]
        replay(self._stores.source, both, labels, span, part_of(progress, 0.0, _REPLAY))
        differences = _differences(challenger, champion)
        anomalies = _anomalies(labels, span, challenger, champion)
        gone = _met(labels, {key: one.gone for key, one in differences.items()})
        new = _met(labels, {key: one.new for key, one in differences.items()})
        looks = self._looks(challenger, champion, (gone, new), span[1])
        progress(1.0, "done")
        return Comparison(
            pair=pair,
            at=now,
            start=span[0],
            stop=span[1],
            challenger=_side(challenger, labels, anomalies, [one.challenger for one in anomalies]),
            champion=None
            if champion is None
            else _side(champion, labels, anomalies, [one.champion for one in anomalies]),
            gone=gone,
            new=new,
            kept=_kept(labels, differences),
            anomalies=anomalies,
            looks=looks,
            notes=tuple(_notes(spec, both, span, pair)),
        )

    def pair(
        self, detector: str, challenger: int, champion: int | None = None, weeks: int = WEEKS
    ) -> Pair:
        """Whom a version is compared with where nobody says: the one that serves, or did before.

        Raises:
            NotFound: there is no such version.
            InputError: the weeks are too many, or both are the same.
        """
        self._stores.records.version(detector, challenger)
        if champion is None:
            champion = opponent(self._stores.records.promotions(detector), challenger)
        else:
            self._stores.records.version(detector, champion)
        return Pair(detector, challenger, champion, weeks)

    def newest(self, pair: Pair) -> tuple[Request | None, Request | None]:
        """The newest request for a comparison, and the newest that came to a result."""
        asked = self._stores.records.requests(
            kind=COMPARE, detector=pair.detector, payload=pair.payload, limit=_LOOKED_THROUGH
        )
        done = (one for one in asked if one.state is State.DONE)
        return next(iter(asked), None), next(done, None)

    def _span(self, spec: DetectorSpec, pair: Pair, now: int) -> tuple[int, int]:
        """The last weeks, or as much of them as there are data of."""
        stop = last_closed(now, spec.step, nanoseconds(spec.delay))
        start = ceil_to(stop - pair.weeks * _WEEK, spec.step)
        first = first_bucket(self._stores.source, spec, start, stop)
        if first is None:
            raise NoData(
                f"The last {pair.weeks} weeks hold no data of {spec.name!r}: measurement "
                f"{spec.measurement!r} with channels {', '.join(spec.inputs)} was expected there. "
                "Check what normalcy check says, or look back over more weeks."
            )
        return first, stop

    def _contender(self, detector: str, number: int, span: tuple[int, int]) -> Contender:
        version, fitted = self._served.load(detector, number)
        trained = trained_times(self._stores.artifacts, version.artifact, *span)
        return Contender(version, fitted, trained)

    def _looks(
        self,
        challenger: Contender,
        champion: Contender | None,
        changed: tuple[Sequence[Met], Sequence[Met]],
        stop: int,
    ) -> tuple[Look, ...]:
        version, fitted = challenger.version, challenger.fitted
        stores = self._stores
        looking = Looking(
            stores.source,
            stores.artifacts,
            self._make_model,
            (version.artifact, fitted),
            None if champion is None else champion.fitted,
        )
        held_out = worst_held_out(stores.artifacts, version.artifact)
        newest = stop - fitted.spec.step
        asked = [one for one in places(held_out, *changed, newest) if one.series in fitted.keys]
        return tuple(looking.look(place) for place in asked)


def _differences(challenger: Contender, champion: Contender | None) -> Differences:
    """What becomes of the alerts of every series that either knows; alone, all are new."""
    before: Mapping[SeriesKey, Heard] = {} if champion is None else champion.heard
    nothing = Heard()
    return {
        key: match(before.get(key, nothing).alerts, challenger.heard.get(key, nothing).alerts)
        for key in sorted({*before, *challenger.heard})
    }


def _met(labels: Sequence[Label], found: Mapping[SeriesKey, Sequence[Alert]]) -> list[Met]:
    return [
        Met(key, alert, label)
        for key, alerts in found.items()
        if alerts
        for alert, label in zip(alerts, _labels_met(labels, key, alerts), strict=True)
    ]


def _kept(labels: Sequence[Label], differences: Differences) -> list[KeptMet]:
    found = []
    for key, one in differences.items():
        for kept in one.kept:
            told = _labels_met(labels, key, kept.after)
            label = next((word for word in ("anomaly", "normal") if word in told), "")
            found.append(KeptMet(key, kept, label))
    return found


def _labels_met(labels: Sequence[Label], key: SeriesKey, alerts: Sequence[Alert]) -> list[str]:
    """Of each alert the label that it meets; an anomaly wins over what is normal."""
    own = matching(labels, key)
    anomalies, normal = ranges(own, LabelKind.ANOMALY), ranges(own, LabelKind.NORMAL)
    return [_label_met(alert, anomalies, normal) for alert in alerts]


def _label_met(
    alert: Alert, anomalies: Sequence[tuple[int, int]], normal: Sequence[tuple[int, int]]
) -> str:
    if meets(alert, anomalies):
        return "anomaly"
    return "normal" if meets(alert, normal) else ""


def _anomalies(
    labels: Sequence[Label],
    span: tuple[int, int],
    challenger: Contender,
    champion: Contender | None,
) -> list[Anomaly]:
    """Every labelled anomaly of the time, and how both met it."""
    found = []
    for label in labels:
        if label.kind is not LabelKind.ANOMALY or label.start >= span[1] or label.stop <= span[0]:
            continue
        both = [one for one in (challenger, champion) if one is not None]
        found.append(
            Anomaly(
                label=label.id,
                start=label.start,
                stop=label.stop,
                tags=label.tags,
                note=label.note,
                watched=any(_watched(one, label) for one in both),
                challenger=_caught(challenger, label),
                champion=None if champion is None else _caught(champion, label),
            )
        )
    return found


def _watched(contender: Contender, label: Label) -> bool:
    return any(label.id in heard.watched for heard in contender.heard.values())


def _caught(contender: Contender, label: Label) -> Caught:
    """What one series announced is announced for all that the label is of."""
    alerts = [
        alert
        for key, heard in contender.heard.items()
        if heard.alerts and label.matches(parse_series_key(key))
        for alert in heard.alerts
    ]
    return catch((label.start, label.stop), alerts, HORIZON)


def _side(
    one: Contender,
    labels: Sequence[Label],
    anomalies: Sequence[Anomaly],
    caught: Sequence[Caught | None],
) -> Side:
    """The figures of one version, which met each of the anomalies as `caught` says."""
    heard, step = one.heard, one.fitted.spec.step
    alerts = {key: own.alerts for key, own in heard.items()}
    count = sum(len(own) for own in alerts.values())
    judged = sum(own.judged for own in heard.values())
    normal = sum(own.normal for own in heard.values())
    watched = set().union(*(own.watched for own in heard.values()))
    met = zip(anomalies, caught, strict=True)
    mine = [how for anomaly, how in met if how is not None and anomaly.label in watched]
    waits = [c.forewarning / 1e9 for c in mine if c.forewarning is not None]
    delays = [c.delay / 1e9 for c in mine if c.delay is not None]
    return Side(
        number=one.version.number,
        alerts=count,
        alerts_per_week=count * _WEEK / (one.points * step) if one.points else None,
        silent_alerts=sum(len(own.hushed) for own in heard.values()),
        judged_hours=judged * step / _HOUR,
        normal_hours=normal * step / _HOUR,
        false_share=sum(own.normal_alarm for own in heard.values()) / normal if normal else None,
        false_alerts=sum(word.label == "normal" for word in _met(labels, alerts)),
        anomalies=len(mine),
        caught=len(delays),
        forewarned=len(waits),
        forewarning_seconds=float(np.median(waits)) if waits else None,
        delay_seconds=float(np.median(delays)) if delays else None,
        trained_share=sum(own.trained for own in heard.values()) / judged if judged else 0.0,
        provisional=one.version.provisional,
        series=len(heard),
    )


def _notes(
    spec: DetectorSpec, both: Sequence[Contender], span: tuple[int, int], pair: Pair
) -> Iterator[str]:
    """What else a reviewer has to know."""
    if span[0] > ceil_to(span[1] - pair.weeks * _WEEK, spec.step):
        yield f"Nothing is stored before {shown(span[0])}: the comparison begins there."
    if pair.champion is None:
        yield "No other version has served: all alerts count as new."
    for one in both:
        yield from _of_version(one)
    if len({one.reads for one in both}) > 1:
        yield "The versions read different channels or grids: each replayed its own rows."
    known = [set(one.fitted.keys) for one in both]
    if len(known) == 2 and (alone := known[0] ^ known[1]):
        yield f"Series that only one of the two knows, so that the other is blind: {len(alone)}."


def _of_version(one: Contender) -> Iterator[str]:
    number = one.version.number
    judged = sum(own.judged for own in one.heard.values())
    trained = sum(own.trained for own in one.heard.values())
    if not judged:
        yield f"Version {number} could judge nothing of this time."
    elif trained:
        yield (
            f"Version {number} learned from {trained / judged:.0%} of the time compared (seen in "
            "training): that it is quiet there says little."
        )
    if one.version.provisional:
        yield f"Version {number} learned without labels: its alarms are silent."
    elif one.fitted.limits.silent.any():
        yield (
            f"Too little normal time backs the threshold of {int(one.fitted.limits.silent.sum())} "
            f"of {len(one.fitted.keys)} series of version {number}: their alarms are silent."
        )
