from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from textwrap import dedent

import pytest

from backend.exceptions import ConfigurationError
from backend.ports import Credentials
from backend.records import LabelKind
from backend.settings import Settings, load, require_token
from backend.specs.times import parse_time
from backend.stores.influx.address import SCHEMES

GOOD = """
store: influxdb://localhost:8086/sensors
detectors:
  gas-room:
    measurement: air
    channels: [temp, NO]
    where: {site: plant-1}
    group_by: [room]
    every: 10m
    judge_when: "NO > 0"
    model: {kind: lstm_autoencoder, window: 12, units: [32, {dense: 4}]}
    threshold: {kind: budget, alarms: 5/week}
    alarm: {for: 3}
    schedule: {retrain: "0 3 * * 1-5", score: 1m, timezone: Europe/Berlin}
    labels:
      - {kind: normal, from: 2026-03-01, to: 2026-03-02T12:00:00Z, tags: {room: "007"}, note: calm}
"""


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def read(text: str, **environ: str) -> Settings:
    file = Path("normalcy.yaml").absolute()
    file.write_text(dedent(text).lstrip("\n"), encoding="utf-8")
    return load({"NORMALCY_HOME": "/home/n", **environ})


def refused(text: str, **environ: str) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        read(text, **environ)
    return [str(problem) for problem in caught.value.problems]


def detector(lines: str) -> str:
    """A detector `d` with the keys it needs in lines 3 to 5, and `lines` from line 6 on."""
    head = "detectors:\n  d:\n    measurement: m\n    channels: [a, b]\n    every: 1m\n"
    return head + "".join(f"    {line}\n" for line in dedent(lines).strip("\n").splitlines())


# -- what is read ----------------------------------------------------------------------------------


def test_without_a_file_everything_lies_embedded_under_home() -> None:
    settings = load({"NORMALCY_HOME": "/home/n"})

    assert settings.store == "embedded:///home/n/store"
    assert settings.results == "embedded:///home/n/store/results"
    assert settings.records == "sqlite:////home/n/records.sqlite3"
    assert settings.artifacts == Path("/home/n/artifacts")
    assert settings.detectors == {}
    assert settings.config is None


def test_the_default_home_is_the_users_data_directory() -> None:
    assert load({}).home.name == "normalcy"


def test_a_whole_file() -> None:
    settings = read(GOOD)

    spec = settings.detectors["gas-room"]
    assert spec.channels == ("temp", "NO")
    assert spec.every == timedelta(minutes=10)
    assert settings.results == "influxdb://localhost:8086/normalcy"
    assert settings.config == Path("normalcy.yaml").absolute()


def test_a_label_without_an_offset_is_in_the_time_zone_of_the_schedule() -> None:
    (label,) = read(GOOD).labels

    assert label.detector == "gas-room"
    assert label.kind is LabelKind.NORMAL
    assert label.start == parse_time("2026-02-28T23:00:00Z")
    assert label.stop == parse_time("2026-03-02T12:00:00Z")
    assert label.tags == {"room": "007"}
    assert label.note == "calm"


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "---\n", "~\n"])
def test_an_empty_file_is_all_defaults(text: str) -> None:
    assert read(text).detectors == {}


def test_an_empty_list_of_detectors_is_none_yet() -> None:
    assert read("detectors:\n").detectors == {}


def test_the_environment_wins_over_the_file() -> None:
    settings = read(
        """
        home: elsewhere
        store: influxdb://file:8086/sensors
        web: {host: 127.0.0.2, port: 1000}
        """,
        NORMALCY_STORE="influxdb+https://host/sensors?ca=/ca.pem",
        NORMALCY_RESULTS="embedded:///results",
        NORMALCY_HOST="0.0.0.0",
        NORMALCY_PORT="8000",
        NORMALCY_RECORDS_URL="postgresql://u:p@host/records",
    )

    assert settings.home == Path("/home/n")
    assert settings.store == "influxdb+https://host/sensors?ca=/ca.pem"
    assert settings.results == "embedded:///results"
    assert (settings.web.host, settings.web.port) == ("0.0.0.0", 8000)
    assert settings.records == "postgresql://u:p@host/records"


