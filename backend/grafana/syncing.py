"""What a Grafana is to hold, brought there by its HTTP API: again and again without harm.

Only what carries one of our uids is touched, and of that only what a person or a file did not make.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from backend.exceptions import GrafanaRefused, NotFound
from backend.grafana.client import GrafanaClient
from backend.grafana.names import (
    ALERT_FOLDER,
    ALERT_FOLDER_UID,
    FOLDER,
    FOLDER_UID,
    TAG,
    is_ours,
)
from backend.grafana.provisioning import Made
from backend.grafana.sources import infinity, simpod
from backend.ports import Progress

_ADMIN = "the role Admin (a service account's token, or a user)"
_EDITOR = "the role Editor at least"

_FROM_FILE = "was provisioned from a file: change it there"
_FOREIGN = "is not one that normalcy made: it is left alone"

Thing = Mapping[str, Any]


@dataclass(frozen=True)
class Synced:
    """What became of one thing.

    Attributes:
        kind: datasource, dashboard, rule or folder.
        name: its uid.
        what: created, changed, unchanged, removed or left.
        note: why it was left.
    """

    kind: str
    name: str
    what: str
    note: str = ""


@dataclass(frozen=True)
class Facts:
    """What is known of a Grafana before anything is made for it.

    Attributes:
        version: major and minor.
        plugin: the plugin for JSON that is installed: `infinity`, `simpod` or `none`.
    """

    version: tuple[int, int]
    plugin: str


def look(client: GrafanaClient) -> Facts:
    """Ask a Grafana what it is.

    Raises:
        GrafanaError: it does not answer, or not to us.
    """
    said = str(client.get("/api/health").get("version", ""))
    parts = said.split(".")
    if len(parts) < 2 or not (parts[0].isdigit() and parts[1].isdigit()):
        raise GrafanaRefused(f"Grafana at {client.url} does not tell its version ({said!r}).")
    installed = {one.get("id") for one in client.get("/api/plugins", needs=_EDITOR)}
    plugin = "infinity" if infinity.PLUGIN in installed else "none"
    plugin = "simpod" if plugin == "none" and simpod.PLUGIN in installed else plugin
    return Facts((int(parts[0]), int(parts[1])), plugin)


def sync(client: GrafanaClient, made: Made, progress: Progress) -> list[Synced]:
    """Bring a Grafana to what is wanted; things that are so already are not written.

    Raises:
        GrafanaError: it does not answer or refuses; what was done until then stays, and the next
            call goes on.
    """
    steps = len(made.datasources) + len(made.dashboards) + len(made.rules) + 2
    found: list[Synced] = []
    for number, one in enumerate(_steps(client, made), 1):
        found.append(one)
        progress(min(number / steps, 1.0), f"{one.kind} {one.name}")
    return found


def _steps(client: GrafanaClient, made: Made) -> Iterator[Synced]:
    for datasource in made.datasources:
        yield _datasource(client, datasource)
    folder = _folder(client, FOLDER_UID, FOLDER)
    for dashboard in made.dashboards:
        yield _dashboard(client, dashboard, folder)
    wanted = {dashboard["uid"] for dashboard in made.dashboards}
    yield from _stale_dashboards(client, wanted)
    yield from _rules(client, made)


# -- datasources -----------------------------------------------------------------------------------


def _datasource(client: GrafanaClient, wanted: Thing) -> Synced:
    uid = wanted["uid"]
    path = f"/api/datasources/uid/{uid}"
    present = _find(client, path, _ADMIN)
    if present is None:
        _refuse_namesake(client, wanted["name"])
        client.once("POST", "/api/datasources", wanted, needs=_ADMIN)
        return Synced("datasource", uid, "created")
    if present.get("readOnly"):
        return Synced("datasource", uid, "left", _FROM_FILE)
    secrets = dict.fromkeys(wanted.get("secureJsonData", ()), True)
    told = {name: value for name, value in wanted.items() if name != "secureJsonData"}
    if _holds(present, {**told, "secureJsonFields": secrets}) and not secrets:
        return Synced("datasource", uid, "unchanged")
    # What a secret is cannot be read back: it is written each time.
    client.put(path, wanted, needs=_ADMIN)
    return Synced("datasource", uid, "changed" if not secrets else "written")


def _refuse_namesake(client: GrafanaClient, name: str) -> None:
    """Grafana takes each name of a datasource once."""
    if (other := _find(client, f"/api/datasources/name/{quote(name)}", _ADMIN)) is not None:
        raise GrafanaRefused(
            f"Grafana at {client.url} holds a datasource {name!r} with the uid {other['uid']!r}, "
            "which normalcy did not make: rename or remove it."
        )


# -- dashboards ------------------------------------------------------------------------------------


def _folder(client: GrafanaClient, uid: str, title: str) -> str:
    """The uid of a folder, made where there is none of that uid or title."""
    if _find(client, f"/api/folders/{uid}", _EDITOR) is not None:
        return uid
    for folder in client.get("/api/folders", {"limit": 1000}, needs=_EDITOR):
        if folder["title"] == title:
            return str(folder["uid"])
    client.once("POST", "/api/folders", {"uid": uid, "title": title}, needs=_EDITOR)
    return uid


def _dashboard(client: GrafanaClient, wanted: Thing, folder: str) -> Synced:
    uid = wanted["uid"]
    present = _find(client, f"/api/dashboards/uid/{uid}", _EDITOR)
    if present is not None:
        if TAG not in present["dashboard"].get("tags", ()):
            return Synced("dashboard", uid, "left", _FOREIGN)
        if present["meta"].get("provisioned"):
            return Synced("dashboard", uid, "left", _FROM_FILE)
        if present["meta"].get("folderUid") == folder and _holds(present["dashboard"], wanted):
            return Synced("dashboard", uid, "unchanged")
    body = {"dashboard": wanted, "folderUid": folder, "overwrite": True, "message": "normalcy"}
    client.once("POST", "/api/dashboards/db", body, needs=_EDITOR)
    return Synced("dashboard", uid, "created" if present is None else "changed")


def _stale_dashboards(client: GrafanaClient, wanted: set[str]) -> Iterator[Synced]:
    asked: dict[str, str | int] = {"type": "dash-db", "tag": TAG, "limit": 5000}
    for one in client.get("/api/search", asked, needs=_EDITOR):
        uid = one["uid"]
        if is_ours(uid) and uid not in wanted:
            yield _removed_dashboard(client, uid)


def _removed_dashboard(client: GrafanaClient, uid: str) -> Synced:
    """Remove a dashboard, unless somebody has drawn on it: its annotations would go with it."""
    present = _find(client, f"/api/dashboards/uid/{uid}", _EDITOR)
    if present is None:
        return Synced("dashboard", uid, "unchanged")
    if present["meta"].get("provisioned"):
        return Synced("dashboard", uid, "left", _FROM_FILE)
    asked: dict[str, str | int] = {"dashboardUID": uid, "limit": 1, "type": "annotation"}
    drawn = client.get("/api/annotations", asked, needs=_EDITOR)
    if drawn:
        note = "is not needed any more, but somebody has drawn on it: delete it by hand"
        return Synced("dashboard", uid, "left", note)
    client.delete(f"/api/dashboards/uid/{uid}", needs=_EDITOR)
    return Synced("dashboard", uid, "removed")


# -- rules -----------------------------------------------------------------------------------------


def _rules(client: GrafanaClient, made: Made) -> Iterator[Synced]:
    present = _present_rules(client)
    if made.rules:
        folder = _folder(client, ALERT_FOLDER_UID, ALERT_FOLDER)
        for rule in made.rules:
            wanted = {**rule, "orgID": 1, "folderUID": folder, "ruleGroup": made.group}
            yield _rule(client, wanted, is_there=rule["uid"] in present)
        _set_interval(client, folder, made)
    needed = {rule["uid"] for rule in made.rules}
    for uid, place in sorted(present.items()):
        if place == ALERT_FOLDER and is_ours(uid) and uid not in needed:
            yield _removed_rule(client, uid)


def _present_rules(client: GrafanaClient) -> dict[str, str]:
    """Uid of every rule to the title of its folder.

    Asked one by one, Grafana 9.3 answers 500 for a rule that is not there.
    """
    folders = client.get("/api/ruler/grafana/api/v1/rules", needs=_EDITOR) or {}
    return {
        str(rule["grafana_alert"]["uid"]): str(folder)
        for folder, groups in folders.items()
        for group in groups
        for rule in group.get("rules", ())
        if "grafana_alert" in rule
    }


def _rule(client: GrafanaClient, wanted: Thing, *, is_there: bool) -> Synced:
    uid = wanted["uid"]
    path = f"/api/v1/provisioning/alert-rules/{uid}"
    if not is_there:
        client.once("POST", "/api/v1/provisioning/alert-rules", wanted, needs=_ADMIN)
        return Synced("rule", uid, "created")
    present = client.get(path, needs=_ADMIN)
    if present.get("provenance") == "file":
        return Synced("rule", uid, "left", _FROM_FILE)
    if _holds(present, {name: value for name, value in wanted.items() if name != "orgID"}):
        return Synced("rule", uid, "unchanged")
    client.put(path, wanted, needs=_ADMIN)
    return Synced("rule", uid, "changed")


def _set_interval(client: GrafanaClient, folder: str, made: Made) -> None:
    path = f"/api/v1/provisioning/folder/{folder}/rule-groups/{quote(made.group)}"
    group = _find(client, path, _ADMIN)
    if group is not None and group.get("interval") != made.interval_s:
        # The whole group is sent back: newer versions take what is missing for deleted.
        client.put(path, {**group, "interval": made.interval_s}, needs=_ADMIN)


def _removed_rule(client: GrafanaClient, uid: str) -> Synced:
    path = f"/api/v1/provisioning/alert-rules/{uid}"
    if client.get(path, needs=_ADMIN).get("provenance") == "file":
        return Synced("rule", uid, "left", _FROM_FILE)
    client.delete(path, needs=_ADMIN)
    return Synced("rule", uid, "removed")


# -- what they share -------------------------------------------------------------------------------


def _find(client: GrafanaClient, path: str, needs: str) -> Any:
    try:
        return client.get(path, needs=needs)
    except NotFound:
        return None


def _holds(present: Any, wanted: Any) -> bool:
    """Whether everything wanted is there; Grafana adds more of its own."""
    if isinstance(wanted, Mapping):
        return isinstance(present, Mapping) and all(
            name in present and _holds(present[name], value) for name, value in wanted.items()
        )
    if isinstance(wanted, Sequence) and not isinstance(wanted, str):
        same = isinstance(present, list) and len(present) == len(wanted)
        return same and all(_holds(a, b) for a, b in zip(present, wanted, strict=True))
    return bool(present == wanted)
