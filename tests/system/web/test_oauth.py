"""A running server lets a program in: registered, allowed on the page, its token opening IMAP until it is revoked."""

import base64
import hashlib
import html
import http.client
import imaplib
import json
import re
import ssl
from collections.abc import Iterator
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from tests.running import DOMAIN, PASSWORD, Running, free_ports

LOGIN = f"alice@{DOMAIN}"
VERIFIER = "v" * 43
FORM = "application/x-www-form-urlencoded"
BACK = "http://127.0.0.1:5/back"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, int]]:
    https, imaps = free_ports(2)
    settings = (
        f'[directory.authorization]\nissuer = "https://localhost:{https}"\n'
        f'[[listen]]\nprotocol = "https"\nport = {https}\n'
        f'[[listen]]\nprotocol = "imap"\nport = {imaps}\ntls = "implicit"\n'
    )
    server = Running(tmp_path_factory.mktemp("oauth"), settings).start()
    yield https, imaps
    assert server.stop() == 0


class Browser:
    """One with a cookie."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._cookie = ""

    def ask(self, method: str, path: str, body: str | None = None, kind: str = FORM) -> tuple[int, str, str]:
        """The status, where it leads, and the body."""
        headers = {"Cookie": self._cookie} | ({"Content-Type": kind} if body is not None else {})
        connection = http.client.HTTPSConnection("localhost", self._port, context=ssl._create_unverified_context())
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        text = response.read().decode()
        if cookie := response.getheader("Set-Cookie"):
            self._cookie = cookie.partition(";")[0]
        connection.close()
        return response.status, response.getheader("Location") or "", text

    def post(self, path: str, **fields: str) -> tuple[int, str, str]:
        """A form."""
        return self.ask("POST", path, urlencode(fields))


def ticket(page: str) -> str:
    found = re.search(r'name="ticket" value="([^"]*)"', page)
    assert found is not None, page
    return html.unescape(found[1])


def opens_imap(port: int, token: str) -> bool:
    client = imaplib.IMAP4_SSL("localhost", port, ssl_context=ssl._create_unverified_context())
    try:
        client.authenticate("OAUTHBEARER", lambda _: f"n,a={LOGIN},\x01auth=Bearer {token}\x01\x01".encode())
    except imaplib.IMAP4.error:
        return False
    finally:
        client.shutdown()
    return True


def let_in(browser: Browser, scope: str) -> tuple[str, str]:
    """A program that alice lets in: its client_id, and a token."""
    said = json.dumps({"client_name": "Bird", "redirect_uris": ["http://127.0.0.1/back"]})
    status, _, body = browser.ask("POST", "/oauth/register", said, "application/json")
    assert status == 201
    client_id = json.loads(body)["client_id"]
    digest = hashlib.sha256(VERIFIER.encode()).digest()
    asked = {
        "response_type": "code",
        "client_id": client_id,
        "redirect_uri": BACK,
        "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
        "code_challenge_method": "S256",
        "scope": scope,
    }
    _, _, page = browser.ask("GET", f"/oauth/authorize?{urlencode(asked)}")
    _, _, page = browser.post("/oauth/authorize", ticket=ticket(page), login=LOGIN, password=PASSWORD)
    status, location, _ = browser.post("/oauth/authorize", ticket=ticket(page), decision="allow")
    assert status == 303
    code = parse_qs(urlsplit(location).query)["code"][0]
    fields = {"client_id": client_id, "code": code, "redirect_uri": BACK, "code_verifier": VERIFIER}
    status, _, body = browser.post("/oauth/token", grant_type="authorization_code", **fields)
    assert status == 200
    return client_id, json.loads(body)["access_token"]


def test_a_program_is_let_in_and_ends(running: tuple[int, int]) -> None:
    https, imaps = running
    browser = Browser(https)
    client_id, token = let_in(browser, "imap offline_access")
    assert opens_imap(imaps, token)
    assert browser.post("/oauth/revoke", client_id=client_id, token=token)[0] == 200
    assert not opens_imap(imaps, token)


def bearer(port: int, path: str, token: str) -> http.client.HTTPResponse:
    connection = http.client.HTTPSConnection("localhost", port, context=ssl._create_unverified_context(), timeout=30)
    connection.request("GET", path, headers={"Authorization": f"Bearer {token}"})
    return connection.getresponse()


def test_a_token_for_something_else_is_told_so(running: tuple[int, int]) -> None:
    https, _ = running
    answer = bearer(https, "/jmap/session", let_in(Browser(https), "imap")[1])
    assert answer.status == 403
    assert 'error="insufficient_scope"' in (answer.getheader("WWW-Authenticate") or "")


def test_what_goes_on_ends_with_its_token(running: tuple[int, int]) -> None:
    https, _ = running
    browser = Browser(https)
    client_id, token = let_in(browser, "jmap offline_access")
    stream = bearer(https, "/jmap/eventsource?types=*&closeafter=no&ping=0", token)
    assert stream.status == 200
    fields = {"Authorization": f"Bearer {token}"}
    trust, offered = ssl._create_unverified_context(), [Subprotocol("jmap")]
    url = f"wss://localhost:{https}/jmap/ws"
    with connect(url, ssl=trust, subprotocols=offered, additional_headers=fields) as socket:
        assert browser.post("/oauth/revoke", client_id=client_id, token=token)[0] == 200
        assert stream.read().startswith(b":")  # to its end, which is a whole one
        with pytest.raises(ConnectionClosed):
            socket.recv(30)
        assert socket.close_code == 1008  # RFC 8887 4.2
    assert bearer(https, "/jmap/session", token).status == 401


def test_what_is_where_is_told(running: tuple[int, int]) -> None:
    https, _ = running
    _, _, body = Browser(https).ask("GET", "/.well-known/oauth-authorization-server")
    told = json.loads(body)
    assert told["issuer"] == f"https://localhost:{https}"
    for path in ("/device", "/account"):
        assert Browser(https).ask("GET", path)[0] == 200