def test_empty_variables_count_as_not_set() -> None:
    assert read("web: {port: 1000}", NORMALCY_PORT="", NORMALCY_TOKEN="").web.port == 1000


def test_the_home_of_a_file_is_relative_to_the_file(tmp_path: Path) -> None:
    Path("normalcy.yaml").write_text("home: data\n", encoding="utf-8")

    assert load({}).home == tmp_path / "data"


def test_results_keep_the_options_of_the_server() -> None:
    settings = read("store: influxdb+https://host/sensors/week?ca=/ca.pem")

    assert settings.results == "influxdb+https://host/normalcy?ca=/ca.pem"


def test_merge_keys_and_aliases_are_understood() -> None:
    settings = read(
        """
        detectors:
          one: &one {measurement: m, channels: [a], every: 1m}
          two: {<<: *one, every: 2m}
          three: {<<: *one, every: 3m}
        """
    )

    assert [spec.every.seconds for spec in settings.detectors.values()] == [60, 120, 180]


def test_loading_again_reads_again() -> None:
    first = read("store: embedded:///one")
    second = read("store: embedded:///two")

    assert (first.store, second.store) == ("embedded:///one", "embedded:///two")


# -- secrets ---------------------------------------------------------------------------------------


def test_results_use_the_stores_credentials_unless_they_have_their_own() -> None:
    store = {"NORMALCY_STORE_USERNAME": "u", "NORMALCY_STORE_PASSWORD": "p"}

    assert load(store).results_credentials == Credentials("u", "p")
    assert load({**store, "NORMALCY_RESULTS_TOKEN": "t"}).results_credentials == Credentials(
        token="t"
    )


def test_a_secret_may_come_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("secret\n", encoding="utf-8")

    assert load({"NORMALCY_TOKEN_FILE": str(tmp_path / "token")}).web.token == "secret"


def test_secrets_do_not_show_in_a_repr() -> None:
    settings = load(
        {
            "NORMALCY_TOKEN": "hush",
            "NORMALCY_STORE_TOKEN": "hush",
            "NORMALCY_RECORDS_URL": "postgresql://u:hush@host/r",
        }
    )

    assert "hush" not in repr(settings)


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"NORMALCY_TOKEN_FILE": "none"}, "NORMALCY_TOKEN_FILE: none cannot be read: No such file"),
        ({"NORMALCY_TOKEN_FILE": "empty"}, "NORMALCY_TOKEN_FILE: empty is empty, expected"),
        (
            {"NORMALCY_TOKEN_FILE": "empty", "NORMALCY_TOKEN": "t"},
            "NORMALCY_TOKEN_FILE: expected this or NORMALCY_TOKEN, both are set",
        ),
        (
            {"NORMALCY_STORE_PASSWORD": "p"},
            "NORMALCY_STORE_PASSWORD: is set without NORMALCY_STORE_USERNAME",
        ),
        (
            {"NORMALCY_PORT": "tcp://10.0.0.1:80"},
            "NORMALCY_PORT: expected a port from 1 to 65535, got 'tcp://10.0.0.1:80'",
        ),
        (
            {"NORMALCY_STORE": "http://localhost:8086"},
            "NORMALCY_STORE: expected embedded:///path or influxdb://host:8086/database "
            "(influxdb+https:// for TLS), got 'http://localhost:8086'",
        ),
        (
            {"NORMALCY_STORE": "influxdb://u:hush@host/db"},
            "NORMALCY_STORE: no secret may stand in the URL: set NORMALCY_STORE_USERNAME and "
            "NORMALCY_STORE_PASSWORD, or NORMALCY_STORE_TOKEN",
        ),
    ],
)
def test_what_the_environment_cannot_be(environ: dict[str, str], expected: str) -> None:
    Path("empty").touch()

    with pytest.raises(ConfigurationError) as caught:
        load(environ)

    assert any(str(problem).startswith(expected) for problem in caught.value.problems)
    assert "hush" not in str(caught.value)


