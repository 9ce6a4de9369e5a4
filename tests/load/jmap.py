"""As much of a JMAP client as the load needs: one connection over HTTPS, one call at a time, blobs and event sources.

The law: as of wire.py: an answer counts when all of it has come, and nothing is sent twice. ConnectionError leaves when
the server dies; Later where it says that it cannot just now.
"""

import json
import ssl
from collections.abc import AsyncIterator, Iterable
from typing import Any, Final, Self

import httpx

from tests.load.ledger import Broken, Flags, Later
from tests.load.wire import SILENT_S_MAX, Address
from tests.running import PASSWORD

URN: Final = "urn:ietf:params:jmap:"
USING: Final = [f"{URN}core", f"{URN}mail", f"{URN}submission"]
GET_MAX: Final = 500  # objects of one call
_FLAGS: Final = {"$seen": "\\seen", "$flagged": "\\flagged", "$draft": "\\draft", "$answered": "\\answered"}
HEADER_S_MAX: Final = 10.0  # of an event source that is alive: its pings are a second apart


def _trusting() -> ssl.SSLContext:
    """The server's certificate is for another name: who it is matters nothing here."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


class JmapClient:
    """A connection of one user's."""

    def __init__(self, address: Address, login: str) -> None:
        host, port = address
        self._url = f"https://{host}:{port}"
        self._http = httpx.AsyncClient(verify=_trusting(), auth=(login, PASSWORD), timeout=SILENT_S_MAX)
        self.account = ""

    async def __aenter__(self) -> Self:
        try:
            session = await self._said("GET", "/jmap/session")
            self.account = session.json()["primaryAccounts"][f"{URN}mail"]
        except BaseException:
            await self._http.aclose()
            raise
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self._http.aclose()

    async def ask(self, name: str, **arguments: Any) -> dict[str, Any]:
        """The answer to one call. Raises Broken for an error that says more than to come again."""
        kind, answer = await self.call(name, **arguments)
        if kind == "error":
            raise Broken(f"{name}: {answer}")
        return answer

    async def call(self, name: str, **arguments: Any) -> tuple[str, dict[str, Any]]:
        """The name and the arguments of the first response. Raises Later, Broken."""
        return (await self.calls(name, **arguments))[0]

    async def calls(self, name: str, **arguments: Any) -> list[tuple[str, dict[str, Any]]]:
        """Of all responses to one call: the first, and those to what it implies. Raises Later, Broken."""
        calls = [[name, {"accountId": self.account, **arguments}, "c"]]
        said = await self._said("POST", "/jmap/api", json={"using": USING, "methodCalls": calls})
        responses = [(str(kind), dict(answer)) for kind, answer, _call in said.json()["methodResponses"]]
        kind, answer = responses[0]
        if kind == "error" and answer["type"] == "serverUnavailable":
            raise Later(f"{name}: {answer}")
        for error in [*(answer.get("notCreated") or {}).values(), *(answer.get("notUpdated") or {}).values()]:
            if error["type"] == "rateLimit":
                raise Later(f"{name}: {error}")
        return responses

    async def upload(self, raw: bytes) -> str:
        """A blob's id."""
        headers = {"Content-Type": "message/rfc822"}
        said = await self._said("POST", f"/jmap/upload/{self.account}", 201, content=raw, headers=headers)
        return str(said.json()["blobId"])

    async def download(self, blob: str) -> bytes:
        """A blob's bytes."""
        said = await self._said("GET", f"/jmap/download/{self.account}/{blob}/x?type=message/rfc822")
        return said.content

    async def events(self, last: str) -> AsyncIterator[tuple[str, dict[str, str]]]:
        """StateChanges of the account, each with its event's id; the empty ones are its pings."""
        headers = {"Last-Event-ID": last} if last else {}
        url = f"{self._url}/jmap/eventsource?types=*&closeafter=no&ping=1"
        try:
            async with self._http.stream("GET", url, headers=headers, timeout=HEADER_S_MAX) as stream:
                self._check(stream, 200)
                fields: dict[str, str] = {}
                async for line in stream.aiter_lines():
                    name, _, value = line.partition(": ")
                    if line and not line.startswith(":"):
                        fields[name] = value
                    elif "data" in fields:
                        changed = json.loads(fields["data"]).get("changed", {})
                        yield fields.get("id", ""), changed.get(self.account, {})
                        fields = {}
        except httpx.TransportError as error:
            raise ConnectionResetError(str(error)) from error

    async def _said(self, method: str, path: str, status: int = 200, **more: Any) -> httpx.Response:
        try:
            said = await self._http.request(method, self._url + path, **more)
        except httpx.TransportError as error:
            raise ConnectionResetError(str(error)) from error
        self._check(said, status)
        return said

    @staticmethod
    def _check(said: httpx.Response, status: int) -> None:
        if said.status_code in (429, 503):
            raise Later(f"{said.url.path}: {said.status_code}")
        if said.status_code != status:
            raise Broken(f"{said.url.path}: {said.status_code} {said.headers}")


def flags_of(keywords: Iterable[str]) -> Flags:
    """As IMAP has them (RFC 8621 4.1.1)."""
    return frozenset(_FLAGS.get(word, word) for word in keywords)


async def every_email(client: JmapClient, **query: Any) -> list[str]:
    """The ids of all emails that a query finds."""
    found: list[str] = []
    while True:
        page = await client.ask("Email/query", position=len(found), limit=GET_MAX, **query)
        if not page["ids"]:
            return found
        found += page["ids"]
