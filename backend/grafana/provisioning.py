"""Everything that normalcy makes in a Grafana, from what normalcy itself is told."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

from backend.exceptions import ConfigurationError
from backend.grafana import datasources
from backend.grafana.checking import check
from backend.grafana.dashboards import all_dashboards
from backend.grafana.datasources import Access
from backend.grafana.names import ALERT_FOLDER, RESULTS, SENSORS
from backend.grafana.rules import Watched, interval_s, rules_of
from backend.grafana.sources import InfinitySource, InfluxSource, Service, SimpodSource, Source
from backend.records import LabelKind
from backend.specs import DetectorSpec

INFINITY_SINCE = (10, 4)
"""From this Grafana on normalcy is read by Infinity, before by the JSON datasource of simpod."""


@dataclass(frozen=True)
class Store:
    """A store of series as Grafana reaches it.

    Attributes:
        url: as normalcy has it.
        reached_at: where Grafana's server reaches it, if elsewhere.
        access: what it shows.
    """

    url: str
    reached_at: str | None = None
    access: Access = field(default_factory=Access)

    @property
    def is_influx(self) -> bool:
        """Whether Grafana can read it."""
        return urlsplit(self.url).scheme != "embedded"

    @property
    def policy(self) -> str:
        """The retention policy, where it is not the database's default one."""
        names = [unquote(name) for name in urlsplit(self.url).path.split("/") if name]
        return names[1] if self.is_influx and len(names) > 1 else ""


@dataclass(frozen=True)
class Plan:
    """What there is to be shown, and to which Grafana.

    Attributes:
        specs: the detectors.
        source: where the sensors are.
        results: where the results are.
        version: major and minor of Grafana.
        plugin: `infinity`, `simpod` or `none`; `auto` chooses by version.
        pages: where browsers reach the pages of normalcy.
        service_url: where Grafana's server reaches them.
        token: of normalcy; empty where it has none.
        tags: the tag that makes an annotation a label, by kind.
    """

    specs: tuple[DetectorSpec, ...]
    source: Store
    results: Store
    version: tuple[int, int]
    plugin: str
    pages: str
    service_url: str
    token: str
    tags: Mapping[LabelKind, str]

    @property
    def reads_influx(self) -> bool:
        """Whether panels can read InfluxDB itself."""
        return self.source.is_influx and self.results.is_influx


@dataclass(frozen=True)
class Made:
    """What a Grafana is to hold.

    Attributes:
        datasources: as files and API take them.
        dashboards: each by its uid.
        rules: of all detectors, without folder and group.
        interval_s: how often the rules are evaluated.
    """

    datasources: tuple[dict[str, Any], ...]
    dashboards: tuple[dict[str, Any], ...]
    rules: tuple[dict[str, Any], ...]
    interval_s: int

    @property
    def group(self) -> str:
        """The name of the group that holds the rules."""
        return "normalcy"

    @property
    def folder(self) -> str:
        """The title of the folder that holds the rules."""
        return ALERT_FOLDER


def make(plan: Plan) -> Made:
    """Everything for a Grafana, checked as a whole.

    Raises:
        ConfigurationError: nothing can be read from an embedded store without a plugin.
        InputError: a name cannot stand in a query of Grafana.
    """
    plugin = _plugin(plan)
    service = _service_source(plugin)
    source: Source | None = service
    if plan.reads_influx:
        source = InfluxSource(plan.results.policy, plan.source.policy)
    if source is None:
        raise ConfigurationError(
            "an embedded store can be shown in Grafana only by a plugin that reads JSON: set "
            "grafana.json_datasource to infinity (Grafana 10.4 and newer) or simpod"
        )
    made = Made(
        tuple(_datasources(plan, plugin)),
        tuple(all_dashboards(plan.specs, source, service, plan.tags, plan.pages)),
        tuple(_rules(plan)),
        interval_s(plan.specs),
    )
    check(made.datasources, made.dashboards, made.rules, plan.specs)
    return made


def _plugin(plan: Plan) -> str:
    if plan.plugin == "auto":
        return "infinity" if plan.version >= INFINITY_SINCE else "simpod"
    return plan.plugin


def _service_source(plugin: str) -> Service | None:
    if plugin == "none":
        return None
    return SimpodSource() if plugin == "simpod" else InfinitySource()


def _datasources(plan: Plan, plugin: str) -> list[dict[str, Any]]:
    found = []
    stores = (
        (RESULTS, "normalcy results", plan.results),
        (SENSORS, "normalcy sensors", plan.source),
    )
    for uid, name, store in stores:
        if store.is_influx:
            made = datasources.influx(uid, name, store.url, store.reached_at, store.access)
            found.append(made)
    if plugin != "none":
        found.append(datasources.service(plugin, plan.service_url, plan.token))
    return found


def _rules(plan: Plan) -> Sequence[dict[str, Any]]:
    if not plan.results.is_influx:
        # They would have to read by a plugin, and then stand still with it.
        return ()
    watched = [Watched(spec, plan.pages, plan.results.policy) for spec in plan.specs]
    return [rule for one in watched for rule in rules_of(one)]