# -- the file as a whole ---------------------------------------------------------------------------


def test_a_named_file_that_is_missing() -> None:
    with pytest.raises(ConfigurationError, match=r"NORMALCY_CONFIG names .*other\.yaml, which is"):
        load({"NORMALCY_CONFIG": "other.yaml"})


def test_a_file_that_is_not_text() -> None:
    Path("normalcy.yaml").write_bytes(b"store: \xff\xfe")

    with pytest.raises(ConfigurationError, match="is not text in UTF-8"):
        load({})


ALIASES = "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 10)}]\n" for before, name in pairwise("abcdef")
)
"""Each line ten times the one before."""


def test_a_file_nested_too_deeply(tmp_path: Path) -> None:
    file = tmp_path / "normalcy.yaml"
    file.write_text("[" * 5000, encoding="utf-8")

    with pytest.raises(ConfigurationError, match="nested too deeply"):
        load({"NORMALCY_CONFIG": str(file)})


@pytest.mark.parametrize("text", ["0001-01-01", "1677-12-31", "2262-01-01", "9999-12-31T23:59Z"])
def test_times_that_no_store_can_hold(text: str) -> None:
    with pytest.raises(ValueError, match="in the years 1678 to 2261"):
        parse_time(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("store: [a\nresults: b\n", "line 2, column 8: while parsing a flow sequence, expected"),
        ("store: a\n\tresults: b\n", "line 2, column 1: while scanning for the next token, found"),
        ("- a\n- b\n", "line 1, column 1: expected keys such as store: and detectors: at the top"),
        ("just words\n", "line 1, column 1: expected keys such as store:"),
        ("a: 1\n---\nb: 2\n", "line 2, column 1: expected a single document"),
        ("? [a, b]\n: c\n", "line 1, column 3: expected a plain name before the colon"),
        ("store: &x {a: *x}\n", "line 1, column 8: an alias cannot stand inside its own anchor"),
        ("store: !!python/object:os.system x\n", "line 1, column 8: could not determine"),
        ("a: &a [x, x]\n" + ALIASES, "line 1, column 11: expected at most 100000 values"),
    ],
)
def test_what_is_not_yaml(text: str, expected: str) -> None:
    (problem,) = refused(text)

    assert problem.startswith(expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("stor: a", "line 1, stor: unknown key; did you mean store?"),
        (
            "colour: a",
            "line 1, colour: unknown key; expected one of audit, detectors, ",
        ),
        (
            "store: embedded:///a\nstore: embedded:///b",
            "line 2, store: this key stands in line 1 already",
        ),
        ("store: 5", "line 1, store: expected text (numbers and true or false need quotes), got 5"),
        (
            "store: influx://h/db",
            "line 1, store: expected embedded:///path or influxdb://host:8086/database "
            "(influxdb+https:// for TLS), got 'influx://h/db'",
        ),
        (
            "store: influxdb://h:8086",
            "line 1, store: expected a server and a database as in "
            "influxdb://host:8086/database, got 'influxdb://h:8086'",
        ),
        ("store: influxdb://h:x/db", "line 1, store: expected a URL: its server or port"),
        (
            "store: influxdb://u:hush/word@h/db",
            "line 1, store: expected a URL: its server or port cannot be read",
        ),
        (
            "store: embedded://data",
            "line 1, store: expected three slashes and a directory as in "
            "embedded:///var/lib/normalcy, got 'embedded://data'",
        ),
        (
            "results: influxdb://h/db?token=hush",
            "line 1, results: no secret may stand in the URL: set NORMALCY_RESULTS_USERNAME and "
            "NORMALCY_RESULTS_PASSWORD, or NORMALCY_RESULTS_TOKEN",
        ),
        (
            "records: mysql://u:hush@host/db",
            "line 1, records: expected sqlite:////path/records.sqlite3 or "
            "postgresql://host/database, got 'mysql://host/db'",
        ),
        (
            "records: postgresql://u:hush@host/db",
            "line 1, records: no password may stand in the file: set the whole URL by "
            "NORMALCY_RECORDS_URL",
        ),
        ("web: {port: 0}", "line 1, web.port: expected at least 1, got 0"),
        (
            "web: {token: hush}",
            "line 1, web.token: unknown key; expected one of host, oidc, port, ",
        ),
        ("web: here", "line 1, web: expected keys with values, got 'here'"),
        ("detectors: [a]", "line 1, detectors: expected a name for each detector, then a colon"),
        (
            "detectors:\n  d:",
            "line 2, detectors.d: expected keys such as measurement, channels and every below "
            "the name",
        ),
        (
            "detectors:\n  a b: {measurement: m, channels: [a], every: 1m}",
            "line 2, detectors.a b: expected 1 to 63 letters, digits, '_', '.' or '-', starting "
            "with a letter or digit",
        ),
        (
            "detectors:\n  d:\n    channels: [a]\n    every: 1m",
            "line 2, detectors.d.measurement: is missing",
        ),
    ],
)
def test_a_mistake_at_the_top(text: str, expected: str) -> None:
    (problem,) = refused(text)

    assert problem.startswith(expected)
    assert "hush" not in problem


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("chanels: [a]", "line 6, detectors.d.chanels: unknown key; did you mean channels?"),
        ("name: x", "line 6, detectors.d.name: unknown key; "),
        (
            "settle: 10 minutes",
            "line 6, detectors.d.settle: expected a duration such as 90s, 10m or 1h30m, got "
            "'10 minutes'",
        ),
        (
            "where: {site: 1}",
            "line 6, detectors.d.where.site: expected text (numbers and true or false need "
            "quotes), got 1",
        ),
        ("group_by: room", "line 6, detectors.d.group_by: expected a list such as [a, b]"),
        ("scaling: max", "line 6, detectors.d.scaling: expected 'minmax', 'standard', 'robust' or"),
        (
            "model:\n  kind: lstm_autoencodr\n  window: 3",
            "line 7, detectors.d.model.kind: expected one of ",
        ),
        ("model:\n  window: 3", "line 6, detectors.d.model.kind: is missing: expected one of "),
        (
            "model:\n  kind: lstm_autoencoder\n  windw: 3",
            "line 8, detectors.d.model.windw: unknown key; did you mean window?",
        ),
        (
            "model:\n  kind: lstm_autoencoder\n  units: [8, x]",
            "line 8, detectors.d.model.units[1]: expected a whole number or keys with values, "
            "got 'x'",
        ),
        (
            "model:\n  kind: lstm_autoencoder\n  units:\n    - 8\n    - {dens: 4}",
            "line 10, detectors.d.model.units[1].dens: unknown key; expected 'lstm' or 'dense'",
        ),
        (
            "model: {kind: dense_autoencoder, window: 0}",
            "line 6, detectors.d.model.window: expected at least 1, got 0",
        ),
        ("threshold: {kind: fixed}", "line 6, detectors.d.threshold.value: is missing"),
        (
            "threshold: {kind: budget, alarms: few}",
            "line 6, detectors.d.threshold.alarms: expected a rate such as 5/week or 1/month",
        ),
        ("alarm: {fr: 3}", "line 6, detectors.d.alarm.fr: unknown key; did you mean for?"),
        (
            "judge_when: lod > 0",
            "line 6, detectors.d.judge_when: 'lod' is not a channel of the detector",
        ),
        (
            'schedule: {retrain: "0 25 * * *"}',
            "line 6, detectors.d.schedule.retrain: expected five cron fields (minute, hour, day, "
            "month, weekday) such as '0 3 * * *', got '0 25 * * *'",
        ),
        (
            'schedule: {retrain: "0 3 * *"}',
            "line 6, detectors.d.schedule.retrain: expected five cron fields",
        ),
        (
            'schedule: {retrain: "0 3 * * 8"}',
            "line 6, detectors.d.schedule.retrain: expected five cron fields",
        ),
        (
            "schedule: {timezone: Europe/Berln}",
            "line 6, detectors.d.schedule.timezone: expected a time zone such as Europe/Berlin, "
            "got 'Europe/Berln'; did you mean Europe/Berlin?",
        ),
        ("labels: all", "line 6, detectors.d.labels: expected a list of labels, each with kind,"),
        (
            "labels:\n  - {kind: fine, from: 2026-01-01, to: 2026-01-02}",
            "line 7, detectors.d.labels[0].kind: expected 'normal', 'anomaly' or 'exclude', got",
        ),
        (
            "labels:\n  - kind: normal\n    from: 2026-01-01",
            "line 7, detectors.d.labels[0].to: is missing: expected the first moment after the",
        ),
        (
            "labels:\n  - kind: normal\n    from: 2026-01-01\n    to: later",
            "line 9, detectors.d.labels[0].to: expected a time such as 2026-03-01T06:00 or",
        ),
        (
            "labels:\n  - kind: normal\n    from: 2026-01-01\n    to: 2026-01-01",
            "line 9, detectors.d.labels[0].to: expected a time after from, 2026-01-01",
        ),
        (
            "labels:\n  - {kind: normal, from: 2026-01-01, to: 2026-01-02, tags: {room: x}}",
            "line 7, detectors.d.labels[0].tags.room: expected a tag of group_by (which is empty)",
        ),
        (
            "labels:\n  - {kind: normal, from: 2026-01-01, to: 2026-01-02}\n"
            "  - {kind: anomaly, from: 2026-01-01T00:00Z, to: 2026-01-02}",
            "line 8, detectors.d.labels[1]: anomaly contradicts normal in line 7: same range",
        ),
    ],
)
def test_a_mistake_in_a_detector(lines: str, expected: str) -> None:
    (problem,) = refused(detector(lines))

    assert problem.startswith(expected)


