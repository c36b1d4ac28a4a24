"""How far errors have drifted, and proposals to train anew."""

from typing import Any

from sqlalchemy import Connection, insert, select, update

from backend.exceptions import Conflict, NotFound
from backend.records import DriftAnswer, DriftProposal, DriftWatch
from backend.stores.records import tables
from backend.stores.records.rows import columns, insert_into

_WATCHES, _PROPOSALS = tables.drift_watches, tables.drift_proposals


def keep(connection: Connection, watch: DriftWatch) -> None:
    """Keep how far a detector is followed."""
    values = columns(watch)
    changed = {name: value for name, value in values.items() if name != "detector"}
    stated = insert_into(connection, _WATCHES).values(values)
    connection.execute(stated.on_conflict_do_update(index_elements=["detector"], set_=changed))


def kept(connection: Connection, detector: str) -> DriftWatch | None:
    """What was kept of a detector."""
    row = connection.execute(select(_WATCHES).where(_WATCHES.c.detector == detector)).first()
    return None if row is None else DriftWatch(**row._mapping)


def propose(connection: Connection, proposal: DriftProposal) -> DriftProposal:
    """Add a proposal; one that is still open is outdated by it."""
    is_open = _PROPOSALS.c.answer == DriftAnswer.OPEN.value
    outdated = {"answer": DriftAnswer.OUTDATED.value, "answered_at": proposal.found_at}
    own = _PROPOSALS.c.detector == proposal.detector
    connection.execute(update(_PROPOSALS).where(own, is_open).values(outdated))
    values = columns(proposal, without="id")
    row = connection.execute(insert(_PROPOSALS).values(values).returning(_PROPOSALS)).one()
    return _read(row)


def listed(connection: Connection, detector: str | None) -> list[DriftProposal]:
    """Proposals, the newest first."""
    asked = select(_PROPOSALS).order_by(_PROPOSALS.c.id.desc())
    if detector is not None:
        asked = asked.where(_PROPOSALS.c.detector == detector)
    return [_read(row) for row in connection.execute(asked)]


def one(connection: Connection, proposal: int, *, locked: bool = False) -> DriftProposal:
    """A proposal by its number."""
    asked = select(_PROPOSALS).where(_PROPOSALS.c.id == proposal)
    row = connection.execute(asked.with_for_update() if locked else asked).first()
    if row is None:
        raise NotFound(f"There is no proposal {proposal}.")
    return _read(row)


def answer(
    connection: Connection, proposal: int, answered: DriftAnswer, *, by: str, at: int
) -> DriftProposal:
    """Say what became of an open proposal."""
    known = one(connection, proposal, locked=True)
    if known.answer is not DriftAnswer.OPEN:
        raise Conflict(f"Proposal {proposal} was answered before: it is {known.answer}.")
    values = {"answer": answered.value, "by": by, "answered_at": at}
    changed = update(_PROPOSALS).where(_PROPOSALS.c.id == proposal).values(values)
    return _read(connection.execute(changed.returning(_PROPOSALS)).one())


def _read(row: Any) -> DriftProposal:
    values = dict(row._mapping)
    return DriftProposal(**{**values, "answer": DriftAnswer(values["answer"])})
