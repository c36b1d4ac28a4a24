"""The annotations of a Grafana 9.3 in memory, with everything about them that surprises."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Answer = tuple[int, Any]
LOCKED: Answer = (500, {"message": "Failed to save annotation", "error": "database is locked"})
TAGS_LENGTH = 500
_RIGHTS = {
    "Viewer": {"read"},
    "Editor": {"read", "create", "write", "delete"},
    "None": set(),
}


@dataclass
class QuirkyGrafana:
    """What `/api/annotations` does; every call answers with a status and JSON.

    Attributes:
        dashboards: uids of those that exist.
        login: of whoever calls.
        role: of whoever calls.
        faults: answers given in place of the next ones; `after` holds those that are given though
            the work was done.
        calls: method and number of the annotation, or its parameters.
        used: every tag that somebody used once.
    """

    dashboards: set[str] = field(default_factory=lambda: {"gas"})
    login: str = "sa-normalcy"
    role: str = "Editor"
    faults: list[Answer] = field(default_factory=list)
    after: list[Answer] = field(default_factory=list)
    calls: list[tuple[str, Any]] = field(default_factory=list)
    items: dict[int, dict[str, Any]] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    _next: int = 1
    _now: int = 1_700_000_000_000

    def organization(self) -> Answer:
        return 200, {"id": 1, "name": "Main Org."}

    def listing(self, asked: Mapping[str, Sequence[str]]) -> Answer:
        self.calls.append(("GET", dict(asked)))
        if (answer := self._before("read")) is not None:
            return answer
        one = {name: values[0] for name, values in asked.items()}
        uid = one.get("dashboardUID")
        if uid and uid not in self.dashboards:
            return 400, {"message": "Dashboard not found"}
        found = [item for item in self.items.values() if self._matches(item, one, asked)]
        found.sort(key=lambda item: (-item["timeEnd"], -item["time"]))
        return self._after((200, [self._shown(x) for x in found[: int(one.get("limit") or 100)]]))

    def post(self, body: Mapping[str, Any]) -> Answer:
        self.calls.append(("POST", None))
        if (answer := self._before("create")) is not None:
            return answer
        if not body.get("text"):
            return 400, {"message": "Failed to save annotation"}
        if (refused := _too_long(body.get("tags") or ())) is not None:
            return refused
        start, end = _span(body.get("time") or self._tick(), body.get("timeEnd") or 0)
        uid = body.get("dashboardUID")
        self.used.update(body.get("tags") or ())
        number, self._next = self._next, self._next + 1
        self.items[number] = {
            "id": number,
            "time": start,
            "timeEnd": end,
            "text": body["text"],
            "tags": _pairs(body.get("tags") or ()),
            "login": self.login,
            # an unknown dashboard is no reason to refuse
            "dashboardUID": uid if uid in self.dashboards else None,
            "alertId": 0,
            "updated": self._tick(),
        }
        return self._after((200, {"message": "Annotation added", "id": number}))

    def put(self, number: int, body: Mapping[str, Any]) -> Answer:
        self.calls.append(("PUT", number))
        if (answer := self._before("write")) is not None:
            return answer
        if number not in self.items:
            return 404, {"message": "Could not find annotation to update"}
        if (refused := _too_long(body.get("tags") or ())) is not None:
            return refused
        if set(body.get("tags") or ()) - self.used:
            # On SQLite it locks itself out of its own table of tags.
            return 500, {"message": "Failed to update annotation"}
        item = self.items[number]
        start = body.get("time") or item["time"]
        start, end = _span(start, body.get("timeEnd") or item["timeEnd"])
        text, tags = body.get("text") or "", list(body.get("tags") or ())
        item |= {"time": start, "timeEnd": end, "text": text, "tags": tags}
        item["updated"] = self._tick()
        return self._after((200, {"message": "Annotation updated"}))

    def get(self, number: int) -> Answer:
        self.calls.append(("GET", number))
        if (answer := self._before("read")) is not None:
            return answer
        if number not in self.items:
            return 404, {"message": "Annotation not found"}
        return self._after((200, {**self._shown(self.items[number]), "dashboardUID": None}))

    def delete(self, number: int) -> Answer:
        self.calls.append(("DELETE", number))
        if (answer := self._before("delete")) is not None:
            return answer
        if number not in self.items:
            return 404, {"message": "Could not find annotation to delete"}
        del self.items[number]
        return self._after((200, {"message": "Annotation deleted"}))

    def draw(self, start: int, end: int, *tags: str, **values: Any) -> int:
        """A person drags over a range (milliseconds) in a panel."""
        values = {"text": "seen", "dashboardUID": "gas", "login": "ann", **values}
        number, self._next = self._next, self._next + 1
        item = {"id": number, "time": start, "timeEnd": end, "tags": list(tags), "alertId": 0}
        self.items[number] = {**item, "updated": self._tick(), **values}
        return number

    def edit(self, number: int, **values: Any) -> None:
        """A person changes some of an annotation."""
        self.items[number] |= {**values, "updated": self._tick()}

    def drop_dashboard(self, uid: str) -> None:
        """A dashboard is deleted, and with it what was drawn on it."""
        self.dashboards.discard(uid)
        self.items = {n: one for n, one in self.items.items() if one["dashboardUID"] != uid}

    def writes(self) -> list[str]:
        """Methods of the calls that changed something, or tried."""
        return [method for method, _ in self.calls if method != "GET"]

    def _tick(self) -> int:
        self._now += 1
        return self._now

    def _before(self, right: str) -> Answer | None:
        if right not in _RIGHTS[self.role]:
            return 403, {"message": "You'll need additional permissions", "accessErrorId": "x"}
        return self.faults.pop(0) if self.faults else None

    def _after(self, answer: Answer) -> Answer:
        return self.after.pop(0) if self.after else answer

    def _shown(self, item: Mapping[str, Any]) -> dict[str, Any]:
        more = {"panelId": 2, "userId": 0, "newState": "", "data": {}, "somethingNew": [1]}
        # none at all is null, not an empty list
        return {**item, **more, "tags": item["tags"] or None}

    def _matches(
        self, item: Mapping[str, Any], one: Mapping[str, str], asked: Mapping[str, Sequence[str]]
    ) -> bool:
        first, last = int(one.get("from") or 0), int(one.get("to") or 0)
        if first > 0 and last > 0 and not (item["time"] <= last and item["timeEnd"] >= first):
            return False
        if one.get("type") == "annotation" and item["alertId"]:
            return False
        if one.get("dashboardUID") and item["dashboardUID"] != one["dashboardUID"]:
            return False
        return _has_tags(item["tags"], asked.get("tags") or (), one.get("matchAny") == "true")


def _has_tags(has: Sequence[str], wanted: Sequence[str], match_any: bool) -> bool:
    """Tags are counted, not compared: a bare key that two tags have is one too many for AND."""
    if not wanted:
        return True
    hits = sum(_is(tag, ask) for tag in has for ask in wanted)
    return hits > 0 if match_any else hits == len(wanted)


def _is(tag: str, wanted: str) -> bool:
    return tag == wanted if ":" in wanted else tag.partition(":")[0] == wanted


def _span(start: int, end: int) -> tuple[int, int]:
    end = end or start
    return (end, start) if end < start else (start, end)


def _pairs(tags: Sequence[str]) -> list[str]:
    """As Grafana keeps them: trimmed, once each, and nothing after a second colon."""
    kept: list[str] = []
    for tag in tags:
        parts = [part.strip(" ") for part in tag.split(":")[:2]]
        pair = ":".join(part for part in parts if part) if parts[0] else ""
        if pair and pair not in kept:
            kept.append(pair)
    return kept


def _too_long(tags: Sequence[str]) -> Answer | None:
    length = len(json.dumps(list(tags), ensure_ascii=False, separators=(",", ":")).encode())
    if length > TAGS_LENGTH:
        return 500, {"message": "Failed to save annotation", "error": "tags too long"}
    return None