def test_labels_that_do_not_contradict() -> None:
    settings = read(
        detector(
            """
            group_by: [room]
            labels:
              - {kind: normal, from: 2026-01-01, to: 2026-01-03}
              - {kind: anomaly, from: 2026-01-01, to: 2026-01-02}
              - {kind: exclude, from: 2026-01-01, to: 2026-01-03}
              - {kind: anomaly, from: 2026-01-01, to: 2026-01-03, tags: {room: a}}
            """
        )
    )

    assert len(settings.labels) == 4


def test_every_mistake_is_told_at_once_in_the_order_of_the_lines() -> None:
    problems = refused(
        """
        store: influx://localhost/sensors
        resluts: influxdb://localhost/normalcy
        web: {port: 99999}
        detectors:
          one:
            measurement: air
            chanels: [temp]
            every: 10 minutes
            every: 10m
            model: {kind: lstm_autoencoder, epochs: many}
            schedule: {retrain: never, timezone: Berlin}
          two:
            measurement: water
            channels: [a, a]
            every: 0
            judge_when: b > 0
            labels:
              - {kind: normal, from: yesterday, to: 2026-01-01}
        """,
        NORMALCY_PORT="x",
    )

    assert [problem.partition(": ")[0] for problem in problems] == [
        "NORMALCY_PORT",
        "line 1, store",
        "line 2, resluts",
        "line 3, web.port",
        "line 5, detectors.one.channels",
        "line 7, detectors.one.chanels",
        "line 9, detectors.one.every",
        "line 10, detectors.one.model.epochs",
        "line 11, detectors.one.schedule.retrain",
        "line 11, detectors.one.schedule.timezone",
        "line 15, detectors.two.every",
        "line 16, detectors.two.judge_when",
        "line 18, detectors.two.labels[0].from",
    ]


