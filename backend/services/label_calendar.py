"""Labels as iCalendar: events of a calendar, recurring ones too, such as planned maintenance."""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, tzinfo
from math import prod

import recurring_ical_events
from icalendar import Calendar, Component, Event

from backend.exceptions import ImportFileError
from backend.records import Label, LabelDraft, LabelKind, parse_series_key, series_key
from backend.services.csv_rows import unreadable
from backend.services.label_choices import Choices
from backend.services.label_words import rid_of_label
from backend.services.labelling import shown
from backend.specs.times import format_time, parse_time, parse_zone, since_epoch

BACK = 2 * 365 * 86_400_000_000_000
"""How long before now recurring events begin to count, unless it is said otherwise."""

AHEAD = 90 * 86_400_000_000_000
"""How long after now they cease to count: maintenance that is planned."""

MOST_OCCURRENCES = 5000

_SECOND = 1_000_000_000
_OFTEN = ("SECONDLY", "MINUTELY", "HOURLY")
_ONCE = ("DTEND", "DURATION", "RECURRENCE-ID", "SEQUENCE", "UID")
_MOST_A_DAY = 24
_DAYS = {month: 30 if month in (4, 6, 9, 11) else 31 for month in range(1, 13)} | {2: 29}
_PATIENCE_S = 20.0
_DETECTOR, _SERIES, _RANGE = "X-NORMALCY-DETECTOR", "X-NORMALCY-SERIES", "X-NORMALCY-RANGE"


@dataclass(frozen=True)
class Window:
    """The range `[start, stop)` in which events count, and the end of what has happened."""

    start: int
    stop: int
    now: int


def read_calendar(text: str, name: str, choices: Choices, now: int) -> list[LabelDraft]:
    """Read the events of a calendar, each time that they happen.

    An event is a label of the kind that one of its categories names; of the chosen kind; or else
    `exclude`. Whatever is cancelled or excepted is left out, and so is what has not happened yet
    where it is said to be normal or an anomaly.

    Args:
        text: the file.
        name: of the file, for messages.
        choices: for what an event does not say, and from when to when events count: from two years
            ago to 90 days ahead unless they say otherwise.
        now: the time, nanoseconds.

    Raises:
        ImportFileError: it is no calendar, or events cannot be read, each told by its line; or
            they happen more than `MOST_OCCURRENCES` times.
    """
    calendars = _parsed(text, name)
    _refuse_unreadable(calendars, text, name)
    window = Window(
        max(now - BACK, 0) if choices.start is None else choices.start,
        now + AHEAD if choices.stop is None else choices.stop,
        now,
    )
    drafts: list[LabelDraft] = []
    for calendar in calendars:
        zone = _zone(calendar, choices)
        for event in _occurrences(calendar, window, zone, name):
            try:
                drafts += _drafts(event, choices, window, zone)
            except ValueError as error:
                raise ImportFileError(f"{name}: {_title(event)}: {error}.") from error
            if len(drafts) > MOST_OCCURRENCES:
                raise ImportFileError(
                    f"{name}: its events happen more than {MOST_OCCURRENCES} times between "
                    f"{shown(window.start)} and {shown(window.stop)}; choose a shorter range."
                )
    return sorted(drafts, key=lambda draft: (draft.start, draft.stop))


def write_calendar(labels: Iterable[Label]) -> str:
    """Labels as a calendar that `read_calendar` reads back."""
    calendar = Calendar()
    calendar.add("prodid", "-//normalcy//labels//EN")
    calendar.add("version", "2.0")
    for label in labels:
        calendar.add_component(_event(label))
    text: bytes = calendar.to_ical()
    return text.decode()


def _event(label: Label) -> Event:
    event = Event()
    event.add("uid", f"{rid_of_label(label)}@normalcy")
    event.add("dtstamp", _moment(label.created_at))
    event.add("dtstart", _moment(label.start))
    # Whole seconds only: what is exact follows in a line of its own.
    event.add("dtend", _moment(max(label.stop, label.start + _SECOND)))
    event.add("summary", label.note or str(label.kind))
    event.add("categories", [str(label.kind)])
    event.add(_DETECTOR, label.detector)
    event.add(_SERIES, series_key(label.tags))
    event.add(_RANGE, f"{format_time(label.start)}/{format_time(label.stop)}")
    return event


