"""The part of normalcy.yaml about messages to people; the chat's address is a secret."""

from datetime import timedelta
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from backend.settings.values import NotifySettings
from backend.specs import Duration, Spec


class NotifyPart(Spec):
    """How messages look, and how long their links work."""

    kind: Literal["plain", "slack"] = Field(
        "plain", description="slack: links as Slack and Mattermost write them"
    )
    links_expire: Duration = timedelta(days=7)

    @field_validator("links_expire")
    @classmethod
    def _can_be_followed(cls, value: timedelta) -> timedelta:
        if not timedelta(minutes=1) <= value <= timedelta(days=366):
            raise ValueError("expected 1m to 366d")
        return value

    def settings(self, url: str | None) -> NotifySettings:
        """What the rest of the program is told, with the address from the environment."""
        return NotifySettings(url, self.kind, self.links_expire)


def check_chat_url(url: str) -> str:
    """Refuse what is no address of a chat's incoming webhook; the message never shows it.

    Raises:
        ValueError: no http or https, or no host.
    """
    expected = "expected the address of an incoming webhook, https://…"
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise ValueError(expected) from None
    if parts.scheme not in ("http", "https") or not host or not url.isprintable() or " " in url:
        raise ValueError(expected)
    return url
