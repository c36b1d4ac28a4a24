"""Who may call: accounts of people, tokens of programs."""

import secrets
import unicodedata
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256

from backend.exceptions import Conflict, InputError, NotFound, StoreError
from backend.ports import Clock, RecordStore
from backend.records import Role, SessionKind, Token, User
from backend.services.detectors import Detectors
from backend.services.passwords import Passwords
from backend.services.tries import Tries, place_of

SHORTEST_PASSWORD, LONGEST_PASSWORD = 10, 1000
LONGEST_NAME = 100
_SECRET = 32
_MINUTE = 60_000_000_000


@dataclass(frozen=True)
class TokenDraft:
    """A token as it is asked for.

    Attributes:
        name: what it is for.
        role: what its holder may do.
        detectors: for these only; for all if empty.
        expires_at: when it ends, nanoseconds; None for never.
    """

    name: str
    role: Role
    detectors: Sequence[str] = ()
    expires_at: int | None = None


class Access:
    """Accounts and tokens are made, changed, taken back and recognized."""

    def __init__(
        self,
        records: RecordStore,
        detectors: Detectors,
        clock: Clock,
        passwords: Passwords,
        *,
        has_token: bool,
    ) -> None:
        """Nothing is read yet.

        Args:
            records: where accounts and tokens are kept.
            detectors: which a token may be limited to.
            clock: the time.
            passwords: how they are kept.
            has_token: whether the configuration sets an administrator's token, or lets people
                sign in elsewhere.
        """
        self._records = records
        self._detectors = detectors
        self._clock = clock
        self._passwords = passwords
        self._has_token = has_token
        self._tries = Tries()

    def is_guarded(self) -> bool:
        """Whether anybody has to say who they are: there is a token or an account.

        A token that has expired guards still, so that no door opens by the passing of time.
        """
        if self._has_token or self._records.users():
            return True
        return any(one.revoked_at is None for one in self._records.tokens())

    # -- accounts

    def users(self) -> list[User]:
        """Accounts by name."""
        return self._records.users()

    def add_user(self, name: str, password: str, role: Role, *, by: str) -> User:
        """Make an account.

        Raises:
            InputError: the name or the password will not do, or nobody could manage accounts then.
            Conflict: the name is taken, also by somebody who signs in elsewhere.
        """
        name, now = _name(name, "account"), self._clock.now()
        if (known := self._records.identity(name)) is not None:
            raise Conflict(
                f"The name {name!r} belongs to somebody who signs in by {known.issuer}: choose "
                "another one, so that records tell the two apart."
            )
        digest = self._passwords.digest(_password(password))
        self._refuse_locking_out(role)
        return self._records.add_user(User(name, digest, role, by, now, now))

    def change_user(
        self, name: str, *, role: Role | None = None, password: str | None = None
    ) -> User:
        """Change what is given of an account; whoever is signed in with it has to sign in again.

        Raises:
            InputError: the password will not do, or nothing was given.
            NotFound: there is no such account.
            Conflict: it is the only administrator.
        """
        if role is None and password is None:
            raise InputError("Nothing was given to change: name a role or a password.")
        digest = None if password is None else self._passwords.digest(_password(password))
        now = self._clock.now()
        return self._records.change_user(_nfc(name), at=now, password_hash=digest, role=role)

    def change_password(self, name: str, former: str, password: str, address: str = "") -> User:
        """Let a person change the own password.

        Raises:
            InputError: the former one is wrong, or the new one will not do.
            TooManyTries: the former one was wrong too often.
        """
        if self.sign_in(name, former, address) is None:
            raise InputError("The present password is wrong; nothing was changed.")
        return self.change_user(name, password=password)

    def remove_user(self, name: str, *, last: bool = False) -> None:
        """Remove an account; what its owner did stays on record.

        Args:
            name: of the account.
            last: even if it is the only administrator.

        Raises:
            NotFound: there is no such account.
            Conflict: it is the only administrator.
        """
        self._records.remove_user(_nfc(name), last=last)

    def sign_in(self, name: str, password: str, address: str = "") -> User | None:
        """The account whose name and password these are; None if there is none.

        Args:
            name: as it was typed.
            password: as it was typed.
            address: from where; tries are counted by name and address, see `Tries`.

        Raises:
            TooManyTries: of this name from there.
        """
        name, now = _nfc(name)[:LONGEST_NAME], self._clock.now()
        self._tries.count(name, address, now, known=self._is_known(name, address))
        found = self._user(name)
        password = _nfc(password)[:LONGEST_PASSWORD]
        if not self._passwords.matches(found.password_hash if found else None, password):
            return None
        self._tries.forgive(name, address, now)
        return found

    def count_try(self, address: str) -> int:
        """Count a try to sign in by a token alone, and say when it was, for `forgive_try`.

        Raises:
            TooManyTries: of this address.
        """
        now = self._clock.now()
        self._tries.count("", address, now)
        return now

    def forgive_try(self, address: str, at: int) -> None:
        """Take back the try by a token that was counted at a time: it was a good one."""
        self._tries.forgive("", address, at)

    def still_signed_in(self, name: str, changed_at: int) -> User | None:
        """The account of who signed in when it was last changed then; None if it was since.

        Not even a clock that was set back lets who signed in before a change stay signed in.
        """
        found = self._user(name)
        return found if found and found.changed_at == changed_at else None

    def _user(self, name: str) -> User | None:
        try:
            return self._records.user(name)
        except NotFound:
            return None

    def _is_known(self, name: str, address: str) -> bool:
        """Whether somebody is signed in under a name from there, also since before a restart."""
        place = place_of(address)
        sessions = self._records.sessions(SessionKind.ACCOUNT, name)
        return any(place_of(one.address) == place for one in sessions)

    # -- tokens

    def tokens(self) -> list[Token]:
        """Tokens by id, those that count no more too."""
        return self._records.tokens()

    def token(self, number: int) -> Token | None:
        """The token of a number, if it counts."""
        found = (one for one in self._records.tokens() if one.id == number and self.counts(one))
        return next(found, None)

    def add_token(self, draft: TokenDraft, *, by: str) -> tuple[Token, str]:
        """Make a token; its secret is told here and never again.

        Raises:
            InputError: the name will not do, its end has passed, or nobody could manage it then.
            NotFound: there is no such detector.
        """
        name, now = _name(draft.name, "token"), self._clock.now()
        names = [self._detectors.get(one).name for one in dict.fromkeys(draft.detectors)]
        if draft.expires_at is not None and draft.expires_at <= now:
            raise InputError("The token would have expired already: let it end in the future.")
        self._refuse_locking_out(Role.VIEWER if names else draft.role)
        secret = f"normalcy_{secrets.token_urlsafe(_SECRET)}"
        token = Token(0, name, _digest(secret), draft.role, tuple(names), by, now, draft.expires_at)
        return self._records.add_token(token), secret

    def revoke_token(self, token: int) -> Token:
        """Take a token back: from now on it counts no more.

        Raises:
            NotFound: there is none of that number, or it was revoked already.
        """
        return self._records.revoke_token(token, at=self._clock.now())

    def counts(self, token: Token) -> bool:
        """Whether a token is neither revoked nor expired."""
        ends = token.expires_at
        return token.revoked_at is None and (ends is None or ends > self._clock.now())

    def token_of(self, secret: str) -> Token | None:
        """The token of a secret, if it counts; when it was shown is noted to the minute."""
        found = self._records.token_by_digest(_digest(secret))
        if found is None or not self.counts(found):
            return None
        minute = self._clock.now() // _MINUTE * _MINUTE
        if found.used_at != minute:
            with suppress(StoreError):  # it is no reason to refuse the call itself
                self._records.touch_token(found.id, at=minute)
        return found

    def _refuse_locking_out(self, role: Role) -> None:
        """What comes first must be an administrator's: from then on everybody is asked."""
        if role is Role.ADMIN or self.is_guarded():
            return
        raise InputError(
            "From the first account or token on everybody has to sign in, so that it must be an "
            "administrator's, for all detectors: make an account with the role admin first."
        )


def _digest(secret: str) -> str:
    return sha256(secret.encode()).hexdigest()


def _nfc(text: str) -> str:
    """The same letters typed on different keyboards are the same text."""
    return unicodedata.normalize("NFC", text)


def _name(text: str, what: str) -> str:
    name = _nfc(text).strip()
    if what == "account" and ("/" in name or set(name) == {"."}):
        raise InputError("The name of the account must not hold a slash, nor be of dots alone.")
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise InputError(
            f"The name of the {what} must have 1 to {LONGEST_NAME} characters, none of them a "
            "control character."
        )
    return name


def _password(text: str) -> str:
    password = _nfc(text)
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise InputError(
            f"The password must have at least {SHORTEST_PASSWORD} characters, and at most "
            f"{LONGEST_PASSWORD}."
        )
    return password
