"""Which program made a version: the libraries and the machine on which its numbers depend."""

import platform
from collections.abc import Mapping
from functools import cache
from importlib import metadata

_DISTRIBUTIONS = {
    "normalcy": ("normalcy",),
    "numpy": ("numpy",),
    "scipy": ("scipy",),
    "scikit-learn": ("scikit-learn",),
    "keras": ("keras",),
    # one library under several names
    "tensorflow": ("tensorflow", "tensorflow-cpu", "tensorflow-gpu", "tensorflow-intel"),
}


@cache
def program() -> Mapping[str, str]:
    """Name to version of what computes in this process; nothing heavy is imported for it."""
    return {
        "python": ".".join(platform.python_version_tuple()[:2]),
        "processor": platform.machine() or "unknown",
        **{library: installed(*names) for library, names in _DISTRIBUTIONS.items()},
    }


def installed(*names: str) -> str:
    """The version of a library that is installed under one of several names."""
    for name in names:
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return "not installed"


def changed_since(made_with: Mapping[str, str]) -> list[str]:
    """What is another one now, each as `numpy 2.3.1 (now 2.4.6)`; empty where nothing is known."""
    return [
        f"{name} {made_with[name]} (now {version})"
        for name, version in program().items()
        if made_with.get(name, version) != version
    ]
