"""Which series deviate together, and the scores of the worst ones over time."""

from typing import Any
from urllib.parse import urlencode

import numpy as np
from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from backend.exceptions import InputError, LabelError, NotFound
from backend.records import LabelDraft, LabelKind, Role, parse_series_key
from backend.services.fleet_view import MOST_ROWS, FleetPicture, Heat, Together
from backend.web.application import application
from backend.web.errors import status_of
from backend.web.fleet_words import named, sentence
from backend.web.instants import milliseconds, parse_instant
from backend.web.pages.ranges import asked_range, from_to
from backend.web.texts import text
from backend.web.who import by, needs

fleet = Blueprint("fleet_page", __name__)

MOST_GROUPS = 50
MOST_LABELLED = 200
"""Series that are labelled in one go; of more the whole detector is what one means."""

SERIES_NAMED = 5
Answer = str | AnyResponse | tuple[str, int]


@fleet.get("/fleet")
def show() -> str:
    """Groups as sentences first, the picture under them."""
    return _page()


@fleet.post("/fleet/labels")
@needs(Role.LABELLER)
def label() -> Answer:
    """Say the same of a range of all series of a group: of all or of none."""
    try:
        saved = application().labelling.add_all(_drafts(), source="page", by=by())
    except (InputError, LabelError, NotFound) as error:
        return _page(str(error)), status_of(error)
    flash(text("fleet-labelled", count=len(saved)), "good")
    return redirect(f"{url_for('fleet_page.show')}{_asked()}", 303)


def _asked() -> str:
    """Detector and range as the address has them; nothing else of it is handed on."""
    kept = {name: request.args[name] for name in ("detector", "from", "to") if name in request.args}
    return f"?{urlencode(kept)}" if kept else ""


def _drafts() -> list[LabelDraft]:
    form = request.form
    names = list(zip(form.getlist("of"), form.getlist("series"), strict=False))
    if not names or len(names) > MOST_LABELLED:
        raise InputError(f"Choose 1 to {MOST_LABELLED} series to label; got {len(names)}.")
    try:
        kind = LabelKind(form.get("kind", ""))
        start, stop = (parse_instant(form.get(end, "")) for end in ("start", "stop"))
        series = [(detector, parse_series_key(key)) for detector, key in names]
    except ValueError as error:
        raise InputError(f"The form is not complete: {error}.") from error
    note = form.get("note", "")[:2000]
    return [LabelDraft(detector, kind, start, stop, tags, note) for detector, tags in series]


def _page(problem: str = "") -> str:
    app = application()
    detector = request.args.get("detector") or None
    now = app.clock.now()
    span = asked_range(now)
    found = app.fleet_view.look(span, detector)
    return render_template(
        "fleet.html",
        groups=found.groups[:MOST_GROUPS],
        left_out=max(len(found.groups) - MOST_GROUPS, 0),
        picture=found,
        worst=_worst(found),
        data=_data(found.heat),
        span=span,
        detector=detector,
        names=[spec.name for spec in app.detectors.all()],
        problem=problem,
        sentence=sentence,
        named=named,
        named_at_most=SERIES_NAMED,
        labelled_at_most=MOST_LABELLED,
        drawn_at_most=MOST_ROWS,
        kinds=list(LabelKind),
        around=lambda group: _around(group, now),
        end=lambda group: milliseconds(group.stop or now),
        asked=_asked(),
        here_range=from_to(span.start, span.stop),
    )


def _around(group: Together, now: int) -> dict[str, int]:
    """A group with half as much time before and after it, at least half an hour."""
    stop = group.stop or now
    return from_to(group.start, stop, beside=max((stop - group.start) // 2, 30 * 60_000_000_000))


def _worst(found: FleetPicture) -> list[dict[str, Any]]:
    """The rows of the picture in numbers, for who does not see it."""
    rows = []
    for (detector, series), scores in zip(found.heat.rows, found.heat.scores, strict=True):
        known = np.isfinite(scores)
        if not known.any():
            continue
        place = int(np.nanargmax(scores))
        over = float((scores[known] > 1.0).mean())
        rows.append(
            {
                "detector": detector,
                "series": series,
                "highest": float(scores[place]),
                "at": int(found.heat.times[place]),
                "over": over,
            }
        )
    return rows


def _data(heat: Heat) -> dict[str, Any]:
    """What the page's script draws: hundredths of scores, null where nothing was scored."""
    hundredths = np.round(np.nan_to_num(heat.scores, nan=-1.0, posinf=1e4) * 100).astype(int)
    return {
        "rows": [[detector, series] for detector, series in heat.rows],
        "times": [milliseconds(time) for time in heat.times.tolist()],
        "every": milliseconds(heat.every),
        "scores": [[one if one >= 0 else None for one in row] for row in hundredths.tolist()],
    }
