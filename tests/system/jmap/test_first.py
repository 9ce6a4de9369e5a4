"""JMAP over HTTPS on a running server: logging in, the session, mail that comes in, blobs both ways."""

import base64
import http.client
import json
import ssl
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.peopled import HOST, Peopled, message
from tests.running import PASSWORD

MAIL = ("urn:ietf:params:jmap:core", "urn:ietf:params:jmap:mail")


class Http:
    """One connection of one user's."""

    def __init__(self, port: int, trust: ssl.SSLContext, login: str = "", password: str = PASSWORD) -> None:
        self.connection = http.client.HTTPSConnection(HOST, port, timeout=30, context=trust)
        self.headers: dict[str, str] = {}
        if login:
            self.headers["Authorization"] = "Basic " + base64.b64encode(f"{login}:{password}".encode()).decode()

    def ask(
        self, method: str, path: str, body: bytes | None = None, **headers: str
    ) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body."""
        self.connection.request(method, path, body, {**self.headers, **headers})
        answer = self.connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()

    def session(self) -> Any:
        """The Session object."""
        status, _headers, body = self.ask("GET", "/.well-known/jmap")
        assert status == 200, body
        return json.loads(body)

    def call(self, *calls: Any, using: Sequence[str] = MAIL) -> Any:
        """The responses to some calls."""
        return self.whole(*calls, using=using)["methodResponses"]

    def whole(self, *calls: Any, using: Sequence[str] = MAIL) -> Any:
        """The Response to some calls."""
        request = {"using": using, "methodCalls": calls}
        status, _headers, body = self.ask(
            "POST", "/jmap/api", json.dumps(request).encode(), **{"Content-Type": "application/json"}
        )
        assert status == 200, body
        return json.loads(body)


def test_who_says_nothing_and_who_says_something_wrong(https: tuple[Peopled, int]) -> None:
    server, port = https
    for login, password in (("", ""), (server.account(), "wrong")):
        status, headers, _ = Http(port, server.trust, login, password).ask("GET", "/.well-known/jmap")
        assert status == 401
        assert "Basic" in headers["www-authenticate"]


def test_a_message_from_outside_and_back_out(https: tuple[Peopled, int]) -> None:
    server, port = https
    login = server.account()
    client = Http(port, server.trust, login)
    session = client.session()
    account = session["primaryAccounts"]["urn:ietf:params:jmap:mail"]
    assert session["accounts"][account]["name"] == login
    server.deliver(message("news"), login)
    ((_, mailboxes, _), (_, changes, _), (_, emails, _)) = client.call(
        ["Mailbox/get", {"accountId": account, "ids": None}, "0"],
        ["Email/changes", {"accountId": account, "sinceState": "0"}, "1"],
        [
            "Email/get",
            {
                "accountId": account,
                "#ids": {"resultOf": "1", "name": "Email/changes", "path": "/created"},
                "properties": ["subject", "blobId", "mailboxIds"],
            },
            "2",
        ],
    )
    inbox = next(one for one in mailboxes["list"] if one["role"] == "inbox")
    assert inbox["totalEmails"] == 1
    (email,) = emails["list"]
    assert changes["created"] == [email["id"]]
    assert email["subject"] == "news"
    assert email["mailboxIds"] == {inbox["id"]: True}

    path = session["downloadUrl"].partition("//")[2].partition("/")[2]
    path = "/" + path.replace("{accountId}", account).replace("{blobId}", email["blobId"])
    path = path.replace("{name}", "a%20letter.eml").replace("{type}", "message/rfc822")
    status, headers, raw = client.ask("GET", path)
    assert status == 200
    assert headers["content-type"] == "message/rfc822"
    assert b"Subject: news" in raw
    status, headers, part = client.ask("GET", path, Range="bytes=0-9")
    assert (status, part, headers["content-range"]) == (206, raw[:10], f"bytes 0-9/{len(raw)}")

    nameless = path.replace("a%20letter.eml", "")  # as meli asks
    assert client.ask("GET", nameless)[::2] == (200, raw)

    other = Http(port, server.trust, server.account())
    assert other.ask("GET", path)[0] == 404

    upload = "/" + session["uploadUrl"].partition("//")[2].partition("/")[2].replace("{accountId}", account)
    status, _headers, body = client.ask("POST", upload, raw, **{"Content-Type": "message/rfc822"})
    assert status == 201
    blob = json.loads(body)
    assert blob["size"] == len(raw)
    ((_, imported, _),) = client.call(
        [
            "Email/import",
            {
                "accountId": account,
                "emails": {"a": {"blobId": blob["blobId"], "mailboxIds": {inbox["id"]: True}}},
            },
            "0",
        ]
    )
    assert imported["created"]["a"]["size"] == len(raw)


def test_all_that_the_session_tells_of_may_be_used(https: tuple[Peopled, int]) -> None:
    """RFC 8620 3.3, also what has no methods: there are clients that send all of it with every request."""
    server, port = https
    client = Http(port, server.trust, server.account())
    session = client.session()
    (account,) = session["accounts"].values()
    using = [*session["capabilities"], *account["accountCapabilities"]]
    assert {"urn:ietf:params:jmap:webpush-vapid", "urn:ietf:params:jmap:principals:owner"} <= set(using)
    (answer,) = client.call(["Core/echo", {"a": 1}, "0"], using=list(dict.fromkeys(using)))
    assert answer == ["Core/echo", {"a": 1}, "0"]


def test_what_is_no_request(https: tuple[Peopled, int]) -> None:
    server, port = https
    client = Http(port, server.trust, server.account())
    for body, kind in (
        (b"{", "notJSON"),
        (b"{}", "notRequest"),
        (b'{"using": ["x"], "methodCalls": []}', "unknownCapability"),
    ):
        status, headers, answer = client.ask("POST", "/jmap/api", body, **{"Content-Type": "application/json"})
        assert status == 400
        assert headers["content-type"] == "application/problem+json"
        assert json.loads(answer)["type"] == f"urn:ietf:params:jmap:error:{kind}"
    assert client.ask("POST", "/jmap/api", b"{}", **{"Content-Type": "text/plain"})[0] == 400


def test_the_data_folder_is_no_path(https: tuple[Peopled, int], tmp_path: Path) -> None:
    server, port = https
    client = Http(port, server.trust, server.account())
    account = client.session()["primaryAccounts"]["urn:ietf:params:jmap:mail"]
    for blob in ("..%2F..%2Fetc%2Fpasswd", "U" + "0" * 64, "Mzz", "ME1-0", "U..", "M" + "E" * 300):
        status, headers, answer = client.ask("GET", f"/jmap/download/{account}/{blob}/x")
        assert (status, headers["content-type"]) == (404, "application/problem+json")  # RFC 8620 6.2
        assert json.loads(answer)["status"] == 404
    assert client.ask("POST", "/jmap/upload/Anobody", b"x")[1]["content-type"] == "application/problem+json"
