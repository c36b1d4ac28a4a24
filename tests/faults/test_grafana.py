"""Grafana is down, slow or older than it was: no label is lost for that."""

import copy
from collections.abc import Callable
from threading import Event

import pytest

from backend.exceptions import GrafanaUnavailable
from backend.grafana.annotations import GrafanaAnnotations
from backend.grafana.client import GrafanaClient, Patience
from backend.ports import Credentials
from backend.services.label_sync import Deletions
from tests.faults.tally import Facts, Outcome, each
from tests.servers.stub import Answer, Asked, StubServer
from tests.services.annotated import MINUTE, NOON, Annotated


@pytest.fixture
def world() -> Annotated:
    """Two labels drawn, one made on a page, and kept equal."""
    return a_world()


def a_world() -> Annotated:
    made = Annotated(options={"write_back": True})
    made.draw(0, 10, "normal")
    made.draw(20, 30, "anomaly")
    made.add(40, 50)
    made.sync()
    return made


def said(world: Annotated) -> Facts:
    return each((("label", *one), ()) for one in world.said())


def quiet(world: Annotated) -> bool:
    """Whether both sides say the same, and nothing is done any more."""
    return world.sync().is_quiet


# -- down and slow ---------------------------------------------------------------------------------


@pytest.mark.fault("Grafana down")
@pytest.mark.parametrize("after", range(5))
def test_down_in_the_middle(world: Annotated, outcome: Outcome, after: int) -> None:
    twin = a_world()
    for one in (twin, world):
        one.draw(100, 110, "exclude")
        one.add(120, 130, "anomaly")
        one.labelling.remove([label.id for label in one.labelling.list()][:1], by="bob")
    twin.sync()

    answered = 0

    def gone(method: str) -> Callable[..., object]:
        real = getattr(world.grafana, method)

        def answer(*told: object) -> object:
            nonlocal answered
            answered += 1
            return real(*told) if answered <= after else (502, {"message": "Bad Gateway"})

        return answer

    for method in ("organization", "listing", "get", "post", "put", "delete"):
        setattr(world.grafana, method, gone(method))
    for _ in range(2):
        with pytest.raises(GrafanaUnavailable):
            world.sync()
    for method in ("organization", "listing", "get", "post", "put", "delete"):
        delattr(world.grafana, method)
    world.sync()
    outcome.compare(said(world), said(twin))
    outcome.compare(shown(world), shown(twin))
    assert quiet(world)


def shown(world: Annotated) -> Facts:
    return each((tuple(one), ()) for one in world.shown())


@pytest.mark.fault("Grafana slow")
def test_an_answer_that_does_not_come_in_time_is_one_sentence(
    world: Annotated, outcome: Outcome
) -> None:
    before = said(world)
    over = Event()

    def late(asked: Asked) -> Answer:
        over.wait(30)
        return Answer()

    with StubServer(late) as server:
        soon = Patience(connect_s=1.0, read_s=0.1, pauses=())
        client = GrafanaClient(f"http://127.0.0.1:{server.port}", Credentials(token="t"), soon)
        with pytest.raises(GrafanaUnavailable):
            GrafanaAnnotations(client).name()
        over.set()
    outcome.compare(said(world), before)


# -- restored from an old backup -------------------------------------------------------------------


def restore(world: Annotated, backup: dict[int, object], following: int) -> None:
    world.grafana.items = copy.deepcopy(backup)  # type: ignore[assignment]
    world.grafana._next = following


@pytest.mark.fault("Grafana restored from an old backup")
@pytest.mark.parametrize(
    ("drawn", "edited"), [(3, False), (1, True), (4, True)], ids=["gone", "older", "both"]
)
@pytest.mark.parametrize("decision", [None, Deletions.KEEP])
def test_what_was_said_since_stays(
    world: Annotated, outcome: Outcome, drawn: int, edited: bool, decision: Deletions | None
) -> None:
    backup, following = copy.deepcopy(world.grafana.items), world.grafana._next
    for number in range(drawn):
        world.draw(100 + 20 * number, 110 + 20 * number, "normal")
    if edited:
        number = min(world.grafana.items)
        world.grafana.put(
            number,
            {
                "time": NOON + 2 * MINUTE,
                "timeEnd": NOON + 8 * MINUTE,
                "text": "x",
                "tags": ["normal"],
            },
        )
    world.sync()
    before = said(world)

    restore(world, backup, following)
    report = world.sync()
    outcome.compare(said(world), before)
    assert "restored from an old backup" in report.problems[0]
    world.sync()
    outcome.compare(said(world), before)

    if decision is not None:
        world.sync(decision)
        outcome.compare(said(world), before)
        assert world.sync().problems == ()
        # what is said from now on counts, as it always does
        world.draw(300, 310, "exclude")
        world.sync()
        outcome.compare(said(world), {**before, ("label", *drawn_now(world)): ()})


def drawn_now(world: Annotated) -> tuple[object, ...]:
    (one,) = [label for label in world.said() if label[0] == "exclude"]
    return one


@pytest.mark.fault("Grafana restored from an old backup")
def test_a_person_may_let_it_be_right(world: Annotated, outcome: Outcome) -> None:
    backup, following = copy.deepcopy(world.grafana.items), world.grafana._next
    before = said(world)
    for number in range(3):
        world.draw(100 + 20 * number, 110 + 20 * number, "normal")
    world.sync()
    restore(world, backup, following)
    world.sync(Deletions.ACCEPT)
    outcome.compare(said(world), before)


@pytest.mark.fault("Grafana restored from an old backup")
def test_what_a_person_takes_away_is_no_backup(world: Annotated, outcome: Outcome) -> None:
    before = said(world)
    for start in (100, 200):
        world.draw(start, start + 10, "normal")
    world.sync()
    newest = sorted(world.grafana.items)[-2:]
    for number in newest:
        world.grafana.delete(number)
        world.sync()
    outcome.compare(said(world), before)
