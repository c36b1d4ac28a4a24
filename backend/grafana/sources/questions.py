"""What panels ask, whoever answers."""

import re
from collections.abc import Mapping
from typing import Any, Literal, Protocol

from backend.records import LabelKind
from backend.specs import DetectorSpec

Target = dict[str, Any]
Variable = dict[str, Any]
How = Literal["mean", "max", "min", "last"]

CHANNEL = "channel"
"""The variable of a detector's channels."""

DETECTOR = "detector"
"""The variable of dashboards about one detector at a time."""

TRY_KIND, TRY_VALUE = "try_kind", "try_value"
"""The variables of a threshold that is tried."""


ALL: Mapping[str, Any] = {
    "multi": True,
    "includeAll": True,
    "current": {"selected": True, "text": ["All"], "value": ["$__all"]},
}
"""A variable with several values, all of them at first."""


def query_variable(
    name: str, label: str, datasource: Mapping[str, str], query: Any, definition: str, sort: int
) -> Variable:
    """A variable that asks a datasource for its values.

    Args:
        name: as queries have it.
        label: as people see it.
        datasource: which is asked.
        query: what it is asked.
        definition: the same in words.
        sort: 0 as they come, 1 by the alphabet.
    """
    return {
        "name": name,
        "label": label,
        "type": "query",
        "datasource": dict(datasource),
        "query": query,
        "definition": definition,
        "refresh": 2,
        "sort": sort,
        "regex": "",
        "multi": False,
        "includeAll": False,
        "hide": 0,
        "skipUrlSync": False,
        "options": [],
    }


def label_of(tag: str) -> str:
    """A tag of the series under the pointer, in a data link."""
    path = f".{tag}" if re.fullmatch(r"\w+", tag, re.ASCII) else f'["{tag}"]'
    return f"${{__field.labels{path}:percentencode}}"


class Source(Protocol):
    """Puts the questions of the panels into the words of a datasource.

    A target carries the letter it is known by in its panel, `ref`.
    """

    def scores(self, ref: str, spec: DetectorSpec, field: str, how: How) -> Target:
        """A number of `normalcy_scores` over time, for each chosen series of a detector."""
        ...

    def all_thresholds(self, ref: str, spec: DetectorSpec) -> Target:
        """The threshold over time of every series of a detector, chosen or not."""
        ...

    def tops(self, ref: str, spec: DetectorSpec) -> Target:
        """A table of the newest flagged points with the channels that stood out."""
        ...

    def measured(self, ref: str, spec: DetectorSpec) -> Target:
        """What the sensors said, the channel of the variable `channel`."""
        ...

    def expected(self, ref: str, spec: DetectorSpec) -> Target:
        """What the model expected, the channel of the variable `channel`."""
        ...

    def contributions(self, ref: str, spec: DetectorSpec) -> Target:
        """Each channel's share of the error over time."""
        ...

    def events(self, ref: str, spec: DetectorSpec) -> Target:
        """A table of the events of a detector."""
        ...

    def event_marks(self, spec: DetectorSpec) -> dict[str, Any]:
        """An annotation query for the events of a detector."""
        ...

    def label_marks(self, spec: DetectorSpec, kind: LabelKind) -> dict[str, Any]:
        """An annotation query for the labels of a kind that speak for a detector."""
        ...

    def all_scores(self, ref: str, field: str, how: How) -> Target:
        """A number of `normalcy_scores` over time for each detector, its series taken together."""
        ...

    def open_events(self, ref: str) -> Target:
        """A table of the events of all detectors that go on."""
        ...

    def coverage(self, ref: str, field: str, how: How, detector: str = "") -> Target:
        """A number of `normalcy_coverage` over time, of one detector or of each."""
        ...

    def trained(self, ref: str) -> Target:
        """A table of the newest training of each detector."""
        ...

    def training(self, ref: str, field: str) -> Target:
        """A number of `normalcy_training` over time, of the detector in the variable."""
        ...

    def versions(self, ref: str) -> Target:
        """A table of the trainings of the detector in the variable."""
        ...

    def distribution(self, ref: str) -> Target:
        """Scores of the detector in the variable, for a histogram."""
        ...

    def runs(self, ref: str) -> Target:
        """A table of the newest runs of jobs that failed."""
        ...

    def run_seconds(self, ref: str) -> Target:
        """How long runs took, by detector and kind."""
        ...

    def variables(self, spec: DetectorSpec) -> list[Variable]:
        """The variables that choose series of a detector; its channels have one of their own."""
        ...

    def repeat_by(self, spec: DetectorSpec) -> str:
        """The variable that has one value for each series."""
        ...

    def detector_variable(self) -> Variable:
        """The variable that chooses a detector."""
        ...

    def label_link(self, spec: DetectorSpec) -> str:
        """The part of a link that names the series under the pointer to the label page."""
        ...


class Service(Source, Protocol):
    """A source that is normalcy itself: it also answers what is not stored anywhere."""

    def what_if(self, ref: str, spec: DetectorSpec, column: str) -> Target:
        """A column of what the threshold of the variables would have given, over time."""
        ...

    def what_if_alerts(self, ref: str, spec: DetectorSpec) -> Target:
        """A table of how many alerts there were, and how many there would have been."""
        ...
