"""A server with alice and bob, a program that they may let in, and a browser; no network, a clock that stands still."""

import base64
import random
import re
import shlex
from html.parser import HTMLParser
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

import msgspec

from actors.directory import totp
from actors.directory.authorizations import AuthorizationSettings
from actors.directory.client import DirectoryClient, DirectorySettings
from actors.directory.granting import challenge_of
from cluster.clock import ManualClock
from cluster.config.secret import Secret
from cluster.meta.memory import MemoryStore
from gateway.logins import UNCOUNTED, Logins
from gateway.oauth.parts import Asked, Reply, Services
from gateway.oauth.routes import answer, routes

ISSUER = "https://mail.example.test"
ALICE = "alice@example.test"
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
FORM = "application/x-www-form-urlencoded"


class Lines:
    """A log."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def info(self, event: str, **fields: object) -> None:
        self.lines.append(f"{event} {fields}")

    warning = info


class World:
    """To be entered."""

    def __init__(self, logins: Logins = UNCOUNTED, **settings: Any) -> None:
        self.clock = ManualClock()
        self.log = Lines()
        shared = {"introspection_secret": Secret("shared")}  # is said in the conversations
        self._settings = AuthorizationSettings(issuer=ISSUER, **shared | settings)
        self._logins = logins

    async def __aenter__(self) -> Self:
        self.store = MemoryStore(clock=self.clock, dice=random.Random(1))
        own = DirectorySettings(authorization=self._settings)
        self.directory = DirectoryClient(self.store, self.clock, random.Random(2), own)
        await self.directory.add_domain("example.test")
        self.alice = (await self.directory.add_account(ALICE, "demo")).id
        await self.directory.add_account("bob@example.test", "demo")
        self.services = Services(
            self.directory, self._logins, self.clock, random.Random(3), self.log, b"s" * 32, pause_s=0.0
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        self.directory.close()
        await self.store.close()

    async def ask(self, asked: Asked) -> Reply:
        """What is answered; 404 and 405 where there is no such route."""
        found = [route for route in routes(("/jmap/session",)) if route.path == asked.path]
        route = next((one for one in found if one.method == asked.method), None)
        if route is None:
            return Reply(405 if found else 404)
        return await answer(self.services, route, asked)

    async def post(self, path: str, **fields: str) -> Reply:
        """A form of a program."""
        form = {name: [value] for name, value in fields.items()}
        return await self.ask(Asked("POST", path, form=form, headers={"content-type": FORM}, ip="192.0.2.1"))

    async def register(self, *uris: str, name: str = "Bird", grants: tuple[str, ...] = ("authorization_code",)) -> str:
        """A program's client_id."""
        body = msgspec.json.encode({"client_name": name, "redirect_uris": uris, "grant_types": grants})
        reply = await self.ask(Asked("POST", "/oauth/register", body=body))
        assert reply.status == 201, reply.body
        client_id: str = msgspec.json.decode(reply.body)["client_id"]
        return client_id

    async def code(self, client_id: str, uri: str, scopes: str) -> str:
        """A code, as if alice had agreed."""
        given = self.directory.authorizations
        return await given.new_code(self.alice, client_id, "Bird", uri, challenge_of(VERIFIER), tuple(scopes.split()))

    async def second_factor(self) -> bytes:
        """Alice has an authenticator app now."""
        secret = self.directory.new_secret()
        await self.directory.add_second_factor(ALICE, secret, totp.code_at(secret, self.clock.now_ms() // 30_000))
        return secret


class Form:
    """A form of a page: what a browser would send with one of its buttons."""

    def __init__(self, action: str, method: str) -> None:
        self.action = action
        self.method = method
        self.fields: dict[str, list[str]] = {}
        self.buttons: list[tuple[str, str, str]] = []


class Page(HTMLParser):
    """A page, taken apart."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(convert_charrefs=True)
        self.reply = reply
        self.forms: list[Form] = []
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.labels: set[str] = set()
        self.words = ""
        self.title = ""
        self.style = ""
        self._inside: list[str] = []
        self.feed(reply.body.decode())
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.tags.append((tag, values | {"within": " ".join(self._inside)}))
        if tag not in ("meta", "input"):
            self._inside.append(tag)
        if tag == "form":
            self.forms.append(Form(values["action"], values["method"]))
        elif tag == "input" and (values.get("type") != "checkbox" or "checked" in values):
            self.forms[-1].fields.setdefault(values["name"], []).append(values.get("value", ""))
        elif tag == "button":
            self.forms[-1].buttons.append((values["name"], values["value"], ""))
        elif tag == "label" and "for" in values:
            self.labels.add(values["for"])

    def handle_endtag(self, tag: str) -> None:
        assert self._inside.pop() == tag, f"</{tag}>"

    def handle_data(self, data: str) -> None:
        where = self._inside[-1] if self._inside else ""
        if where == "style":
            self.style += data
        elif where == "title":
            self.title += data
        else:
            self.words += data
        if where == "button":
            name, value, words = self.forms[-1].buttons[-1]
            self.forms[-1].buttons[-1] = (name, value, words + data)

    @property
    def text(self) -> str:
        """What is read."""
        return " ".join(self.words.split())

    def headers(self) -> dict[str, str]:
        """Of the reply."""
        return dict(self.reply.headers)

    def codes(self) -> list[str]:
        """What is between <code> and </code>."""
        return re.findall(r"<code>([^<]*)</code>", self.reply.body.decode())


class Browser:
    """One person's."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.cookie = ""
        self.location = ""

    async def open(self, path: str, **query: str) -> Page:
        """A page."""
        return await self._seen(Asked("GET", path, query={k: [v] for k, v in query.items()}, headers=self._headers()))

    async def press(self, page: Page, words: str, /, **typed: str | list[str]) -> Page:
        """Fill in a form and press the button with these words."""
        for form in page.forms:
            for name, value, said in form.buttons:
                if said == words:
                    fields = dict(form.fields)
                    for field, text in typed.items():
                        assert field in fields, f"there is no field {field}: {sorted(fields)}"
                        fields[field] = text if isinstance(text, list) else [text]
                    headers = self._headers() | {"content-type": FORM}
                    asked = Asked("POST", form.action, form=fields | {name: [value]}, headers=headers, ip="192.0.2.1")
                    return await self._seen(asked)
        raise AssertionError(f"no button {words!r}: {page.text}")

    async def _seen(self, asked: Asked) -> Page:
        reply = await self.world.ask(asked)
        for name, value in reply.headers:
            if name == "Set-Cookie":
                self.cookie = value.partition(";")[0]
            if name == "Location":
                self.location = value
        return Page(reply)

    def _headers(self) -> dict[str, str]:
        return {"cookie": f"other=1; {self.cookie}"} if self.cookie else {}

    def told(self) -> dict[str, str]:
        """What the program is told by the redirect."""
        return {name: values[0] for name, values in parse_qs(urlsplit(self.location).query).items()}


class Stage:
    """Runs a conversation: see the files for its words."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.names = {"VERIFIER": VERIFIER, "CHALLENGE": challenge_of(VERIFIER), "SECRET": "shared"}
        self.reply = Reply(0)
        self.headers: dict[str, str] = {}

    async def step(self, line: str) -> None:
        """One line."""
        verb, *words = [self._known(word) for word in shlex.split(line)]
        match verb:
            case "program":
                self.names[words[0]] = name = await self.world.register(*words[1:])
                self.names["NAMED"] = base64.b64encode(f"{name}:".encode()).decode()
            case "code":
                self.names[words[0]] = await self.world.code(words[1], words[2], " ".join(words[3:]))
            case "wait":
                self.world.clock.advance(float(words[0]))
            case "header":
                self.headers[words[0]] = words[1]
            case "allow" | "deny":
                number = self.world.alice
                assert await self.world.directory.authorizations.decide(words[0], number, allowed=verb == "allow")
            case "GET" | "POST" | "JSON":
                await self._ask(verb, words)
            case "=":
                self._check(words)
            case _:
                raise AssertionError(f"{verb} is no word of conversations")

    async def _ask(self, verb: str, words: list[str]) -> None:
        fields: dict[str, list[str]] = {}
        body = words[1].encode() if verb == "JSON" else b""
        for word in words[1:] if not body else ():
            name, _, value = word.partition("=")
            fields.setdefault(name, []).append(value)
        headers = ({"content-type": FORM} if verb == "POST" else {}) | self.headers
        self.headers = {}
        if verb == "GET":
            asked = Asked("GET", words[0], query=fields, headers=headers)
        else:
            asked = Asked("POST", words[0], form=fields, headers=headers, body=body, ip="192.0.2.1")
        self.reply = await self.world.ask(asked)

    def _check(self, words: list[str]) -> None:
        """A status, then what the object has: `name=value`, `name` (anything), `!name` (not there), `name>NAME` (kept),
        `#header=value`."""
        assert self.reply.status == int(words[0]), f"{self.reply.status} {self.reply.body.decode()}"
        told = msgspec.json.decode(self.reply.body) if self.reply.body else {}
        for word in words[1:]:
            if word.startswith("#"):
                name, _, value = word[1:].partition("=")
                assert (name, value) in self.reply.headers, self.reply.headers
            elif word.startswith("!"):
                assert word[1:] not in told, told
            elif ">" in word:
                name, _, kept = word.partition(">")
                self.names[kept] = str(told[name])
            elif "=" in word:
                name, _, value = word.partition("=")
                shown = told.get(name)
                assert value == (shown if isinstance(shown, str) else msgspec.json.encode(shown).decode()), told
            else:
                assert word in told, told

    def _known(self, word: str) -> str:
        return re.sub(r"\$([A-Z0-9_]+)", lambda match: self.names[match[1]], word)
