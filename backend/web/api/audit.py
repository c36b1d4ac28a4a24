"""Who changed what."""

from pydantic import BaseModel, Field, RootModel

from backend.records import AuditEntry, How
from backend.services.audit_log import MOST, Wanted
from backend.web.api.asked import Asked, Number
from backend.web.api.blueprints import part
from backend.web.application import application
from backend.web.instants import milliseconds
from backend.web.who import person

api = part("audit", "Who changed what, when and from where.")


class AuditQuery(Asked):
    """Entries of one person, one detector, one kind of change, or of any."""

    who: str | None = Field(None, max_length=200)
    detector: str | None = Field(None, max_length=63)
    action: str | None = Field(
        None, max_length=63, description="such as label.add, or label for all that begin with it"
    )
    before: Number | None = Field(None, description="older than the entry of this id")
    limit: int = Field(100, ge=1, le=MOST)


class AuditRow(BaseModel):
    """An entry of the audit log."""

    id: int
    time: int
    who: str = Field(description="empty where nobody had to say")
    how: How
    address: str = Field(description="from where on the network; empty for commands and jobs")
    action: str
    detector: str
    words: str = Field(description="what was changed, former -> new value in short")

    @classmethod
    def of(cls, one: AuditEntry) -> "AuditRow":
        """The row of an entry."""
        return cls(
            id=one.id,
            time=milliseconds(one.at),
            who=one.who,
            how=one.how,
            address=one.address,
            action=one.action,
            detector=one.detector,
            words=one.words,
        )


class AuditRows(RootModel[list[AuditRow]]):
    """Entries, newest first."""


@api.get("/audit", responses={"200": AuditRows})
def list_audit(query: AuditQuery) -> list[AuditRow]:
    """Every change, newest first; a token for some detectors sees those of them alone."""
    detectors = (query.detector,) if query.detector else person().detectors
    wanted = Wanted(query.who, detectors, query.action, query.before)
    return [AuditRow.of(one) for one in application().audit.entries(wanted, limit=query.limit)]
