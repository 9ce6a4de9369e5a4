"""What a client of a running server hears without asking: event sources and WebSockets."""

import base64
import http.client
import json
import ssl
from typing import Any

from websockets.sync.client import connect

from tests.peopled import HOST, Peopled, message
from tests.running import PASSWORD

WAIT_S = 30.0


def basic(login: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{login}:{PASSWORD}".encode()).decode()}


def event(stream: http.client.HTTPResponse) -> dict[str, str]:
    """The next event, past what only keeps the line open."""
    fields: dict[str, str] = {}
    while line := stream.readline():
        if line == b"\n":
            if "data" in fields:
                return fields
            fields = {}
        elif not line.startswith(b":"):
            name, _, value = line.decode().rstrip("\n").partition(": ")
            fields[name] = value
    raise AssertionError("the stream ended")


def open_source(port: int, trust: ssl.SSLContext, login: str, query: str, last: str = "") -> http.client.HTTPResponse:
    connection = http.client.HTTPSConnection(HOST, port, timeout=WAIT_S, context=trust)
    headers = {**basic(login), **({"Last-Event-ID": last} if last else {})}
    connection.request("GET", f"/jmap/eventsource?{query}", headers=headers)
    answer = connection.getresponse()
    assert answer.status == 200
    assert answer.getheader("content-type") == "text/event-stream"
    return answer


def test_an_event_source_tells_of_a_delivery(https: tuple[Peopled, int]) -> None:
    server, port = https
    login = server.account()
    stream = open_source(port, server.trust, login, "types=Email,Mailbox&closeafter=no&ping=0")
    server.deliver(message("news"), login)
    told = event(stream)
    assert told["event"] == "state"
    data = json.loads(told["data"])
    assert data["@type"] == "StateChange"
    ((account, changed),) = data["changed"].items()
    assert changed.keys() == {"Email", "Mailbox"}
    stream.close()

    # Whoever comes again with the last id hears of what he missed.
    server.deliver(message("more"), login)
    stream = open_source(port, server.trust, login, "types=*&closeafter=state&ping=0", told["id"])
    again = json.loads(event(stream)["data"])["changed"][account]
    assert int(again["Email"]) > int(changed["Email"])
    assert stream.read() in (b"", b"\n")


def test_an_event_source_that_is_asked_for_nonsense(https: tuple[Peopled, int]) -> None:
    server, port = https
    connection = http.client.HTTPSConnection(HOST, port, timeout=WAIT_S, context=server.trust)
    connection.request("GET", "/jmap/eventsource?types=*&closeafter=never&ping=0", headers=basic(server.account()))
    assert connection.getresponse().status == 400


def test_requests_and_changes_over_a_websocket(https: tuple[Peopled, int]) -> None:
    server, port = https
    login = server.account()
    with connect(
        f"wss://{HOST}:{port}/jmap/ws",
        ssl=server.trust,
        subprotocols=["jmap"],  # type: ignore[list-item] # a NewType of str
        additional_headers=basic(login),
    ) as socket:

        def said() -> Any:
            return json.loads(socket.recv(WAIT_S))

        socket.send("{")
        assert said()["type"].endswith(":notJSON")
        request = {
            "@type": "Request",
            "id": "R1",
            "using": ["urn:ietf:params:jmap:core"],
            "methodCalls": [["Core/echo", {"a": 1}, "c"]],
        }
        socket.send(json.dumps(request))
        answer = said()
        assert (answer["@type"], answer["requestId"]) == ("Response", "R1")
        assert answer["methodResponses"] == [["Core/echo", {"a": 1}, "c"]]
        socket.send(json.dumps({"@type": "WebSocketPushEnable", "dataTypes": ["Email"]}))
        socket.send(json.dumps(request))  # so that it is enabled before anything comes
        assert said()["@type"] == "Response"
        server.deliver(message("news"), login)
        change = said()
        assert change["@type"] == "StateChange"
        assert next(iter(change["changed"].values())).keys() == {"Email"}
        assert "pushState" in change
        socket.send(json.dumps({"@type": "WebSocketPushDisable"}))
        socket.send(json.dumps(request))
        assert said()["@type"] == "Response"
