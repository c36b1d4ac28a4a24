"""Ways to reach people: the incoming webhooks of chats."""

from backend.messengers.chat import ChatWebhook

__all__ = ["ChatWebhook"]
