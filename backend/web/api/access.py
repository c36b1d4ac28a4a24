"""Who may call: accounts, tokens, and who one is."""

from typing import Annotated

from flask import request
from pydantic import BaseModel, Field, RootModel

from backend.exceptions import NotFound
from backend.records import Role, Token, User
from backend.services.access import LONGEST_NAME, LONGEST_PASSWORD, TokenDraft
from backend.web import sessions
from backend.web.api.asked import Asked, Number, Strict
from backend.web.api.blueprints import part
from backend.web.application import application
from backend.web.instants import Instant, milliseconds
from backend.web.who import by, person, require_account

api = part("access", "Accounts, tokens and roles.")

Name = Annotated[str, Field(max_length=LONGEST_NAME)]
Password = Annotated[str, Field(max_length=LONGEST_PASSWORD)]


class MeAnswer(BaseModel):
    """Who calls; the name is empty for the configured token, and where nobody has to sign in."""

    name: str
    role: Role
    detectors: list[str] = Field(description="for these only; for all if empty")
    account: bool = Field(description="whether it is a person with a password")


class UserRow(BaseModel):
    """An account."""

    name: str
    role: Role
    created_by: str
    created_at: int
    changed_at: int = Field(description="when password or role last changed")

    @classmethod
    def of(cls, one: User) -> "UserRow":
        """The row of an account."""
        return cls(
            name=one.name,
            role=one.role,
            created_by=one.created_by,
            created_at=milliseconds(one.created_at),
            changed_at=milliseconds(one.changed_at),
        )


class UserRows(RootModel[list[UserRow]]):
    """Accounts by name."""


class TokenRow(BaseModel):
    """A token, without its secret."""

    id: int
    name: str
    role: Role
    detectors: list[str] = Field(description="for these only; for all if empty")
    counts: bool = Field(description="neither revoked nor expired")
    created_by: str
    created_at: int
    expires_at: int | None
    revoked_at: int | None
    used_at: int | None = Field(description="when it was last shown, to the minute")

    @classmethod
    def of(cls, one: Token, *, counts: bool) -> "TokenRow":
        """The row of a token."""
        return cls(
            id=one.id,
            name=one.name,
            role=one.role,
            detectors=list(one.detectors),
            counts=counts,
            created_by=one.created_by,
            created_at=milliseconds(one.created_at),
            expires_at=milliseconds(one.expires_at),
            revoked_at=milliseconds(one.revoked_at),
            used_at=milliseconds(one.used_at),
        )


class TokenRows(RootModel[list[TokenRow]]):
    """Tokens by id."""


class TokenAnswer(TokenRow):
    """A new token with its secret, which is told only here."""

    secret: str


class SessionRow(BaseModel):
    """A browser in which one is signed in."""

    id: int
    began_at: int
    seen_at: int = Field(description="when it was last seen, to the minute")
    address: str = Field(description="from where")
    agent: str = Field(description="what it calls itself")
    here: bool = Field(description="whether it is the one that asks")


class SessionRows(RootModel[list[SessionRow]]):
    """Sessions, newest first; none for a token that is shown with each call."""


class SessionPath(Asked):
    """Which session."""

    id: Number


class UserPath(Asked):
    """Which account."""

    name: Name


class TokenPath(Asked):
    """Which token."""

    id: Number


class UserBody(Strict):
    """A new account."""

    name: Name
    password: Password
    role: Role


class UserChange(Strict):
    """Another role, another password, or both."""

    role: Role | None = None
    password: Password | None = None


class PasswordBody(Strict):
    """The own password, anew."""

    former: Password
    password: Password


class TokenBody(Strict):
    """A new token."""

    name: Name
    role: Role
    detectors: list[Annotated[str, Field(max_length=63)]] = Field([], max_length=1000)
    expires_at: Instant | None = None


@api.get("/me", responses={"200": MeAnswer})
def get_me() -> dict[str, object]:
    """Who calls, and what they may do."""
    who = person()
    return MeAnswer(
        name=who.name, role=who.role, detectors=list(who.detectors), account=who.is_account
    ).model_dump(mode="json")


@api.put("/me/password", responses={"204": None})
def put_password(body: PasswordBody) -> tuple[str, int]:
    """Change the own password; whoever else is signed in with it has to sign in again."""
    name = require_account()
    address = request.remote_addr or ""
    access = application().access
    sessions.begin(access.change_password(name, body.former, body.password, address))
    return "", 204


@api.get("/me/sessions", responses={"200": SessionRows})
def list_sessions() -> list[SessionRow]:
    """Where one is signed in."""
    here = sessions.current()
    if here is None:
        return []
    return [
        SessionRow(
            id=one.id,
            began_at=milliseconds(one.began_at),
            seen_at=milliseconds(one.seen_at),
            address=one.address,
            agent=one.agent,
            here=one.id == here.id,
        )
        for one in application().sessions.of(here.kind, here.name)
    ]


@api.delete("/me/sessions/<int:id>", responses={"204": None})
def end_session(path: SessionPath) -> tuple[str, int]:
    """Sign out there: every copy of that browser's cookie is void from now on."""
    here = sessions.current()
    if here is None:
        raise NotFound("Nobody is signed in in this browser: there is no session to end.")
    application().sessions.end_one(path.id, here.kind, here.name)
    return "", 204


@api.get("/users", responses={"200": UserRows})
def list_users() -> list[UserRow]:
    """Every account."""
    return [UserRow.of(one) for one in application().access.users()]


@api.post("/users", responses={"201": UserRow})
def add_user(body: UserBody) -> tuple[dict[str, object], int]:
    """Make an account; the first one must be an administrator's."""
    made = application().access.add_user(body.name, body.password, body.role, by=by("api"))
    return UserRow.of(made).model_dump(mode="json"), 201


@api.put("/users/<string:name>", responses={"200": UserRow})
def put_user(path: UserPath, body: UserChange) -> dict[str, object]:
    """Change role or password of an account; it has to sign in again."""
    user = application().access.change_user(path.name, role=body.role, password=body.password)
    return UserRow.of(user).model_dump(mode="json")


@api.delete("/users/<string:name>", responses={"204": None})
def remove_user(path: UserPath) -> tuple[str, int]:
    """Remove an account; the only administrator cannot be removed."""
    application().access.remove_user(path.name)
    return "", 204


@api.get("/tokens", responses={"200": TokenRows})
def list_tokens() -> list[TokenRow]:
    """Every token, without its secret."""
    access = application().access
    return [TokenRow.of(one, counts=access.counts(one)) for one in access.tokens()]


@api.post("/tokens", responses={"201": TokenAnswer})
def add_token(body: TokenBody) -> tuple[dict[str, object], int]:
    """Make a token; keep the secret of the answer, it is not told again."""
    draft = TokenDraft(body.name, body.role, body.detectors, body.expires_at)
    token, secret = application().access.add_token(draft, by=by("api"))
    row = TokenRow.of(token, counts=True)
    return TokenAnswer(**dict(row), secret=secret).model_dump(mode="json"), 201


@api.delete("/tokens/<int:id>", responses={"204": None})
def revoke_token(path: TokenPath) -> tuple[str, int]:
    """Take a token back."""
    application().access.revoke_token(path.id)
    return "", 204
