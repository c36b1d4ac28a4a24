"""A question before what cannot be undone at once: on a page of its own where no script asks it."""

from flask import render_template, request

from backend.web.places import came_from


def unsure(question: str) -> str | None:
    """The page that asks, or None once the form says that it was asked."""
    if request.form.get("sure") == "yes":
        return None
    fields = [
        (name, value)
        for name, values in request.form.lists()
        if name != "csrf_token"
        for value in values
    ]
    return render_template(
        "sure.html", question=question, fields=fields, action=request.path, back=came_from()
    )
