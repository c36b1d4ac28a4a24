"""The support bundle as a file: what is remembered, what is set, and which files there are."""

import heapq
import json
import os
import re
import stat
import zipfile
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import IO

from backend.cli.session import Session
from backend.exceptions import InputError
from backend.ports import Credentials
from backend.services.anonymity import People, sealing
from backend.services.support_bundle import NOT_READ, Parts, SupportBundle, guarded
from backend.settings import Settings
from backend.settings.showing import shown, variables
from backend.stores.records.migrating import schemas

_FILES = 5000
_LOGS = 5
_LONGEST_LOG = 200_000
"""Of a file of a traceback its end is taken, in bytes."""
_LONGEST = 10_000_000
"""Of every part its beginning is taken, in characters."""

_NAMES_MISSING = (
    f"{NOT_READ}some or all names of people are not known and may stand in the other files; of "
    "tracebacks only places and kinds of errors are told.\n"
)
_FRAME = re.compile(r'  File ".*", line \d+')


def write(session: Session, out: Path | None) -> tuple[Path, list[str]]:
    """Write the bundle; its path, and the parts that could not be read.

    Raises:
        InputError: the file is there already, or cannot be written.
    """
    now = datetime.fromtimestamp(session.now() / 1e9, UTC)
    path = out or Path(f"normalcy-support-{now:%Y%m%dT%H%M%SZ}.zip")
    parts, known = _parts(session)
    seal = sealing(session.settings.secrets, known.names)
    try:
        with open(path, "xb", opener=_for_the_owner) as file:  # a Path takes no opener
            try:
                _zip(file, {seal(name): _cut(seal(text)) for name, text in parts.items()})
            except BaseException:
                path.unlink()  # half a bundle says nothing, and would be in the way
                raise
    except FileExistsError:
        raise InputError(f"{path} is there already: choose another name by --out.") from None
    except OSError as error:
        raise InputError(
            f"{path} cannot be written ({error.strerror}): choose another place by --out."
        ) from error
    return path, [name for name, text in parts.items() if text.startswith(NOT_READ)]


def _for_the_owner(path: str, flags: int) -> int:
    return os.open(path, flags, stat.S_IRUSR | stat.S_IWUSR)


def _zip(file: IO[bytes], parts: Parts) -> None:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as bundle:
        for name, text in parts.items():
            bundle.writestr(_encoded(name).decode(), _encoded(text))


def _encoded(text: str) -> bytes:
    """In UTF-8, where names of files may be in anything."""
    return text.encode(errors="backslashreplace")


def _cut(text: str) -> str:
    if len(text) <= _LONGEST:
        return text
    return f"{text[:_LONGEST]}\n… cut off here, of {len(text)} characters\n"


def _parts(session: Session) -> tuple[Parts, People]:
    application, settings = session.application, session.settings
    bundle = SupportBundle(
        application.records,
        application.detectors,
        application.monitoring,
        application.checking,
        application.clock,
    )
    parts = bundle.parts()
    # after the parts, so that nobody is in them who is not known
    known = bundle.people().and_also([session.user, *_users(settings)])
    own: Mapping[str, Callable[[], str]] = {
        "settings.json": lambda: _settings(session),
        "schema.json": lambda: _schema(application.records.ping),
        "files.txt": lambda: "".join(_files(settings.home)),
    }
    parts |= {name: guarded(collect) for name, collect in own.items()}
    for file in _tracebacks(settings.logs):
        end = partial(_end_of, file, words=known.all_of_them)
        parts[f"logs/{file.name}"] = guarded(end)
    return parts | ({} if known.all_of_them else {"names.txt": _NAMES_MISSING}), known


def _users(settings: Settings) -> Iterator[str | None]:
    """Who stores and Grafana are asked as: often people."""
    for one in (
        settings.store_credentials,
        settings.results_credentials,
        settings.grafana.credentials,
        *settings.copy_credentials,
    ):
        yield (one or Credentials()).username


def _settings(session: Session) -> str:
    told = {"settings": shown(session.settings), "variables": variables(session.environ)}
    return json.dumps(told, indent=1, ensure_ascii=False, default=str) + "\n"


def _schema(ping: Callable[[], str]) -> str:
    return json.dumps({"records": schemas()[-1], "answers": guarded(ping).strip()}) + "\n"


def _files(home: Path) -> Iterator[str]:
    """Which files there are, with rights, size and time; none is opened.

    Those near the top come first: the thousands of a store must not hide the others.
    """
    waiting, left = deque([home]), _FILES
    while waiting:
        folder = waiting.popleft()
        try:
            with os.scandir(folder) as found:
                entries = heapq.nsmallest(left + 1, found, key=lambda entry: entry.name)
        except OSError as error:
            yield f"?          {folder.relative_to(home)} ({error.strerror})\n"
            continue
        for entry in entries[:left]:
            yield _line(entry, home)
            if entry.is_dir(follow_symlinks=False):
                waiting.append(Path(entry.path))
        if len(entries) > left:
            yield "… and more\n"
            return
        left -= len(entries)


def _line(entry: "os.DirEntry[str]", home: Path) -> str:
    name = Path(entry.path).relative_to(home)
    try:
        facts = entry.stat(follow_symlinks=False)
    except OSError as error:
        return f"?          {name} ({error.strerror})\n"
    changed = datetime.fromtimestamp(facts.st_mtime, UTC)
    mode = stat.filemode(facts.st_mode)
    return f"{mode} {facts.st_size:>12} {changed:%Y-%m-%dT%H:%M:%SZ} {name}\n"


def _tracebacks(folder: Path) -> list[Path]:
    """The newest files of tracebacks that the command kept from its user's screen."""
    try:
        return sorted(file for file in folder.glob("*.log") if file.is_file())[-_LOGS:]
    except OSError:  # files.txt tells why
        return []


def _end_of(file: Path, *, words: bool) -> str:
    """The end of a file, from the beginning of a line: half a secret is found by nobody.

    Args:
        file: of a traceback.
        words: whether messages are taken along.
    """
    with file.open("rb") as opened:
        size = opened.seek(0, os.SEEK_END)
        opened.seek(max(size - _LONGEST_LOG, 0))
        text = opened.read(_LONGEST_LOG).decode(errors="replace")
    whole = text if size <= _LONGEST_LOG else text.partition("\n")[2]
    return whole if words else _without_words(whole)


def _without_words(text: str) -> str:
    """Places and kinds of errors of tracebacks, without the messages, where names may stand."""
    kept, in_frames = [], False
    for line in text.splitlines():
        in_frames, before = _FRAME.match(line) is not None, in_frames
        if in_frames:
            kept.append(line)
        elif before and line.startswith("    "):  # what stands at that place
            kept.append(line)
            in_frames = True
        elif before:
            kept.append(f"{line.partition(':')[0]}: …")
    return "\n".join(kept) + "\n"
