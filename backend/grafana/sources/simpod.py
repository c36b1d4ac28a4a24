"""The questions to normalcy itself, by the JSON datasource of simpod (version 0.6.3 for Grafana 9).

Payloads are those of its form: there a variable arrives as `(a|b)`, however many values it has. In
the text of its editor it would arrive as a list or, where it has one value, as a bare word.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

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
    label_of,
    query_variable,
)
from backend.records import LabelKind
from backend.specs import DetectorSpec

PLUGIN = "simpod-json-datasource"
SERIES = "series"
"""The variable of a detector's series."""


class SimpodSource:
    """Everything from normalcy."""

    service: ClassVar = {"type": PLUGIN, "uid": SERVICE}

    def scores(self, ref: str, spec: DetectorSpec, field: str, how: How) -> Target:
        """A number of the scores over time; thinned so that its shape stays."""
        return self._of(ref, spec, field)

    def tops(self, ref: str, spec: DetectorSpec) -> Target:
        """The newest flagged points with the channels that stood out."""
        return self._of(ref, spec, "tops")

    def measured(self, ref: str, spec: DetectorSpec) -> Target:
        """What the sensors said."""
        return self._of(ref, spec, "channel", channel=True)

    def expected(self, ref: str, spec: DetectorSpec) -> Target:
        """What the model expected."""
        return self._of(ref, spec, "expected", channel=True)

    def contributions(self, ref: str, spec: DetectorSpec) -> Target:
        """Shares of the error."""
        return self._of(ref, spec, "contributions")

    def events(self, ref: str, spec: DetectorSpec) -> Target:
        """The events of a detector."""
        return self._of(ref, spec, "event_table")

    def event_marks(self, spec: DetectorSpec) -> dict[str, Any]:
        """The events of a detector as annotations."""
        return {"datasource": self.service, "target": self._of("Anno", spec, "events")}

    def label_marks(self, spec: DetectorSpec, kind: LabelKind) -> dict[str, Any]:
        """The labels of a kind as annotations."""
        asked = {"detector": spec.name, "kind": str(kind)}
        return {"datasource": self.service, "target": self._target("Anno", "labels", asked)}

    def all_scores(self, ref: str, field: str, how: How) -> Target:
        """A number of the scores for each detector."""
        return self._target(ref, "worst", {"what": field})

    def open_events(self, ref: str) -> Target:
        """Events that go on."""
        return self._target(ref, "open_events", {})

    def coverage(self, ref: str, field: str, how: How, detector: str = "") -> Target:
        """A number of the coverage."""
        named = {"detector": detector} if detector else {}
        return self._target(ref, "coverage", {**named, "what": field})

    def trained(self, ref: str) -> Target:
        """The newest training of each detector."""
        return self._target(ref, "trained", {})

    def training(self, ref: str, field: str) -> Target:
        """A number of the trainings of the chosen detector."""
        return self._target(ref, "training", _of_variable(what=field))

    def versions(self, ref: str) -> Target:
        """The trainings of the chosen detector."""
        return self._target(ref, "versions", _of_variable())

    def distribution(self, ref: str) -> Target:
        """Scores of the chosen detector."""
        return self._target(ref, "score", _of_variable())

    def runs(self, ref: str) -> Target:
        """The newest runs that failed."""
        return self._target(ref, "failed_runs", {})

    def run_seconds(self, ref: str) -> Target:
        """How long runs took."""
        return self._target(ref, "run_seconds", {})

    def all_thresholds(self, ref: str, spec: DetectorSpec) -> Target:
        """The limit as the service has it, beside another datasource that chooses the series."""
        return self._target(ref, "threshold", {"detector": spec.name})

    def what_if(self, ref: str, spec: DetectorSpec, column: str) -> Target:
        """A column of what another threshold would have given."""
        return self._tried(ref, spec, f"what_if_{column}")

    def what_if_alerts(self, ref: str, spec: DetectorSpec) -> Target:
        """How many alerts there were, and would have been."""
        return self._tried(ref, spec, "what_if_alerts")

    def _tried(self, ref: str, spec: DetectorSpec, metric: str) -> Target:
        asked = {"what_if_kind": f"${TRY_KIND}", "what_if_value": f"${TRY_VALUE}"}
        return self._target(ref, metric, {"detector": spec.name, **asked})

    def variables(self, spec: DetectorSpec) -> list[Variable]:
        """One variable for the series as a whole."""
        if not spec.group_by:
            return []
        return [{**self._variable(SERIES, "Series", f"series {spec.name}"), **ALL}]

    def repeat_by(self, spec: DetectorSpec) -> str:
        """The variable of the series."""
        return SERIES

    def detector_variable(self) -> Variable:
        """All detectors."""
        return self._variable(DETECTOR, "Detector", "detectors")

    def label_link(self, spec: DetectorSpec) -> str:
        """The tags of the series under the pointer."""
        return "".join(f"&{quoted(tag)}={label_of(tag)}" for tag in spec.group_by)

    def _of(self, ref: str, spec: DetectorSpec, metric: str, *, channel: bool = False) -> Target:
        payload = {"detector": spec.name}
        payload |= {"series": f"${SERIES}"} if spec.group_by else {}
        payload |= {"channel": f"${CHANNEL}"} if channel else {}
        return self._target(ref, metric, payload)

    def _target(self, ref: str, metric: str, payload: Mapping[str, str]) -> Target:
        return {
            "refId": ref,
            "datasource": self.service,
            "target": metric,
            "editorMode": "builder",
            "payload": dict(payload),
        }

    def _variable(self, name: str, label: str, asked: str) -> Variable:
        query = {"query": asked, "format": "string"}
        return query_variable(name, label, self.service, query, asked, 0)


def _of_variable(**more: str) -> dict[str, str]:
    return {"detector": f"${DETECTOR}", **more}
