"""URLs of the stores: which are known, what may stand in them, and the defaults."""

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlsplit, urlunsplit

SERIES_SCHEMES = ("embedded", "influxdb", "influxdb+https")
RECORD_SCHEMES = ("sqlite", "postgresql", "postgres")
_SECRETS = {"token", "password", "p", "u", "username"}
_PORTS = {"influxdb": 8086, "influxdb+https": 8086, "postgresql": 5432}
_LOOPBACK = ("127.0.0.1", "::1")


def check_series_url(url: str, variables: str) -> None:
    """Refuse what no series store can open.

    Args:
        url: of the store.
        variables: how the environment variables for its secrets begin, `NORMALCY_STORE`.

    Raises:
        ValueError: unknown scheme, missing host, database or path, or a secret in the URL.
    """
    parts = _split(url)
    if parts.scheme not in SERIES_SCHEMES:
        raise ValueError(
            "expected embedded:///path or influxdb://host:8086/database "
            f"(influxdb+https:// for TLS), got {_safe(parts)!r}"
        )
    if parts.username or parts.password or _SECRETS & {key for key, _ in parse_qsl(parts.query)}:
        raise ValueError(
            "no secret may stand in the URL: "
            f"set {variables}_USERNAME and {variables}_PASSWORD, or {variables}_TOKEN"
        )
    if parts.scheme == "embedded":
        _check_embedded(parts)
    elif not parts.hostname or not parts.path.strip("/"):
        raise ValueError(
            f"expected a server and a database as in influxdb://host:8086/database, got {url!r}"
        )


def _check_embedded(parts: SplitResult) -> None:
    if parts.netloc or not parts.path.startswith("/") or parts.path == "/":
        raise ValueError(
            f"expected three slashes and a directory as in embedded:///var/lib/normalcy, "
            f"got {_safe(parts)!r}"
        )


def check_records_url(
    url: str,
    *,
    secret_allowed: bool,
    place: str = "in the file",
    variable: str = "NORMALCY_RECORDS_URL",
) -> None:
    """Refuse what the record store cannot open, and a password where it would be read by many.

    Args:
        url: of the record store.
        secret_allowed: whether a password may stand in it.
        place: where the URL stands, for the message.
        variable: of the environment, where a password may stand.

    Raises:
        ValueError: unknown scheme, or a password that is not allowed.
    """
    parts = _split(url)
    if parts.scheme.split("+")[0] not in RECORD_SCHEMES:
        raise ValueError(
            "expected sqlite:////path/records.sqlite3 or postgresql://host/database, "
            f"got {_safe(parts)!r}"
        )
    if not secret_allowed and (parts.password or "password" in dict(parse_qsl(parts.query))):
        raise ValueError(f"no password may stand {place}: set the whole URL by {variable}")


def same_place(url: str, other: str) -> bool:
    """Whether two URLs name the same database, however they are spelled and whoever asks."""
    return _place(_split(url)) == _place(_split(other))


def with_password(url: str, known: Sequence[str]) -> str:
    """A record store's URL, by the first known one of the same database and user."""
    user = _split(url).username
    for other in known:
        if same_place(url, other) and user in (None, _split(other).username):
            return other
    return url


def is_of_this_machine(url: str) -> bool:
    """Whether another machine does not reach the same place by this URL: a file, or loopback."""
    return _split(url).hostname in (None, "localhost", *_LOOPBACK)


def without_secrets(url: str) -> str:
    """A URL without user, password and query, for people and logs."""
    parts = _split(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _place(parts: SplitResult) -> tuple[object, ...]:
    """What tells a database from others."""
    scheme = parts.scheme if parts.scheme in SERIES_SCHEMES else parts.scheme.split("+")[0]
    if scheme == "embedded":
        return scheme, Path(unquote(parts.path)).resolve()
    if scheme == "sqlite":
        # four slashes before an absolute path
        return scheme, Path(unquote(parts.path[1:])).resolve()
    scheme = "postgresql" if scheme == "postgres" else scheme
    host = "localhost" if parts.hostname in _LOOPBACK else parts.hostname
    names = tuple(unquote(name) for name in parts.path.split("/") if name)
    organization = dict(parse_qsl(parts.query)).get("org")
    return scheme, host, parts.port or _PORTS.get(scheme), names, organization


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:  # its words may show a part of a password
        raise ValueError("expected a URL: its server or port cannot be read") from None
    return parts


def _safe(parts: SplitResult) -> str:
    """The URL without user, password and query, for messages."""
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def embedded_url(directory: Path) -> str:
    """The URL of the embedded store in a directory."""
    return f"embedded://{quote(directory.as_posix())}"


def default_results(store: str) -> str:
    """Where results go unless told: the same server, in a database of their own."""
    parts = urlsplit(store)
    path = f"{parts.path.rstrip('/')}/results" if parts.scheme == "embedded" else "/normalcy"
    return urlunsplit(parts._replace(path=path)) if parts.netloc else f"{parts.scheme}://{path}"
