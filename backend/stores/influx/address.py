"""Where an InfluxDB is and who asks: `influxdb[+https]://[user:password@]host[:port]/db[/rp]`."""

from dataclasses import dataclass, field
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from backend.exceptions import ConfigurationError
from backend.ports import Credentials

SCHEMES = {"influxdb": "http", "influxdb+https": "https"}
_PORT = 8086
_EXPECTED = "expected influxdb://host:8086/database or influxdb+https://host/database"


@dataclass(frozen=True)
class Address:
    """One database of one server.

    Attributes:
        base_url: `http://host:port`, without secrets.
        database: name of the database.
        policy: retention policy; None is the database's default.
        credentials: of the caller.
        authority: file of the certificate authority to trust instead of the public ones (`?ca=`).
    """

    base_url: str
    database: str
    policy: str | None = None
    credentials: Credentials = field(default_factory=Credentials)
    authority: str | None = None

    def __str__(self) -> str:
        return f"InfluxDB at {self.base_url}"


def parse_address(url: str, credentials: Credentials) -> Address:
    """Read a store's URL; given credentials win over those in the URL.

    Raises:
        ConfigurationError: the URL is not one of an InfluxDB; the text shows no password.
    """
    try:
        parts = urlsplit(url)
        port = parts.port or _PORT
    except ValueError as error:
        raise ConfigurationError(f"the store's URL is not valid ({error}); {_EXPECTED}") from error
    names = [unquote(name) for name in parts.path.split("/") if name]
    if parts.scheme not in SCHEMES or not parts.hostname or len(names) not in (1, 2):
        shown = f"{parts.scheme}://{parts.hostname or ''}{parts.path}"
        raise ConfigurationError(f"{shown!r} is not the URL of an InfluxDB database; {_EXPECTED}")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return Address(
        base_url=f"{SCHEMES[parts.scheme]}://{host}:{port}",
        database=names[0],
        policy=names[1] if len(names) == 2 else None,
        credentials=_credentials(parts, credentials),
        authority=_authority(parts),
    )


def _credentials(parts: SplitResult, given: Credentials) -> Credentials:
    username = unquote(parts.username) if parts.username else None
    password = unquote(parts.password) if parts.password else None
    return Credentials(given.username or username, given.password or password, given.token)


def _authority(parts: SplitResult) -> str | None:
    options = parse_qs(parts.query, keep_blank_values=True)
    unknown = sorted(set(options) - {"ca"})
    if unknown:
        raise ConfigurationError(
            f"the store's URL has unknown options {', '.join(unknown)}; the only one is ca=FILE"
        )
    return options["ca"][0] if "ca" in options else None
