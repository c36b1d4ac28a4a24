"""What a busy machine does to the pages, for tests that should wait and do not.

`SLOWNESS=7 make test TESTS=tests/browser`: answers come late by a little or by much, scripts run
slowly, and who asks what first is left to chance, by the number.
"""

import os
import random
import time
from collections.abc import Iterable
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from playwright.sync_api import BrowserContext, Page

SEED = os.environ.get("SLOWNESS", "")

_LATE_S = (0.0, 0.0, 0.05, 0.3, 0.8)
_SLOWER = (1, 3, 6)


def late(app: WSGIApplication) -> WSGIApplication:
    """An application whose requests arrive late and whose answers leave late; itself by default."""
    if not SEED:
        return app
    chance = random.Random(SEED)

    def waits(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        time.sleep(chance.choice(_LATE_S))
        answer = app(environ, start_response)
        time.sleep(chance.choice(_LATE_S))
        return answer

    return waits


def slow_scripts(context: BrowserContext) -> None:
    """Let the pages of a window run slowly; nothing by default."""
    if not SEED:
        return
    chance = random.Random(SEED)

    def slow(page: Page) -> None:
        session: Any = context.new_cdp_session(page)
        session.send("Emulation.setCPUThrottlingRate", {"rate": chance.choice(_SLOWER)})

    context.on("page", slow)
