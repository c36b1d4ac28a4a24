"""The book of annotations in memory: the same contract, over the quirks of a Grafana."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from backend.exceptions import GrafanaRefused, GrafanaUnavailable, NotFound
from backend.ports import Annotation, Mark
from tests.fakes.grafana import TAGS_LENGTH, Answer, QuirkyGrafana

MS = 1_000_000


class MemoryAnnotationBook:
    """Twin of `GrafanaAnnotations` for tests of the rooms above."""

    def __init__(self, grafana: QuirkyGrafana, name: str = "http://grafana#1") -> None:
        self.grafana = grafana
        self._name = name

    def name(self) -> str:
        _read(self.grafana.organization())
        return self._name

    def between(self, start: int, stop: int, tags: Sequence[str]) -> list[Annotation]:
        first, last = max(start // MS, 1), max(-(-stop // MS), 1)
        asked = {"from": [str(first)], "to": [str(last)], "type": ["annotation"]}
        many = {"limit": ["1000000"], "tags": list(tags), "matchAny": ["true"]}
        found = [_annotation(item) for item in _read(self.grafana.listing(asked | many))]
        return sorted(found, key=lambda one: (one.start, one.id))

    def get(self, annotation: str) -> Annotation | None:
        try:
            return _annotation(_read(self.grafana.get(int(annotation))))
        except NotFound:
            return None

    def create(self, mark: Mark, rid: str) -> Annotation:
        body = _body(mark, rid) | {"dashboardUID": mark.dashboard}
        try:
            number = str(_read(self.grafana.post(body))["id"])
        except GrafanaUnavailable:
            found = self.between(mark.start, mark.stop, [f"rid:{rid}"])
            if not found:
                return self._there(str(_read(self.grafana.post(body))["id"]))
            return found[0]
        if mark.dashboard is None:
            return self._there(number)
        (made,) = self.between(mark.start, mark.stop, [f"rid:{rid}"])
        if made.dashboard != mark.dashboard:
            self.delete(number)
            raise GrafanaRefused(f"Grafana has no dashboard {mark.dashboard!r}.")
        return made

    def update(self, annotation: str, mark: Mark, rid: str) -> Annotation:
        body = _body(mark, rid)
        self._there(annotation)
        # A new annotation may bring tags that an edit may not.
        self.delete(
            str(_read(self.grafana.post({"text": "x", "time": 1, "tags": mark.tags}))["id"])
        )
        _read(self.grafana.put(int(annotation), body))
        return self._there(annotation)

    def delete(self, annotation: str) -> None:
        try:
            _read(self.grafana.delete(int(annotation)))
        except NotFound:
            return

    def _there(self, annotation: str) -> Annotation:
        found = self.get(annotation)
        if found is None:
            raise NotFound(f"Grafana has no annotation {annotation}.")
        return found


def _read(answer: Answer) -> Any:
    status, said = answer
    if status == 404:
        raise NotFound("Grafana has no such thing.")
    if status == 403:
        raise GrafanaRefused("Grafana denies the right to do this. It needs annotations:….")
    if status >= 500:
        raise GrafanaUnavailable(f"Grafana is busy ({said}).")
    if status >= 300:
        raise GrafanaRefused(f"Grafana refused ({said}).")
    return said


def _body(mark: Mark, rid: str) -> dict[str, Any]:
    tags = [*mark.tags, *([f"rid:{rid}"] if rid else [])]
    length = len(json.dumps(tags, ensure_ascii=False, separators=(",", ":")).encode())
    if length > TAGS_LENGTH or any(len(part) > 100 for tag in tags for part in tag.split(":", 1)):
        raise GrafanaRefused(f"Grafana keeps no tags that are too long: {tags}.")
    start = mark.start // MS
    end = max(-(-mark.stop // MS), start + 1)
    return {"time": start, "timeEnd": end, "text": mark.text, "tags": tags}


def _annotation(item: Mapping[str, Any]) -> Annotation:
    tags = item["tags"] or []
    rids = [tag.removeprefix("rid:") for tag in tags if tag.startswith("rid:")]
    return Annotation(
        id=str(item["id"]),
        start=item["time"] * MS,
        stop=item["timeEnd"] * MS,
        text=item["text"],
        tags=tuple(tag for tag in tags if not tag.startswith("rid:")),
        author=item["login"],
        dashboard=item["dashboardUID"],
        updated=item["updated"],
        rid=rids[0] if rids else "",
    )
