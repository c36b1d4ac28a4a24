"""Striking secrets out of texts, whoever wrote them: the second line of defence.

The first is that nobody puts one there. A secret is found as it is, and as it stands in an address,
in JSON and in base64; one that nobody knew of by the place where it stands.
"""

import base64
import json
import re
from collections.abc import Callable, Collection, Iterator
from urllib.parse import quote, quote_plus

STRUCK_OUT = "[secret]"

SHORTEST = 4
"""A shorter secret would strike out parts of words, and tell itself by the gaps."""

_BY_PLACE = re.compile(
    r"""
    (?P<address>   [A-Za-z][A-Za-z0-9+.-]{0,30}://[^\s/@:]*:) [^\s/]+ (?=@)
    | (?P<query>   [?&](?:p|password|(?:access_)?token|secret|api_?key)=) [^\s&\#"']+
    | (?P<header>  authorization["']?\s{0,3}[:=]\s{0,3}["']?(?:basic|bearer|token)\s) [^\s"',;}]+
    | (?P<link>    /said/) [\w.~-]{20,}
    | (?P<token>   \bnormalcy_) [\w-]{43} (?![\w-])
    """,
    re.VERBOSE | re.IGNORECASE,
)
"""Secrets that are none of the configuration: passwords in addresses, what a caller showed, signed
links and tokens that were made here. No part may look far ahead: lines are long."""


def striking_out(secrets: Collection[str]) -> Callable[[str], str]:
    """What replaces every one of the secrets in a text."""
    forms = {form for secret in secrets if len(secret) >= SHORTEST for form in _forms(secret)}
    # the longest first, so that one that contains another goes as a whole
    found = "|".join(re.escape(form) for form in sorted(forms, key=len, reverse=True))
    known = re.compile(found) if found else None

    def strike(text: str) -> str:
        text = known.sub(STRUCK_OUT, text) if known else text
        return _BY_PLACE.sub(lambda found: f"{found[found.lastgroup or 0]}{STRUCK_OUT}", text)

    return strike


def _forms(secret: str) -> Iterator[str]:
    yield secret
    yield quote(secret, safe="")
    yield quote(secret)
    yield quote_plus(secret)
    yield json.dumps(secret)[1:-1]
    yield json.dumps(secret, ensure_ascii=False)[1:-1]
    yield repr(secret)[1:-1]
    yield base64.b64encode(secret.encode()).decode()
