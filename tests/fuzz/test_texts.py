"""What people write into files and fields: read, or refused by a sentence; never anything else."""

import string
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from backend.detection.expressions import parse
from backend.exceptions import ConfigurationError, ImportFileError, LabelError
from backend.importers.options import ReadingOptions
from backend.importers.reading import open_table
from backend.services.cron import cron_trigger
from backend.services.label_calendar import read_calendar
from backend.services.label_choices import Choices
from backend.services.label_csv import read_csv
from backend.settings.detector_file import detectors_in, mistakes_in
from backend.settings.document import read_document, read_value
from backend.specs.times import format_time, parse_time, parse_zone
from backend.web.texts import catalogue, text_in
from tests.fuzz.amount import tried

# two libraries of calendars warn each other of what they may read differently one day
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:dateutil")

NOW = 1_780_000_000_000_000_000
MANY = tried(150)
FEW = tried(60)

ANY = st.text(st.characters(exclude_categories=("Cs",)))


def pieces(*words: str, most: int = 40) -> st.SearchStrategy[str]:
    """Texts of a language's own words, with anything in between."""
    return st.lists(st.sampled_from(words) | ANY, max_size=most).map("".join)


@contextmanager
def told(words: str, *kinds: type[Exception]) -> Iterator[None]:
    """Allows that it is refused, by an error of these kinds whose sentence holds the words."""
    said = None
    try:
        yield
    except kinds as error:
        said = str(error)
    assert said is None or (said and words in said)


# -- times, cron, expressions ----------------------------------------------------------------------

TIMES = pieces("2026", "-", "03", "01", "T", "06", ":", "00", "Z", "+", "23:59", ".", "9", "W", " ")


@MANY
@given(TIMES)
@example("0001-01-01T00:00:00+23:59")
@example("9999-12-31T23:59:59-23:59")
@example("2026-03-01T06:00:00.٣٣٣٣٣٣٣٣٣")
def test_a_time_is_read_or_refused(text):
    with told("", ValueError):
        moment = parse_time(text)
        assert parse_time(format_time(moment)) == moment


@MANY
@given(pieces("America", "/", "Berlin", "..", "UTC", "\0", "posix"))
def test_a_zone_is_found_or_refused(name):
    with told("time zone", ValueError):
        parse_zone(name)


CRON = pieces("*", "/", "-", ",", " ", "0", "5", "60", "mon", "sun", "jan", "L", "#", "²", "?")


@MANY
@given(CRON)
@example("* * * * */" + "9" * 5000)
@example("*/0 * * * *")
@example("0 0 last * *")
@example("0 0 xth mon * *")
@example("² ² ² ² ²")
def test_a_timetable_is_read_or_refused(text):
    with told("five cron fields", ValueError):
        cron_trigger(text, UTC)


WORDS = ("load", "`H2S (ppm)`", " ", ">", "<=", "==", "0", "1e999", "9" * 400, "and", "or", "not ")
CONDITION = pieces(*WORDS, "(", ")", "-", "+", "*", "/", "True", "lambda", ".", "[", "f''", "\0")


@MANY
@given(CONDITION)
@example("-" * 490 + "load > 0")
@example("not " * 120 + "load > 0")
@example("(" * 240 + "load > 0" + ")" * 240)
@example("load > " + "9" * 400)
@example("load > 0x" + "f" * 400)
@example("load > 1/0")
@example("load" + ">0" * 240)
@example("load > 0" + "+1" * 240)
@example("load > '\\")
@example("1 is load")
def test_a_condition_is_read_and_can_be_looked_at_or_is_refused(text):
    columns = {"load": np.array([1.0, np.nan, -1e308]), "H2S (ppm)": np.array([0.0, 1.0, np.inf])}
    with told("", ValueError):
        condition = parse(text, columns.keys())
        assert condition.holds(columns).shape == (3,)


# -- YAML ------------------------------------------------------------------------------------------

YAML = (
    ": ",
    "- ",
    "\n",
    "  ",
    "{",
    "}",
    "[",
    "]",
    "&a ",
    "*a",
    "<<",
    "? ",
    "| ",
    "> ",
    "'",
    '"',
    "#",
)
TAGGED = (
    "!!int ",
    "!!float ",
    "!!bool ",
    "!!timestamp ",
    "!!binary ",
    "!!null ",
    "!!set ",
    "!!omap ",
)
KEYS = (
    "store",
    "detectors",
    "gas-room",
    "measurement",
    "channels",
    "every",
    "labels",
    "1m",
    "0",
    "1",
)
DOCUMENT = pieces(*YAML, *TAGGED, *KEYS)

TAGS = [
    "!!int x",
    "!!int ''",
    "!!int " + "9" * 5000,
    "!!float x",
    "!!float ''",
    "!!bool x",
    "!!timestamp x",
    "!!timestamp 2026-99-99",
    "!!binary x",
    "!!set {a}",
    "!!python/object/apply:os.system [ls]",
    "9" * 5000,
    "1e999",
    ".nan",
]


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return tmp_path_factory.mktemp("yaml") / "normalcy.yaml"


