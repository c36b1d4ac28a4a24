"""From a store's URL to the store."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

from backend.exceptions import ConfigurationError, NotFound
from backend.ports import Credentials, SeriesStore
from backend.stores.embedded import EmbeddedSeriesStore
from backend.stores.influx import InfluxSeriesStore
from backend.stores.influx.address import SCHEMES, parse_address

_EXPECTED = (
    "expected embedded:///directory, influxdb://host:8086/database or "
    "influxdb+https://host/database"
)


def open_series_store(url: str, credentials: Credentials, *, create: bool) -> SeriesStore:
    """Open a series store; nothing is touched or reached before its first use.

    Args:
        url: `embedded:///directory`, or as `influx.address` describes.
        credentials: of the caller; they win over those in the URL.
        create: let a missing database be created on first use. An embedded store always is.

    Raises:
        ConfigurationError: the URL is none of these.
    """
    scheme, separator, _ = url.partition("://")
    if scheme == "embedded":
        return EmbeddedSeriesStore(_directory(url))
    if scheme in SCHEMES:
        return InfluxSeriesStore(parse_address(url, credentials), create=create)
    shown = f"{scheme}://" if separator else "this"
    raise ConfigurationError(f"{shown} is not the URL of a series store; {_EXPECTED}")


def require_present(url: str) -> None:
    """Refuse the URL of an embedded store that was never written, which opening would create.

    Raises:
        NotFound: there is no such store.
        ConfigurationError: the URL is none of an embedded store.
    """
    if url.startswith("embedded:") and not EmbeddedSeriesStore(_directory(url)).exists():
        raise NotFound(f"there is no embedded store in {_directory(url)}: check the directory")


def embedded_store(url: str) -> EmbeddedSeriesStore | None:
    """The embedded store of a URL; None where it names another kind."""
    return EmbeddedSeriesStore(_directory(url)) if url.startswith("embedded:") else None


def embedded_directory(url: str) -> Path | None:
    """Where the embedded store of a URL lies; None where it names another kind."""
    return _directory(url) if url.startswith("embedded:") else None


def _directory(url: str) -> Path:
    parts = urlsplit(url)
    if parts.netloc or not parts.path.strip("/") or parts.query or parts.fragment:
        raise ConfigurationError(
            f"{url!r} does not name the directory of an embedded store; "
            "expected embedded:///absolute/directory, with three slashes"
        )
    return Path(unquote(parts.path))