def test_the_message_counts_the_mistakes_and_names_the_file() -> None:
    with pytest.raises(ConfigurationError, match=r"normalcy\.yaml: 2 mistakes in the config"):
        read("a: 1\nb: 2")


# -- the token -------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "[::1]", "localhost"])
def test_this_machine_needs_no_token(host: str) -> None:
    settings = load({"NORMALCY_HOST": host})
    require_token(settings)
    assert settings.web.token is None


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "plant.example"])
def test_serving_beyond_this_machine_needs_a_token(host: str) -> None:
    with pytest.raises(ConfigurationError, match="NORMALCY_TOKEN"):
        require_token(load({"NORMALCY_HOST": host}))

    require_token(load({"NORMALCY_HOST": host, "NORMALCY_TOKEN": "t"}))


def test_every_scheme_of_the_influx_store_is_accepted() -> None:
    for scheme in SCHEMES:
        assert load({"NORMALCY_STORE": f"{scheme}://host/db"}).store == f"{scheme}://host/db"


# -- Grafana ---------------------------------------------------------------------------------------


def test_grafana_is_described_by_the_file_and_the_environment() -> None:
    settings = read(
        """
        web: {url: "https://normalcy.example/"}
        grafana:
          url: http://grafana:3000/
          version: "9.3.2"
          json_datasource: simpod
          results_url: http://influxdb:8086
          labels: {every: 30s, tags: {normal: quiet}, write_back: true}
        """,
        NORMALCY_GRAFANA_TOKEN="hush",
    )

    grafana = settings.grafana
    assert (grafana.url, grafana.version) == ("http://grafana:3000", (9, 3))
    assert (grafana.json_datasource, grafana.results_url) == ("simpod", "http://influxdb:8086")
    assert grafana.credentials == Credentials(token="hush")
    assert grafana.labels.every == timedelta(seconds=30)
    assert dict(grafana.labels.tags) == {
        LabelKind.NORMAL: "quiet",
        LabelKind.ANOMALY: "anomaly",
        LabelKind.EXCLUDE: "exclude",
    }
    assert grafana.labels.write_back
    assert not grafana.labels.write_events
    assert settings.web.url == "https://normalcy.example"
    assert "hush" not in repr(settings)


