"""Encrypted connections: whom the store trusts, and what it shows of itself."""

import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import trustme

from backend.exceptions import StoreRefused
from backend.ports import Credentials, Points, Query
from backend.stores.opening import open_series_store
from tests.servers.influxdb import InfluxServer, require_influxd
from tests.servers.stub import Answer, StubServer

T0 = 1_700_000_000_000_000_000
LISTED = Answer(
    200,
    b'{"results":[{"statement_id":0,"series":[{"columns":["name"],"values":[["air"]]}]}]}',
    {"Content-Type": "application/json"},
)


@dataclass(frozen=True)
class Files:
    """A plant's own authority, a server's certificate and a client's."""

    authority: Path
    server: Path
    client: Path
    client_key: Path
    stranger: Path


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    directory = tmp_path_factory.mktemp("certificates")
    plant, other = trustme.CA(), trustme.CA()
    server, client = plant.issue_cert("127.0.0.1"), plant.issue_cert("normalcy@plant")
    made = Files(
        *(directory / f"{name}.pem" for name in ("ca", "server", "client", "key", "other"))
    )
    plant.cert_pem.write_to_path(str(made.authority))
    other.cert_pem.write_to_path(str(made.stranger))
    server.private_key_and_cert_chain_pem.write_to_path(str(made.server))
    made.server.chmod(0o600)  # newer servers take no key that others could read
    client.cert_chain_pems[0].write_to_path(str(made.client))
    client.private_key_pem.write_to_path(str(made.client_key))
    return made


@pytest.fixture(scope="module")
def encrypted(
    files: Files, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[InfluxServer, str]]:
    """A real InfluxDB that speaks HTTPS, and the name of a database."""
    require_influxd()
    with InfluxServer(tmp_path_factory.mktemp("tls"), certificate=files.server) as server:
        yield server, server.store_url("plant")


@pytest.mark.influx
@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")
def test_a_server_of_an_authority_of_ones_own_is_read_and_written(
    encrypted: tuple[InfluxServer, str], files: Files
) -> None:
    store = open_series_store(f"{encrypted[1]}?ca={files.authority}", Credentials(), create=True)
    row = Points({}, np.array([T0]), {"temp": np.array([1.5])})

    store.write("air", [row])
    (found,) = store.read(Query("air", ("temp",), T0, T0 + 1))

    assert found.fields["temp"].tolist() == [1.5]
    store.close()


@pytest.mark.influx
@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")
@pytest.mark.parametrize("option", ["", "?ca={stranger}"])
def test_a_server_that_is_not_trusted_is_refused_and_told_no_password(
    encrypted: tuple[InfluxServer, str], files: Files, option: str
) -> None:
    url = encrypted[1] + option.format(stranger=files.stranger)
    store = open_series_store(url, Credentials("boss", "secret"), create=False)

    with pytest.raises(StoreRefused, match=r"not trusted.*\?ca=FILE") as caught:
        store.ping()

    assert "secret" not in str(caught.value)
    store.close()


@pytest.fixture
def guarded(files: Files) -> Iterator[StubServer]:
    """A server that lets nobody in who shows no certificate of the plant."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.server)
    context.load_verify_locations(files.authority)
    context.verify_mode = ssl.CERT_REQUIRED
    with StubServer([LISTED], tls=context) as stub:
        yield stub


@pytest.mark.parametrize("apart", [True, False], ids=["two files", "one file"])
def test_a_client_shows_its_certificate(
    guarded: StubServer, files: Files, tmp_path: Path, apart: bool
) -> None:
    both = tmp_path / "both.pem"
    both.write_text(files.client_key.read_text() + files.client.read_text())
    shown = f"cert={files.client}&key={files.client_key}" if apart else f"cert={both}"
    url = f"{guarded.store_url}?version=1&ca={files.authority}&{shown}"
    store = open_series_store(url, Credentials(), create=False)

    assert store.measurements() == ["air"]
    store.close()


def test_a_client_without_a_certificate_is_told_what_is_asked_for(
    guarded: StubServer, files: Files
) -> None:
    url = f"{guarded.store_url}?version=1&ca={files.authority}"
    store = open_series_store(url, Credentials(), create=False)

    with pytest.raises(StoreRefused, match="cert=FILE&key=FILE"):
        store.measurements()
    store.close()
