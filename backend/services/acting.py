"""Who acts in this thread at the moment, and by which way: what the audit log says of a change."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar, Token
from dataclasses import dataclass

from backend.records import How


@dataclass(frozen=True)
class Actor:
    """Who acts.

    Attributes:
        who: the name; empty where nobody had to say, so that what the record itself names counts.
        how: the way.
        address: where from on the network; empty for what is on this machine.
    """

    who: str = ""
    how: How = How.JOB
    address: str = ""


_actor: ContextVar[Actor] = ContextVar("actor", default=Actor())  # noqa: B039 - it is frozen


def actor() -> Actor:
    """Who acts here; the jobs where nobody said so."""
    return _actor.get()


def act_as(who: Actor) -> Token[Actor]:
    """Let this be who acts here, until `done` is told."""
    return _actor.set(who)


def done(mark: Token[Actor]) -> None:
    """Let those act who did before."""
    _actor.reset(mark)


@contextmanager
def acting(who: Actor) -> Iterator[None]:
    """Let this be who acts in the block."""
    mark = act_as(who)
    try:
        yield
    finally:
        done(mark)
