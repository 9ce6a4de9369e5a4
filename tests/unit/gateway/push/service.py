"""A push service: takes messages for its user agents, reads them as these would, and answers as it is told."""

import json
from collections.abc import Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from gateway.https import Answer
from mail.webpush.requesting import TTL_S_MAX
from tests.webpush import Agent, sender

FIELDS: Final = {"Content-Type", "Content-Encoding", "TTL", "Urgency", "Topic", "Authorization"}
BODY_BYTES_MAX: Final = 4096


class Message(NamedTuple):
    """As a user agent reads it."""

    path: str
    content: dict[str, Any]
    fields: dict[str, str]
    key: str  # who signed it


class Service:
    """`agents` by path. `answers`: for the next messages, by path; then 201."""

    def __init__(self, now_s: float = 1_700_000_000.0) -> None:
        self.now_s = now_s
        self.agents: dict[str, Agent] = {}
        self.taken: list[Message] = []
        self.asked = 0
        self.answers: dict[str, list[Answer]] = {}
        self.room = BODY_BYTES_MAX

    async def __call__(self, url: str, body: bytes, fields: Mapping[str, str]) -> Answer:
        """A Posting, without a network."""
        parts = urlsplit(url)
        return self.receive(f"{parts.scheme}://{parts.netloc}", parts.path, body, fields)

    def receive(self, origin: str, path: str, body: bytes, fields: Mapping[str, str]) -> Answer:
        self.asked += 1
        waiting = self.answers.get(path)
        if waiting:
            return waiting.pop(0)
        if path not in self.agents:
            return Answer(404)
        if len(body) > self.room:
            return Answer(413)
        sent = sender(fields["Authorization"])
        assert sent.claims["aud"] == origin, "the token is for this service"
        assert self.now_s - 1 < sent.claims["exp"] < self.now_s + 365 * 86_400
        assert fields["Content-Type"] == "application/json"
        assert fields["Content-Encoding"] == "aes128gcm"
        assert 0 <= int(fields["TTL"]) <= TTL_S_MAX
        content = json.loads(self.agents[path].read(body))
        kept = {name: value for name, value in fields.items() if name in FIELDS}
        self.taken.append(Message(path, content, kept, sent.key))
        return Answer(201)

    def content(self) -> list[dict[str, Any]]:
        """What was taken since the last time."""
        found = [message.content for message in self.taken]
        self.taken.clear()
        return found
