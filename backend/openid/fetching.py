"""What a provider answers, as far as it may be believed: small, soon, from where it was asked."""

from collections.abc import Mapping
from typing import Any

import orjson
import requests
from urllib3.exceptions import HTTPError

from backend.exceptions import SignInRefused

LARGEST = 1024 * 1024
TIMEOUT_S = (3.0, 10.0)
"""For a connection, and between two pieces of an answer."""

UNREACHABLE = (requests.RequestException, HTTPError)
"""What is raised where no answer comes, or where one breaks off in its middle."""


class Read:
    """An answer with its body, which was read only as far as it may be large."""

    def __init__(self, answer: requests.Response) -> None:
        """Read it.

        Raises:
            SignInRefused: it is too large.
        """
        body = answer.raw.read(LARGEST + 1, decode_content=True)
        if len(body) > LARGEST:
            raise unfit(f"{answer.url} answered with more than {LARGEST} bytes")
        self.status_code = answer.status_code
        self.raise_for_status = answer.raise_for_status
        self._body = body

    def json(self) -> Any:
        """What it says.

        Raises:
            ValueError: it is not JSON.
        """
        return orjson.loads(self._body)


def get_json(url: str, headers: Mapping[str, str] | None = None) -> Mapping[str, Any]:
    """A JSON object at an address; redirects are not followed.

    Raises:
        SignInRefused: there is none, or it takes too long.
    """
    try:
        with requests.get(
            url, headers=headers, timeout=TIMEOUT_S, allow_redirects=False, stream=True
        ) as answer:
            return _object(answer, url)
    except UNREACHABLE as error:
        raise unreachable(url, error) from error


def unreachable(url: str, error: Exception) -> SignInRefused:
    """The error for a provider that does not answer."""
    return SignInRefused(
        f"The sign-in service at {url} cannot be reached ({type(error).__name__}): try again, or "
        "sign in with a local account.",
        "unreachable",
    )


def unfit(what: str) -> SignInRefused:
    """The error for an answer that must not be believed."""
    return SignInRefused(
        f"The sign-in service gave an answer that was not accepted: {what}.", "answer"
    )


def _object(answer: requests.Response, url: str) -> Mapping[str, Any]:
    if answer.status_code >= 500:
        raise SignInRefused(
            f"The sign-in service at {url} answered {answer.status_code}: try again later.",
            "unreachable",
        )
    if answer.status_code != 200:
        raise unfit(f"{url} answered {answer.status_code}")
    try:
        found = Read(answer).json()
    except ValueError as error:
        raise unfit(f"{url} answered with something other than JSON") from error
    if not isinstance(found, dict):
        raise unfit(f"{url} answered with something other than a JSON object")
    return found
