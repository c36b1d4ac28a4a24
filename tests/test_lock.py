"""What can be said of the locked dependencies without asking anybody."""

import re
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
LOCK = (ROOT / "requirements.lock").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())

FORBIDDEN = {
    "dill": "runs code on loading, and is made for it",
    "pycrypto": "no longer looked after, with known faults",
    "sklearn": "a placeholder; the library is scikit-learn",
    "tensorflow-gpu": "no longer looked after; tensorflow has it",
}
"""Packages that must not come in, also not as somebody's dependency."""

PERMISSIVE = re.compile(
    r"MIT|BSD|Apache|ISC|PSF|Python Software Foundation|Python-2\.0|Zlib|Unlicense|CC0|0BSD|HPND|"
    r"Public Domain|MPL|Mozilla Public License|BlueOak|CNRI|Boost|OFL",
    re.IGNORECASE,
)
"""Licences that ask for nothing but to be named, or for changes to the package itself."""
RECIPROCAL = {
    "namex": "Apache-2.0, by its repository; its package does not tell",
    "psycopg": "LGPL: used as it is, from a package of its own",
    "psycopg-binary": "LGPL: used as it is, from a package of its own",
    "recurring-ical-events": "LGPL: used as it is, from a package of its own",
    "waitress": "ZPL-2.1: to be named, as BSD",
    "x-wr-timezone": "LGPL: used as it is, from a package of its own",
}
"""Packages whose licence is another one, or is not told in a way that can be read."""


PIN = re.compile(r"^([A-Za-z0-9][\w.-]*)==([\w.+!-]+)(?: ; (.*?))? \\$")


def entries() -> list[str]:
    """Each package of the lock, with its hashes; some are there once for each Python."""
    parts = re.split(r"^(?=[A-Za-z0-9])", LOCK, flags=re.MULTILINE)
    return [part for part in parts if part and not part.startswith("#")]


def pinned() -> dict[str, list[str]]:
    """Versions by name, of this Python and system first."""
    found: dict[str, list[str]] = {}
    for entry in entries():
        match = PIN.match(entry.splitlines()[0])
        assert match is not None, entry.splitlines()[0]
        here = match[3] is None or Marker(match[3]).evaluate()
        versions = found.setdefault(canonicalize_name(match[1]), [])
        versions.insert(0 if here else len(versions), match[2])
    return found


PINNED = pinned()


def needed(requirements: list[str], *extras: str) -> set[str]:
    """The packages that an installation brings, as they are installed here, with their own."""
    found: set[str] = set()
    waiting = [(Requirement(one), extras) for one in requirements]
    while waiting:
        requirement, wanted = waiting.pop()
        name = canonicalize_name(requirement.name)
        marker = requirement.marker
        applies = marker is None or any(marker.evaluate({"extra": e}) for e in (*wanted, ""))
        if not applies or name in found:
            continue
        try:
            requires = metadata.requires(name) or []
        except metadata.PackageNotFoundError:
            continue  # for another system
        found.add(name)
        waiting += [(Requirement(one), tuple(requirement.extras)) for one in requires]
    return found


PRODUCT = needed(
    [
        *PROJECT["project"]["dependencies"],
        *PROJECT["project"]["optional-dependencies"]["postgres"],
        *PROJECT["project"]["optional-dependencies"]["cluster"],
    ]
)


def test_every_package_is_pinned_to_one_version_and_to_its_files() -> None:
    assert len(PINNED) > 100
    for entry in entries():
        hashes = re.findall(r"--hash=(\w+):([0-9a-f]+)", entry)
        assert hashes, entry
        assert all(kind == "sha256" and len(digest) == 64 for kind, digest in hashes), entry


def test_nothing_comes_from_elsewhere_than_the_index() -> None:
    assert not re.search(
        r"^\s*(-i|--(extra-)?index-url|--find-links|-e|--editable|-f)\b", LOCK, re.M
    )
    assert not re.search(r"(git\+|https?:|file:)", re.sub(r"^#.*$", "", LOCK, flags=re.M))


def test_what_the_project_asks_for_is_locked() -> None:
    project = PROJECT["project"]
    groups = [project["dependencies"], *project["optional-dependencies"].values()]
    asked = [*(one for group in groups for one in group), *PROJECT["dependency-groups"]["dev"]]

    for one in map(Requirement, asked):
        for version in PINNED[canonicalize_name(one.name)]:
            assert one.specifier.contains(version), f"{one} is locked at {version}"


def test_nothing_is_in_it_that_must_not_be() -> None:
    assert not set(PINNED) & set(FORBIDDEN)


def test_what_is_installed_here_is_what_is_locked() -> None:
    for name in sorted(PRODUCT):
        assert metadata.version(name) == PINNED[name][0], name


def licence(name: str) -> str:
    """What a package says of its licence; some write its whole text into the field."""
    told = metadata.metadata(name)
    classifiers = [c for c in told.get_all("Classifier") or [] if c.startswith("License ::")]
    words = [told.get("License-Expression") or "", (told.get("License") or "")[:80], *classifiers]
    return " ".join(words)


@pytest.mark.parametrize("name", sorted(PRODUCT))
def test_its_licence_lets_it_be_used_so(name: str) -> None:
    told = licence(name)
    assert bool(PERMISSIVE.search(told)) != (name in RECIPROCAL), told


def test_what_is_answered_here_is_still_needed() -> None:
    assert set(RECIPROCAL) <= PRODUCT
