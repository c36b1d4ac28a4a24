"""What the source holds, and of one measurement its series and their rhythm."""

from flask import Blueprint, render_template, request

from backend.web.application import application

catalogue = Blueprint("catalogue_page", __name__)

MOST_SERIES = 200


@catalogue.get("/catalogue")
def show() -> str:
    """Measurements, and the fields, tags and series of one."""
    held = application().catalogue
    name = request.args.get("measurement")
    return render_template(
        "catalogue.html",
        measurements=held.measurements(),
        chosen=held.measurement(name) if name is not None else None,
        series=held.series(name, limit=MOST_SERIES) if name is not None else None,
    )
