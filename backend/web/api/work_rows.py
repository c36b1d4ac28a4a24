"""What the API answers on models, runs and requests."""

from typing import Any

from pydantic import BaseModel, RootModel

from backend.records import LogLine, Request, Run, Version
from backend.services.work import RequestView, RunView
from backend.web.instants import milliseconds


class VersionRow(BaseModel):
    """A model version."""

    detector: str
    number: int
    name: str
    created_at: int
    verdict: str
    provisional: bool
    label_hash: str
    data_hash: str

    @classmethod
    def of(cls, one: Version) -> "VersionRow":
        """The row of a version."""
        return cls(**_version(one))


class VersionAnswer(VersionRow):
    """A model version with what it was made of and how its training went."""

    spec: dict[str, Any]
    training: dict[str, Any]

    @classmethod
    def of(cls, one: Version) -> "VersionAnswer":
        """Everything on a version."""
        return cls(**_version(one), spec=dict(one.spec), training=dict(one.training))


class RunRow(BaseModel):
    """One execution of a job."""

    id: int
    kind: str
    detector: str
    state: str
    started_at: int
    finished_at: int | None
    seconds: float | None
    worker: str
    message: str

    @classmethod
    def of(cls, one: Run) -> "RunRow":
        """The row of a run."""
        return cls(
            id=one.id,
            kind=one.kind,
            detector=one.detector,
            state=one.state.value,
            started_at=milliseconds(one.started_at),
            finished_at=milliseconds(one.finished_at),
            seconds=None if one.finished_at is None else (one.finished_at - one.started_at) / 1e9,
            worker=one.worker,
            message=one.message,
        )


class LogRow(BaseModel):
    """What a run told of itself at a moment."""

    at: int
    words: str

    @classmethod
    def of(cls, one: LogLine) -> "LogRow":
        """The row of a line."""
        return cls(at=milliseconds(one.at), words=one.words)


class GoingRow(RunRow):
    """A run with how far it is."""

    progress: float
    words: str
    told_at: int | None
    seconds_left: float | None
    cancelled_by: str | None

    @classmethod
    def seen_at(cls, run: Run, left_s: float | None) -> "GoingRow":
        """The row of a run that goes on."""
        return cls(**RunRow.of(run).model_dump(), **_progress(run, left_s))


class RunAnswer(GoingRow):
    """A run with what it told, and what to do next where it did not end well."""

    request: int | None
    version: int | None
    advice: str | None
    details: dict[str, Any]
    log: list[LogRow]

    @classmethod
    def seen(cls, view: RunView) -> "RunAnswer":
        """Everything on a run."""
        run = view.run
        return cls(
            **RunRow.of(run).model_dump(),
            **_progress(run, view.left_s),
            request=None if view.request is None else view.request.id,
            version=view.version,
            advice=view.advice,
            details=dict(run.details),
            log=[LogRow.of(line) for line in view.log],
        )


class RequestRow(BaseModel):
    """Work asked of the jobs."""

    id: int
    kind: str
    detector: str
    state: str
    progress: float
    created_by: str
    created_at: int
    finished_at: int | None
    message: str

    @classmethod
    def of(cls, one: Request) -> "RequestRow":
        """The row of a request."""
        return cls(**_request(one))


class RequestAnswer(RequestRow):
    """Work asked of the jobs, with what was asked and what came of it."""

    payload: dict[str, Any]
    result: dict[str, Any]
    words: str
    cancelled_by: str | None
    run: int | None = None
    advice: str | None = None

    @classmethod
    def of(cls, one: Request) -> "RequestAnswer":
        """Everything on a request, as it stands on record."""
        return cls(
            **_request(one),
            payload=dict(one.payload),
            result=dict(one.result),
            words=one.words,
            cancelled_by=one.cancelled_by,
        )

    @classmethod
    def seen(cls, view: RequestView) -> "RequestAnswer":
        """The same with the run that serves it, and what to do next."""
        run = None if view.run is None else view.run.run.id
        return cls.of(view.request).model_copy(update={"run": run, "advice": view.advice})


Accepted = tuple[dict[str, Any], int, dict[str, str]]


def accepted(request: Request) -> Accepted:
    """The answer to who asks for work: it is taken down, and there one sees what comes of it."""
    place = {"Location": f"/api/v1/requests/{request.id}"}
    return RequestAnswer.of(request).model_dump(), 202, place


class WorkAnswer(BaseModel):
    """What goes on, newest first, and what waits, oldest first."""

    running: list[GoingRow]
    waiting: list[RequestRow]


class VersionRows(RootModel[list[VersionRow]]):
    """Versions, newest first."""


class RunRows(RootModel[list[RunRow]]):
    """Runs, newest first."""


class RequestRows(RootModel[list[RequestRow]]):
    """Requests, newest first."""


def _progress(run: Run, left_s: float | None) -> dict[str, Any]:
    return {
        "progress": run.progress,
        "words": run.words,
        "told_at": milliseconds(run.told_at),
        "seconds_left": left_s,
        "cancelled_by": run.cancelled_by,
    }


def _version(one: Version) -> dict[str, Any]:
    return {
        "detector": one.detector,
        "number": one.number,
        "name": one.name,
        "created_at": milliseconds(one.created_at),
        "verdict": one.verdict.value,
        "provisional": one.provisional,
        "label_hash": one.label_hash,
        "data_hash": one.data_hash,
    }


def _request(one: Request) -> dict[str, Any]:
    return {
        "id": one.id,
        "kind": one.kind,
        "detector": one.detector,
        "state": one.state.value,
        "progress": one.progress,
        "created_by": one.created_by,
        "created_at": milliseconds(one.created_at),
        "finished_at": milliseconds(one.finished_at),
        "message": one.message,
    }
