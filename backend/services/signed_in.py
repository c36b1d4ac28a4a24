"""Who is signed in where: the cookie holds a secret, and only the record of it lets anybody in."""

import hmac
import secrets
import unicodedata
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from hashlib import sha256

from backend.exceptions import NotFound, StoreError
from backend.ports import Clock, RecordStore
from backend.records import SessionKind, SignedIn
from backend.specs import nanoseconds

LONGEST_AGENT = 200
_SECRET = 32
_MINUTE = 60_000_000_000


class Sessions:
    """Sessions begin anew at each sign-in, and end by leaving, by idleness, or after their time."""

    def __init__(
        self,
        records: RecordStore,
        clock: Clock,
        *,
        idle: timedelta,
        longest: timedelta,
        elsewhere: timedelta | None = None,
    ) -> None:
        """Nothing is read yet.

        Args:
            records: where sessions are kept.
            clock: the time.
            idle: how long one lasts without a look.
            longest: how long one lasts at all.
            elsewhere: how long one lasts at most for which another service vouches, so that what
                it says of a person is heard again; None for no less than others.
        """
        self._records = records
        self._clock = clock
        self._idle = nanoseconds(idle)
        self._longest = nanoseconds(longest)
        self._elsewhere = nanoseconds(longest if elsewhere is None else min(elsewhere, longest))

    def begin(
        self, kind: SessionKind, name: str, proof: str, *, address: str = "", agent: str = ""
    ) -> str:
        """Let somebody be signed in.

        Args:
            kind: what the person signed in with.
            name: theirs.
            proof: what has to hold still for as long as the session counts.
            address: from where.
            agent: what the browser calls itself.

        Returns:
            The secret for the cookie, told only here.
        """
        now, secret = self._clock.now(), secrets.token_urlsafe(_SECRET)
        self._records.forget_sessions(
            seen_before=now - self._idle, began_before=now - self._longest
        )
        shown = "".join(filter(str.isprintable, agent))[:LONGEST_AGENT]
        self._records.begin_session(
            SignedIn(0, _digest(secret), kind, name, proof, now, now, address, shown)
        )
        return secret

    def found(self, secret: str) -> SignedIn | None:
        """The session of a cookie's secret; None if it has ended."""
        session, now = self._records.session(_digest(secret)), self._clock.now()
        if session is None or not self._lasts(session, now):
            return None
        if abs(now - session.seen_at) >= _MINUTE:
            with suppress(StoreError):  # it is no reason to refuse the call itself
                self._records.touch_session(session.id, at=now)
        return session

    def of(self, kind: SessionKind, name: str) -> list[SignedIn]:
        """Where somebody is signed in, newest first."""
        now = self._clock.now()
        return [one for one in self._records.sessions(kind, name) if self._lasts(one, now)]

    def end(self, secret: str) -> None:
        """Sign out: every copy of the cookie is void from now on."""
        session = self._records.session(_digest(secret))
        if session is not None:
            self._records.end_session(session.id)

    def end_one(self, number: int, kind: SessionKind, name: str) -> None:
        """End one of somebody's sessions.

        Raises:
            NotFound: it has ended, or is somebody else's.
        """
        if number not in [one.id for one in self._records.sessions(kind, name)]:
            raise NotFound("This session has ended already, or it is not yours.")
        self._records.end_session(number)

    def end_others(self, kind: SessionKind, name: str, but: str) -> int:
        """End all of somebody's sessions but that of a secret, and say how many."""
        kept = _digest(but)
        return self._end(
            [
                one
                for one in self._records.sessions(kind, name)
                if not hmac.compare_digest(one.digest, kept)
            ]
        )

    def end_all(self, kind: SessionKind, name: str) -> int:
        """End all sessions of somebody, however the name was typed, and say how many."""
        return self._end(self._records.sessions(kind, unicodedata.normalize("NFC", name)))

    def _end(self, sessions: Sequence[SignedIn]) -> int:
        return sum(self._records.end_session(one.id) for one in sessions)

    def _lasts(self, session: SignedIn, now: int) -> bool:
        """A clock that was set back by less than a session lasts ends none.

        What seems to have begun further ahead ends: it would last until then otherwise.
        """
        longest = self._elsewhere if session.kind is SessionKind.ELSEWHERE else self._longest
        return now - session.seen_at < self._idle and abs(now - session.began_at) < longest


def _digest(secret: str) -> str:
    return sha256(secret.encode(errors="surrogatepass")).hexdigest()
