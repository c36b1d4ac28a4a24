"""Setting a detector up: proposed, checked, looked at, and written as YAML."""

from typing import Any

from flask import Response
from pydantic import BaseModel, Field, ValidationError

from backend.records import series_key
from backend.services.drawing import Span
from backend.services.proposing import Considered, Proposal
from backend.specs import DetectorSpec
from backend.web.api.asked import MOST_POINTS, DetectorPath, Flag, Strict, Text
from backend.web.api.blueprints import part
from backend.web.api.rows import ProblemDetail
from backend.web.api.table_rows import times_of
from backend.web.application import application
from backend.web.errors import invalid
from backend.web.instants import Instant, milliseconds

api = part("setup", "Setting a detector up.")

YAML = "application/yaml; charset=utf-8"


class ProposeBody(Strict):
    """Which measurement."""

    measurement: Text


class ConsideredRow(BaseModel):
    """A field or tag and what it is proposed to be: channel, context, group_by or left out."""

    name: str
    use: str
    reason: str

    @classmethod
    def of(cls, one: Considered) -> "ConsideredRow":
        """The row of one."""
        return cls(name=one.name, use=one.use, reason=one.reason)


class ProposalAnswer(BaseModel):
    """A detector to start with; `spec` is as it would stand below `name` in normalcy.yaml."""

    name: str
    spec: dict[str, Any]
    fields: list[ConsideredRow]
    tags: list[ConsideredRow]
    window: int = Field(description="for a kind of model that has one window")
    reasons: list[str]
    warnings: list[str]
    first: int
    last: int
    series: int

    @classmethod
    def of(cls, one: Proposal) -> "ProposalAnswer":
        """The answer of a proposal."""
        return cls(
            name=one.name,
            spec=dict(one.body),
            fields=[ConsideredRow.of(field) for field in one.fields],
            tags=[ConsideredRow.of(tag) for tag in one.tags],
            window=one.window,
            reasons=list(one.reasons),
            warnings=list(one.warnings),
            first=milliseconds(one.first),
            last=milliseconds(one.last),
            series=len(one.series),
        )


class CheckBody(Strict):
    """A detector as it would stand in normalcy.yaml; nothing is stored."""

    name: str = Field(max_length=200)
    spec: dict[str, Any]
    replaces: Flag = Field(default=False, description="it may have the name of a stored one")


class CheckAnswer(BaseModel):
    """Whether a definition is right; every mistake at its key."""

    ok: bool
    problems: list[ProblemDetail]
    notes: list[str]
    spec: dict[str, Any] | None = Field(description="with every default; null where it is wrong")


class PreviewBody(Strict):
    """A detector that need not be stored, and the range to look at."""

    spec: dict[str, Any]
    from_: Instant = Field(alias="from")
    to: Instant
    series: list[Text] = Field([], max_length=100)
    max_data_points: int = Field(1000, ge=1, le=MOST_POINTS, alias="maxDataPoints")


class PreviewTable(BaseModel):
    """One channel of one series; null where there is a gap."""

    series: str
    time: list[int]
    columns: dict[str, list[float | None]]


class GapRow(BaseModel):
    """A range without any data."""

    time: int
    time_end: int


class PreviewAnswer(BaseModel):
    """Thinned data, and where one series has none."""

    tables: list[PreviewTable]
    gaps: list[GapRow]
    gap_count: int


_YAML: dict[str, Any] = {"description": "YAML", "content": {YAML: {"schema": {"type": "string"}}}}


@api.post("/detectors/propose", responses={"200": ProposalAnswer})
def propose_detector(body: ProposeBody) -> dict[str, Any]:
    """A detector to start with for a measurement, and why it is so; nothing is stored."""
    found = application().setting_up.propose(body.measurement)
    return ProposalAnswer.of(found).model_dump()


@api.post("/detectors/check", responses={"200": CheckAnswer})
def check_detector(body: CheckBody) -> dict[str, Any]:
    """Every mistake in a definition, at its key; nothing is stored."""
    found = application().setting_up.check(body.name, body.spec, new=not body.replaces)
    return CheckAnswer(
        ok=found.spec is not None,
        problems=[ProblemDetail(where=one.where, message=one.message) for one in found.problems],
        notes=list(found.notes),
        spec=None if found.spec is None else found.spec.plain(),
    ).model_dump()


@api.post("/detectors/preview", responses={"200": PreviewAnswer})
def preview_detector(body: PreviewBody) -> dict[str, Any] | Response:
    """What a detector would look at, thinned for a chart; nothing is stored."""
    try:
        spec = DetectorSpec.model_validate({"name": "preview", **body.spec})
    except ValidationError as error:
        return invalid(error)
    span = Span(body.from_, body.to, body.max_data_points)
    found = application().setting_up.preview(spec, span, body.series)
    return {
        "tables": [
            {
                "series": series_key(table.tags),
                "time": times_of(table),
                "columns": dict(table.columns),
            }
            for table in found.tables
        ],
        "gaps": [{"time": milliseconds(a), "time_end": milliseconds(b)} for a, b in found.gaps],
        "gap_count": found.gap_count,
    }


@api.get("/detectors/<string:name>/export", responses={"200": _YAML})
def export_detector(path: DetectorPath) -> Response:
    """A detector as normalcy.yaml would hold it."""
    return yaml_file(application().setting_up.export([path.name]), f"{path.name}.yaml")


def yaml_file(text: str, name: str) -> Response:
    """Text as a file to keep."""
    response = Response(text, content_type=YAML)
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
