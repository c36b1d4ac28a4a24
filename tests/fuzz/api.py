"""Schemathesis on the whole API: what the document promises is what every request gets."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import schemathesis
from flask import Flask
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import events, from_schema
from schemathesis.engine.recorder import ScenarioRecorder

from tests.fuzz.rooms import TOKEN
from tests.fuzz.serving import answering

DOCUMENT = "/api/v1/openapi.json"

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "response_headers_conformance",
    "negative_data_rejection",
    "missing_required_header",
    "unsupported_method",
    "allow_header_conformance",
    "use_after_free",
    "ensure_resource_availability",
    "ignored_auth",
)

REFUSALS = ["400", "401", "403", "404", "405", "409", "413", "415", "422", "429", "431"]
"""Answers to what the document does not allow; that none is a server error is looked at, too."""


@dataclass
class Failure:
    """What a request got that the document does not promise.

    Attributes:
        check: which promise.
        operation: method and path.
        message: what was found.
        request: a line of curl that sends it again.
    """

    check: str
    operation: str
    message: str
    request: str


@dataclass
class Outcome:
    """What came of a run.

    Attributes:
        cases: requests sent, by operation.
        failures: what was found, each operation and check once.
        errors: what kept the fuzzer itself from working.
        statuses: how often each status was answered.
    """

    cases: Counter[str] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)
    failures: dict[tuple[str, str, str], Failure] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)


def fuzz(app: Flask, *, examples: int, seed: int | None = None, stateful: bool = True) -> Outcome:
    """Ask every operation of the document in every phase that schemathesis has.

    Args:
        app: what answers.
        examples: requests at random for each operation, besides those at the borders of its schema.
        seed: of the random requests; None asks the same each time.
        stateful: whether answers lead to requests, too.
    """
    config = SchemathesisConfig.from_dict(_configuration(examples, seed, stateful))
    with answering(app) as address:
        return _outcome(f"{address}{DOCUMENT}", config)


def _outcome(address: str, config: SchemathesisConfig) -> Outcome:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    schema = schemathesis.openapi.from_url(address, config=config, headers=headers)
    outcome = Outcome()
    for event in from_schema(schema).execute():
        _note(event, outcome)
    return outcome


def _configuration(examples: int, seed: int | None, stateful: bool) -> dict[str, Any]:
    """No database of hypothesis, no calls kept: what is asked depends on the seed alone."""
    generation = {"max-examples": examples, "deterministic": seed is None, "database": "none"}
    return {
        **({} if seed is None else {"seed": seed}),
        "auth": {"openapi": {"token": {"bearer": TOKEN}}},
        "generation": generation,
        "continue-on-failure": True,
        "suppress-health-check": ["all"],
        "request-timeout": 120,
        "checks": {
            "enabled": False,
            **{name: {"enabled": True} for name in CHECKS},
            "negative_data_rejection": {"enabled": True, "expected-statuses": REFUSALS},
        },
        "phases": {
            "coverage": {"unexpected-methods": ["PATCH"]},
            "stateful": {"enabled": stateful},
        },
        "operations": [
            {
                # Their last part may be the name of a detector, to which there are other ways.
                "include-path-regex": "/detectors/(check|preview|propose)$",
                "checks": {"allow_header_conformance": {"enabled": False}},
            }
        ],
        "cache": {"enabled": False},
    }


def _note(event: events.EngineEvent, outcome: Outcome) -> None:
    if isinstance(event, events.ScenarioFinished):
        _count(event.recorder, outcome)
    elif isinstance(event, events.NonFatalError):
        outcome.errors.append(f"{event.label}: {event.value}")
    elif isinstance(event, events.FatalError):
        raise event.exception


def _count(recorder: ScenarioRecorder, outcome: Outcome) -> None:
    for node in recorder.cases.values():
        outcome.cases[node.value.operation.label] += 1
    for interaction in recorder.interactions.values():
        if interaction.response is not None:
            outcome.statuses[interaction.response.status_code] += 1
    for failure in _failures(recorder):
        key = (failure.operation, failure.check, failure.message)
        outcome.failures.setdefault(key, failure)


def _failures(recorder: ScenarioRecorder) -> Iterator[Failure]:
    for case, checks in recorder.checks.items():
        label = recorder.cases[case].value.operation.label
        for check in checks:
            if (found := check.failure_info) is not None:
                text = f"{found.failure.title}: {found.failure.message}"
                yield Failure(check.name, label, text, found.code_sample)
