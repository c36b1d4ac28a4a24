"""The datasources of ours, as Grafana's files and its API take them.

Secrets never stand in them: a file names the variables of Grafana's own environment.
"""

from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from backend.grafana.names import SERVICE
from backend.grafana.sources import infinity, simpod

Datasource = dict[str, Any]


@dataclass(frozen=True)
class Access:
    """How a datasource shows who it is: what is set stands in a variable or is the secret itself.

    Attributes:
        username: for InfluxDB 1.
        password: for InfluxDB 1.
        token: for InfluxDB 2 and 3, and for normalcy.
    """

    username: str = ""
    password: str = ""
    token: str = ""


def influx(uid: str, name: str, store: str, reached_at: str | None, access: Access) -> Datasource:
    """A database of InfluxDB 1, 2 or 3, asked in InfluxQL.

    Args:
        uid: of the datasource.
        name: of the datasource.
        store: URL of the store as normalcy has it, `influxdb://host:8086/database`.
        reached_at: where Grafana's server reaches it, if elsewhere.
        access: credentials.
    """
    parts = urlsplit(store)
    scheme = "https" if parts.scheme == "influxdb+https" else "http"
    database, *_policy = [unquote(part) for part in parts.path.split("/") if part]
    host = parts.netloc if parts.port else f"{parts.netloc}:8086"
    made: Datasource = {
        "name": name,
        "uid": uid,
        "type": "influxdb",
        "access": "proxy",
        "url": reached_at or f"{scheme}://{host}",
        # Grafana 9.3 reads the first of the two, newer ones the second.
        "database": database,
        # By POST some answers are lost on their way through Grafana's proxy (seen with 9.3.2).
        "jsonData": {"dbName": database, "httpMode": "GET", "timeInterval": "1s"},
    }
    if access.token:
        made["jsonData"]["httpHeaderName1"] = "Authorization"
        made["secureJsonData"] = {"httpHeaderValue1": f"Token {access.token}"}
    elif access.username:
        made |= {"user": access.username, "secureJsonData": {"password": access.password}}
    return made


def service(plugin: str, url: str, token: str) -> Datasource:
    """Normalcy itself, by a plugin that reads JSON.

    Args:
        plugin: `simpod` or `infinity`.
        url: where Grafana's server reaches normalcy.
        token: of normalcy; empty where it has none.
    """
    secret = {"secureJsonData": {"httpHeaderValue1": token}} if token else {}
    header = {"httpHeaderName1": "X-Api-Key"} if token else {}
    common = {"name": "normalcy", "uid": SERVICE, "access": "proxy", **secret}
    if plugin == "simpod":
        return {**common, "type": simpod.PLUGIN, "url": f"{url}/grafana", "jsonData": header}
    more = {
        "allowedHosts": [url],
        "customHealthCheckEnabled": True,
        "customHealthCheckUrl": f"{url}/healthz",
    }
    return {**common, "type": infinity.PLUGIN, "url": url, "jsonData": {**header, **more}}
