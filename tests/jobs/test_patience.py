from jobs.patience import Patience

SECOND = 1_000_000_000


def waits(patience: Patience, name: str, circumstances: str, now: int) -> int:
    """Whole seconds until the next try is allowed."""
    return next(s for s in range(10_000) if patience.allows(name, circumstances, now + s * SECOND))


def test_what_never_failed_is_allowed() -> None:
    assert Patience().allows("retrain a", "labels", 0)


def test_the_wait_doubles_up_to_ten_minutes() -> None:
    patience, now, seen = Patience(), 0, []
    for _ in range(7):
        patience.remember("retrain a", "labels", now, succeeded=False)
        seen.append(waits(patience, "retrain a", "labels", now))
        now += seen[-1] * SECOND

    assert seen == [30, 60, 120, 240, 480, 600, 600]


def test_success_ends_the_wait_and_forgets_it() -> None:
    patience = Patience()
    patience.remember("retrain a", "labels", 0, succeeded=False)
    patience.remember("retrain a", "labels", 0, succeeded=False)
    patience.remember("retrain a", "labels", 0, succeeded=True)
    assert patience.allows("retrain a", "labels", 0)

    patience.remember("retrain a", "labels", 0, succeeded=False)
    assert waits(patience, "retrain a", "labels", 0) == 30


def test_new_circumstances_end_the_wait() -> None:
    patience = Patience()
    for _ in range(3):
        patience.remember("retrain a", "old labels", 0, succeeded=False)
    assert patience.allows("retrain a", "new labels", 0)

    patience.remember("retrain a", "new labels", 0, succeeded=False)
    assert waits(patience, "retrain a", "new labels", 0) == 30


def test_names_wait_apart() -> None:
    patience = Patience()
    patience.remember("retrain a", "labels", 0, succeeded=False)

    assert patience.allows("retrain b", "labels", 0)
