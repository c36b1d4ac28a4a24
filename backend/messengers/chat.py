"""An incoming webhook as Slack, Mattermost, Rocket.Chat, Google Chat and Teams offer it."""

import json
from contextlib import closing

import urllib3
from urllib3.exceptions import HTTPError, NewConnectionError, SSLError, TimeoutError
from urllib3.response import BaseHTTPResponse

from backend.ports import Dispatch

_TIMEOUT = urllib3.Timeout(connect=5, read=10)
_TOO_BUSY = 429
_LASTING = (400, 413, 415, 422)
"""The message itself is refused; anything else an operator or time may mend."""
_LONGEST_WAIT_S = 3600.0


class ChatWebhook:
    """Posts `{"text": …}`; the address is a secret and never told."""

    def __init__(self, url: str, timeout: urllib3.Timeout = _TIMEOUT) -> None:
        self._url = url
        self._pool = urllib3.PoolManager(timeout=timeout, retries=False)

    def send(self, text: str) -> Dispatch:
        """Send a text once."""
        body = json.dumps({"text": text}).encode()
        headers = {"Content-Type": "application/json; charset=utf-8"}
        try:
            with closing(self._post(body, headers)) as answer:
                return _dispatch(answer)
        # urllib3's own words repeat the address
        except HTTPError as error:
            return Dispatch(False, _words(error))
        except (OSError, ValueError) as error:
            return Dispatch(False, f"The chat cannot be reached ({type(error).__name__}).")

    def _post(self, body: bytes, headers: dict[str, str]) -> BaseHTTPResponse:
        return self._pool.request(
            "POST", self._url, body=body, headers=headers, redirect=False, preload_content=False
        )


def _dispatch(answer: BaseHTTPResponse) -> Dispatch:
    if 200 <= answer.status < 300:
        return Dispatch(True)
    why = f"The chat answered {answer.status}"
    if said := _said(answer):
        why += f" and said {said!r}"
    if 300 <= answer.status < 400:
        why += ", a redirection: set NORMALCY_NOTIFY_URL to where it leads"
    lasting = answer.status in _LASTING
    return Dispatch(False, f"{why}.", lasting=lasting, wait_s=_wait(answer))


def _said(answer: BaseHTTPResponse) -> str:
    """The first words of a short plain answer; pages of HTML say nothing to a reader of a log."""
    try:
        text = answer.read(200).decode("utf-8", "replace").strip()
    except HTTPError:
        return ""
    return "" if text.startswith("<") else " ".join(text.split())[:120]


def _wait(answer: BaseHTTPResponse) -> float:
    asked = answer.headers.get("Retry-After", "")
    if answer.status != _TOO_BUSY or not asked.isascii() or not asked.isdigit():
        return 0.0
    return min(float(asked[:9]), _LONGEST_WAIT_S)


def _words(error: HTTPError) -> str:
    if isinstance(error, SSLError):
        return "The chat's certificate was not accepted: check NORMALCY_NOTIFY_URL and the clock."
    if isinstance(error, NewConnectionError):
        return "The chat cannot be reached: check NORMALCY_NOTIFY_URL and the network."
    if isinstance(error, TimeoutError):
        return "The chat did not answer in time."
    return f"The connection to the chat broke ({type(error).__name__})."
