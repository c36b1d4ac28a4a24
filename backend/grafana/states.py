"""Which alert rules fire, from Grafana's own state.

Version 9.3 tells no uid of a rule here: ours are known by their labels.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from backend.grafana.client import GrafanaClient
from backend.ports import RuleAlert, RuleState

_PATH = "/api/prometheus/grafana/api/v1/rules"
_READ = "the right to read alert rules"
_NEVER = "0001-"
_NOT_SERIES = frozenset({"alertname", "grafana_folder", "detector", "normalcy"})


class GrafanaRuleBook:
    """The alert rules of one Grafana that are about detectors."""

    def __init__(self, client: GrafanaClient) -> None:
        self._client = client

    def states(self) -> list[RuleState]:
        """The rules of ours with what they say now, by detector and kind."""
        answer = self._client.get(_PATH, needs=_READ)
        groups = answer["data"]["groups"] if isinstance(answer, Mapping) else []
        rules = [rule for group in groups for rule in group.get("rules") or ()]
        ours = [rule for rule in rules if "detector" in (rule.get("labels") or {})]
        found = [_state(rule) for rule in ours if "normalcy" in rule["labels"]]
        return sorted(found, key=lambda state: (state.detector, state.kind))


def _state(rule: Mapping[str, Any]) -> RuleState:
    alerts = [_alert(one) for one in rule.get("alerts") or ()]
    return RuleState(
        detector=str(rule["labels"]["detector"]),
        kind=str(rule["labels"]["normalcy"]),
        name=str(rule.get("name", "")),
        state=str(rule.get("state", "")),
        health=str(rule.get("health", "")),
        problem=str(rule.get("lastError") or ""),
        evaluated_at=_time(rule.get("lastEvaluation")),
        alerts=tuple(one for one in alerts if one.state != "normal"),
    )


def _alert(told: Mapping[str, Any]) -> RuleAlert:
    labels = told.get("labels") or {}
    tags = {tag: str(value) for tag, value in labels.items() if _is_series(tag)}
    # The word may carry a reason, such as `Alerting (NoData)`.
    state = str(told.get("state", "")).partition(" ")[0].lower()
    summary = str((told.get("annotations") or {}).get("summary", ""))
    return RuleAlert(tags, state, _time(told.get("activeAt")), summary)


def _is_series(tag: str) -> bool:
    return tag not in _NOT_SERIES and not tag.startswith("__")


def _time(text: Any) -> int | None:
    if not isinstance(text, str) or not text or text.startswith(_NEVER):
        return None
    try:
        return round(datetime.fromisoformat(text).timestamp() * 1000) * 1_000_000
    except ValueError:
        return None
