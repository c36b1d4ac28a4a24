"""A Grafana looked at from every side that normalcy needs; what is wrong is a finding."""

from collections.abc import Iterator, Sequence

from backend.exceptions import NormalcyError, NotFound
from backend.grafana.client import GrafanaClient
from backend.grafana.names import RESULTS, SENSORS
from backend.grafana.states import GrafanaRuleBook
from backend.grafana.syncing import look
from backend.ports import Finding

_MAKE = "normalcy grafana sync makes them"


def examine(client: GrafanaClient, detectors: Sequence[str]) -> list[Finding]:
    """Version, rights, datasources and alert rules; never raises.

    Args:
        client: of the Grafana.
        detectors: which should have rules.
    """
    first = _answers(client)
    return [first, *_rest(client, detectors)] if first.ok else [first]


def _rest(client: GrafanaClient, detectors: Sequence[str]) -> Iterator[Finding]:
    yield _annotations(client)
    for uid in (RESULTS, SENSORS):
        yield _datasource(client, uid)
    yield _rules(client, detectors)


def _answers(client: GrafanaClient) -> Finding:
    try:
        facts = look(client)
    except NormalcyError as error:
        return Finding("grafana", False, str(error))
    plugin = "no plugin for JSON" if facts.plugin == "none" else f"plugin for JSON: {facts.plugin}"
    version = ".".join(map(str, facts.version))
    return Finding("grafana", True, f"Grafana {version} at {client.url}, {plugin}")


def _annotations(client: GrafanaClient) -> Finding:
    what = "grafana: annotations"
    try:
        asked: dict[str, str | int] = {"limit": 1, "type": "annotation"}
        client.get("/api/annotations", asked, needs="the right to read annotations")
    except NormalcyError as error:
        return Finding(what, False, str(error))
    return Finding(what, True, "may be read")


def _datasource(client: GrafanaClient, uid: str) -> Finding:
    what = f"grafana: datasource {uid}"
    try:
        # Asked how it is, one that is not there is an error of Grafana's own.
        client.get(f"/api/datasources/uid/{uid}", needs="the role Admin")
        said = client.get(f"/api/datasources/uid/{uid}/health", needs="the role Admin")
    except NotFound:
        return Finding(what, True, f"is not there; {_MAKE} where the store is an InfluxDB")
    except NormalcyError as error:
        return Finding(what, False, str(error))
    is_well = str(said.get("status", "")).upper() == "OK"
    return Finding(what, is_well, "reads its database" if is_well else str(said.get("message")))


def _rules(client: GrafanaClient, detectors: Sequence[str]) -> Finding:
    what = "grafana: alert rules"
    try:
        states = GrafanaRuleBook(client).states()
    except NormalcyError as error:
        return Finding(what, False, str(error))
    if failing := [one for one in states if one.health == "error"]:
        one = failing[0]
        return Finding(what, False, f"{one.name} cannot be evaluated: {one.problem}")
    watched = {one.detector for one in states}
    without = [name for name in detectors if name not in watched]
    missing = f"; none for {', '.join(without)}: {_MAKE}" if without else ""
    return Finding(what, True, f"{len(states)} for {len(watched)} detectors{missing}")
