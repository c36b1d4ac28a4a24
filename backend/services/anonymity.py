"""Taking people's names out of texts that leave the house."""

import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator

from backend.ports import RecordStore
from backend.services.discretion import striking_out

PERSON = "[person]"

NOBODY = frozenset(
    {"", "admin", "command", "grafana", "jobs", "normalcy", "normalcy.yaml", "retraining", "root"}
    | {"link", "system", "webhook", "yaml"}
)
"""Who signs what no person did, and names that say nothing of anybody."""

_NEWEST = 1000


def people(records: RecordStore, detectors: Iterable[str]) -> frozenset[str]:
    """Every name of a person or a token that the records hold.

    Raises:
        StoreError: they cannot be reached.
    """
    promoters = (one.by for name in detectors for one in records.promotions(name))
    return frozenset({*_accounts(records), *_signed(records), *promoters}) - NOBODY


def _accounts(records: RecordStore) -> Iterator[str]:
    for user in records.users():
        yield from (user.name, user.created_by)
    for token in records.tokens():
        yield from (token.name, token.created_by)
    yield from (entry.who for entry in records.audit(limit=_NEWEST))


def _signed(records: RecordStore) -> Iterator[str]:
    """Who said something, asked for something, or ended it."""
    for label in records.labels(removed=True):
        yield from (label.created_by, label.removed_by or "")
    for request in records.requests(limit=_NEWEST):
        yield from (request.created_by, request.cancelled_by or "")
    yield from (run.cancelled_by or "" for run in records.runs(limit=_NEWEST))
    yield from (stored.changed_by for stored in records.detectors())


def sealing(secrets: Collection[str], names: Collection[str]) -> Callable[[str], str]:
    """What takes every secret and every name of a person out of a text.

    Args:
        secrets: of the configuration.
        names: of people, taken out as whole words.
    """
    strike = striking_out(secrets)
    longest = sorted((one for one in names if len(one) > 1), key=len, reverse=True)
    found = "|".join(re.escape(form) for one in longest for form in dict.fromkeys(_forms(one)))
    known = re.compile(rf"(?<!\w)(?:{found})(?!\w)") if longest else None

    def seal(text: str) -> str:
        text = strike(text)
        return known.sub(PERSON, text) if known else text

    return seal


def _forms(name: str) -> Iterator[str]:
    yield name
    yield json.dumps(name, ensure_ascii=False)[1:-1]
    yield json.dumps(name)[1:-1]
