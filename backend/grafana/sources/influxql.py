"""The questions in InfluxQL, which InfluxDB 1, 2 and 3 all answer.

What a panel draws is one query with one field each; tags become labels by GROUP BY. Buckets without
a point are null, so that a gap stays one.
"""

import re
from collections.abc import Sequence
from typing import Any, ClassVar

from backend import schema
from backend.grafana.names import RESULTS, SENSORS
from backend.grafana.quoting import identifier, place, quoted, string
from backend.grafana.sources.questions import (
    ALL,
    CHANNEL,
    DETECTOR,
    How,
    Target,
    Variable,
    label_of,
    query_variable,
)
from backend.records import LabelKind
from backend.specs import DetectorSpec

PLUGIN = "influxdb"

_MOST_ROWS = 200
_REACH = "90d"
"""An event or label that began longer ago than this before a range is not drawn in it."""


class InfluxSource:
    """Results from one datasource, sensors from another.

    Where they do not stand in the default retention policy of their database, it is named.
    """

    results: ClassVar = {"type": PLUGIN, "uid": RESULTS}
    sensors: ClassVar = {"type": PLUGIN, "uid": SENSORS}

    def __init__(self, results_policy: str = "", sensors_policy: str = "") -> None:
        self._results_policy = results_policy
        self._sensors_policy = sensors_policy

    def _in(self, measurement: str) -> str:
        return place(measurement, self._results_policy)

    # -- one detector ------------------------------------------------------------------------------

    def scores(self, ref: str, spec: DetectorSpec, field: str, how: How) -> Target:
        """A number of the scores over time, for each chosen series."""
        select = f"{how}({identifier(field)})"
        return self._drawn(ref, spec, schema.SCORES, select, alias=_alias(spec, field))

    def all_thresholds(self, ref: str, spec: DetectorSpec) -> Target:
        """The threshold over time of every series."""
        where = [f'"{schema.DETECTOR_TAG}" = {string(spec.name)}']
        query = _over_time('last("threshold")', self._in(schema.SCORES), where, spec.group_by)
        return _target(ref, self.results, query, _alias(spec, "threshold"))

    def tops(self, ref: str, spec: DetectorSpec) -> Target:
        """The newest flagged points with the channels that stood out."""
        columns = ("score", "top1", "top1_share", "top2", "top2_share", "top3", "top3_share")
        names = [*spec.group_by, *columns, "reason"]
        where = [*_chosen(spec, result=True), '"flag" = 1']
        return self._rows(ref, self.results, schema.SCORES, names, where)

    def measured(self, ref: str, spec: DetectorSpec) -> Target:
        """What the sensors said."""
        select = f"mean(${{{CHANNEL}:doublequote}})"
        query = _over_time(
            select,
            place(spec.measurement, self._sensors_policy),
            _chosen(spec, result=False),
            spec.group_by,
        )
        return _target(ref, self.sensors, query, _alias(spec, "measured"))

    def expected(self, ref: str, spec: DetectorSpec) -> Target:
        """What the model expected."""
        select = f"mean(${{{CHANNEL}:doublequote}})"
        return self._drawn(ref, spec, schema.EXPECTED, select, alias=_alias(spec, "expected"))

    def contributions(self, ref: str, spec: DetectorSpec) -> Target:
        """Shares of the error, all channels in one query; of several series the mean."""
        select = ", ".join(
            f"mean({identifier(name)}) AS {identifier(name)}" for name in spec.channels
        )
        where = _chosen(spec, result=True)
        query = _over_time(select, self._in(schema.CONTRIBUTIONS), where, ())
        return _target(ref, self.results, query, "$col")

    def events(self, ref: str, spec: DetectorSpec) -> Target:
        """The events of a detector."""
        columns = ("stop_ms", "duration_s", "peak_score", "open", "top1", "top2", "top3", "model")
        where = [*_chosen(spec, result=True), '"valid" = 1']
        return self._rows(ref, self.results, schema.EVENTS, [*spec.group_by, *columns], where)

    def event_marks(self, spec: DetectorSpec) -> dict[str, Any]:
        """The events of a detector as annotations."""
        where = [*_chosen(spec, result=True), '"valid" = 1']
        return self._marks(schema.EVENTS, ("top1", "model"), where)

    def label_marks(self, spec: DetectorSpec, kind: LabelKind) -> dict[str, Any]:
        """The labels of a kind as annotations: a label may speak for the whole detector."""
        where = [f'"{schema.DETECTOR_TAG}" = {string(spec.name)}']
        where += [f"\"{schema.KIND_TAG}\" = '{kind}'", '"valid" = 1']
        return self._marks(schema.LABELS, ("note", "by"), where)

    def _marks(
        self, measurement: str, texts: tuple[str, str], where: Sequence[str]
    ) -> dict[str, Any]:
        """What overlaps the range that is shown: a row stands at the start of what it tells."""
        columns = ", ".join(identifier(name) for name in (*texts, "stop_ms"))
        span = [f"time >= ${{__from}}ms - {_REACH}", "time < ${__to}ms", '"stop_ms" > ${__from}']
        return {
            "datasource": self.results,
            "target": {
                "refId": "Anno",
                "rawQuery": True,
                "fromAnnotations": True,
                "resultFormat": "time_series",
                "query": f"SELECT {columns} FROM {self._in(measurement)} "  # nosec B608
                f"WHERE {' AND '.join([*where, *span])}",
                "textColumn": texts[0],
                "tagsColumn": texts[1],
                "titleColumn": "",
                "timeEndColumn": "stop_ms",
            },
        }

    # -- all detectors -----------------------------------------------------------------------------

    def all_scores(self, ref: str, field: str, how: How) -> Target:
        """A number of the scores for each detector, its series taken together."""
        select = f"{how}({identifier(field)})"
        query = _over_time(select, self._in(schema.SCORES), (), [schema.DETECTOR_TAG])
        return _target(ref, self.results, query, f"$tag_{schema.DETECTOR_TAG}")

    def open_events(self, ref: str) -> Target:
        """Events that go on."""
        names = [schema.DETECTOR_TAG, "peak_score", "duration_s", "top1", "top2", "top3", "model"]
        return self._rows(ref, self.results, schema.EVENTS, names, ['"open" = 1', '"valid" = 1'])

    def coverage(self, ref: str, field: str, how: How, detector: str = "") -> Target:
        """A number of the coverage."""
        where = [f'"{schema.DETECTOR_TAG}" = {string(detector)}'] if detector else []
        select = f"{how}({identifier(field)})"
        query = _over_time(select, self._in(schema.COVERAGE), where, [schema.DETECTOR_TAG])
        return _target(ref, self.results, query, f"$tag_{schema.DETECTOR_TAG}")

    def trained(self, ref: str) -> Target:
        """The newest training of each detector."""
        query = (
            'SELECT "model", "verdict", "rows", "seconds", "threshold" '  # nosec B608
            f"FROM {self._in(schema.TRAINING)} "
            f'WHERE $timeFilter GROUP BY "{schema.DETECTOR_TAG}" ORDER BY time DESC LIMIT 1'
        )
        return _target(ref, self.results, query, form="table")

    def training(self, ref: str, field: str) -> Target:
        """A number of the trainings of the chosen detector."""
        query = (
            f"SELECT {identifier(field)} FROM {self._in(schema.TRAINING)} "  # nosec B608
            f"WHERE {_of_variable()} AND $timeFilter"
        )
        return _target(ref, self.results, query, field)

    def versions(self, ref: str) -> Target:
        """The trainings of the chosen detector."""
        names = ["model", "verdict", "threshold", "loss", "val_loss", "rows", "seconds"]
        return self._rows(ref, self.results, schema.TRAINING, names, [_of_variable()])

    def distribution(self, ref: str) -> Target:
        """Scores of the chosen detector that were judged."""
        where = [_of_variable(), '"judged" = 1']
        query = _over_time('mean("score")', self._in(schema.SCORES), where, ["*"], fill="none")
        return _target(ref, self.results, query, "score")

    def runs(self, ref: str) -> Target:
        """The newest runs that failed."""
        names = [schema.DETECTOR_TAG, schema.KIND_TAG, "seconds", "message"]
        return self._rows(ref, self.results, schema.RUNS, names, ['"failed" = 1'])

    def run_seconds(self, ref: str) -> Target:
        """How long runs took."""
        by = [schema.DETECTOR_TAG, schema.KIND_TAG]
        query = _over_time('max("seconds")', self._in(schema.RUNS), (), by, fill="none")
        return _target(ref, self.results, query, f"$tag_{by[1]} of $tag_{by[0]}")

    # -- what is chosen ----------------------------------------------------------------------------

    def variables(self, spec: DetectorSpec) -> list[Variable]:
        """One variable for each tag of the detector."""
        return [self._tag_variable(spec, tag) for tag in spec.group_by]

    def repeat_by(self, spec: DetectorSpec) -> str:
        """The variable of the last tag: the finest by custom."""
        return variable_name(spec, spec.group_by[-1])

    def detector_variable(self) -> Variable:
        """The detectors that have been trained."""
        query = (
            f'SHOW TAG VALUES FROM {self._in(schema.TRAINING)} WITH KEY = "{schema.DETECTOR_TAG}"'
        )
        return query_variable(DETECTOR, "Detector", self.results, query, query, 1)

    def label_link(self, spec: DetectorSpec) -> str:
        """The tags of the series under the pointer."""
        return "".join(f"&{quoted(tag)}={label_of(tag)}" for tag in spec.group_by)

    # -- the words behind --------------------------------------------------------------------------

    def _drawn(
        self, ref: str, spec: DetectorSpec, measurement: str, select: str, *, alias: str
    ) -> Target:
        query = _over_time(select, self._in(measurement), _chosen(spec, result=True), spec.group_by)
        return _target(ref, self.results, query, alias)

    def _rows(
        self,
        ref: str,
        datasource: dict[str, str],
        measurement: str,
        names: Sequence[str],
        where: Sequence[str],
    ) -> Target:
        columns = ", ".join(identifier(name) for name in names)
        query = (
            f"SELECT {columns} FROM {self._in(measurement)} "  # nosec B608  # names are quoted
            f"WHERE {' AND '.join([*where, '$timeFilter'])} ORDER BY time DESC LIMIT {_MOST_ROWS}"
        )
        return _target(ref, datasource, query, form="table")

    def _tag_variable(self, spec: DetectorSpec, tag: str) -> Variable:
        query = (
            f"SHOW TAG VALUES FROM {self._in(schema.SCORES)} WITH KEY = {identifier(tag)} "
            f'WHERE "{schema.DETECTOR_TAG}" = {string(spec.name)}'
        )
        made = query_variable(variable_name(spec, tag), tag, self.results, query, query, 1)
        # Every series, also one that lacks the tag, without listing thousands in a query.
        return {**made, **ALL, "allValue": ".*"}


