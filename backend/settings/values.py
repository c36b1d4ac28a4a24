"""What the rest of the program is told by its configuration."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from backend.ports import Credentials
from backend.records import LabelDraft
from backend.specs import DetectorSpec

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 8087


@dataclass(frozen=True)
class WebSettings:
    """Where the pages and the API listen, and the token of the administrator."""

    host: str = DEFAULT_HOST
    port: int = DEFAULT_PORT
    token: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Settings:
    """Everything that a process is configured with, valid as a whole.

    Attributes:
        home: directory of what normalcy itself keeps: records, model files, logs.
        store: URL of the series store that the sensors are in.
        results: URL of the series store that scores are written to.
        records: SQLAlchemy URL of the record store; may hold a password, so it never shows.
        copy_credentials: for both ends of `normalcy copy`; None where none are set.
        copy_records: URLs of the record stores at both ends, which may hold passwords.
        detectors: those of normalcy.yaml by name; the record store may hold others.
        labels: those of normalcy.yaml.
        config: the file that was read, if any.
    """

    home: Path
    store: str
    results: str
    records: str = field(repr=False)
    store_credentials: Credentials = field(default_factory=Credentials)
    results_credentials: Credentials = field(default_factory=Credentials)
    copy_credentials: tuple[Credentials | None, Credentials | None] = (None, None)
    copy_records: tuple[str | None, str | None] = field(default=(None, None), repr=False)
    web: WebSettings = field(default_factory=WebSettings)
    detectors: Mapping[str, DetectorSpec] = field(default_factory=dict)
    labels: tuple[LabelDraft, ...] = ()
    config: Path | None = None

    @property
    def artifacts(self) -> Path:
        """Directory of the model files."""
        return self.home / "artifacts"

    @property
    def logs(self) -> Path:
        """Directory of the tracebacks that the command keeps from its user's screen."""
        return self.home / "logs"
