"""The part of normalcy.yaml about where fleets are trained, and what a worker may use."""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError

from backend.exceptions import Problem
from backend.settings.document import Document
from backend.settings.environment import PREFIX, Variables
from backend.settings.values import TrainingSettings
from backend.settings.wording import problems
from backend.specs import Duration, Spec

GIB = 1 << 30
LEAST_MEMORY = GIB
"""TensorFlow alone takes two thirds of it."""

_SIZE = re.compile(r"(\d+(?:\.\d+)?) ?(MB|GB|TB|MiB|GiB|TiB)")
_UNITS = {"MB": 10**6, "GB": 10**9, "TB": 10**12, "MiB": 1 << 20, "GiB": GIB, "TiB": 1 << 40}

_VARIABLES = {
    "TRAINING_EXECUTOR": "executor",
    "TRAINING_PROCESSES": "processes",
    "TRAINING_MEMORY": "memory",
    "TRAINING_DASK": "dask",
    "TRAINING_TIMEOUT": "timeout",
}


def parse_size(text: object) -> int:
    """Read `4GiB` or `1500MB` as bytes; a number of bytes passes through.

    Raises:
        ValueError: the text is not a size.
    """
    if isinstance(text, int) and not isinstance(text, bool):
        return text
    match = _SIZE.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise ValueError(f"expected a size such as 4GiB or 1500MB, got {text!r}")
    return round(float(match[1]) * _UNITS[match[2]])


def check_memory(size: int) -> int:
    """Refuse what is too little for any worker.

    Raises:
        ValueError: it is.
    """
    if size < LEAST_MEMORY:
        raise ValueError("expected at least 1GiB: the libraries alone need most of it")
    return size


def _check_address(address: str) -> str:
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        port = None
    if port is None or parts.scheme not in ("tcp", "tls") or not parts.hostname or parts.path:
        raise ValueError(
            "expected the address of a Dask scheduler such as tcp://host:8786, or tls://host:8786"
        )
    return address


class TrainingPart(Spec):
    """The key `training` of the file."""

    executor: Literal["in_process", "processes", "dask"] = "in_process"
    processes: int | None = Field(None, ge=1, le=1024)
    memory: Annotated[int, BeforeValidator(parse_size), AfterValidator(check_memory)] | None = None
    dask: Annotated[str, AfterValidator(_check_address)] | None = None
    timeout: Duration = Field(timedelta(hours=1), ge=timedelta(seconds=1), le=timedelta(days=7))


class TrainingReading:
    """What file and environment say of training, with every mistake in it."""

    def __init__(self, part: TrainingPart, variables: Variables, document: Document) -> None:
        self._variables = variables
        self._document = document
        self._part = part
        self.problems: list[Problem] = []

    def settings(self) -> TrainingSettings:
        """As the rest of the program takes it; variables go before the file."""
        part = self._part.model_copy(update=dict(self._given()))
        if part.executor == "dask" and part.dask is None and not self.problems:
            self.problems.append(
                self._document.problem(
                    ("training", "dask"),
                    "is missing: expected the address of the scheduler, tcp://host:8786",
                )
            )
        return TrainingSettings(part.executor, part.processes, part.memory, part.dask, part.timeout)

    def _given(self) -> Iterator[tuple[str, object]]:
        for name, key in _VARIABLES.items():
            if (text := self._variables.text(name)) is None:
                continue
            try:
                yield key, getattr(TrainingPart.model_validate({key: text}), key)
            except ValidationError as error:
                given = Document({key: text})
                self.problems += [
                    Problem(PREFIX + name, problem.message)
                    for problem in problems(error, TrainingPart, (), given)
                ]
