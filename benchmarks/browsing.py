"""A web application on loopback, and the browser that looks at it."""

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import waitress
from flask import Flask
from playwright.sync_api import Browser, Playwright

_THREADS = 8


@contextmanager
def served(app: Flask) -> Iterator[str]:
    """The address of an application on loopback."""
    server = waitress.create_server(
        app, host="127.0.0.1", port=0, threads=_THREADS, channel_request_lookahead=1
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.effective_port}/"
    finally:
        server.close()
        thread.join()


def chromium(playwright: Playwright) -> Browser:
    """A browser without a window."""
    return playwright.chromium.launch(
        executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
    )
