"""Alert rules of a detector, for Grafana's own alerting on the measurements.

Every query brings one number and its labels by GROUP BY; conditions are on alarms and scores, never
on raw errors: Grafana compares with six decimals, and a retraining moves the scale of an error.
Windows follow the schedule. No policy is touched: where alerts go is the operator's.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

from backend import schema
from backend.grafana.dashboards.detector import FLAG_PANEL, SCORE_PANEL
from backend.grafana.names import RESULTS, uid
from backend.grafana.quoting import identifier, place, quoted, string
from backend.services.overview import grace
from backend.specs import DetectorSpec, format_duration

Rule = dict[str, Any]
Node = dict[str, Any]

FLEET_SHARE = 0.3
"""When so large a share of the series is in alarm, one alarm is told in place of many."""
FLEET_LEAST = 5
"""In a fleet of fewer series there are never many alarms."""

DRIFT_RATIO, DRIFT_LEAST = 1.5, 0.5
"""Normal time has drifted when its score rose by this ratio, and to this at least."""

_SECOND = 1_000_000_000
_MARGIN_S = 60
_DAY_S = 86_400
_RUNS_S = 8 * _DAY_S
"""A detector is retrained each week at the least, by custom."""
_COVERED = 0.5

JUDGED = ('"judged" = 1',)
UNFLAGGED = ('"flag" = 0', *JUDGED)


@dataclass(frozen=True)
class Text:
    """What a rule tells: templates that Grafana fills in, and the panel it shows."""

    title: str
    summary: str
    description: str
    panel: int


@dataclass(frozen=True)
class Watched:
    """What rules are made of.

    Attributes:
        spec: the detector.
        pages: where browsers reach the pages of normalcy.
        policy: retention policy of the results, where it is not the database's default.
    """

    spec: DetectorSpec
    pages: str
    policy: str = ""


def rules_of(watched: Watched) -> list[Rule]:
    """The rules of one detector."""
    made = [anomaly, blind, retrain_failed, drift, set_aside]
    return [rule(watched) for rule in (*made, *([fleet] if watched.spec.group_by else []))]


def interval_s(specs: Sequence[DetectorSpec]) -> int:
    """How often the rules are evaluated: as often as is scored; a multiple of ten seconds."""
    fastest = min((spec.schedule.score.total_seconds() for spec in specs), default=60)
    return max(10, min(round(fastest / 10) * 10, 300))


def window_s(spec: DetectorSpec) -> int:
    """How far back the newest score is looked for.

    A row is stamped at the start of its bucket, and written when the bucket has closed, was waited
    for, and was scored.
    """
    schedule = spec.schedule
    seconds = 2 * spec.every.total_seconds() + spec.delay.total_seconds()
    return int(seconds + 2 * schedule.score.total_seconds()) + _MARGIN_S


# -- one function a rule ---------------------------------------------------------------------------


def anomaly(watched: Watched) -> Rule:
    """A series is in alarm, and not most of them at once."""
    spec = watched.spec
    window = window_s(spec)
    nodes = [
        *_reduced("A", "B", _scores(watched, 'max("alarm")'), "max", window),
        *_reduced("E", "S", _scores(watched, 'max("score")'), "max", window),
        *_reduced("F", "T", _scores(watched, 'last("top1_index")', JUDGED), "last", window),
        *_reduced("G", "U", _scores(watched, 'last("top2_index")', JUDGED), "last", window),
    ]
    if spec.group_by:
        nodes += _fleet("V", "W", watched)
        # They have no labels, and so stand beside each series.
        nodes += [_math("C", f"$B > 0.5 && ($V < {FLEET_SHARE} || $W < {FLEET_LEAST})")]
    else:
        nodes += [_threshold("C", "B", "gt", 0.5)]
    return _rule(
        "alarm",
        spec,
        Text(
            f"{spec.name}: anomaly",
            _if_known(
                f"{spec.name}{_series(spec)} behaves unlike what was labeled normal",
                f"Alarms of {spec.name} cannot be read",
            ),
            _if_known(
                f"Score {_value('S', '%.2f')} (1 is the line), most of it from {_tops(spec)}. Was "
                f"this normal, or real? Say so: {_label_page(watched)}",
                "Look at the store of the results, and run: normalcy check",
            ),
            FLAG_PANEL,
        ),
        nodes,
    )


def fleet(watched: Watched) -> Rule:
    """Many series are in alarm at once: a line that stopped, a power dip."""
    spec = watched.spec
    condition = f"$B >= {FLEET_SHARE} && $N >= {FLEET_LEAST}"
    nodes = [*_fleet("B", "N", watched), _math("C", condition)]
    return _rule(
        "fleet",
        spec,
        Text(
            f"{spec.name}: many series at once",
            f"Many series of {spec.name} are in alarm together",
            f"A share of {_value('B', '%.2f')} of the {_value('N', '%.0f')} series behaves unlike "
            "normal at the same time: look for a common cause. They are not told one by one.",
            FLAG_PANEL,
        ),
        nodes,
    )


def blind(watched: Watched) -> Rule:
    """Nobody watches: too few points are judged, scoring lies behind, or does not happen."""
    spec = watched.spec
    late = grace(spec) / _SECOND
    step = spec.every.total_seconds()
    window = int(late + step) + 3 * _MARGIN_S
    coverage = _of_detector(watched, 'min("coverage")', schema.COVERAGE)
    lag = _of_detector(watched, 'max("lag_s")', schema.COVERAGE)
    nodes = [
        *_reduced("A", "B", coverage, "last", window),
        *_reduced("D", "E", lag, "last", window),
        _math("C", f"$B < {_COVERED} || $E > {late:.0f}"),
    ]
    return _rule(
        "blind",
        spec,
        Text(
            f"{spec.name}: blind",
            f"Nobody watches {spec.name}",
            "Less than half of the due points were judged in time, or scoring lies behind, or does "
            "not happen at all. Look whether the sensors report and whether the jobs run, and run: "
            "normalcy check",
            SCORE_PANEL,
        ),
        nodes,
        missing="Alerting",
        # One bucket that comes late is no news.
        hold=f"{max(5, ceil(2 * step / 60))}m",
    )


def retrain_failed(watched: Watched) -> Rule:
    """The newest training failed: the old version goes on."""
    spec = watched.spec
    training = f"\"{schema.KIND_TAG}\" = 'retrain'"
    runs = _of_detector(watched, 'last("failed")', schema.RUNS, training)
    nodes = [
        *_reduced("A", "B", runs, "last", _RUNS_S),
        _threshold("C", "B", "gt", 0.5),
    ]
    return _rule(
        "retrain",
        spec,
        Text(
            f"{spec.name}: training failed",
            f"The newest training of {spec.name} failed",
            "The version before goes on serving. What was said stands among the runs: "
            f"{watched.pages}/runs",
            SCORE_PANEL,
        ),
        nodes,
    )


def drift(watched: Watched) -> Rule:
    """What is not flagged has come closer to the threshold than it was."""
    spec = watched.spec
    hours = ceil(spec.every.total_seconds() / 3600)
    normal = _scores(watched, 'mean("score")', UNFLAGGED, every=f"{hours}h")
    nodes = [
        *_reduced("A", "B", normal, "mean", _DAY_S),
        *_reduced("D", "E", normal, "mean", 8 * _DAY_S, _DAY_S),
        _math("C", f"$B > {DRIFT_RATIO} * $E && $B > {DRIFT_LEAST}"),
    ]
    return _rule(
        "drift",
        spec,
        Text(
            f"{spec.name}: drift",
            _if_known(f"Normal time of {spec.name}{_series(spec)} drifts", f"Drift of {spec.name}"),
            _if_known(
                f"Unflagged points of the last day score {_value('B', '%.2f')} in the mean, "
                f"against {_value('E', '%.2f')} in the week before. If this is normal "
                f"now, label it so and the next model learns it: {_label_page(watched)}",
                "Look at the store of the results, and run: normalcy check",
            ),
            SCORE_PANEL,
        ),
        nodes,
        hold="1h",
    )


def set_aside(watched: Watched) -> Rule:
    """Series are neither trained nor scored."""
    spec = watched.spec
    aside = _of_detector(watched, 'last("set_aside")', schema.COVERAGE)
    window = max(window_s(spec), 900)
    nodes = [*_reduced("A", "B", aside, "last", window), _threshold("C", "B", "gt", 0.5)]
    return _rule(
        "aside",
        spec,
        Text(
            f"{spec.name}: series set aside",
            f"{_value('B', '%.0f')} series of {spec.name} are not watched",
            "They are neither trained nor scored for now; why stands on the pages: "
            f"{watched.pages}/",
            SCORE_PANEL,
        ),
        nodes,
        hold="15m",
    )


# -- queries ---------------------------------------------------------------------------------------


def _scores(watched: Watched, select: str, conditions: Sequence[str] = (), every: str = "") -> str:
    spec = watched.spec
    where = [*_about(spec), *conditions]
    return _query(watched, select, schema.SCORES, where, every or _step(spec), spec.group_by)


def _fleet(share: str, count: str, watched: Watched) -> list[Node]:
    """The share of the series that are in alarm, and how many were scored."""
    spec = watched.spec
    each = _scores(watched, 'max("alarm") AS "alarm"')
    rest = f"FROM ({each}) WHERE $timeFilter GROUP BY time({_step(spec)}) fill(none)"
    window = window_s(spec)
    return [
        *_reduced(f"{share}1", share, f'SELECT mean("alarm") {rest}', "max", window),
        *_reduced(f"{count}1", count, f'SELECT count("alarm") {rest}', "max", window),
    ]


def _of_detector(watched: Watched, select: str, measurement: str, *conditions: str) -> str:
    spec = watched.spec
    return _query(watched, select, measurement, [*_about(spec), *conditions], _step(spec))


def _query(
    watched: Watched,
    select: str,
    measurement: str,
    where: Sequence[str],
    every: str,
    by: Sequence[str] = (),
) -> str:
    groups = ", ".join([f"time({every})", *map(identifier, by)])
    return (
        f"SELECT {select} FROM {place(measurement, watched.policy)} "  # nosec B608
        f"WHERE {' AND '.join([*where, '$timeFilter'])} GROUP BY {groups} fill(none)"
    )


def _about(spec: DetectorSpec) -> list[str]:
    return [f'"{schema.DETECTOR_TAG}" = {string(spec.name)}']


def _step(spec: DetectorSpec) -> str:
    """The grid as InfluxQL has it."""
    return format_duration(spec.every)


# -- nodes -----------------------------------------------------------------------------------------


def _reduced(
    ref: str, reduced: str, query: str, reducer: str, since: int, until: int = 0
) -> list[Node]:
    """A query and the one number that is made of each series it brings."""
    model = {"refId": ref, "rawQuery": True, "resultFormat": "time_series", "query": query}
    read = {
        "refId": ref,
        "datasourceUid": RESULTS,
        "relativeTimeRange": {"from": since, "to": until},
        "model": model,
    }
    reduce = {
        "refId": reduced,
        "type": "reduce",
        "expression": ref,
        "reducer": reducer,
        "settings": {"mode": "dropNN"},
    }
    return [read, _expression(reduce)]


def _threshold(ref: str, of: str, kind: str, value: float) -> Node:
    evaluator = {"type": kind, "params": [value]}
    model = {"refId": ref, "type": "threshold", "expression": of}
    return _expression({**model, "conditions": [{"evaluator": evaluator}]})


def _math(ref: str, expression: str) -> Node:
    return _expression({"refId": ref, "type": "math", "expression": expression})


def _expression(model: Mapping[str, Any]) -> Node:
    return {"refId": model["refId"], "datasourceUid": "__expr__", "model": dict(model)}


# -- texts -----------------------------------------------------------------------------------------


def _rule(
    kind: str,
    spec: DetectorSpec,
    text: Text,
    nodes: Sequence[Node],
    *,
    missing: str = "OK",
    hold: str = "0s",
) -> Rule:
    return {
        "uid": uid(kind, spec.name),
        "title": text.title,
        "condition": "C",
        "data": list(nodes),
        "for": hold,
        "noDataState": missing,
        "execErrState": "Error",
        "annotations": {
            "__dashboardUid__": uid("detector", spec.name),
            "__panelId__": str(text.panel),
            "summary": text.summary,
            "description": text.description,
        },
        "labels": {"detector": spec.name, "normalcy": kind},
    }


def _if_known(told: str, otherwise: str) -> str:
    """One text for alerts about something, another where the query itself failed."""
    return f"{{{{ if $values.B }}}}{told}{{{{ else }}}}{otherwise}{{{{ end }}}}"


def _value(ref: str, form: str) -> str:
    return f"{{{{ printf {_go(form)} (index $values {_go(ref)}).Value }}}}"


def _series(spec: DetectorSpec) -> str:
    """The series by its tags, each as ` tag=value`."""
    parts = (f" {tag}={{{{ index $labels {_go(tag)} }}}}" for tag in spec.group_by)
    return "".join(parts)


def _tops(spec: DetectorSpec) -> str:
    """The channels with the largest shares: the numbers that are stored, turned into names."""
    first = _name(spec, "T", unknown="channels that are not known")
    return f"{first}{_name(spec, 'U', ' and ')}"


def _name(spec: DetectorSpec, ref: str, before: str = "", unknown: str = "") -> str:
    otherwise = f"{{{{ else }}}}{unknown}" if unknown else ""
    chain = ""
    for index, channel in enumerate(spec.channels, start=1):
        word = "if" if index == 1 else "else if"
        chain += f"{{{{ {word} eq . {index}.0 }}}}{before}{_plain(channel)}"
    end = "{{ end }}"
    value = f"{{{{ with (index $values {_go(ref)}).Value }}}}"
    return f"{value}{chain}{end}{otherwise}{end}"


def _label_page(watched: Watched) -> str:
    spec = watched.spec
    tags = "".join(
        f"&{quoted(tag)}={{{{ index $labels {_go(tag)} | urlquery }}}}" for tag in spec.group_by
    )
    return f"{watched.pages}/label?detector={quoted(spec.name)}{tags}"


def _go(text: str) -> str:
    """A text as Go's templates have it."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _plain(text: str) -> str:
    """A name inside a template, where two braces would begin an action."""
    return text if "{{" not in text else f"{{{{ {_go(text)} }}}}"