def variable_name(spec: DetectorSpec, tag: str) -> str:
    """The variable of a tag: of what Grafana takes, and no two of one name."""
    plain = [re.sub(r"\W", "_", one, flags=re.ASCII) for one in spec.group_by]
    place = spec.group_by.index(tag)
    twice = plain.count(plain[place]) > 1
    return f"by_{plain[place]}" + (f"_{place + 1}" if twice else "")


def _of_variable() -> str:
    return f'"{schema.DETECTOR_TAG}" = ${{{DETECTOR}:singlequote}}'


def _chosen(spec: DetectorSpec, *, result: bool) -> list[str]:
    """The conditions that leave the chosen series of a detector, of its results or its sensors."""
    fixed = {schema.DETECTOR_TAG: spec.name} if result else dict(spec.where)
    where = [f"{identifier(tag)} = {string(value)}" for tag, value in fixed.items()]
    where += [
        f"{identifier(tag)} =~ /^${{{variable_name(spec, tag)}:regex}}$/" for tag in spec.group_by
    ]
    return where


def _alias(spec: DetectorSpec, what: str) -> str:
    return " ".join([what, *(_tag_alias(tag) for tag in spec.group_by)])


def _tag_alias(tag: str) -> str:
    return f"$tag_{tag}" if re.fullmatch(r"\w+", tag, re.ASCII) else f"[[tag_{tag}]]"


def _over_time(
    select: str,
    measurement: str,
    where: Sequence[str],
    by: Sequence[str],
    *,
    fill: str = "null",
) -> str:
    groups = ["time($__interval)", *(one if one == "*" else identifier(one) for one in by)]
    return (
        f"SELECT {select} FROM {measurement} WHERE "  # nosec B608  # names are quoted
        f"{' AND '.join([*where, '$timeFilter'])} GROUP BY {', '.join(groups)} fill({fill})"
    )


def _target(
    ref: str, datasource: dict[str, str], query: str, alias: str = "", *, form: str = "time_series"
) -> Target:
    target: Target = {
        "refId": ref,
        "datasource": datasource,
        "rawQuery": True,
        "query": query,
        "resultFormat": form,
    }
    return {**target, "alias": alias} if alias else target
