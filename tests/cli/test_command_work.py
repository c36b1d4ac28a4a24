"""retrain, score and check."""

import json
from dataclasses import replace

import pytest

from backend.records import Verdict
from backend.services.checking import CheckLine
from backend.services.scored_part import ScoringReport
from tests.cli.conftest import HOUR, NOW, Command, version


def test_retrain_ends_with_a_verdict_in_plain_words(normalcy: Command) -> None:
    normalcy.application.retraining.made = version(3, verdict=Verdict.CHAMPION)

    result = normalcy("retrain", "gas-room")

    lines = result.stdout.splitlines()
    assert lines[0] == "gas-room/3 is trained, champion: it serves"
    assert lines[1] == "  learned 1 series from 166.7 normal hours, in 12.5 s"
    assert "  warning: little normal data" in lines
    assert "  set aside: room=b: no values of channel 'temp'" in lines
    assert "normalcy models show gas-room 3" in lines[-1]
    assert result.stderr == ""


def test_retrain_says_how_to_promote_a_challenger(normalcy: Command) -> None:
    assert "normalcy models promote gas-room 1" in normalcy("retrain", "gas-room").stdout


def test_retrain_without_labels_says_so(normalcy: Command) -> None:
    normalcy.application.retraining.made = version(provisional=True)

    assert "normalcy label add gas-room normal" in normalcy("retrain", "gas-room").stdout


def test_retrain_as_json(normalcy: Command) -> None:
    told = json.loads(normalcy("retrain", "gas-room", "--json").stdout)

    assert told["model"] == "gas-room/1"
    assert told["training"]["rows"] == 1000


def test_retrain_begins_with_what_serves_unless_told_otherwise(normalcy: Command) -> None:
    normalcy("retrain", "gas-room")
    normalcy.application.retraining.made = version(2)
    normalcy("retrain", "gas-room", "--cold")

    assert normalcy.application.retraining.cold == [False, True]


def test_retrain_says_what_it_saved(normalcy: Command) -> None:
    made = version(8)
    saved = {"begun_from": 7, "series_begun": 1, "series_trained": 2}
    saved |= {"epochs_begun": 12, "epochs_before": 60}
    normalcy.application.retraining.made = replace(made, training={**made.training, **saved})

    text = normalcy("retrain", "gas-room").stdout
    assert "went on from version 7 with 1 of 2 series: 12 epochs in place of 60" in text


def test_score_without_a_range_scores_what_is_due(normalcy: Command) -> None:
    text = normalcy("score", "gas-room").stdout

    assert normalcy.application.scoring.asked == [("gas-room",)]
    assert "series: 2, points: 12, judged: 11, bridged: 0, flagged: 3, events: 1" in text


def test_a_range_makes_it_a_backfill(normalcy: Command) -> None:
    normalcy("score", "gas-room", "--from", "2026-03-10T06:00", "--to", "now-1h")
    normalcy("score", "gas-room", "--from", "now-2h")

    assert normalcy.application.scoring.asked == [
        ("gas-room", NOW - 6 * HOUR, NOW - HOUR),
        ("gas-room", NOW - 2 * HOUR, NOW),
    ]


def test_a_range_that_is_none(normalcy: Command) -> None:
    normalcy("score", "gas-room", "--to", "now", code=2)
    assert (
        "the range is empty"
        in normalcy("score", "gas-room", "--from", "now-1h", "--to", "now-2h", code=2).stderr
    )
    assert normalcy.application.scoring.asked == []


def test_score_tells_why_nothing_was_scored_and_what_was_set_aside(normalcy: Command) -> None:
    scoring = normalcy.application.scoring
    scoring.report = ScoringReport("gas-room", NOW, NOW, note="no model serves yet")
    assert normalcy("score", "gas-room").stdout == (
        "gas-room: nothing to score (no model serves yet)\n"
    )

    scoring.report = ScoringReport("gas-room", NOW, NOW, set_aside={"room=b": "no data"})
    assert "room=b was set aside: no data" in normalcy("score", "gas-room").stdout


def test_score_as_json(normalcy: Command) -> None:
    told = json.loads(normalcy("score", "gas-room", "--json").stdout)

    assert told["start"] == "2026-03-10T11:00:00Z"
    assert told["flagged"] == 3


def test_check_prints_a_line_each(normalcy: Command) -> None:
    lines = normalcy("check").stdout.splitlines()

    assert [line.split()[:2] for line in lines] == [
        ["ok", "program"],
        ["ok", "configuration"],
        ["ok", "pages"],
        ["ok", "source"],
    ]


def test_check_writes_only_on_request(normalcy: Command) -> None:
    assert "round trip" not in normalcy("check").stdout
    assert "ok    results: round trip  a point came back" in normalcy("check", "--write").stdout


def test_check_fails_when_one_thing_is_not_well(normalcy: Command) -> None:
    normalcy.application.checking.found.append(CheckLine("results", False, "start the server"))

    assert "FAIL  results        start the server" in normalcy("check", code=1).stdout
    told = json.loads(normalcy("check", "--json", code=1).stdout)
    assert told[-1] == {"what": "results", "ok": False, "detail": "start the server"}


@pytest.mark.parametrize(("token", "is_well"), [("a" * 15, False), ("a" * 16, True)])
def test_check_tells_of_a_token_that_can_be_guessed(
    normalcy: Command, token: str, is_well: bool
) -> None:
    normalcy.session.environ = {"NORMALCY_TOKEN": token}

    told = normalcy("check", code=0 if is_well else 1).stdout
    assert ("can be guessed" in told) is not is_well
    assert token not in told


def test_check_tells_that_the_pages_need_a_token(normalcy: Command) -> None:
    normalcy.session.environ = {"NORMALCY_HOST": "0.0.0.0"}

    assert "NORMALCY_TOKEN" in normalcy("check", code=1).stdout
