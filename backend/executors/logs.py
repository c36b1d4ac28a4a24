"""One form of log line for every process of the service: text for people, JSON for machines.

    2026-11-23T06:55:00.134Z INFO jobs.workplace[4711] score detector=gas-room took_s=0.4 run_id=…

The same as JSON has the names `time`, `level`, `place`, `process`, `event`, `message`, and what the
line or the piece of work has beside, such as `detector`, `run_id` and `request_id`. No secret of
the configuration reaches a line: whoever logs leaves it out, and what slips through is struck out
here.
"""

import logging
import sys
import time
from collections.abc import Collection
from typing import Any, Literal

from pythonjsonlogger.json import JsonFormatter

from backend.services.discretion import striking_out
from backend.services.log_fields import event_of, fields

Form = Literal["text", "json"]


def log_to_stderr(
    level: int = logging.INFO, form: Form = "text", secrets: Collection[str] = ()
) -> None:
    """Send every log line of this process to stderr; a later call changes form and secrets only.

    Args:
        level: below it nothing is said.
        form: of the lines.
        secrets: what never stands in one.
    """
    root = logging.getLogger()
    handler = next((one for one in root.handlers if isinstance(one, _ToStderr)), None)
    if handler is None:
        handler = _ToStderr(sys.stderr)
        logging.basicConfig(level=level, handlers=[handler])
    handler.setFormatter(_Discreet(_Json() if form == "json" else _Text(), secrets))
    # It tells of every look at the schema.
    logging.getLogger("alembic").setLevel(logging.WARNING)


class _ToStderr(logging.StreamHandler[Any]):
    """The handler that is ours, among those that others may have added."""


class _Discreet(logging.Formatter):
    """Formats as another does, and strikes secrets out, of tracebacks too."""

    def __init__(self, inner: logging.Formatter, secrets: Collection[str]) -> None:
        super().__init__()
        self._inner = inner
        self._strike = striking_out(secrets)

    def format(self, record: logging.LogRecord) -> str:
        return self._strike(self._inner.format(record))


class _Utc(logging.Formatter):
    converter = staticmethod(time.gmtime)
    default_time_format = "%Y-%m-%dT%H:%M:%S"
    default_msec_format = "%s.%03dZ"


class _Text(_Utc):
    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s[%(process)d] %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # as it is called
        line = super().formatMessage(record)
        bound = {name: value for name, value in fields().items() if name not in _IN_MESSAGE}
        line += "".join(f" {name}={value}" for name, value in bound.items())
        # a name that somebody chose must not begin a line of its own
        return line.replace("\r", "\\r").replace("\n", "\\n")


_IN_MESSAGE = frozenset({"detector"})
"""What is bound and stands in messages already."""


class _Json(JsonFormatter, _Utc):
    def __init__(self) -> None:
        super().__init__("%(message)s", json_ensure_ascii=False)

    def add_fields(
        self,
        log_data: dict[str, Any],
        record: logging.LogRecord,
        message_dict: dict[str, Any],
    ) -> None:
        event, values = event_of(record)
        log_data |= {
            "time": self.formatTime(record),
            "level": record.levelname,
            "place": record.name,
            "process": record.process,
            "event": event,
            "message": record.getMessage(),
        }
        details = ("exc_info", "stack_info")
        log_data |= {name: message_dict[name] for name in details if message_dict.get(name)}
        for name, value in {**fields(), **values}.items():
            log_data.setdefault(name, value)
