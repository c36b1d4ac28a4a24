"""A real browser, led by Chromium's own protocol over a pipe."""

import fcntl
import json
import os
import subprocess
from base64 import b64decode
from pathlib import Path
from typing import Any

from tests.browser.test_status_page import FLAGS

_ANSWER_S = 30
_LOADED = """
new Promise((done) => {
  if (document.readyState === "complete") done();
  else addEventListener("load", () => done());
})
"""
_UNTIL = """
new Promise((done) => {
  const look = () => { try { return %s } catch { return null } };
  const watch = () => { const seen = look(); if (seen) { clearInterval(timer); done(seen) } };
  const timer = setInterval(watch, 20);
  watch();
})
"""


_LEFT = "Inspected target navigated or closed"


class PageLeft(Exception):
    """The page that was asked something went to another one instead of an answer."""


class Browser:
    """`with Browser(program, profile) as browser:`; one page, looked at and typed into."""

    def __init__(self, program: str, profile: Path) -> None:
        their_in, self._asks = _pipe()
        self._answers, their_out = _pipe()
        # Chromium reads from descriptor 3 and writes to 4; sh knows numbers of one digit only.
        script = f'exec "$@" 3<&{their_in} 4>&{their_out}'
        program_and_flags = [program, *FLAGS, f"--user-data-dir={profile}"]
        self._process = subprocess.Popen(
            ["bash", "-c", script, "bash", *program_and_flags, "--remote-debugging-pipe"],
            pass_fds=(their_in, their_out),
            stderr=subprocess.DEVNULL,
        )
        os.close(their_in)
        os.close(their_out)
        self._number = 0
        self._rest = b""
        self._page: dict[str, Any] = {}
        self.complaints: list[str] = []
        """What the console was told of errors."""

    def __enter__(self) -> "Browser":
        target = self._ask("Target.createTarget", url="about:blank")["targetId"]
        session = self._ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self._page = {"sessionId": session}
        for domain in ("Page", "Runtime", "Log"):
            self._ask(f"{domain}.enable")
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._asks)
        os.close(self._answers)
        self._process.terminate()
        self._process.wait(_ANSWER_S)

    def size(self, width: int, height: int) -> None:
        """Let the window be of a size."""
        self._ask(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )

    def open(self, address: str) -> None:
        """Go to an address and wait until it is there."""
        self._ask("Page.navigate", url=address)
        self.run(_LOADED)

    def run(self, expression: str) -> Any:
        """The value of an expression of the page's; a promise is awaited."""
        asked = {"expression": expression, "awaitPromise": True, "returnByValue": True}
        answer = self._ask("Runtime.evaluate", **asked)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def until(self, expression: str) -> Any:
        """Wait until an expression holds, and give its value; the page may change meanwhile."""
        while True:
            try:
                return self.run(_UNTIL % expression)
            except PageLeft:
                continue

    def press(self, key: str, text: str = "") -> None:
        """Press a key as a person does."""
        names = {"key": key, "code": key, "windowsVirtualKeyCode": 13 if key == "Enter" else 9}
        more = {"text": text} if text else {}
        self._ask("Input.dispatchKeyEvent", type="keyDown", **names, **more)
        self._ask("Input.dispatchKeyEvent", type="keyUp", **names)

    def screenshot(self) -> bytes:
        """The window as a PNG."""
        return b64decode(self._ask("Page.captureScreenshot", format="png")["data"])

    def _ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._number += 1
        asked = {"id": self._number, "method": method, "params": parameters, **self._page}
        os.write(self._asks, json.dumps(asked).encode() + b"\0")
        while True:
            told = self._next()
            self._listen(told)
            if told.get("id") == self._number:
                if told.get("error", {}).get("message") == _LEFT:
                    raise PageLeft
                assert "error" not in told, told["error"]
                result: dict[str, Any] = told["result"]
                return result

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            part = os.read(self._answers, 1 << 16)
            assert part, "the browser ended"
            self._rest += part
        told, _, self._rest = self._rest.partition(b"\0")
        read: dict[str, Any] = json.loads(told)
        return read

    def _listen(self, told: dict[str, Any]) -> None:
        details = told.get("params", {})
        if told.get("method") == "Runtime.exceptionThrown":
            self.complaints.append(str(details["exceptionDetails"]))
        if told.get("method") == "Log.entryAdded" and details["entry"]["level"] == "error":
            self.complaints.append(f"{details['entry']['text']} {details['entry'].get('url', '')}")


def _pipe() -> tuple[int, int]:
    """Both ends of a pipe, out of the way of the numbers that Chromium uses."""
    ends = os.pipe()
    high = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in ends]
    for end in ends:
        os.close(end)
    return high[0], high[1]
