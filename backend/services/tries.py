"""How often one may try to sign in: guessing is slowed, and no guesser locks an owner out."""

from collections import OrderedDict
from ipaddress import IPv6Address, ip_address, ip_network
from threading import Lock

from backend.exceptions import TooManyTries
from backend.services.throttling import MOST_KEYS, Throttle

_SECOND = 1_000_000_000
_SPAN, _LONG_SPAN = 300 * _SECOND, 3600 * _SECOND

FOR_NAME_AND_ADDRESS = 10
"""Wrong tries that are let through in five minutes, of one name from one address."""
FOR_ADDRESS = 50
"""The same from one address, whatever the names; many people may share it."""
FOR_NAME = 100
"""Wrong tries let through in an hour, of one name from addresses it never signed in from."""


class Tries:
    """Counts tries by name and address together, by address, and, more slowly, by name.

    Whoever guesses a name's password from many addresses makes the name wait for strangers only:
    an address from which it signed in before is not counted with them.
    """

    def __init__(self) -> None:
        """Nobody has tried yet."""
        self._pairs = Throttle(FOR_NAME_AND_ADDRESS, _SPAN)
        self._addresses = Throttle(FOR_ADDRESS, _SPAN)
        self._names = Throttle(FOR_NAME, _LONG_SPAN)
        self._known: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._lock = Lock()

    def count(self, name: str, address: str, now: int, *, known: bool = False) -> None:
        """Count a try.

        Args:
            name: that was tried; empty for a token.
            address: from where; empty if that is not known.
            now: the time.
            known: whether the name is known to sign in from there.

        Raises:
            TooManyTries: it may not go on.
        """
        place = place_of(address)
        counted: list[tuple[Throttle, str]] = []
        for throttle, key in self._keys(name, place, known):
            if wait := throttle.wait((key,), now):
                for before, its in counted:
                    before.forgive((its,), now)
                raise _too_many(wait)
            counted.append((throttle, key))

    def forgive(self, name: str, address: str, at: int) -> None:
        """Take a try back: it was a good one, and its address is known from now on."""
        place = place_of(address)
        for throttle, key in self._keys(name, place, known=False):
            throttle.forgive((key,), at)
        if name:
            self._know(name, place)

    def _know(self, name: str, place: str) -> None:
        with self._lock:
            self._known[name, place] = None
            self._known.move_to_end((name, place))
            while len(self._known) > MOST_KEYS:
                self._known.popitem(last=False)

    def _keys(self, name: str, place: str, known: bool) -> list[tuple[Throttle, str]]:
        keys = [(self._pairs, f"{place} {name}")]
        if place:
            keys.append((self._addresses, place))
        if name and not known and (name, place) not in self._known:
            keys.append((self._names, name))
        return keys


def place_of(address: str) -> str:
    """What stands for whoever calls: the address, or the network that one customer has in IPv6."""
    try:
        found = ip_address(address)
    except ValueError:
        return address
    if isinstance(found, IPv6Address) and found.ipv4_mapped is None:
        return str(ip_network((found, 64), strict=False))
    return str(found)


def _too_many(wait: int) -> TooManyTries:
    seconds = -(-wait // _SECOND)
    return TooManyTries(
        f"Too many tries to sign in: wait {seconds} seconds, then try again.", seconds
    )
