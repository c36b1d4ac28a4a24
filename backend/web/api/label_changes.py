"""Labels of a detector: changed, compared, reverted, brought in and taken out by files."""

from typing import Any

from flask import Response
from werkzeug.utils import secure_filename

from backend.exceptions import InputError
from backend.services.label_files import ENDINGS, MEDIA_TYPES
from backend.web.api.asked import DetectorPath
from backend.web.api.blueprints import part
from backend.web.api.label_rows import (
    ChangeBody,
    ChangedAnswer,
    ChangeRow,
    ChangeRows,
    DifferenceAnswer,
    DifferenceQuery,
    ExportQuery,
    ImportBody,
    ImportedAnswer,
    LabelHistoryQuery,
    ReversalAnswer,
    RevertBody,
    RevertQuery,
    SuggestionRow,
    SuggestionRows,
    SuggestionsQuery,
)
from backend.web.api.rows import LabelRow
from backend.web.application import application
from backend.web.who import by

api = part("label history", "Labels of a detector: who changed what, files of them, suggestions.")


@api.post("/detectors/<string:name>/labels/change", responses={"200": ChangedAnswer})
def change_labels(path: DetectorPath, body: ChangeBody) -> dict[str, Any]:
    """Put labels in the place of others, all or none; 409 where one of them is gone already."""
    drafts = [one.draft(path.name) for one in body.add]
    changed = application().labelling.change(
        path.name, drafts, body.remove, source="api", by=by("api")
    )
    return ChangedAnswer.of(changed).model_dump()


@api.get("/detectors/<string:name>/labels/history", responses={"200": ChangeRows})
def list_label_changes(path: DetectorPath, query: LabelHistoryQuery) -> list[ChangeRow]:
    """Who added and took back labels, and when; the newest first."""
    changes = application().label_history.changes(path.name, limit=query.limit)
    return [ChangeRow.of(one) for one in changes]


@api.get("/detectors/<string:name>/labels/difference", responses={"200": DifferenceAnswer})
def get_label_difference(path: DetectorPath, query: DifferenceQuery) -> dict[str, Any]:
    """What came and went between two moments, or since a version learned."""
    known = application().label_history
    if (query.from_ is None) == (query.version is None):
        raise InputError("Name the earlier moment by from, or a version by version; not both.")
    if query.version is not None:
        return DifferenceAnswer.of(known.of_version(path.name, query.version)).model_dump()
    assert query.from_ is not None
    return DifferenceAnswer.of(known.difference(path.name, query.from_, query.to)).model_dump()


@api.post("/detectors/<string:name>/labels/revert", responses={"200": ReversalAnswer})
def revert_labels(path: DetectorPath, query: RevertQuery, body: RevertBody) -> dict[str, Any]:
    """Say again what was said at a moment; with `dry` it is only told what would be done."""
    known = application().label_history
    if query.dry:
        return ReversalAnswer.of(known.reversal(path.name, body.to), None).model_dump()
    reversal, changed = known.revert(path.name, body.to, by=by("api"), source="api")
    return ReversalAnswer.of(reversal, changed).model_dump()


@api.get("/detectors/<string:name>/labels/suggestions", responses={"200": SuggestionRows})
def list_suggestions(path: DetectorPath, query: SuggestionsQuery) -> list[SuggestionRow]:
    """Events to confirm or refute, and quiet time; nothing of it is a label."""
    app = application()
    span = query.span(app.clock)
    found = app.suggesting.find(path.name, span, series=query.series, limit=query.limit)
    return [SuggestionRow.of(one) for one in found]


@api.post("/detectors/<string:name>/labels/import", responses={"201": ImportedAnswer})
def import_labels(path: DetectorPath, body: ImportBody) -> tuple[dict[str, Any], int]:
    """Add the labels of a CSV, a calendar or Grafana's annotations, all or none."""
    try:
        choices = body.choices(path.name)
    except ValueError as error:
        raise InputError(f"The series cannot be read: {error}.") from error
    content = body.content.encode()
    brought = application().label_files.bring(content, body.name, choices, by=by("api"))
    added = [LabelRow.of(one) for one in brought.added]
    return ImportedAnswer(added=added, there=brought.there).model_dump(), 201


@api.get("/detectors/<string:name>/labels/export", responses={"200": None})
def export_labels(path: DetectorPath, query: ExportQuery) -> Response:
    """The labels in force as a file that the import reads."""
    text = application().label_files.write(path.name, query.format)
    response = Response(text, mimetype=MEDIA_TYPES[query.format])
    name = f"{secure_filename(path.name) or 'detector'}-labels{ENDINGS[query.format]}"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
