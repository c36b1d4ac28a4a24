"""One line an event, in text and in JSON, with what joins lines and without secrets."""

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from backend.executors import logs
from backend.executors.logs import Form, log_to_stderr
from backend.services.log_fields import fields, log_fields, told

log = logging.getLogger("tests.logs")


class Lines:
    """What was written to stderr so far."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self._text = ""

    def getvalue(self) -> str:
        self._text += self._capsys.readouterr().err
        return self._text


@pytest.fixture
def lines(capsys: pytest.CaptureFixture[str]) -> Iterator[Lines]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield Lines(capsys)
    root.handlers[:] = handlers
    root.setLevel(level)


def start(**values: Any) -> None:
    """Set logging up as a process does at its start, where pytest's own handlers do not stand."""
    root = logging.getLogger()
    root.handlers[:] = [one for one in root.handlers if isinstance(one, logs._ToStderr)]
    log_to_stderr(**values)


def read(lines: Lines) -> list[dict[str, object]]:
    return [json.loads(line) for line in lines.getvalue().splitlines()]


class TestText:
    def test_time_level_place_process_and_what_happened(self, lines):
        start()
        log.info("score detector=%s", "pump")
        line = lines.getvalue()
        time, level, place, *words = line.split()
        assert time.endswith("Z")
        assert len(time) == len("2026-11-23T06:54:46.423Z")
        assert level == "INFO"
        assert place.startswith("tests.logs[")
        assert words == ["score", "detector=pump"]

    def test_what_joins_it_with_others_ends_the_line(self, lines):
        start()
        with log_fields(run_id="ab12", detector="pump", request="17"):
            log.info("retrain detector=pump")
        assert lines.getvalue().endswith("retrain detector=pump run_id=ab12 request=17\n")

    def test_a_name_does_not_begin_a_line_of_its_own(self, lines):
        start()
        log.info("label by %s", "anna\n2026-11-23T06:54:46.423Z ERROR jobs[1] stolen\r")
        assert len(lines.getvalue().splitlines()) == 1


class TestJson:
    def test_every_part_has_its_name(self, lines):
        start(form="json")
        with log_fields(run_id="ab12", detector="pump"):
            log.warning(
                "score detector=%s took_s=%.1f", "pump", 1.26, extra=told("score", took_s=1.26)
            )
        (line,) = read(lines)
        assert str(line.pop("time")).endswith("Z")
        assert isinstance(line.pop("process"), int)
        assert line == {
            "level": "WARNING",
            "place": "tests.logs",
            "event": "score",
            "message": "score detector=pump took_s=1.3",
            "detector": "pump",
            "run_id": "ab12",
            "took_s": 1.26,
        }

    def test_a_line_without_more_is_its_own_event_the_same_each_time(self, lines):
        start(form="json")
        for name in ("a", "b"):
            log.info("timetable detector=%s", name)
        assert {line["event"] for line in read(lines)} == {"timetable detector=%s"}

    def test_a_traceback_stays_in_its_line(self, lines):
        start(form="json")
        try:
            raise ValueError("no such\nluck")
        except ValueError:
            log.exception("task failed")
        (line,) = read(lines)
        assert "Traceback" in str(line["exc_info"])
        assert "no such\nluck" in str(line["exc_info"])

    def test_what_a_line_tells_cannot_take_the_place_of_its_own_parts(self, lines):
        start(form="json")
        log.info("x", extra=told("x", level="CRITICAL", message="stolen"))
        (line,) = read(lines)
        assert (line["level"], line["message"]) == ("INFO", "x")


class TestSecrets:
    SECRET = 'p%ss "w/rd&'

    @pytest.mark.parametrize("form", ["text", "json"])
    def test_one_never_reaches_a_line_nor_a_traceback(self, lines, form: Form):
        start(form=form, secrets=[self.SECRET])
        log.info("connecting with %s", self.SECRET)
        log.info("connecting to postgresql://normalcy:%s@db/x", "p%25ss+%22w%2Frd%26")
        log.info("told %r", {"password": self.SECRET})
        try:
            raise ValueError(self.SECRET)
        except ValueError:
            log.exception("failed")
        text = lines.getvalue()
        assert text.count("[secret]") >= 4
        for part in (self.SECRET, "w/rd", "w%2Frd"):
            assert part not in text

    def test_a_password_in_an_address_is_struck_out_though_nobody_knows_it(self, lines):
        start()
        log.info("see influxdb://reader:hush@plant-1:8086/sensors for more")
        assert "influxdb://reader:[secret]@plant-1:8086/sensors" in lines.getvalue()

    def test_what_is_too_short_to_be_one_stays(self, lines):
        start(secrets=["", "a"])
        log.info("a line that says what it says")
        assert "a line that says what it says" in lines.getvalue()


def test_form_and_secrets_may_be_known_later(lines):
    start()
    start(form="json", secrets=["hush-hush"])
    log.info("hush-hush")
    (line,) = read(lines)
    assert line["message"] == "[secret]"


def test_what_is_bound_ends_with_its_block():
    with log_fields(run_id="a"):
        with log_fields(request_id="b", run_id=None):
            assert fields() == {"run_id": "a", "request_id": "b"}
        assert fields() == {"run_id": "a"}
    assert fields() == {}