def test_the_environment_names_another_grafana() -> None:
    settings = read(
        "grafana: {url: http://one:3000}",
        NORMALCY_GRAFANA_URL="http://two:3000",
        NORMALCY_URL="http://plant:8087",
    )

    assert settings.grafana.url == "http://two:3000"
    assert settings.web.url == "http://plant:8087"


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:8087"),
        ("0.0.0.0", "http://localhost:8087"),
        ("::", "http://localhost:8087"),
        ("::1", "http://[::1]:8087"),
        ("plant.example", "http://plant.example:8087"),
    ],
)
def test_links_begin_with_where_the_pages_listen_unless_told(host: str, url: str) -> None:
    assert read("", NORMALCY_HOST=host).web.url == url


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("grafana: {url: grafana}", "line 1, grafana.url: expected an address such as http://"),
        ("grafana: {url: http://a:b@g}", "line 1, grafana.url: no user or password may stand"),
        ("grafana: {version: 11}", "line 1, grafana.version: expected text (numbers"),
        ('grafana: {version: "8.5"}', "line 1, grafana.version: expected 9.3 or newer"),
        ("grafana: {json_datasource: x}", "line 1, grafana.json_datasource: expected 'auto', "),
        ("grafana: {labels: {every: 1s}}", "line 1, grafana.labels.every: "),
        ("grafana: {labels: {tags: {normal: anomaly}}}", "line 1, grafana.labels.tags: expected "),
        ("grafana: {labels: {tags: {normal: a b}}}", "line 1, grafana.labels.tags.normal: "),
        ("grafana: {token: x}", "line 1, grafana.token: unknown key; expected one of dashboards, "),
        ("web: {url: ftp://x}", "line 1, web.url: expected an address such as http://"),
    ],
)
def test_a_mistake_about_grafana(text: str, expected: str) -> None:
    (problem,) = refused(text)

    assert problem.startswith(expected)


def test_a_wrong_address_in_the_environment_is_told() -> None:
    assert refused("", NORMALCY_GRAFANA_URL="grafana") == [
        "NORMALCY_GRAFANA_URL: expected an address such as http://grafana:3000"
    ]
