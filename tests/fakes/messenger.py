"""A messenger that keeps what it was given, and answers as told."""

from collections.abc import Sequence

from backend.ports import Dispatch

DELIVERED = Dispatch(True)


class KeepingMessenger:
    """Twin of `ChatWebhook`; the last answer is given again and again."""

    def __init__(self, answers: Sequence[Dispatch] = (DELIVERED,)) -> None:
        self.answers = list(answers)
        self.sent: list[str] = []

    def send(self, text: str) -> Dispatch:
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if answer.delivered:
            self.sent.append(text)
        return answer
