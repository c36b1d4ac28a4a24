"""People who sign in elsewhere: who they are here, and what their groups let them do."""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from backend.exceptions import Conflict, NotFound, SignInRefused
from backend.ports import Clock, Departure, IdentityProvider, RecordStore
from backend.records import Identity, Role

LONGEST_NAME = 100
_MOST_GROUPS = 1000


@dataclass(frozen=True)
class Mapped:
    """What the provider's statements mean here.

    Attributes:
        label: what people know the provider by.
        name_claim: which statement is the person's name.
        groups_claim: which one lists the groups; dots lead into it.
        roles: what people of a group may do.
        default_role: what people in none of them may do; nothing if None.
    """

    label: str
    name_claim: str
    groups_claim: str
    roles: Mapping[str, Role]
    default_role: Role | None = None


@dataclass(frozen=True)
class Arrived:
    """Somebody who came back and is let in.

    Attributes:
        name: theirs alone here.
        role: what they may do.
        proof: what their session keeps, so that it ends when their groups mean nothing any more.
    """

    name: str
    role: Role
    proof: str


class Elsewhere:
    """Sign-in by another service, beside the accounts of this one."""

    def __init__(
        self, provider: IdentityProvider, records: RecordStore, mapped: Mapped, clock: Clock
    ) -> None:
        """Nothing is asked yet.

        Args:
            provider: who vouches for people.
            records: where the names of people are kept.
            mapped: what its statements mean here.
            clock: the time.
        """
        self._provider = provider
        self._records = records
        self._mapped = mapped
        self._clock = clock

    @property
    def label(self) -> str:
        """What people know the other service by."""
        return self._mapped.label

    def depart(self, back: str) -> Departure:
        """Lead a browser there.

        Raises:
            SignInRefused: the other service cannot be reached.
        """
        return self._provider.depart(back)

    def arrive(self, code: str, left: Departure, back: str) -> Arrived:
        """Let somebody in who came back.

        Raises:
            SignInRefused: what the other service states does not hold, or the person has no name,
                no role, or somebody else's name here.
        """
        claims = self._provider.arrive(code, left, back)
        name = self._name(claims)
        groups = _groups(claims, self._mapped.groups_claim)
        role = self._role(groups)
        if role is None:
            raise SignInRefused(
                f"{name} is in no group that may use normalcy: an administrator adds a group to "
                "web.oidc.roles, or the person to a group.",
                "no_role",
                name,
            )
        self._keep(Identity(self._provider.issuer, claims["sub"], name, *[self._clock.now()] * 2))
        return Arrived(name, role, self._proof(groups))

    def role_now(self, proof: str) -> Role | None:
        """What somebody may do who is signed in, by the settings as they are now; None if nothing.

        Args:
            proof: what `arrive` gave.
        """
        kept = orjson.loads(proof)
        if kept["issuer"] != self._provider.issuer:
            return None
        return self._role(kept["groups"])

    def farewell(self, back: str) -> str | None:
        """Where a person signs out of the other service, if it offers that."""
        return self._provider.farewell(back)

    def _proof(self, groups: list[str]) -> str:
        mapped = [group for group in groups if group in self._mapped.roles]
        return orjson.dumps({"issuer": self._provider.issuer, "groups": mapped}).decode()

    def _role(self, groups: list[str]) -> Role | None:
        """The most that any of the groups lets a person do."""
        found = [self._mapped.roles[group] for group in groups if group in self._mapped.roles]
        return max(found, key=list(Role).index, default=self._mapped.default_role)

    def _name(self, claims: Mapping[str, Any]) -> str:
        told = claims.get(self._mapped.name_claim)
        name = unicodedata.normalize("NFC", told).strip() if isinstance(told, str) else ""
        if not name or len(name) > LONGEST_NAME or not name.isprintable():
            raise SignInRefused(
                f"The sign-in service states no name that will do, in {self._mapped.name_claim!r}: "
                "name another of its statements in web.oidc.name_claim.",
                "no_name",
            )
        return name

    def _keep(self, identity: Identity) -> None:
        """Remember whose name it is; one of an account, or of somebody else, is not given away."""
        try:
            self._records.user(identity.name)
        except NotFound:
            pass
        else:
            raise _taken(identity.name)
        try:
            self._records.keep_identity(identity)
        except Conflict as error:
            raise _taken(identity.name) from error


def _taken(name: str) -> SignInRefused:
    return SignInRefused(
        f"The name {name!r} belongs to somebody else here, so that records could not tell the two "
        "apart: an administrator renames or removes the local account, or names another statement "
        "in web.oidc.name_claim.",
        "name_taken",
        name,
    )


def _groups(claims: Mapping[str, Any], path: str) -> list[str]:
    """The groups in a statement: the key itself, else the steps between its dots."""
    found: Any = claims.get(path)
    if found is None:
        found = claims
        for step in path.split("."):
            found = found.get(step) if isinstance(found, Mapping) else None
    listed = [found] if isinstance(found, str) else found
    if not isinstance(listed, list):
        return []
    return [one for one in listed[:_MOST_GROUPS] if isinstance(one, str)]
