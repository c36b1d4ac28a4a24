"""What a chat shows of alerts: what, where, since when, and links to say what it was."""

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from backend.records import AlertState, LabelKind
from backend.services.alerting import AlertView
from backend.services.labelling import shown

Style = Literal["plain", "slack"]
Say = Callable[[AlertView, LabelKind], str]
"""(alert, kind) to the address under which this can be said."""

QUESTIONS: Mapping[LabelKind, str] = {
    LabelKind.NORMAL: "This was normal",
    LabelKind.ANOMALY: "This was real",
    LabelKind.EXCLUDE: "This was maintenance",
}

_MOST_LETTERS = 3800
"""The shortest limit is Google Chat's, 4096."""
_LONGEST_WORDS = 400
_SENSORS = ("top_sensors", "sensors", "top1", "top2", "top3")
"""Annotations that name the sensors which stand out."""


def text_of(views: Sequence[AlertView], say: Say, alerts_page: str, style: Style) -> str:
    """One message about alerts that were told together; those that do not fit are counted.

    Args:
        views: the alerts.
        say: makes the links under which people say what it was.
        alerts_page: where all alerts are shown.
        style: how links are written.
    """
    write = _Writer(style)
    blocks: list[str] = []
    length = 0
    for view in views:
        block = "\n".join(_lines(view, say, write))
        length += len(block) + 2
        if blocks and length > _MOST_LETTERS:
            break
        blocks.append(block)
    if left := len(views) - len(blocks):
        blocks.append(write.link(f"{left} more", alerts_page))
    return "\n\n".join(blocks)


class _Writer:
    """Texts and links as the chat wants them; what others wrote never becomes markup."""

    def __init__(self, style: Style) -> None:
        self._slack = style == "slack"

    def text(self, words: str) -> str:
        line = " ".join(words.split())
        line = line if len(line) <= _LONGEST_WORDS else f"{line[: _LONGEST_WORDS - 1]}…"
        if not self._slack:
            return line
        return line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")

    def strong(self, words: str) -> str:
        return f"*{words}*" if self._slack else words

    def link(self, words: str, url: str) -> str:
        if not self._slack:
            return f"{words}: {url}"
        return f"<{url.replace('|', '%7C').replace('>', '%3E')}|{self.text(words)}>"


def _lines(view: AlertView, say: Say, write: _Writer) -> list[str]:
    fires = view.alert.state is AlertState.FIRING
    lines = [_head(view, write), _facts(view, write)]
    if view.alert.summary and view.alert.description:
        lines.append(write.text(view.alert.description))
    if view.alert.panel_url:
        lines.append(write.link("Panel in Grafana", view.alert.panel_url))
    if fires and view.teaches:
        lines += [write.link(words, say(view, kind)) for kind, words in QUESTIONS.items()]
    return lines


def _head(view: AlertView, write: _Writer) -> str:
    alert = view.alert
    state = "Firing" if alert.state is AlertState.FIRING else "Resolved"
    about = " ".join(word for word in (alert.detector, view.series) if word)
    words = alert.summary or alert.title or alert.description
    return f"{write.strong(state)} {write.text(': '.join(w for w in (about, words) if w))}"


def _facts(view: AlertView, write: _Writer) -> str:
    alert = view.alert
    facts = [f"since {shown(alert.start)}"]
    if alert.stop is not None:
        facts.append(f"until {shown(alert.stop)}")
    if alert.state is AlertState.FIRING and view.stop is not None:
        facts.append(f"over since {shown(view.stop)}")
    if score := alert.annotations.get("score"):
        facts.append(f"score {score}")
    if sensors := [alert.annotations[name] for name in _SENSORS if alert.annotations.get(name)]:
        facts.append(f"top sensors {', '.join(sensors)}")
    return write.text("; ".join(facts))
