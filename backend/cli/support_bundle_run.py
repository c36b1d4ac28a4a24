"""The support bundle as a file: what is remembered, what is set, and which files there are."""

import json
import stat
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from backend.cli.session import Session
from backend.exceptions import InputError, NormalcyError
from backend.services.anonymity import sealing
from backend.services.support_bundle import NOT_READ, SupportBundle
from backend.settings.showing import shown, variables
from backend.stores.records.migrating import schemas

_FILES = 5000
_LOGS = 5
_LONGEST_LOG = 200_000
"""Of a file of a traceback its end is taken, in characters."""


def write(session: Session, out: Path | None) -> tuple[Path, list[str]]:
    """Write the bundle; its path, and the parts that could not be read.

    Raises:
        InputError: the file is there already, or cannot be written.
    """
    now = datetime.fromtimestamp(session.now() / 1e9, UTC)
    path = out or Path(f"normalcy-support-{now:%Y%m%dT%H%M%SZ}.zip")
    parts, names = _parts(session)
    seal = sealing(session.settings.secrets, names)
    try:
        with path.open("xb") as file:
            path.chmod(stat.S_IRUSR | stat.S_IWUSR)
            with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as bundle:
                for name, text in parts.items():
                    bundle.writestr(seal(name), seal(text))
    except FileExistsError:
        raise InputError(f"{path} is there already: choose another name by --out.") from None
    except OSError as error:
        raise InputError(
            f"{path} cannot be written ({error.strerror}): choose another place by --out."
        ) from error
    return path, [name for name, text in parts.items() if text.startswith(NOT_READ)]


def _parts(session: Session) -> tuple[dict[str, str], frozenset[str]]:
    application, settings = session.application, session.settings
    bundle = SupportBundle(
        application.records,
        application.detectors,
        application.monitoring,
        application.checking,
        application.clock,
    )
    schema = {"records": schemas()[-1], "answers": _told(application.records.ping)}
    told = {"settings": shown(settings), "variables": variables(session.environ)}
    own = {
        "settings.json": json.dumps(told, indent=1, ensure_ascii=False, default=str) + "\n",
        "schema.json": json.dumps(schema) + "\n",
        "files.txt": "".join(_files(settings.home)),
        **dict(_tracebacks(settings.logs)),
    }
    return {**bundle.parts(), **own}, bundle.people()


def _told(ask: Callable[[], str]) -> str:
    try:
        return ask()
    except NormalcyError as error:
        return f"{NOT_READ}{error}"


def _files(home: Path) -> Iterator[str]:
    """Which files there are, with rights, size and time; none is opened."""
    found = sorted(home.rglob("*")) if home.is_dir() else []
    for file in found[:_FILES]:
        try:
            facts = file.lstat()
        except OSError as error:
            yield f"?          {file.relative_to(home)} ({error.strerror})\n"
            continue
        changed = datetime.fromtimestamp(facts.st_mtime, UTC)
        mode = stat.filemode(facts.st_mode)
        name = file.relative_to(home)
        yield f"{mode} {facts.st_size:>12} {changed:%Y-%m-%dT%H:%M:%SZ} {name}\n"
    if len(found) > _FILES:
        yield f"… and {len(found) - _FILES} more\n"


def _tracebacks(folder: Path) -> Iterator[tuple[str, str]]:
    """The newest tracebacks that the command kept from its user's screen."""
    found = sorted(folder.glob("*.log"))[-_LOGS:] if folder.is_dir() else []
    for file in found:
        try:
            text = file.read_text(encoding="utf-8", errors="replace")
        except OSError as error:
            text = f"{NOT_READ}{error.strerror}\n"
        yield f"logs/{file.name}", text[-_LONGEST_LOG:]
