"""Names and values as text inside InfluxQL, data links and templates of Grafana."""

import re

from backend.exceptions import InputError

_REPLACED = re.compile(
    r"\$\{?(__\w+|timeFilter|interval|channel|detector|series|by_\w+|measurement|tag_\w+|col|m)\b"
    r"|\[\["
)
"""What Grafana puts something else in the place of, wherever it stands in a query."""

_PLAIN = re.compile(r"[A-Za-z0-9_.~-]")


def identifier(name: str) -> str:
    """A measurement, field or tag name as InfluxQL has it."""
    return f'"{_escaped(name, chr(34))}"'


def place(measurement: str, policy: str = "") -> str:
    """A measurement to select from, in a retention policy if it is not the default one."""
    return f"{identifier(policy)}.{identifier(measurement)}" if policy else identifier(measurement)


def string(value: str) -> str:
    """A tag's value as InfluxQL has it."""
    return f"'{_escaped(value, chr(39))}'"


def quoted(text: str) -> str:
    """A text as part of an address, with nothing that Grafana would read as a variable."""
    return "".join(c if _PLAIN.match(c) else "".join(f"%{b:02X}" for b in c.encode()) for c in text)


def check_name(name: str, where: str) -> None:
    """Refuse a name that Grafana would change inside a query.

    Raises:
        InputError: it holds one of Grafana's variables.
    """
    if found := _REPLACED.search(name):
        raise InputError(
            f"{where} {name!r} holds {found[0]!r}, which Grafana replaces inside queries: no "
            "dashboard can be made for it."
        )


def _escaped(text: str, quote: str) -> str:
    return text.replace("\\", "\\\\").replace(quote, "\\" + quote).replace("\n", "\\n")
