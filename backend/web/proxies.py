"""What proxies say of who called them: believed of those that the settings name, else forgotten."""

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address

_FOR, _PROTO, _HOST = "HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_PROTO", "HTTP_X_FORWARDED_HOST"
_TOLD = (
    _FOR,
    _PROTO,
    _HOST,
    "HTTP_FORWARDED",
    "HTTP_X_FORWARDED_BY",
    "HTTP_X_FORWARDED_PORT",
    "HTTP_X_FORWARDED_PREFIX",
    "HTTP_X_REAL_IP",
)
_MOST_HOPS = 50

PROXIED = "normalcy.proxied"
"""Whether some proxy says that it passed the request on, whoever it may be."""


class TrustedProxies:
    """Puts the address, scheme and host that a browser used into place of the proxy's own."""

    def __init__(self, app: "WSGIApplication", trusted: Sequence[str]) -> None:
        """Nothing is looked at yet.

        Args:
            app: what answers.
            trusted: addresses and networks of the proxies.
        """
        self._app = app
        self._trusted: list[Network] = [ip_network(one) for one in trusted]

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Answer a request."""
        told = {name: environ.pop(name, "") for name in _TOLD}
        environ[PROXIED] = any(told.values())
        if self._is_trusted(environ.get("REMOTE_ADDR", "")):
            environ["REMOTE_ADDR"] = self._caller(told[_FOR], environ["REMOTE_ADDR"])
            _put_scheme(environ, _last(told[_PROTO]).lower())
            _put_host(environ, _last(told[_HOST]))
        return self._app(environ, start_response)

    def _caller(self, chain: str, nearest: str) -> str:
        """The first address, from here on outwards, that is no proxy of ours: it cannot be forged.

        Whoever is further out may have written whatever they like.
        """
        caller = nearest
        for text in reversed(chain.split(",")[-_MOST_HOPS:]):
            address = _address(text)
            if address is None:
                break
            caller = str(address)
            if not self._is_trusted(caller):
                break
        return caller

    def _is_trusted(self, text: str) -> bool:
        address = _address(text)
        return address is not None and any(address in network for network in self._trusted)


def _address(text: str) -> Address | None:
    """An address as proxies write it: bare, with a port, in brackets."""
    bare = text.strip()
    if bare.startswith("["):
        bare = bare[1:].partition("]")[0]
    elif bare.count(":") == 1:
        bare = bare.partition(":")[0]
    try:
        address = ip_address(bare)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _last(text: str) -> str:
    """What the nearest proxy added."""
    return text.rpartition(",")[2].strip()


def _put_scheme(environ: "WSGIEnvironment", scheme: str) -> None:
    if scheme in ("http", "https"):
        environ["wsgi.url_scheme"] = scheme


def _put_host(environ: "WSGIEnvironment", host: str) -> None:
    if host and host.isascii() and host.isprintable() and not set(host) & set(" /\\@?#"):
        environ["HTTP_HOST"] = host