def read(file, text: str) -> None:
    file.write_text(text, encoding="utf-8", newline="")
    for reader in (read_document, detectors_in):
        with told("", ConfigurationError):
            reader(file)


@MANY
@given(text=DOCUMENT)
@example(text="a: &a {<<: *a}")
def test_a_configuration_is_read_or_refused(file, text):
    read(file, text)


@pytest.mark.parametrize("value", TAGS)
def test_a_value_that_is_not_what_it_says_is_refused_with_its_line(file, value):
    read(file, f"detectors:\n  a:\n    measurement: air\n    every: {value}\n")
    with told("as in normalcy.yaml", ValueError):
        read_value(value)


def laughs(levels: int, line: str) -> str:
    """Lines that each name the one before ten times."""
    lines = ["a0: &a0 {x: 1, y: 2, z: 3, u: 4, v: 5}"]
    for level in range(1, levels):
        ten = ", ".join(10 * [f"*a{level - 1}"])
        lines.append(line.format(level=level, ten=ten))
    return "\n".join(lines)


def keys(count: int) -> str:
    return ", ".join(f"k{number}: 0" for number in range(count))


BOMBS = {
    "lists": laughs(12, "a{level}: &a{level} [{ten}]"),
    "merges": laughs(12, "a{level}: &a{level} {{<<: [{ten}], k{level}: 1}}"),
    "wide merges": f"a: &a {{{keys(3000)}}}\nb: [{', '.join(3000 * ['{<<: *a}'])}]",
    "deep": "a: " + "[" * 700,
    "deep blocks": "".join(f"{' ' * level}a:\n" for level in range(2000)),
    "itself": "a: &a [*a]",
}


@pytest.mark.parametrize("text", BOMBS.values(), ids=BOMBS.keys())
@pytest.mark.timeout(20)
def test_a_bomb_of_yaml_is_refused(file, text):
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError):
        read_document(file)
    with pytest.raises(ValueError, match=r"as in normalcy\.yaml"):
        read_value(text)


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ANY,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(ANY, inner, max_size=4),
    max_leaves=20,
)
SPEC = st.fixed_dictionaries(
    {},
    optional={
        name: PLAIN
        | st.sampled_from(["1m", "air", {"kind": "pca"}, ["temp"], "0 3 * * *", 1, True])
        for name in (
            *("measurement", "channels", "group_by", "where", "every", "context", "judge_when"),
            *(
                "settle",
                "model",
                "scaling",
                "smoothing",
                "threshold",
                "alarm",
                "schedule",
                "promote",
            ),
        )
    },
)


@MANY
@given(name=ANY | st.just("gas-room"), body=SPEC)
def test_a_definition_is_taken_or_every_mistake_told(name, body):
    spec, problems = mistakes_in(name, body)
    assert (spec is None) == bool(problems)
    assert all(problem.message for problem in problems)


# -- labels ----------------------------------------------------------------------------------------

CSV = pieces(
    "start", "stop", "kind", "detector", "tags", "note", ",", ";", "\n", "\r", '"', "2026-03-01"
)
HEADER = "start,stop,kind,detector,tags,note\n"


@MANY
@given(CSV)
@example(HEADER + '"' * 3)
@example(HEADER + "a" * 200_000)
@example(HEADER + "\0")
@example(HEADER + "2026-01-01,2026-01-02,normal,a," + "=" * 1000 + ",")
@example("start,start,stop,kind\n1,2,3,4,5,6")
def test_labels_of_csv_are_read_or_refused(text):
    for content in (text, HEADER + text):
        with told("labels.csv", ImportFileError, LabelError):
            read_csv(content, "labels.csv", Choices(detector="a"))


