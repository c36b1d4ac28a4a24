"""Grafana's annotations, by the API that every version from 9 to 13 has."""

import json
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import quote

from backend.exceptions import GrafanaRefused, GrafanaUnavailable, NotFound
from backend.grafana.client import GrafanaClient, Parameters
from backend.ports import Annotation, Mark
from backend.services.label_words import RID, parted, rounded

LIMIT = 10_000
LONGEST_TAGS = 500
LONGEST_TAG = 100

_PATH = "/api/annotations"
_MILLISECOND = 1_000_000
_READ = "annotations:read, which the role Viewer has"
_CREATE = "annotations:create, which a service account of the role Editor has"
_WRITE = "annotations:write, which a service account of the role Editor has"
_DELETE = "annotations:delete, which a service account of the role Editor has"


class GrafanaAnnotations:
    """`AnnotationBook` of the organization that the credentials belong to."""

    def __init__(self, client: GrafanaClient, *, limit: int = LIMIT) -> None:
        """Nothing is reached yet.

        Args:
            client: the Grafana.
            limit: annotations asked for at once; as many mean that there may be more.
        """
        self._client = client
        self._limit = limit
        self._name: str | None = None

    def name(self) -> str:
        """Address and organization."""
        if self._name is None:
            organization = self._client.get("/api/org", needs="orgs:read")
            if not isinstance(organization, dict) or "id" not in organization:
                raise GrafanaRefused(f"{self._client.url} does not answer as a Grafana does.")
            self._name = f"{self._client.url}#{organization['id']}"
        return self._name

    def between(self, start: int, stop: int, tags: Sequence[str]) -> list[Annotation]:
        """All annotations that overlap a range and have any of these tags."""
        # Grafana heeds neither end unless both are above zero, and asks for overlap, ends included.
        first, last = max(start // _MILLISECOND, 1), max(-(-stop // _MILLISECOND), 1)
        # Regions that reach over the middle of a range that was halved come twice.
        found = {_number(item): item for item in self._items(first, last, tags)}
        annotations = [_annotation(item) for item in found.values() if not item.get("alertId")]
        return sorted(annotations, key=lambda one: (one.start, one.id))

    def get(self, annotation: str) -> Annotation | None:
        """One annotation."""
        try:
            return _annotation(self._client.get(_one(annotation), needs=_READ))
        except NotFound:
            return None

    def create(self, mark: Mark, rid: str) -> Annotation:
        """Write an annotation, once."""
        body = _body(mark, rid) | ({"dashboardUID": mark.dashboard} if mark.dashboard else {})
        for is_last in self._client.patience.tries():
            try:
                answer = self._client.once("POST", _PATH, body, needs=_CREATE)
                return self._checked(_number(answer), mark, rid)
            except GrafanaUnavailable:
                # The answer was lost, perhaps not the annotation.
                if (there := self._written(mark, rid)) is not None:
                    return there
                if is_last:
                    raise
        raise AssertionError("there is always a last try")

    def update(self, annotation: str, mark: Mark, rid: str) -> Annotation:
        """Let an annotation be this, all of it."""
        body = _body(mark, rid)
        self._make_known(set(mark.tags) - set(self._there(annotation).tags))
        # PATCH cannot take anything away; PUT keeps the end where it is sent none.
        self._client.put(_one(annotation), body, needs=_WRITE)
        return self._there(annotation)

    def delete(self, annotation: str) -> None:
        """Remove an annotation."""
        try:
            self._client.delete(_one(annotation), needs=_DELETE)
        except NotFound:
            return

    def _make_known(self, tags: set[str]) -> None:
        """Let Grafana keep tags that may be new to it.

        On SQLite, version 9.3 locks itself out when an edit brings one; a new annotation may.
        """
        if tags:
            body = {"text": "normalcy", "time": 1, "tags": sorted(tags)}
            self.delete(_number(self._client.once("POST", _PATH, body, needs=_CREATE)))

    def _items(self, first: int, last: int, tags: Sequence[str]) -> Iterator[dict[str, Any]]:
        """Items of `[first, last]` in milliseconds; those in both halves of a range come twice."""
        parameters: Parameters = {
            "from": first,
            "to": last,
            "type": "annotation",
            "tags": list(tags),
            "matchAny": "true",
            "limit": self._limit,
        }
        items = self._client.get(_PATH, parameters, needs=_READ)
        if not isinstance(items, list):
            raise GrafanaRefused(f"{self._client.url} does not list annotations as Grafana does.")
        if len(items) < self._limit:
            yield from items
        elif first < last:
            middle = (first + last) // 2
            yield from self._items(first, middle, tags)
            yield from self._items(middle + 1, last, tags)
        else:
            raise GrafanaRefused(
                f"Grafana holds {self._limit} annotations or more at one millisecond ({first} ms "
                f"since 1970) with the tags {', '.join(tags)}: not all of them can be read; remove "
                "some, or let labels have tags of their own."
            )

    def _written(self, mark: Mark, rid: str) -> Annotation | None:
        found = self.between(mark.start, mark.stop, [f"{RID}{rid}"])
        return next((one for one in found if one.rid == rid), None)

    def _checked(self, annotation: str, mark: Mark, rid: str) -> Annotation:
        """What was written; one that fell to the organization is taken away again."""
        if mark.dashboard is None:
            return self._there(annotation)
        # Asked for by its number, an annotation may not tell its dashboard.
        there = self._written(mark, rid)
        if there is None or there.dashboard != mark.dashboard:
            self.delete(annotation)
            raise GrafanaRefused(
                f"Grafana has no dashboard {mark.dashboard!r}: the annotation was not written."
            )
        return there

    def _there(self, annotation: str) -> Annotation:
        found = self.get(annotation)
        if found is None:
            raise NotFound(f"Grafana has no annotation {annotation}.")
        return found


def refuse_long(tags: Sequence[str]) -> None:
    """Refuse tags that Grafana could not keep.

    Raises:
        GrafanaRefused: one is too long, or all of them together are.
    """
    for tag in tags:
        if any(len(part.encode()) > LONGEST_TAG for part in tag.split(":", 1)):
            raise GrafanaRefused(
                f"Grafana keeps no tag of more than {LONGEST_TAG} characters: {tag[:40]!r}… is "
                "too long."
            )
    length = len(json.dumps(list(tags), ensure_ascii=False, separators=(",", ":")).encode())
    if length > LONGEST_TAGS:
        raise GrafanaRefused(
            f"The tags of one annotation take {length} characters, and Grafana keeps "
            f"{LONGEST_TAGS}: {', '.join(tags)[:100]}…"
        )


def _one(annotation: str) -> str:
    return f"{_PATH}/{quote(annotation, safe='')}"


def _body(mark: Mark, rid: str) -> dict[str, Any]:
    tags = [*mark.tags, *([f"{RID}{rid}"] if rid else [])]
    refuse_long(tags)
    start, stop = rounded(mark)
    return {
        "time": start // _MILLISECOND,
        "timeEnd": stop // _MILLISECOND,
        "text": mark.text,
        "tags": tags,
    }


def _number(item: Any) -> str:
    if not isinstance(item, dict) or "id" not in item:
        raise GrafanaRefused(f"Grafana answered with what is no annotation: {str(item)[:80]}")
    return str(item["id"])


def _annotation(item: Any) -> Annotation:
    number = _number(item)
    start = int(item.get("time") or 0)
    stop = max(int(item.get("timeEnd") or 0), start)
    tags, rid = parted(str(tag) for tag in item.get("tags") or ())
    return Annotation(
        id=number,
        start=start * _MILLISECOND,
        stop=stop * _MILLISECOND,
        text=str(item.get("text") or ""),
        tags=tags,
        author=str(item.get("login") or ""),
        dashboard=item.get("dashboardUID") or None,
        updated=int(item.get("updated") or 0),
        rid=rid,
    )
