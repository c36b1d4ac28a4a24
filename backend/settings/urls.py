"""URLs of the stores: which are known, what may stand in them, and the defaults."""

from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, quote, urlsplit, urlunsplit

SERIES_SCHEMES = ("embedded", "influxdb", "influxdb+https")
RECORD_SCHEMES = ("sqlite", "postgresql", "postgres")
_SECRETS = {"token", "password", "p", "u", "username"}


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


def check_records_url(url: str, *, secret_allowed: bool) -> None:
    """Refuse what the record store cannot open, and a password where it would be read by many.

    Raises:
        ValueError: unknown scheme, or a password in the file.
    """
    parts = _split(url)
    if parts.scheme.split("+")[0] not in RECORD_SCHEMES:
        raise ValueError(
            "expected sqlite:////path/records.sqlite3 or postgresql://host/database, "
            f"got {_safe(parts)!r}"
        )
    if not secret_allowed and (parts.password or "password" in dict(parse_qsl(parts.query))):
        raise ValueError(
            "no password may stand in the file: set the whole URL by NORMALCY_RECORDS_URL"
        )


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
