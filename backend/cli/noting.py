"""The audit log's entry for what a command writes into a store of series."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from backend.cli.session import Session
from backend.exceptions import NormalcyError, StoreError


@contextmanager
def noted(
    session: Session, action: str, what: str, detector: str = ""
) -> Iterator[Callable[[str], None]]:
    """Write an entry when the block ends, also where it was cut off: rows may be there by then.

    Yields:
        To be told what was written.
    """
    told: list[str] = []
    audit = session.application.audit
    try:
        yield told.append
    except (StoreError, KeyboardInterrupt):
        with suppress(NormalcyError):  # that would hide why it was cut off
            audit.note(action, f"{what}, not to its end", detector)
        raise
    try:
        audit.note(action, f"{what}: {', '.join(told)}", detector)
    except StoreError as error:
        raise type(error)(f"{error} What was asked for is done: the audit log lacks it.") from error
