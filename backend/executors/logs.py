"""One form of log line for the jobs and their workers: UTC time, level, place, what happened."""

import logging
import sys
import time


class _Utc(logging.Formatter):
    converter = staticmethod(time.gmtime)
    default_time_format = "%Y-%m-%dT%H:%M:%S"
    default_msec_format = "%s.%03dZ"


def log_to_stderr(level: int = logging.INFO) -> None:
    """Send every log line of this process to stderr; later calls change nothing."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Utc("%(asctime)s %(levelname)s %(name)s[%(process)d] %(message)s"))
    logging.basicConfig(level=level, handlers=[handler])
    # It tells of every look at the schema.
    logging.getLogger("alembic").setLevel(logging.WARNING)
