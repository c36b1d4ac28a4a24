"""Whether the parts of the service on this host live and get on."""

import faulthandler
import http.client
import os
import threading
from dataclasses import dataclass

from backend.executors.pulse import BEAT, READY, SignOfLife, Watcher
from backend.settings import Settings, WebSettings

JOBS_SILENT_S = 60.0
_ASK_EVERY_S = 10.0
_TO_ANSWER_S = 60.0
_LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # nosec B104  # compared, not bound to


@dataclass(frozen=True)
class Part:
    """A part of the service, and whether it is well.

    Attributes:
        name: `web` or `jobs`.
        ok: whether it lives and gets on.
        detail: how it is, or what to do.
    """

    name: str
    ok: bool
    detail: str


def look_at_web(web: WebSettings, timeout_s: float) -> Part:
    """Ask the pages' process for a sign of life."""
    host = web.host.strip("[]")
    connection = http.client.HTTPConnection(_LOOPBACK.get(host, host), web.port, timeout=timeout_s)
    try:
        connection.request("GET", "/healthz")
        answer = connection.getresponse()
        status = answer.status
        answer.read()  # or it would be noted there as broken off
    except (OSError, http.client.HTTPException) as error:
        why = "does not answer in time" if isinstance(error, TimeoutError) else "does not answer"
        detail = f"port {web.port} of {web.host} {why}: see the log of normalcy web"
        return Part("web", False, detail)
    finally:
        connection.close()
    if status != http.client.OK:
        return Part("web", False, f"port {web.port} of {web.host} answers with {status}")
    return Part("web", True, f"port {web.port} of {web.host} answers")


def look_at_jobs(settings: Settings) -> Part:
    """See when the timetable of this host was last known to get on."""
    age = SignOfLife(settings.home, "jobs").age_s()
    if age is None:
        detail = f"none is known to run on this host over {settings.home}: start normalcy jobs"
        return Part("jobs", False, detail)
    words = f"the timetable got on {age:.0f} s ago"
    if age > JOBS_SILENT_S:
        return Part("jobs", False, f"{words}, at most {JOBS_SILENT_S:.0f} s: see its log")
    return Part("jobs", True, words)


def beat_while_answering(web: WebSettings) -> None:
    """Tell whoever watches over this process that it is ready, and again while it answers."""
    watcher = Watcher(os.environ)
    if not watcher.is_there:
        return
    # Where it hangs is then written down when it is ended for that.
    faulthandler.enable()
    threading.Thread(target=_beat, args=(watcher, web), name="sign of life", daemon=True).start()


def _beat(watcher: Watcher, web: WebSettings) -> None:
    pause = threading.Event()
    while True:
        if look_at_web(web, _TO_ANSWER_S).ok:
            watcher.tell(READY, BEAT)  # both each time, since a word may be lost
        pause.wait(_ASK_EVERY_S)
