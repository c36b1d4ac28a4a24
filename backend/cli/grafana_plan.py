"""From the configuration to what a Grafana is to hold."""

from collections.abc import Sequence

from backend.grafana.datasources import Access
from backend.grafana.provisioning import Plan, Store
from backend.grafana.syncing import Facts
from backend.ports import Credentials
from backend.settings import Settings
from backend.specs import DetectorSpec


def for_files(settings: Settings, specs: Sequence[DetectorSpec], version: tuple[int, int]) -> Plan:
    """What files are made of: secrets stand in them as variables of Grafana's environment."""
    own = settings.results_credentials != settings.store_credentials
    results = "NORMALCY_RESULTS" if own else "NORMALCY_STORE"
    return _plan(
        settings,
        specs,
        Facts(version, settings.grafana.json_datasource),
        _named("NORMALCY_STORE", settings.store_credentials),
        _named(results, settings.results_credentials),
        "$NORMALCY_TOKEN" if settings.web.token else "",
    )


def for_api(settings: Settings, specs: Sequence[DetectorSpec], facts: Facts) -> Plan:
    """What is sent to a Grafana that runs, with the secrets themselves."""
    asked = settings.grafana.json_datasource
    plugin = facts.plugin if asked == "auto" else asked
    return _plan(
        settings,
        specs,
        Facts(facts.version, plugin),
        _shown(settings.store_credentials),
        _shown(settings.results_credentials),
        settings.web.token or "",
    )


def _plan(
    settings: Settings,
    specs: Sequence[DetectorSpec],
    facts: Facts,
    source: Access,
    results: Access,
    token: str,
) -> Plan:
    grafana = settings.grafana
    return Plan(
        specs=tuple(specs),
        source=Store(settings.store, grafana.store_url, source),
        results=Store(settings.results, grafana.results_url or grafana.store_url, results),
        version=facts.version,
        plugin=facts.plugin,
        pages=settings.web.url,
        service_url=grafana.normalcy_url or settings.web.url,
        token=token,
        tags=grafana.labels.tags,
    )


def _named(variable: str, held: Credentials) -> Access:
    """The variables of the environment that the credentials come from."""
    return Access(
        f"${variable}_USERNAME" if held.username else "",
        f"${variable}_PASSWORD" if held.password else "",
        f"${variable}_TOKEN" if held.token else "",
    )


def _shown(held: Credentials) -> Access:
    return Access(held.username or "", held.password or "", held.token or "")
