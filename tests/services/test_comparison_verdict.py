from typing import Any

import pytest

from backend.services.comparison_verdict import sentences, verdict_of


def side(number: int, per_week: float | None, caught: int = 0, of: int = 2, **more: Any) -> Any:
    alerts = round((per_week or 0) * 4)
    figures = {"number": number, "alerts": alerts, "alerts_per_week": per_week, "caught": caught}
    return {**figures, "anomalies": of, "silent_alerts": 0, **more}


def said(challenger: Any, champion: Any) -> str:
    return sentences(verdict_of({"challenger": challenger, "champion": champion}))


@pytest.mark.parametrize(
    ("challenger", "champion", "expected"),
    [
        (
            side(4, 1.0, 2),
            side(3, 4.0, 2),
            "Version 4 would have raised 3.0 alerts fewer a week than version 3 (1.0 a week) and "
            "still caught all 2 labelled anomalies.",
        ),
        (
            side(4, 5.0, 1),
            side(3, 4.0, 2),
            "Version 4 would have raised 1.0 alerts more a week than version 3 (5.0 a week) and "
            "caught 1 of 2 labelled anomalies, 1 fewer than before.",
        ),
        (
            side(4, 4.0, 1),
            side(3, 4.01, 1),
            "Version 4 would have raised as many alerts as version 3 (4.0 a week) and still "
            "caught 1 of 2 labelled anomalies.",
        ),
        (
            side(4, 4.0, 1, of=1),
            None,
            "Version 4 would have raised 4.0 alerts a week and caught the one labelled anomaly.",
        ),
        (
            side(4, 0.0, 0, of=0),
            None,
            "Version 4 would have raised no alerts; no anomaly is labelled in this time, so that "
            "nobody knows what it misses.",
        ),
        (side(4, None), side(3, 4.0), "Version 4 could judge nothing of this time."),
    ],
)
def test_the_verdict_in_plain_words(challenger: Any, champion: Any, expected: str) -> None:
    assert said(challenger, champion) == expected


def test_a_version_whose_alarms_are_silent_says_so() -> None:
    assert "nobody would be told" in said(side(4, 0.0, 0, silent_alerts=3), side(3, 1.0, 2))
