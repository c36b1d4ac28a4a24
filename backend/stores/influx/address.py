"""Where an InfluxDB is and who asks: `influxdb[+https]://host[:port]/database[/policy][?options]`.

On InfluxDB 2 the path names a bucket: `/plant` is the bucket `plant`, `/plant/raw` the bucket
`plant/raw`; on InfluxDB 3 a database.
"""

from dataclasses import dataclass, field
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from backend.exceptions import ConfigurationError
from backend.ports import Credentials

SCHEMES = {"influxdb": "http", "influxdb+https": "https"}
_PORT = 8086
_EXPECTED = "expected influxdb://host:8086/database or influxdb+https://host/database"
_OPTIONS = {
    "version": "1, 2 or 3, instead of asking the server",
    "org": "organization on InfluxDB 2",
    "ca": "file of the certificate authority to trust",
    "cert": "file of the client's certificate",
    "key": "file of the client's key",
}


@dataclass(frozen=True)
class Tls:
    """Files for an encrypted connection; None is the usual.

    Attributes:
        authority: certificate authority to trust instead of the public ones.
        certificate: to show to the server.
        key: of that certificate; None if it stands in the same file.
    """

    authority: str | None = None
    certificate: str | None = None
    key: str | None = None


@dataclass(frozen=True)
class Address:
    """One database of one server.

    Attributes:
        base_url: `http://host:port`, without secrets.
        database: name of the database.
        policy: retention policy; None is the database's default.
        credentials: of the caller.
        tls: files for `https`.
        version: the generation of InfluxDB (1, 2, 3); None asks the server.
        organization: on InfluxDB 2; None is the one of the token.
    """

    base_url: str
    database: str
    policy: str | None = None
    credentials: Credentials = field(default_factory=Credentials)
    tls: Tls = field(default_factory=Tls)
    version: int | None = None
    organization: str | None = None

    def __str__(self) -> str:
        return f"InfluxDB at {self.base_url}"

    @property
    def bucket(self) -> str:
        """Database and policy as one name: a bucket of InfluxDB 2, a database of InfluxDB 3."""
        if self.policy is None or self.policy in ("autogen", "default"):
            return self.database
        return f"{self.database}/{self.policy}"


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
    options = _options(parts.query)
    return Address(
        base_url=f"{SCHEMES[parts.scheme]}://{host}:{port}",
        database=names[0],
        policy=names[1] if len(names) == 2 else None,
        credentials=_credentials(parts, credentials),
        tls=_tls(options, parts.scheme),
        version=_version(options.get("version")),
        organization=options.get("org"),
    )


def _credentials(parts: SplitResult, given: Credentials) -> Credentials:
    username = unquote(parts.username) if parts.username else None
    password = unquote(parts.password) if parts.password else None
    return Credentials(given.username or username, given.password or password, given.token)


def _options(query: str) -> dict[str, str]:
    options = {name: values[-1] for name, values in parse_qs(query, keep_blank_values=True).items()}
    if unknown := sorted(set(options) - set(_OPTIONS)):
        known = "; ".join(f"{name}: {meaning}" for name, meaning in _OPTIONS.items())
        raise ConfigurationError(
            f"the store's URL has unknown options {', '.join(unknown)}; there are {known}"
        )
    if empty := sorted(name for name, value in options.items() if not value):
        raise ConfigurationError(f"the store's URL names {', '.join(empty)} and gives no value")
    return options


def _tls(options: dict[str, str], scheme: str) -> Tls:
    tls = Tls(options.get("ca"), options.get("cert"), options.get("key"))
    if tls != Tls() and SCHEMES[scheme] != "https":
        raise ConfigurationError(
            "the store's URL names certificates for a connection without TLS; "
            "expected influxdb+https://"
        )
    if tls.key and not tls.certificate:
        raise ConfigurationError("the store's URL names a key without its certificate; add cert=")
    return tls


def _version(text: str | None) -> int | None:
    if text is None:
        return None
    if text not in ("1", "2", "3"):
        raise ConfigurationError(
            f"the store's URL says version={text}; expected {_OPTIONS['version']}"
        )
    return int(text)
