"""Who asks, and what that person may do."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from flask import g
from werkzeug.exceptions import Forbidden

from backend.records import Role
from backend.schema import DETECTOR_TAG
from backend.services.downsampling import Table

T = TypeVar("T")
View = TypeVar("View", bound=Callable[..., Any])


@dataclass(frozen=True)
class Person:
    """Who asks.

    Attributes:
        name: as it is written into records; empty where nobody is named.
        role: what the person may do.
        detectors: for these only; for all if empty.
        is_account: whether it is a person with a password, and not a token.
        is_elsewhere: whether it is a person for whom another service vouches.
        is_of_grafana: whether it is one of Grafana's users, as Grafana told.
    """

    name: str
    role: Role
    detectors: tuple[str, ...] = ()
    is_account: bool = False
    is_elsewhere: bool = False
    is_of_grafana: bool = False

    def may(self, role: Role, detector: str | None = None) -> bool:
        """Whether the person may do what needs a role, for a detector if one is named."""
        known = detector is None or not self.detectors or detector in self.detectors
        return known and self.role.may(role)


LOOKED_THROUGH = 5000
"""Rows that are looked through for those of the detectors that a token is for."""

NEEDS = "needed_role"
"""Where a view carries the role that it needs."""

LOCAL = Person("", Role.ADMIN)
"""Whoever is at the machine itself, as long as nobody has to sign in."""

NOBODY = Person("", Role.VIEWER)
"""Whoever is not known, on the few pages that are open to everybody."""


def recognized(found: Person) -> None:
    """Let this be who sent the current request."""
    g.person = found


def person() -> Person:
    """Who sent the current request."""
    found: Person = g.get("person", NOBODY)
    return found


def by(otherwise: str = "page") -> str:
    """The name that records keep of who did it."""
    return person().name or otherwise


def seen(rows: Iterable[T], detector_of: Callable[[T], str]) -> list[T]:
    """Those rows that are of detectors which the person may see."""
    who = person()
    return [row for row in rows if who.may(Role.VIEWER, detector_of(row))]


def seen_tables(tables: Iterable[Table]) -> list[Table]:
    """The tables of one detector each that the person may see."""
    return seen(tables, lambda one: one.tags[DETECTOR_TAG])


def first_seen(
    ask: Callable[[int], Sequence[T]], detector_of: Callable[[T], str], limit: int
) -> list[T]:
    """The first rows that the person may see; those of other detectors take no one's place.

    Args:
        ask: so many rows, in order.
        detector_of: the detector of a row.
        limit: how many are wanted.
    """
    if not person().detectors:
        return list(ask(limit))
    return seen(ask(LOOKED_THROUGH), detector_of)[:limit]


def require(role: Role, detector: str | None = None) -> None:
    """Refuse who may not do what needs a role, for a detector if one is named.

    Raises:
        Forbidden: with a sentence.
    """
    who = person()
    if not who.may(role):
        raise Forbidden(f"This needs the role {role}; you have {who.role}.")
    if not who.may(role, detector):
        raise Forbidden(f"This token is for {', '.join(who.detectors)} only.")


def require_account() -> str:
    """The name of the account that is signed in.

    Raises:
        Forbidden: it is a token, or nobody.
    """
    who = person()
    if not who.is_account:
        raise Forbidden("Only an account has a password: sign in by name and password first.")
    return who.name


def needs(role: Role) -> Callable[[View], View]:
    """Mark a view with the role that it needs; `rights.check` lets nobody else come to it."""

    def marked(view: View) -> View:
        vars(view)[NEEDS] = role
        return view

    return marked
