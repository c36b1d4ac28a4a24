"""What a process runs: the versions on which the numbers of a training depend."""

import hashlib
import platform
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import backend
from backend.services.program import installed

_DISTRIBUTIONS = {
    "numpy": ("numpy",),
    # one library under several names
    "tensorflow": ("tensorflow", "tensorflow-cpu", "tensorflow-gpu", "tensorflow-intel"),
    "keras": ("keras",),
    "scikit-learn": ("scikit-learn",),
}


def versions() -> dict[str, str]:
    """Package to version, of this process; nothing heavy is imported for it."""
    return {
        "normalcy": f"{backend.__version__} ({_digest()})",
        "python": ".".join(platform.python_version_tuple()[:2]),
        **{package: installed(*names) for package, names in _DISTRIBUTIONS.items()},
    }


def differences(ours: Mapping[str, str], theirs: Mapping[str, str]) -> list[str]:
    """What another process has in another version, each as `numpy 2.3.1 (here 2.4.6)`."""
    return [
        f"{package} {theirs.get(package, 'of unknown version')} (here {version})"
        for package, version in ours.items()
        if theirs.get(package) != version
    ]


@cache
def _digest() -> str:
    """Eight digits that tell this code from any other: images built from a checkout share a number.

    Returns:
        The beginning of a SHA-256 over all modules of the package, with their names.
    """
    top = Path(backend.__file__).parent
    found = hashlib.sha256()
    for file in sorted(top.rglob("*.py")):
        found.update(file.relative_to(top).as_posix().encode() + b"\0" + file.read_bytes())
    return found.hexdigest()[:8]
