"""What a provider answers, as far as it may be believed: small, soon, from where it was asked."""

from collections.abc import Mapping
from typing import Any

import orjson
import requests

from backend.exceptions import SignInRefused

LARGEST = 1024 * 1024
TIMEOUT_S = (3.0, 10.0)


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
    except requests.RequestException as error:
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
    body = answer.raw.read(LARGEST + 1, decode_content=True)
    if len(body) > LARGEST:
        raise unfit(f"{url} answered with more than {LARGEST} bytes")
    try:
        found = orjson.loads(body)
    except ValueError as error:
        raise unfit(f"{url} answered with something other than JSON") from error
    if not isinstance(found, dict):
        raise unfit(f"{url} answered with something other than a JSON object")
    return found
