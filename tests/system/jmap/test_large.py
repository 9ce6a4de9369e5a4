"""What is large, over HTTPS on a running server: whole on the other side, and a small part of it in the server's
memory at any time (VmHWM, the most that the process ever held)."""

import base64
import hashlib
import http.client
import json
import random
import re
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.client import connect

from mail.jmap import capabilities as uri
from tests.peopled import HOST, SETTINGS, Peopled, peopled
from tests.running import PASSWORD, free_ports

MB = 1_000_000
SIZE = 49 * MB
SOCKETS = 24
MESSAGE = 5 * MB
ROOM = 16 * 1024 * 1024


@pytest.fixture(scope="module")
def https(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Peopled, int]]:
    (port,) = free_ports(1)
    web = f"[web]\nlogin_failure_delay_s = 0.0\nmemory_bytes_max = {ROOM}\nwebsocket_bytes_max = {6 * MB}\n"
    with peopled(
        tmp_path_factory.mktemp("jmap"), f'{SETTINGS}[[listen]]\nprotocol = "https"\nport = {port}\n{web}'
    ) as server:
        yield server, port


def basic(login: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{login}:{PASSWORD}".encode()).decode()}


def opened(server: Peopled, port: int) -> http.client.HTTPSConnection:
    return http.client.HTTPSConnection(HOST, port, timeout=120, context=server.trust)


def account_of(server: Peopled, port: int, login: str) -> str:
    connection = opened(server, port)
    connection.request("GET", "/.well-known/jmap", headers=basic(login))
    answer = connection.getresponse()
    session = json.loads(answer.read())
    connection.request("GET", "/.well-known/jmap", headers={**basic(login), "If-None-Match": answer.headers["etag"]})
    assert connection.getresponse().status == 304
    return str(session["primaryAccounts"][uri.MAIL])


def most_bytes(server: Peopled) -> int:
    """What the process held at most."""
    assert server.running.process is not None
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{server.running.process.pid}/status").read_text())
    assert found
    return int(found[1]) * 1024


def test_blobs(https: tuple[Peopled, int]) -> None:
    server, port = https
    login = server.account()
    account = account_of(server, port, login)
    piece = random.Random(1).randbytes(MB)
    before = most_bytes(server)
    connection = opened(server, port)
    for chunked in (False, True):
        headers = {**basic(login), **({} if chunked else {"Content-Length": str(SIZE)})}
        pieces = (piece for _ in range(SIZE // MB))
        connection.request("POST", f"/jmap/upload/{account}", pieces, headers, encode_chunked=chunked)
        answer = connection.getresponse()
        made = json.loads(answer.read())
        assert (answer.status, made["size"]) == (201, SIZE)
    connection.request("GET", f"/jmap/download/{account}/{made['blobId']}/x", headers=basic(login))
    answer = connection.getresponse()
    found, size = hashlib.sha256(), 0
    while part := answer.read(MB):
        found.update(part)
        size += len(part)
    assert (answer.status, size, made["blobId"]) == (200, SIZE, "U" + found.hexdigest())
    where = f"bytes {SIZE // 2}-{SIZE // 2 + 9}/{SIZE}"
    wanted = {**basic(login), "Range": f"bytes={SIZE // 2}-{SIZE // 2 + 9}"}
    connection.request("GET", f"/jmap/download/{account}/{made['blobId']}/x", headers=wanted)
    answer = connection.getresponse()
    assert (answer.status, answer.headers["content-range"]) == (206, where)
    assert answer.read() == piece[MB // 2 : MB // 2 + 10]
    assert most_bytes(server) - before < SIZE


def test_messages_over_websockets(https: tuple[Peopled, int]) -> None:
    server, port = https
    login = server.account()
    before = most_bytes(server)
    call = ["Core/echo", {"x": "y" * MESSAGE}, "c"]
    text = json.dumps({"@type": "Request", "id": "r", "using": [uri.CORE], "methodCalls": [call]})
    told: list[Any] = []

    def talk() -> None:
        with connect(
            f"wss://{HOST}:{port}/jmap/ws",
            ssl=ssl.create_default_context(cafile=str(server.certificate)),
            subprotocols=["jmap"],  # type: ignore[list-item]
            additional_headers=basic(login),
            compression=None,
            max_size=None,
            open_timeout=60,
            ping_timeout=None,
        ) as socket:
            socket.send(text)
            answer = json.loads(socket.recv(timeout=120))
            told.append(answer["limit"] if "limit" in answer else len(answer["methodResponses"][0][1]["x"]))

    threads = [threading.Thread(target=talk) for _ in range(SOCKETS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # Each is answered, though no more than one or two are held at once; more than four may not run.
    assert len(told) == SOCKETS
    assert set(told) <= {MESSAGE, "maxConcurrentRequests"}
    assert most_bytes(server) - before < SOCKETS * MESSAGE
