"""Taking people's names out of texts that leave the house."""

import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass

from backend.exceptions import StoreUnavailable
from backend.ports import RecordStore
from backend.services.discretion import striking_out

PERSON = "[person]"

NOBODY = frozenset(
    {"", "admin", "command", "grafana", "jobs", "normalcy", "normalcy.yaml", "retraining", "root"}
    | {"link", "system", "webhook", "yaml"}
)
"""Who signs what no person did, and names that say nothing of anybody."""

_NEWEST = 1000


@dataclass(frozen=True)
class People:
    """Names of people and tokens.

    Attributes:
        names: that are known.
        all_of_them: whether nothing of what holds names was unreadable.
    """

    names: frozenset[str]
    all_of_them: bool = True

    def and_also(self, names: Iterable[str | None]) -> "People":
        """With others, but for those that are nobody's."""
        more = {name for name in names if name} | self.names
        return People(frozenset(more) - NOBODY, self.all_of_them)


def people(records: RecordStore) -> People:
    """Every name of a person or a token that the records hold, or as many as can be read."""
    names: set[str] = set()
    all_of_them = True
    for told in _SOURCES:
        try:
            names.update(name for name in told(records) if name)
        except StoreUnavailable:  # each further question would wait as long
            all_of_them = False
            break
        except Exception:  # rows may be damaged, and the others help all the same
            all_of_them = False
    return People(frozenset(names) - NOBODY, all_of_them)


def _users(records: RecordStore) -> Iterator[str | None]:
    for user in records.users():
        yield from (user.name, user.created_by)


def _tokens(records: RecordStore) -> Iterator[str | None]:
    for token in records.tokens():
        yield from (token.name, token.created_by)


def _audited(records: RecordStore) -> Iterator[str | None]:
    yield from (entry.who for entry in records.audit(limit=_NEWEST))


def _labellers(records: RecordStore) -> Iterator[str | None]:
    for label in records.labels(removed=True):
        yield from (label.created_by, label.removed_by)


def _askers(records: RecordStore) -> Iterator[str | None]:
    for request in records.requests(limit=_NEWEST):
        yield from (request.created_by, request.cancelled_by)


def _enders(records: RecordStore) -> Iterator[str | None]:
    yield from (run.cancelled_by for run in records.runs(limit=_NEWEST))


def _judges(records: RecordStore) -> Iterator[str | None]:
    """Who defined detectors, promoted versions of theirs, or answered that they drift."""
    yield from (stored.changed_by for stored in records.detectors())
    for standing in records.standings():
        yield from (one.by for one in records.promotions(standing.detector))
    yield from (one.by for one in records.drift_proposals())


_SOURCES = (_users, _tokens, _audited, _labellers, _askers, _enders, _judges)


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
