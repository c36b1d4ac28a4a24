import json
from types import SimpleNamespace

from backend.services.explaining import ChannelSaid, Explanation, WindowSaid
from tests.cli.conftest import HOUR, NOW, Command

TIME = NOW - HOUR
SAID = Explanation(
    detector="gas-room",
    series="room=a",
    time=TIME,
    model="gas-room/3",
    trained_at=NOW - 24 * HOUR,
    provisional=False,
    labels=({"kind": "normal", "start": 0, "stop": HOUR, "tags": {}},),
    judged=True,
    reason="model",
    error=4.0,
    smoothed=3.0,
    threshold=1.5,
    score=2.0,
    flag=True,
    basis="1 alarm a week",
    outside=True,
    mode="idle",
    channels=(
        ChannelSaid("temp", 31.5, 22.25, 3.5, 3.2, 6.1, 0.75, beyond=True),
        ChannelSaid("moist", None, 40.0, None, None, None, 0.25, beyond=False),
    ),
    window=WindowSaid(TIME, TIME + HOUR, {"temp": [31.5], "moist": [None]}),
    nearest=WindowSaid(0, HOUR, {"temp": [22.0], "moist": [40.0]}),
)


def explain(normalcy: Command, *arguments: str) -> tuple[str, tuple[object, ...]]:
    asked: list[tuple[object, ...]] = []

    def answer(*question: object) -> Explanation:
        asked.append(question)
        return SAID

    normalcy.application.explaining = SimpleNamespace(explain=answer)
    text = normalcy("explain", "gas-room", "--at", "now-1h", *arguments).stdout
    return text, asked[0]


def test_it_says_everything_in_words(normalcy: Command) -> None:
    text, asked = explain(normalcy, "--series", "room=a")
    assert asked == ("gas-room", "room=a", TIME)
    for expected in (
        "room=a 2026-03-10T11:00:00Z",
        "flagged by model, score 2, smoothed error 3",
        "1.5: 1 alarm a week",
        "gas-room/3, trained 2026-03-09T12:00:00Z on 1 label",
        "idle",
        "outside of what training saw",
        "3.2 times",
        "75%",
        "most like it in normal time: 1970-01-01T00:00:00Z to 1970-01-01T01:00:00Z",
    ):
        assert expected in text


def test_json_has_times_in_iso_8601(normalcy: Command) -> None:
    text, asked = explain(normalcy, "--json")
    assert asked[1] is None
    found = json.loads(text)
    assert found["time"] == "2026-03-10T11:00:00Z"
    assert found["nearest"]["stop"] == "1970-01-01T01:00:00Z"
    assert found["labels"][0]["start"] == "1970-01-01T00:00:00Z"
    assert found["channels"][0]["times_usual"] == 3.2


def test_a_time_is_needed(normalcy: Command) -> None:
    assert "--at" in normalcy("explain", "gas-room", code=2).stderr
