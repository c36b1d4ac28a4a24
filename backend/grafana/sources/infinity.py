"""The questions to normalcy's REST API, by the Infinity datasource (Grafana 10.4 and newer).

Every query names its columns with their types, and is parsed by Grafana's server.
"""

from collections.abc import Sequence
from typing import Any, ClassVar

from backend import schema
from backend.grafana.names import SERVICE
from backend.grafana.quoting import quoted
from backend.grafana.sources.questions import (
    ALL,
    CHANNEL,
    DETECTOR,
    TRY_KIND,
    TRY_VALUE,
    How,
    Target,
    Variable,
    query_variable,
)
from backend.records import LabelKind
from backend.specs import DetectorSpec

PLUGIN = "yesoreyeram-infinity-datasource"
SERIES = "series"
"""The variable of a detector's series."""

Column = tuple[str, str, str]
"""Selector, name and type."""

_TIME = ("time", "time", "timestamp_epoch")


class InfinitySource:
    """Everything from normalcy."""

    service: ClassVar = {"type": PLUGIN, "uid": SERVICE}

    def scores(self, ref: str, spec: DetectorSpec, field: str, how: How) -> Target:
        """A number of the scores over time; thinned so that its shape stays."""
        return self._series(ref, spec, "scores", [_text("series"), _number(field)])

    def tops(self, ref: str, spec: DetectorSpec) -> Target:
        """The newest flagged points with the channels that stood out."""
        tops = [
            column
            for rank in (1, 2, 3)
            for column in (_text(f"top{rank}"), _number(f"top{rank}_share"))
        ]
        columns = [_TIME, _text("series"), _number("score"), *tops, _text("reason")]
        return self._table(ref, f"{_detector(spec)}/tops", columns, _range(spec))

    def measured(self, ref: str, spec: DetectorSpec) -> Target:
        """What the sensors said."""
        return self._channel(ref, spec, "channels", "measured")

    def expected(self, ref: str, spec: DetectorSpec) -> Target:
        """What the model expected."""
        return self._channel(ref, spec, "expected", "expected")

    def contributions(self, ref: str, spec: DetectorSpec) -> Target:
        """Shares of the error."""
        columns = [_text("channel"), _text("series"), ("value", "share", "number")]
        return self._series(ref, spec, "contributions", columns)

    def events(self, ref: str, spec: DetectorSpec) -> Target:
        """The events of a detector."""
        columns = [_TIME, ("time_end", "until", "timestamp_epoch"), *_EVENT]
        return self._table(ref, f"{_detector(spec)}/events", columns, _range(spec))

    def event_marks(self, spec: DetectorSpec) -> dict[str, Any]:
        """The events of a detector as annotations."""
        columns = [
            _TIME,
            ("time_end", "timeEnd", "timestamp_epoch"),
            ("top1", "text", "string"),
            ("model", "tags", "string"),
            ("id", "id", "string"),
        ]
        target = self._table("Anno", f"{_detector(spec)}/events", columns, _range(spec))
        return {"datasource": self.service, "target": target}

    def label_marks(self, spec: DetectorSpec, kind: LabelKind) -> dict[str, Any]:
        """The labels of a kind as annotations."""
        columns = [
            _TIME,
            ("time_end", "timeEnd", "timestamp_epoch"),
            ("note", "text", "string"),
            ("created_by", "tags", "string"),
        ]
        asked = [*_RANGE, ("detector", spec.name), ("kind", str(kind))]
        target = self._table("Anno", "/api/v1/labels", columns, asked)
        return {"datasource": self.service, "target": target}

    def all_scores(self, ref: str, field: str, how: How) -> Target:
        """A number of the scores for each detector."""
        columns = [_TIME, _text("detector"), _number(field)]
        return self._target(ref, "/api/v1/worst", "timeseries", columns, _RANGE)

    def open_events(self, ref: str) -> Target:
        """Events that go on."""
        columns = [_TIME, _text("detector"), *_EVENT]
        return self._table(ref, "/api/v1/events", columns, [*_RANGE, ("open", "true")])

    def coverage(self, ref: str, field: str, how: How, detector: str = "") -> Target:
        """A number of the coverage."""
        named = [("detector", detector)] if detector else []
        columns = [_TIME, _text("detector"), _number(field)]
        return self._target(ref, "/api/v1/coverage", "timeseries", columns, [*_RANGE, *named])

    def trained(self, ref: str) -> Target:
        """The newest training of each detector."""
        return self._table(ref, "/api/v1/training", _TRAINED, [*_RANGE, ("newest", "true")])

    def training(self, ref: str, field: str) -> Target:
        """A number of the trainings of the chosen detector."""
        columns = [_TIME, _number(field)]
        return self._target(ref, "/api/v1/training", "timeseries", columns, [*_RANGE, _CHOSEN])

    def versions(self, ref: str) -> Target:
        """The trainings of the chosen detector."""
        return self._table(ref, "/api/v1/training", _TRAINED, [*_RANGE, _CHOSEN])

    def distribution(self, ref: str) -> Target:
        """Scores of the chosen detector."""
        url, columns = f"/api/v1/detectors/${{{DETECTOR}}}/scores", [_TIME, _number("score")]
        return self._target(ref, url, "dataframe", columns, _RANGE)

    def runs(self, ref: str) -> Target:
        """The newest runs that failed."""
        columns = [
            ("finished_at", "time", "timestamp_epoch"),
            *(_text(name) for name in ("detector", "kind", "message")),
        ]
        return self._table(ref, "/api/v1/runs", columns, [("state", "failed")])

    def run_seconds(self, ref: str) -> Target:
        """How long runs took."""
        columns = [
            ("finished_at", "time", "timestamp_epoch"),
            _text("detector"),
            _text("kind"),
            _number("seconds"),
        ]
        parameters = [*_RANGE, ("limit", "1000"), ("ascending", "true")]
        return self._target(ref, "/api/v1/runs", "timeseries", columns, parameters)

    def all_thresholds(self, ref: str, spec: DetectorSpec) -> Target:
        """The limit as the service has it, beside another datasource that chooses the series."""
        columns = [_TIME, _text("series"), _number("threshold")]
        return self._target(ref, f"{_detector(spec)}/scores", "timeseries", columns, _RANGE)

    def what_if(self, ref: str, spec: DetectorSpec, column: str) -> Target:
        """A column of what another threshold would have given."""
        columns = [_TIME, _text("series"), (f"what_if_{column}", column, "number")]
        url = f"{_detector(spec)}/what-if"
        return self._target(ref, url, "timeseries", columns, [*_RANGE, *_TRIED])

    def what_if_alerts(self, ref: str, spec: DetectorSpec) -> Target:
        """How many alerts there were, and would have been."""
        counts = ("alerts_now", "alerts_then", "flagged_now", "flagged_then")
        columns = [_text("series"), *(_number(name) for name in counts), _text("notice")]
        return self._table(ref, f"{_detector(spec)}/what-if/alerts", columns, [*_RANGE, *_TRIED])

    def variables(self, spec: DetectorSpec) -> list[Variable]:
        """One variable for the series as a whole."""
        if not spec.group_by:
            return []
        return [{**self._variable(SERIES, "Series", f"{_detector(spec)}/series", "series"), **ALL}]

    def repeat_by(self, spec: DetectorSpec) -> str:
        """The variable of the series."""
        return SERIES

    def detector_variable(self) -> Variable:
        """All detectors."""
        return self._variable(DETECTOR, "Detector", "/api/v1/detectors", "detector")

    def label_link(self, spec: DetectorSpec) -> str:
        """The series under the pointer."""
        return "&series=${__field.labels.series:percentencode}" if spec.group_by else ""

    def _series(self, ref: str, spec: DetectorSpec, what: str, columns: Sequence[Column]) -> Target:
        url = f"{_detector(spec)}/{what}"
        return self._target(ref, url, "timeseries", [_TIME, *columns], _range(spec))

    def _channel(self, ref: str, spec: DetectorSpec, what: str, name: str) -> Target:
        columns = [_TIME, _text("series"), ("value", name, "number")]
        parameters = [*_range(spec), ("channel", f"${{{CHANNEL}}}")]
        return self._target(ref, f"{_detector(spec)}/{what}", "timeseries", columns, parameters)

    def _table(
        self,
        ref: str,
        url: str,
        columns: Sequence[Column],
        parameters: Sequence[tuple[str, str]],
    ) -> Target:
        return self._target(ref, url, "table", columns, parameters)

    def _target(
        self,
        ref: str,
        url: str,
        form: str,
        columns: Sequence[Column],
        parameters: Sequence[tuple[str, str]] = (),
    ) -> Target:
        return {"refId": ref, "datasource": self.service, **_query(url, form, columns, parameters)}

    def _variable(self, name: str, label: str, url: str, column: str) -> Variable:
        asked = {"refId": "variable", **_query(url, "table", [_text(column)])}
        query = {"refId": "variable", "queryType": "infinity", "infinityQuery": asked}
        return query_variable(name, label, self.service, query, url, 0)


