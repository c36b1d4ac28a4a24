"""What every messenger does: the fake, and the real one against a server on this machine."""

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
import urllib3

from backend.messengers import ChatWebhook
from backend.ports import Dispatch, Messenger
from tests.fakes.messenger import KeepingMessenger
from tests.servers.stub import Answer, StubServer

SECRET = "/services/T000/B000/hunter2"
REFUSED = {
    400: Dispatch(False, "The chat answered 400.", lasting=True),
    404: Dispatch(False, "The chat answered 404."),
    503: Dispatch(False, "The chat answered 503."),
}

Make = Callable[[int], tuple[Messenger, Callable[[], list[str]]]]
"""The status that the chat answers with to a messenger and what arrived."""


@pytest.fixture(params=["memory", "http"])
def make(request: pytest.FixtureRequest) -> Iterator[Make]:
    with ExitStack() as stack:

        def memory(status: int) -> tuple[Messenger, Callable[[], list[str]]]:
            kept = KeepingMessenger([REFUSED.get(status, Dispatch(True))])
            return kept, lambda: kept.sent

        def http(status: int) -> tuple[Messenger, Callable[[], list[str]]]:
            stub = stack.enter_context(StubServer([Answer(status)]))
            chat = ChatWebhook(f"http://127.0.0.1:{stub.port}{SECRET}")

            def arrived() -> list[str]:
                accepted = status if 200 <= status < 300 else None
                return [json.loads(one.body)["text"] for one in stub.asked if accepted]

            return chat, arrived

        yield memory if request.param == "memory" else http


@pytest.mark.parametrize("status", [200, 202, 204])
def test_what_is_accepted_is_delivered(make: Make, status: int) -> None:
    messenger, arrived = make(status)
    text = 'größer, "quoted" & <b>\nsecond line 日本'
    assert messenger.send(text) == Dispatch(True)
    assert arrived() == [text]


@pytest.mark.parametrize("status", [400, 404, 503])
def test_what_is_refused_is_told_and_may_last(make: Make, status: int) -> None:
    messenger, arrived = make(status)
    assert messenger.send("hello") == REFUSED[status]
    assert arrived() == []


class TestOverHttp:
    def chat(self, *answers: Answer) -> tuple[StubServer, Callable[[StubServer], ChatWebhook]]:
        return StubServer(answers), lambda stub: ChatWebhook(
            f"http://127.0.0.1:{stub.port}{SECRET}"
        )

    def test_it_is_posted_as_json(self) -> None:
        server, chat = self.chat(Answer(200, b"ok"))
        with server as stub:
            chat(stub).send("hello")
            (asked,) = stub.asked
        assert (asked.method, asked.path) == ("POST", SECRET)
        assert asked.headers["Content-Type"].startswith("application/json")
        assert json.loads(asked.body) == {"text": "hello"}

    def test_the_chats_own_words_are_passed_on_if_they_are_words(self) -> None:
        server, chat = self.chat(Answer(404, b"no_service\n"), Answer(502, b"<html>much</html>"))
        with server as stub:
            assert chat(stub).send("x").why == "The chat answered 404 and said 'no_service'."
            assert chat(stub).send("x").why == "The chat answered 502."

    def test_it_waits_as_long_as_it_is_asked_to(self) -> None:
        later = [Answer(429, headers={"Retry-After": wait}) for wait in ("30", "soon", "9" * 30)]
        server, chat = self.chat(*later)
        with server as stub:
            assert [chat(stub).send("x").wait_s for _ in later] == [30.0, 0.0, 3600.0]

    def test_a_redirection_is_not_followed(self) -> None:
        with StubServer([Answer(200)]) as other:
            where = {"Location": f"http://127.0.0.1:{other.port}/"}
            server, chat = self.chat(Answer(302, headers=where))
            with server as stub:
                answer = chat(stub).send("x")
            assert not answer.delivered
            assert "NORMALCY_NOTIFY_URL" in answer.why
            assert other.asked == []

    def test_what_cannot_be_reached_is_told_without_the_address(self) -> None:
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            port = closed.getsockname()[1]
        answer = ChatWebhook(f"http://127.0.0.1:{port}{SECRET}").send("x")
        assert (answer.delivered, answer.lasting) == (False, False)
        assert "cannot be reached" in answer.why
        assert "hunter2" not in answer.why

    def test_what_does_not_answer_is_told(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            port = silent.getsockname()[1]
            timeout = urllib3.Timeout(connect=5, read=0.05)
            answer = ChatWebhook(f"http://127.0.0.1:{port}{SECRET}", timeout).send("x")
        assert answer == Dispatch(False, "The chat did not answer in time.")

    def test_a_server_that_is_not_what_it_claims_is_told(self) -> None:
        with StubServer([Answer(200)]) as stub:
            answer = ChatWebhook(f"https://127.0.0.1:{stub.port}{SECRET}").send("x")
        assert not answer.delivered
        assert "hunter2" not in answer.why
