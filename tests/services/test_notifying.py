"""Messages are sent once, tried again with patience, given up in the end, and never lost."""

import logging

import pytest

from backend.exceptions import StoreRefused
from backend.ports import Dispatch
from backend.records import Delivery, Message
from backend.services.links import Links
from backend.services.notifying import KEPT_NS
from tests.fakes.messenger import KeepingMessenger
from tests.services.alerted import HOUR, MINUTE, SECOND, Alerted, firing, resolved

DOWN = Dispatch(False, "The chat answered 503.")
WELL = Dispatch(True)


def only_message(plant: Alerted) -> Message:
    (found,) = plant.records.messages(range(100)).values()
    return found


def test_each_delivery_is_one_message_and_each_message_is_sent_once() -> None:
    plant = Alerted()
    plant.tell(firing("R1"), firing("R2"))
    plant.tell(resolved("R1"))
    plant.notifying.run()
    plant.notifying.run()
    first, second = plant.messenger.sent
    assert first.count("Firing gas-room") == 2
    assert second.startswith("Resolved gas-room room=R1")
    states = [one.state for one in plant.records.messages(range(100)).values()]
    assert states == [Delivery.DELIVERED] * 2


def test_what_grafana_repeats_is_not_sent_again() -> None:
    plant = Alerted()
    for _ in range(3):
        plant.tell(firing())
        plant.notifying.run()
        plant.wait(HOUR)
    assert len(plant.messenger.sent) == 1


def test_a_failed_try_waits_longer_each_time(caplog: pytest.LogCaptureFixture) -> None:
    plant = Alerted(KeepingMessenger([DOWN]))
    plant.tell(firing())
    waits = []
    for _ in range(8):
        plant.notifying.run()
        waits.append((only_message(plant).next_try - plant.clock.now()) // SECOND)
        plant.wait(waits[-1] * SECOND - 1)
        plant.notifying.run()
        assert only_message(plant).tries == len(waits)
        plant.wait(1)
    assert waits == [15, 30, 60, 120, 240, 480, 600, 600]
    assert only_message(plant).problem == "The chat answered 503."
    assert "tried again in 600 s: The chat answered 503." in caplog.text


def test_it_arrives_when_the_chat_is_back_after_a_restart_too() -> None:
    plant = Alerted(KeepingMessenger([DOWN, WELL]))
    plant.tell(firing())
    plant.notifying.run()
    plant.start()
    plant.wait(MINUTE)
    plant.notifying.run()
    assert len(plant.messenger.sent) == 1
    assert only_message(plant).state is Delivery.DELIVERED


def test_a_chat_that_asks_to_wait_is_left_alone() -> None:
    plant = Alerted(KeepingMessenger([Dispatch(False, "Too many.", wait_s=1234.0)]))
    plant.tell(firing())
    plant.notifying.run()
    assert only_message(plant).next_try == plant.clock.now() + 1234 * SECOND


def test_it_is_given_up_after_hours_and_says_why(caplog: pytest.LogCaptureFixture) -> None:
    plant = Alerted(KeepingMessenger([DOWN]))
    plant.tell(firing())
    began = plant.clock.now()
    while only_message(plant).state is Delivery.PENDING:
        plant.clock.time = only_message(plant).next_try
        plant.notifying.run()
    assert 5 * HOUR < plant.clock.now() - began <= 6 * HOUR
    assert only_message(plant).state is Delivery.FAILED
    assert only_message(plant).problem == "The chat answered 503."
    assert "given up after" in caplog.text


def test_a_message_that_is_refused_itself_ends_and_the_next_goes_on() -> None:
    refused = Dispatch(False, "The chat answered 400.", lasting=True)
    plant = Alerted(KeepingMessenger([refused, WELL]))
    plant.tell(firing("R1"))
    plant.tell(firing("R2"))
    plant.notifying.run()
    states = [one.state for one in plant.records.messages(range(100)).values()]
    assert states == [Delivery.FAILED, Delivery.DELIVERED]


def test_a_chat_that_is_down_is_asked_once_in_a_round() -> None:
    plant = Alerted(KeepingMessenger([DOWN]))
    for room in ("R1", "R2", "R3"):
        plant.tell(firing(room))
    plant.notifying.run()
    tries = [one.tries for one in plant.records.messages(range(100)).values()]
    assert tries == [1, 0, 0]


def test_two_processes_do_not_send_the_same() -> None:
    plant = Alerted()
    plant.tell(firing())

    class Nosy(KeepingMessenger):
        def send(self, text: str) -> Dispatch:
            plant.notifying.run()  # another process comes while this one still sends
            return super().send(text)

    other = Nosy()
    plant.jobs(other).run()
    assert (len(other.sent), len(plant.messenger.sent)) == (1, 0)


def test_one_whose_sender_died_is_taken_up_by_another() -> None:
    plant = Alerted()
    plant.tell(firing())
    (due,) = plant.records.due_messages(plant.clock.now())
    plant.records.claim_message(due.id, at=plant.clock.now(), until=plant.clock.now() + MINUTE)
    plant.notifying.run()
    assert plant.messenger.sent == []
    plant.wait(MINUTE)
    plant.notifying.run()
    assert len(plant.messenger.sent) == 1


def test_without_a_chat_what_waits_is_given_up() -> None:
    plant = Alerted()
    plant.tell(firing())
    plant.jobs(None).run()
    assert "NORMALCY_NOTIFY_URL" in only_message(plant).problem


def test_without_a_key_it_waits() -> None:
    plant = Alerted()
    plant.tell(firing())

    def broken() -> str:
        raise StoreRefused("The key of links is damaged.")

    plant.links = Links(broken, "https://x", plant.links._lifetime)
    plant.start()
    with pytest.raises(StoreRefused):
        plant.notifying.run()
    assert only_message(plant).state is Delivery.PENDING


def test_the_old_is_forgotten(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    plant = Alerted()
    plant.tell(firing("R1"), firing("R2"))
    plant.notifying.run()
    plant.wait(KEPT_NS - 7 * HOUR)
    plant.tell(firing("R2"))
    plant.wait(7 * HOUR + 1)
    plant.notifying.run()
    assert [view.series for view in plant.alerting.listed()] == ["room=R2"]
    assert "forgot alerts=1" in caplog.text


def test_nothing_secret_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    plant = Alerted(KeepingMessenger([DOWN, WELL]))
    plant.tell(firing())
    plant.notifying.run()
    plant.wait(MINUTE)
    plant.notifying.run()
    assert plant.messenger.sent
    assert "/said/" in plant.messenger.sent[0]
    assert "/said/" not in caplog.text