def _query(
    url: str, form: str, columns: Sequence[Column], parameters: Sequence[tuple[str, str]] = ()
) -> dict[str, Any]:
    return {
        "type": "json",
        "source": "url",
        "parser": "backend",
        "format": form,
        "url": url,
        "url_options": {
            "method": "GET",
            "params": [{"key": key, "value": value} for key, value in parameters],
        },
        "root_selector": "",
        "columns": [
            {"selector": selector, "text": text, "type": kind} for selector, text, kind in columns
        ],
        "filters": [],
    }


def _detector(spec: DetectorSpec) -> str:
    return f"/api/v1/detectors/{quoted(spec.name)}"


def _range(spec: DetectorSpec) -> list[tuple[str, str]]:
    """The range of the panel and the chosen series."""
    return [*_RANGE, ("series", f"${{{SERIES}:json}}")] if spec.group_by else [*_RANGE]


def _text(name: str) -> Column:
    return name, name, "string"


def _number(name: str) -> Column:
    return name, name, "number"


_RANGE = (("from", "${__timeFrom}"), ("to", "${__timeTo}"))
_TRIED = (("kind", f"${{{TRY_KIND}}}"), ("value", f"${{{TRY_VALUE}}}"))
_CHOSEN = ("detector", f"${{{DETECTOR}}}")
_EVENT = (
    _text("series"),
    _number("peak_score"),
    *(_text(name) for name in ("top1", "top2", "top3", "model")),
)
_TRAINED = (
    _TIME,
    _text("detector"),
    *(_text(name) for name in schema.TRAINING_STRINGS),
    *(_number(name) for name in schema.TRAINING_NUMBERS),
)
