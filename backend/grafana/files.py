"""What a Grafana is to hold as the files it loads at its start.

A folder is brought to what is wanted: files of ours that nobody wants any more are removed, rules
that are gone are named for Grafana to delete, and nothing else in it is touched.
"""

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from backend.exceptions import InputError
from backend.grafana.names import FOLDER, FOLDER_UID, PREFIX, TAG, is_ours
from backend.grafana.provisioning import Made
from backend.specs import format_duration, parse_duration

DASHBOARDS = Path("dashboards")
DATASOURCE_FILE = Path("provisioning/datasources/normalcy.yaml")
PROVIDER_FILE = Path("provisioning/dashboards/normalcy.yaml")
ALERTING_FILE = Path("provisioning/alerting/normalcy.yaml")

_HEADS = {
    DATASOURCE_FILE: "Where Grafana reads. Made by: normalcy grafana provision. Secrets are taken "
    "from the\n# environment of Grafana's own server.",
    PROVIDER_FILE: "Where Grafana finds the dashboards. Made by: normalcy grafana provision",
    ALERTING_FILE: "Alert rules of every detector. Made by: normalcy grafana provision. Where "
    "alerts go\n# is yours: contact points and policies are not touched.",
}


@dataclass(frozen=True)
class Change:
    """What becomes of a file: `written`, `unchanged` or `removed`."""

    path: Path
    what: str


def render(made: Made, dashboards_at: str, former_rules: frozenset[str]) -> dict[Path, str]:
    """Every file with what is to stand in it.

    Args:
        made: what Grafana is to hold.
        dashboards_at: where Grafana's server finds the files of the dashboards.
        former_rules: uids of rules that an earlier version of the files had.
    """
    rules = [rule["uid"] for rule in made.rules]
    gone = sorted(former_rules - set(rules))
    found = {
        DASHBOARDS / f"{one['uid']}.json": json.dumps(one, indent=2, ensure_ascii=False) + "\n"
        for one in made.dashboards
    }
    documents: Mapping[Path, Any] = {
        DATASOURCE_FILE: {
            "apiVersion": 1,
            "datasources": [_datasource(d) for d in made.datasources],
        },
        PROVIDER_FILE: {"apiVersion": 1, "providers": [_provider(dashboards_at)]},
        ALERTING_FILE: _alerting(made, gone),
    }
    return {**found, **{path: _yaml(path, document) for path, document in documents.items()}}


def provision(made: Made, folder: Path, dashboards_at: str) -> list[Change]:
    """Bring a folder to what is wanted.

    Raises:
        InputError: the folder cannot be written to, or holds a file of this name that is not ours.
    """
    files = render(made, dashboards_at, _former_rules(folder / ALERTING_FILE))
    try:
        stale = _stale(folder, files)
        changes = [_write(folder, path, text) for path, text in sorted(files.items())]
        for path in stale:
            (folder / path).unlink()
    except OSError as error:
        raise InputError(
            f"{error.filename or folder} cannot be written to ({error.strerror}): choose another "
            "--out, or see to its owner."
        ) from error
    return [*changes, *(Change(path, "removed") for path in stale)]


def _datasource(made: Mapping[str, Any]) -> dict[str, Any]:
    return {**made, "orgId": 1, "isDefault": False, "editable": False}


def _provider(dashboards_at: str) -> dict[str, Any]:
    return {
        "name": "normalcy",
        "orgId": 1,
        "folder": FOLDER,
        "folderUid": FOLDER_UID,
        "type": "file",
        # Operators draw their labels on these dashboards: losing a file must not delete them.
        "disableDeletion": True,
        "allowUiUpdates": False,
        "updateIntervalSeconds": 30,
        "options": {"path": dashboards_at},
    }


def _alerting(made: Made, gone: list[str]) -> dict[str, Any]:
    document: dict[str, Any] = {"apiVersion": 1}
    if made.rules:
        group = {
            "orgId": 1,
            "name": made.group,
            "folder": made.folder,
            "interval": format_duration(parse_duration(f"{made.interval_s}s")),
            "rules": list(made.rules),
        }
        document["groups"] = [group]
    if gone:
        # A rule that is only left out stays in Grafana for ever.
        document["deleteRules"] = [{"orgId": 1, "uid": uid} for uid in gone]
    return document


class _Dumper(yaml.SafeDumper):
    """Writes a value out each time: an anchor is hard to read, and saves nothing."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _yaml(path: Path, document: Any) -> str:
    text = yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100_000)
    return f"# {_HEADS[path]}\n{text}"


def _former_rules(file: Path) -> frozenset[str]:
    """The rules that the folder's file has or deletes."""
    try:
        document = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
        rules = [rule for group in document.get("groups", ()) for rule in group["rules"]]
        return frozenset(one["uid"] for one in [*rules, *document.get("deleteRules", ())])
    except (FileNotFoundError, NotADirectoryError):
        return frozenset()
    except (OSError, ValueError, yaml.YAMLError, TypeError, KeyError, AttributeError) as error:
        raise InputError(
            f"{file} is not a file of alert rules that can be read: move it away, or choose "
            "another --out."
        ) from error


def _stale(folder: Path, files: Mapping[Path, str]) -> list[Path]:
    """Dashboards of ours that nobody wants any more."""
    present = sorted((folder / DASHBOARDS).glob(f"{PREFIX}*.json"))
    return [
        DASHBOARDS / file.name
        for file in present
        if DASHBOARDS / file.name not in files and _is_made(file)
    ]


def _is_made(file: Path) -> bool:
    try:
        dashboard = json.loads(file.read_text(encoding="utf-8"))
        return is_ours(dashboard["uid"]) and TAG in dashboard["tags"]
    except (ValueError, KeyError, TypeError):
        return False


def _write(folder: Path, path: Path, text: str) -> Change:
    """Write a file whole or not at all; one that holds the same already is left as it is."""
    file = folder / path
    if file.is_file() and file.read_bytes() == text.encode():
        return Change(path, "unchanged")
    file.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=file.parent, delete=False, encoding="utf-8") as new:
        new.write(text)
    Path(new.name).chmod(0o644)
    Path(new.name).replace(file)
    return Change(path, "written")
