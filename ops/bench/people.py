"""A person whose client speaks JMAP: what a benchmark has to know of a session before it can ask anything.

The law: requests are made here and nothing is measured here; whatever is answered but what was asked is an error.
"""

import base64
import json
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, Protocol
from urllib.parse import quote, urljoin, urlsplit

from gateway.jmap.session import EVENTS
from mail.jmap import capabilities as uri
from ops.bench.askers import Ask, trusting
from ops.bench.peers import HOST, PASSWORD, Rookery, Server, address, free_ports
from ops.bench.services import free_port

USING: Final = [uri.CORE, uri.MAIL]
JSON: Final = "application/json"
BLOB: Final = "application/octet-stream"

Call = tuple[str, dict[str, Any]]


class Https(Server, Protocol):
    """Speaks JMAP; its port for mail takes LMTP."""

    https: int


@dataclass
class OverHttps(Rookery):
    """With JMAP. The server makes its certificate."""

    https: int = 0
    takes: Literal["smtp", "lmtp"] = "lmtp"  # as Cyrus does

    @property
    def settings(self) -> str:
        """All clients come from one address here too."""
        listener = f'[[listen]]\nprotocol = "https"\nport = {self.https}\n'
        whole = super().settings.replace('protocol = "smtp"', f'protocol = "{self.takes}"')
        whole = whole.replace("[[listen]]", listener + "[[listen]]", 1)
        return f"{whole}[web]\nconnections_per_ip_max = {self.connections}\n"


def ours(takes: Literal["smtp", "lmtp"]) -> Callable[[Path], OverHttps]:
    """How to make one in a directory."""
    return lambda path: OverHttps(path, free_ports(), https=free_port(), takes=takes)


def basic(number: int) -> str:
    """How a person says who he is (RFC 7617)."""
    return "Basic " + base64.b64encode(f"{address(number)}:{PASSWORD}".encode()).decode()


def listening(port: int, number: int, query: str) -> bytes:
    """A person's request for an event source of ours, as it goes over the wire."""
    head = f"GET {EVENTS}?{query} HTTP/1.1\r\nHost: {HOST}:{port}\r\nAuthorization: {basic(number)}\r\n"
    return f"{head}Accept: text/event-stream\r\n\r\n".encode()


class Person:
    """One who is logged in, and the INBOX of the first account as he sees it."""

    def __init__(self, port: int, number: int) -> None:
        self._basic = basic(number)
        self._base = f"https://{HOST}:{port}"
        with self._opened("/.well-known/jmap") as answer:
            session = json.load(answer)
            self._session = {name: urljoin(answer.url, url) for name, url in session.items() if name.endswith("Url")}
        self.account = next(each for each, told in session["accounts"].items() if told["name"] == address(0))
        (boxes,) = self.told(("Mailbox/get", {"properties": ["name"]}))
        self.inbox = next(box["id"] for box in boxes["list"] if box["name"].lower() == "inbox")

    def asking(self, *calls: Call) -> Ask:
        """These calls, named by their places."""
        named = [[name, {"accountId": self.account, **said}, str(place)] for place, (name, said) in enumerate(calls)]
        body = json.dumps({"using": USING, "methodCalls": named}).encode()
        return Ask(self._http("POST", self._session["apiUrl"], JSON, body), 200, f'"{calls[-1][0]}"'.encode())

    def uploading(self, blob: bytes) -> Ask:
        """A blob."""
        url = self._session["uploadUrl"].replace("{accountId}", self.account)
        return Ask(self._http("POST", url, BLOB, blob), 201, b'"blobId"')

    def downloading(self, blob_id: str, blob: bytes) -> Ask:
        """The same again; whole, by its end."""
        url = self._session["downloadUrl"]
        for name, value in {"accountId": self.account, "blobId": blob_id, "name": "b", "type": quote(BLOB, "")}.items():
            url = url.replace(f"{{{name}}}", value)
        return Ask(self._http("GET", url), 200, blob[-1000:])

    def told(self, *calls: Call) -> list[dict[str, Any]]:
        """What the calls answer, outside of any measurement. Raises RuntimeError."""
        answer = self.sent(self.asking(*calls))["methodResponses"]
        if wrong := [one for one in answer if one[0] == "error"]:
            raise RuntimeError(f"{self._base} answered {wrong[0]}")
        return [one[1] for one in answer]

    def sent(self, asked: Ask) -> dict[str, Any]:
        """The answer, outside of any measurement."""
        head, _, body = asked.request.partition(b"\r\n\r\n")
        kind = JSON if JSON.encode() in head else BLOB
        with self._opened(head.split(b" ", 2)[1].decode(), body, kind) as answer:
            found: dict[str, Any] = json.load(answer)
        return found

    def _opened(self, path: str, body: bytes | None = None, kind: str = JSON) -> Any:
        fields = {"Authorization": self._basic, "Content-Type": kind}
        return urllib.request.urlopen(urllib.request.Request(self._base + path, body, fields), context=trusting())  # noqa: S310

    def _http(self, verb: str, url: str, kind: str = "", body: bytes = b"") -> bytes:
        """As it goes over the wire (RFC 9112)."""
        parts = urlsplit(url)
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        head = f"{verb} {path} HTTP/1.1\r\nHost: {parts.netloc}\r\nAuthorization: {self._basic}\r\n"
        if kind:
            head += f"Content-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
        return f"{head}\r\n".encode() + body
