"""The places that several machines must share to work on one fleet, as text without secrets."""

import socket

from backend.settings.urls import is_of_this_machine, without_secrets
from backend.settings.values import Settings


def shared_places(settings: Settings) -> dict[str, str]:
    """Key of the configuration to what it names, equal on two machines where the place is one.

    Files, and servers that are reached by loopback, are told apart by the name of their host: two
    machines that write the same there mean two places.
    """
    places = {"store": settings.store, "results": settings.results, "records": settings.records}
    return {key: _named(url) for key, url in places.items()}


def _named(url: str) -> str:
    shown = without_secrets(url)
    return f"{shown} of {socket.gethostname()}" if is_of_this_machine(url) else shown
