"""Drift: proposals to train anew, and what a person makes of them."""

from typing import Any

from pydantic import BaseModel, Field, RootModel

from backend.records import DriftProposal
from backend.web.api.asked import DetectorPath, Number
from backend.web.api.blueprints import part
from backend.web.api.work_rows import Accepted, RequestAnswer, accepted
from backend.web.application import application
from backend.web.instants import milliseconds
from backend.web.who import by

api = part("drift", "Errors of normal time that have risen for good.")


class ProposalPath(DetectorPath):
    """Which proposal of which detector."""

    id: Number


class DriftingSeries(BaseModel):
    """A series whose errors have risen."""

    series: str
    since: int
    times: float = Field(description="its errors in usual ones")


class ProposalRow(BaseModel):
    """A proposal to train a detector anew."""

    id: int
    detector: str
    version: int = Field(description="whose errors drift")
    found_at: int
    reason: str
    answer: str = Field(
        description="open, accepted, dismissed, or outdated: another version serves, or the rise "
        "has ended"
    )
    by: str
    answered_at: int | None
    series: list[DriftingSeries]

    @classmethod
    def of(cls, one: DriftProposal) -> "ProposalRow":
        """The row of a proposal."""
        series = dict(one.details.get("series", {}))
        return cls(
            id=one.id,
            detector=one.detector,
            version=one.number,
            found_at=milliseconds(one.found_at),
            reason=one.reason,
            answer=one.answer.value,
            by=one.by,
            answered_at=milliseconds(one.answered_at),
            series=[
                DriftingSeries(
                    series=key, since=milliseconds(int(own["since"])), times=float(own["times"])
                )
                for key, own in sorted(series.items())
            ],
        )


class ProposalRows(RootModel[list[ProposalRow]]):
    """Proposals, newest first."""


_PROPOSAL = "/detectors/<string:name>/drift/<int:id>"


@api.get("/detectors/<string:name>/drift", responses={"200": ProposalRows})
def list_drift(path: DetectorPath) -> list[dict[str, Any]]:
    """What was proposed because errors have risen for good, and what became of it."""
    return [ProposalRow.of(one).model_dump() for one in application().drift.list(path.name)]


@api.post(f"{_PROPOSAL}/accept", responses={"202": RequestAnswer})
def accept_drift(path: ProposalPath) -> Accepted:
    """Have the detector trained anew."""
    return accepted(application().drift.accept(path.name, path.id, by=by("api")))


@api.post(f"{_PROPOSAL}/dismiss", responses={"200": ProposalRow})
def dismiss_drift(path: ProposalPath) -> dict[str, Any]:
    """Say that this is how it is: the errors of now are usual from now on."""
    made = application().drift.dismiss(path.name, path.id, by=by("api"))
    return ProposalRow.of(made).model_dump()
