"""Who changed what, newest first, for an administrator."""

from flask import Blueprint, render_template, request

from backend.records import Role
from backend.services.audit_log import Wanted
from backend.services.audited import ACTIONS
from backend.web.application import application
from backend.web.numbers import number_in
from backend.web.who import needs

audit = Blueprint("audit_page", __name__)

MOST_ENTRIES = 200


@audit.get("/audit")
@needs(Role.ADMIN)
def show() -> str:
    """Entries of the audit log, all or of a person, a detector or a kind of change."""
    args = request.args
    who, detector = args.get("who", "").strip(), args.get("detector", "").strip()
    action = args.get("action") if args.get("action") in ACTIONS else None
    wanted = Wanted(
        who or None, (detector,) if detector else (), action, number_in(args.get("before"))
    )
    entries = application().audit.entries(wanted, limit=MOST_ENTRIES + 1)
    return render_template(
        "audit.html",
        entries=entries[:MOST_ENTRIES],
        older=entries[MOST_ENTRIES - 1].id if len(entries) > MOST_ENTRIES else None,
        actions=ACTIONS,
        who=who,
        detector=detector,
        action=action,
    )
