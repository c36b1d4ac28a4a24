"""A real browser, led by Playwright."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, sync_playwright

_FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"]
_START_MS = 90_000


def require_chromium() -> str:
    """Path of the browser; skips where it is not installed, fails there if CI=true."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        message = "chromium is not installed: no page was looked at in a real browser"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    return program


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start the browser, and end it with the block."""
    program = require_chromium()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program, args=_FLAGS, timeout=_START_MS
        )
        yield browser
        browser.close()