def _moment(time: int) -> datetime:
    return datetime.fromtimestamp(time // _SECOND, UTC)


# -- reading ---------------------------------------------------------------------------------------


def _parsed(text: str, name: str) -> list[Calendar]:
    try:
        found = Calendar.from_ical(text, multiple=True)
    except OSError as error:  # a part of the names of zones, such as America, is a folder
        raise ImportFileError(f"{name} names a time zone that there is not.") from error
    except (ValueError, IndexError, KeyError) as error:
        raise ImportFileError(f"{name} is not an iCalendar file: {error}.") from error
    calendars = list(found)
    if not calendars or any(one.name != "VCALENDAR" for one in calendars):
        raise ImportFileError(
            f"{name} is not an iCalendar file: expected BEGIN:VCALENDAR to END:VCALENDAR."
        )
    return calendars


def _refuse_unreadable(calendars: Iterable[Calendar], text: str, name: str) -> None:
    """Refuse a file with events that cannot be read, each told by its line."""
    lines = [
        number
        for number, line in enumerate(text.splitlines(), start=1)
        if line.strip().upper() == "BEGIN:VEVENT"
    ]
    events = [event for one in calendars for event in one.walk("VEVENT")]
    wrong = [
        f"  line {line}: {_title(event)}: {problem}"
        for line, event in zip(lines, events, strict=False)
        if (problem := _problem(event))
    ]
    if wrong:
        raise unreadable(name, "events", wrong)


def _problem(event: Component) -> str | None:
    """Why an event cannot be read; None where it can."""
    if event.errors:
        field, words = event.errors[0]
        return f"{field or 'a line'}: {words}"
    if not isinstance(getattr(event.get("DTSTART"), "dt", None), date):
        return "it has no DTSTART, or one that is no time"
    if twice := [name for name in _ONCE if isinstance(event.get(name), list)]:
        return f"it has more than one {twice[0]}"
    return next(filter(None, map(_uncountable, _rules(event))), None)


def _rules(event: Component) -> list[dict[str, list[object]]]:
    rules = event.get("RRULE", [])
    return list(rules) if isinstance(rules, list) else [rules]


def _uncountable(rule: Mapping[str, Sequence[object]]) -> str | None:
    """Why it would take for ever to count how often a rule holds; None where it would not."""
    a_day = prod(max(len(rule.get(by, ())), 1) for by in ("BYHOUR", "BYMINUTE", "BYSECOND"))
    often = {str(value).upper() for value in rule.get("FREQ", ())} & set(_OFTEN)
    if often or a_day > _MOST_A_DAY:
        return f"it recurs too often: expected daily or rarer, at most {_MOST_A_DAY} times a day"
    try:
        # every 0 days it would recur for ever on the first
        if any(int(str(value)) < 1 for value in rule.get("INTERVAL", ())):
            return "it recurs at no distance: expected INTERVAL=1 or more"
        months = [int(str(month)) for month in rule.get("BYMONTH", ())] or list(_DAYS)
        days = [int(str(day)) for day in rule.get("BYMONTHDAY", ())]
    except ValueError:
        return "it recurs in a way that is not understood: expected months and days as numbers"
    longest = max(_DAYS.get(month, 0) for month in months)
    if days and all(abs(day) > longest for day in days):
        return "it never happens: no such month has that day"
    return None


def _title(event: Component) -> str:
    return str(event.get("SUMMARY", "")).strip()[:60] or "an event"


def _zone(calendar: Calendar, choices: Choices) -> tzinfo:
    """The zone of times that name none: the one chosen, else the calendar's own, else UTC."""
    if choices.zone is None and (own := str(calendar.get("X-WR-TIMEZONE", "")).strip()):
        try:
            return parse_zone(own)
        except ValueError:
            return UTC
    return choices.zone_or_utc


def _occurrences(calendar: Calendar, window: Window, zone: tzinfo, name: str) -> Iterator[Event]:
    """Events in force that overlap the window, each time that they happen."""
    if str(calendar.get("METHOD", "")).upper() == "CANCEL":
        return
    start, stop = (_moment(time).astimezone(zone) for time in (window.start, window.stop))
    try:
        until = time.monotonic() + _PATIENCE_S
        for series in recurring_ical_events.of(calendar).series:
            _refuse_late(until, name)
            for occurrence in series.between(start, stop):
                event = occurrence.as_component(keep_recurrence_attributes=False)
                if str(event.get("STATUS", "")).upper() != "CANCELLED":
                    yield event
    except AttributeError as error:  # what the library of calendars says of a value that is odd
        problem = "one of its values is of another kind than it should be"
        raise ImportFileError(f"{name}: an event cannot be counted: {problem}.") from error
    except (ValueError, OverflowError, TypeError) as error:
        raise ImportFileError(f"{name}: an event cannot be counted: {error}.") from error


def _refuse_late(until: float, name: str) -> None:
    # A rule that seldom holds is looked for until the year 9999: seconds for each.
    if time.monotonic() > until:
        raise ImportFileError(
            f"{name}: it takes too long to count when its events happen; divide it into parts."
        )


def _drafts(event: Event, choices: Choices, window: Window, zone: tzinfo) -> list[LabelDraft]:
    """The label of an event at one time; none where it lasts no time or cannot be said yet."""
    categories = [str(one).strip() for one in event.categories]
    named = [LabelKind(one.lower()) for one in categories if one.lower() in set(LabelKind)]
    kind = next(iter(named), choices.kind or LabelKind.EXCLUDE)
    start, stop = _range(event, zone)
    ahead = kind is not LabelKind.EXCLUDE and stop > window.now
    if stop <= start or ahead or stop <= window.start or start >= window.stop:
        return []
    tags = parse_series_key(str(event.get(_SERIES, ""))) or choices.tags
    detector = choices.detector_of(str(event.get(_DETECTOR, "")))
    return [LabelDraft(detector, kind, start, stop, tags, _note(event, categories, kind))]


def _note(event: Event, categories: list[str], kind: LabelKind) -> str:
    summary = str(event.get("SUMMARY", "")).strip()
    if event.get(_DETECTOR) and summary == kind:
        return ""
    others = [one for one in categories if one and one.lower() not in set(LabelKind)]
    return f"{summary} ({', '.join(others)})".strip() if others else summary


def _range(event: Event, zone: tzinfo) -> tuple[int, int]:
    start, stop = _nanoseconds(event.start, zone), _nanoseconds(event.end, zone)
    exact = str(event.get(_RANGE, "")).split("/")
    if len(exact) != 2:
        return start, stop
    told = parse_time(exact[0]), parse_time(exact[1])
    # Whoever moved the event in a calendar moved the label.
    return told if told[0] // _SECOND * _SECOND == start else (start, stop)


def _nanoseconds(moment: date, zone: tzinfo) -> int:
    """A time, or the midnight at which a day begins."""
    if not isinstance(moment, datetime):
        moment = datetime(moment.year, moment.month, moment.day, tzinfo=zone)
    elif moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone)
    return since_epoch(moment)