LINES = st.sampled_from(
    [
        *("DTSTART:", "DTEND:", "DTSTART;VALUE=DATE:", "DTSTART;TZID=Europe/Berlin:", "DURATION:"),
        *("RRULE:", "RRULE:FREQ=DAILY;COUNT=", "RRULE:FREQ=YEARLY;BYMONTH=", "RDATE:", "EXDATE:"),
        *("SUMMARY:", "CATEGORIES:", "STATUS:", "UID:", "RECURRENCE-ID:", "X-NORMALCY-RANGE:"),
        *("X-NORMALCY-SERIES:", "DTSTART;TZID=:", "DTSTART;TZID=/:", "SEQUENCE:", "EXRULE:"),
        *("BEGIN:", "END:", "BEGIN:VALARM", "END:VALARM", "BEGIN:VTIMEZONE", "END:VTIMEZONE", " "),
    ]
)
VALUES = st.sampled_from(
    ["20260301T060000Z", "20260301", "20260301T060000", "PT1H", "-P1D", "00010101", "99991231", "1"]
) | pieces(
    "FREQ=DAILY", ";", "BYDAY=MO", "=", ",", "INTERVAL=0", "UNTIL=", "2026", "0", "-1", most=8
)
EVENT = st.lists(st.tuples(LINES, VALUES).map("".join), max_size=10).map("\r\n".join)
EVENTS = [
    "DTSTART:20260301T060000Z\r\nRRULE:FREQ=DAILY;INTERVAL=0",
    "DTSTART:20260301T060000Z\r\nRRULE:FREQ=DAILY;UNTIL=20260301;COUNT=1",
    "DTSTART:20260301T060000Z\r\nDTEND:20260301",
    "DTSTART:20260301\r\nDURATION:PT1H",
    "DTSTART:99991231T235959Z\r\nDURATION:P1D",
    "DTSTART:00010101T000000Z\r\nRRULE:FREQ=YEARLY",
    "DTSTART:20260301T060000Z\r\nRDATE;VALUE=PERIOD:20260301T060000Z/PT1H",
    "DTSTART:20260301T060000Z\r\nEXDATE:x",
    "DTSTART:20260301T060000Z\r\nRECURRENCE-ID:x",
    "DTSTART:20260301T060000Z\r\nSEQUENCE:x",
    "DTSTART:20260301T060000Z\r\nDTSTART:20260302T060000Z",
    "DTSTART:20260301T060000Z\r\nDTEND:20260302T060000Z\r\nDTEND:20260303T060000Z",
    "DTSTART:20260301T060000Z\r\nDURATION:PT1H\r\nDURATION:PT2H",
    "DTSTART:20260301T060000Z\r\nRECURRENCE-ID:20260301\r\nRECURRENCE-ID:20260301",
    "DTSTART:20260301T060000Z\r\nDURATION;VALUE=DATE-TIME:20260301T060000Z",
    "DTSTART:20260301T060000Z\r\nUID:a\r\nUID:b",
    "DTSTART:20260301T060000Z\r\nSEQUENCE:1\r\nSEQUENCE:2",
    "DTSTART:20260301T060000Z\r\nX-NORMALCY-SERIES:===",
    "DTSTART:20260301T060000Z\r\nDURATION:P9999999999D",
    "DTSTART:20260301T060000Z\r\nRRULE:FREQ=YEARLY;BYMONTHDAY=31;BYMONTH=2,4",
    "DTSTART:20260301T060000Z\r\nRRULE:FREQ=WEEKLY;BYDAY=99MO",
    "DTSTART:20260301T060000Z\r\nRRULE:",
]


def calendar(event: str) -> str:
    return f"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\n{event}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"


@FEW
@given(EVENT)
def test_labels_of_a_calendar_are_read_or_refused(event):
    for content in (event, calendar(event)):
        read_plan(content)


@pytest.mark.parametrize("event", EVENTS)
def test_an_odd_event_is_read_or_refused(event):
    read_plan(calendar(event))


def read_plan(content: str) -> None:
    with told("plan.ics", ImportFileError, LabelError):
        read_calendar(content, "plan.ics", Choices(detector="a"), NOW)


# -- files of values -------------------------------------------------------------------------------

TABLE = pieces(
    "time", "temp", ",", ";", "\t", "\n", "\r\n", '"', "2026-03-01T00:00:00Z", "1.5", "1,5"
)
GOOD = "time,temp\n2026-03-01T00:00:00Z,1\n2026-03-01T00:01:00Z,2\n"


@MANY
@given(content=TABLE.map(str.encode) | st.binary(max_size=200), whole=st.booleans())
@example(b"", False)
@example(b"\xff\xfe", False)
@example(b"\x1f\x8b", False)
@example(b"PAR1", False)
@example(b"PAR1" + bytes(100) + b"PAR1", False)
@example(b'time,temp\n"' + b"a\n" * 500, False)
@example(b"99999999999999999999,1e999\n", True)
@example(b"2026-03-01T00:00:00Z,\xff\n", True)
def test_a_file_of_values_is_read_or_refused(file, content, whole):
    path = file.with_name("values.csv")
    path.write_bytes(GOOD.encode() + content if whole else content)
    refusals = told("", ImportFileError, ConfigurationError)
    with refusals, open_table(path, ReadingOptions(), lambda share, words: None) as table:
        for _ in table.chunks:
            pass


# -- texts of pages --------------------------------------------------------------------------------

ARGUMENTS = ANY | st.integers() | st.floats() | st.just("{ $name }") | st.just("</script>")
NAMES = sorted(catalogue("en").variables)


@MANY
@given(name=st.sampled_from(NAMES), code=st.sampled_from(["en", "ko"]), value=ARGUMENTS)
def test_any_value_can_stand_in_a_text(name, code, value):
    taken = catalogue("en").variables[name]
    said = text_in(code, name, **dict.fromkeys(taken, value))
    assert isinstance(said, str)


def test_every_word_of_a_page_is_printable():
    for code in ("en", "ko"):
        for name in NAMES:
            assert set(text_in(code, name)) - set(string.whitespace)
