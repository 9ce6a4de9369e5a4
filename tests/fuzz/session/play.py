"""Plays a script against a whole server in one event loop, and holds what it says against what must always hold.

Promises, whatever clients say:
- nothing is logged as a defect, and SERVERBUG is never said;
- a command gets one tagged answer, in the order in which commands came; a broken one at most one;
- every response is in the grammar (tests/strict), and `+` comes only where something is awaited;
- message numbers mean what they should: EXPUNGE and FETCH are about messages there are, VANISHED comes only to those
  who asked for it, and where sequence numbers are in use nothing is expunged;
- what a client was told is what is there;
- what is kept of what a client said is bounded, and when all have left, nothing is held for them.
"""

import asyncio
import contextlib
import gc
import re
import time
import weakref
from typing import Any, Final

from cluster.errors import OverQuota
from tests.fuzz.session.script import DELIVER, LOGINS, Step
from tests.strict import responses
from tests.strict.responses import Response
from tests.strict.stream import whole
from tests.unit.gateway.imap.world import PASSWORD, Client, World, message

_LITERAL: Final = re.compile(rb"\{([0-9]+)(\+?)\}\r\n")
_TAG: Final = re.compile(rb"t[0-9]+")
_NO_EXPUNGE: Final = re.compile(rb"(FETCH|STORE|SEARCH|SORT|THREAD) ")
_SELECTING: Final = re.compile(rb"SELECT |EXAMINE ")
_TURNS_MAX: Final = 300  # of the event loop, until a server that has something to say has said it
_RUNNING_S_MAX: Final = 20.0  # of one command: far above what the slowest needs
_WAITING: Final = (b"IDLE", b"AUTHENTICATE", b"STARTTLS", b"LOGOUT", b"UNAUTHENTICATE", b"COMPRESS")
_FILLING: Final = b"x" * 1000 + b"\r\n"  # what a broken literal may be waiting for
_FILLINGS_MAX: Final = 30
SETTINGS: Final = {"message_bytes_max": 20_000, "command_bytes_max": 16_384, "login_failures_max": 1000}
KEPT_BYTES_MAX: Final = 400_000  # the literals of a command, one that comes, and what is read ahead


class Picture:
    """What a client was told of the mailbox it has selected."""

    def __init__(self) -> None:
        self.exists: int | None = None  # None: nothing is selected
        self.uids: dict[int, int] = {}  # by sequence number, as far as known
        self.enabled: set[str] = set()

    def forget(self) -> None:
        """Another mailbox, or none."""
        self.exists, self.uids = None, {}

    def hear(self, response: Response) -> None:
        """Take in one untagged response."""
        if response.code is not None and response.code[0] == "CLOSED":
            self.forget()
        elif response.kind == "ENABLED":
            self.enabled |= {word.upper() for word in response.data}
        elif response.kind in ("RECENT", "SEARCH"):
            assert "IMAP4REV2" not in self.enabled, f"{response.kind} in IMAP4rev2 (RFC 9051 E)"
        elif response.kind == "EXISTS":
            assert response.number >= (self.exists or 0), "EXISTS never makes a mailbox smaller"
            self.exists = response.number
        elif response.kind == "EXPUNGE":
            assert not self.enabled & {"QRESYNC", "UIDONLY"}, "EXPUNGE after QRESYNC or UIDONLY was enabled"
            assert self.exists is not None
            assert response.number <= self.exists
            self._gone(response.number)
        elif response.kind == "VANISHED":
            self._vanished(*response.data)
        elif response.kind == "FETCH":
            self._fetched(response)
        elif response.kind == "UIDFETCH":
            assert "UIDONLY" in self.enabled, "UIDFETCH without UIDONLY"

    def _gone(self, number: int) -> None:
        assert self.exists is not None
        self.exists -= 1
        self.uids = {at - (at > number): uid for at, uid in self.uids.items() if at != number}

    def _vanished(self, earlier: bool, uids: list[int]) -> None:
        assert self.enabled & {"QRESYNC", "UIDONLY"}, "VANISHED without QRESYNC or UIDONLY"
        if earlier:
            return
        assert self.exists is not None
        assert len(uids) <= self.exists, "more messages vanished than there were"
        by_uid = {uid: at for at, uid in self.uids.items()}
        known = sorted((by_uid[uid] for uid in uids if uid in by_uid), reverse=True)
        for at in known:
            self._gone(at)
        if len(known) != len(uids):  # where the others were nobody told this client
            self.exists -= len(uids) - len(known)
            self.uids = {}

    def _fetched(self, response: Response) -> None:
        assert "UIDONLY" not in self.enabled, "FETCH after UIDONLY was enabled (RFC 9586)"
        assert self.exists is not None
        assert response.number <= self.exists, f"FETCH of {response.number} of {self.exists}"
        if "UID" in response.data:
            uid = response.data["UID"]
            assert self.uids.get(response.number, uid) == uid, "a number changed its message without EXPUNGE"
            self.uids[response.number] = uid


class Talker:
    """One client of the script."""

    def __init__(self, world: World, number: int) -> None:
        self._world = world
        self._number = number
        self._tags = 0
        self.picture = Picture()
        self._waiting: list[tuple[bytes, bytes]] = []  # tags and what was asked, not answered yet
        self._loose: set[bytes] = set()  # tags of broken commands, which need not be answered
        self._broken = False  # something broken was said
        self._expunged_in = b""  # the tag of the command during which something was expunged
        self._expects_expunges = False  # at any time, as it has asked for
        self._entering: list[Response] = []  # what was said since a SELECT: of which mailbox, its answer tells
        self._client: Client | None = None
        self._got = b""

    async def begin(self) -> None:
        """Connect and log in, if this client has no connection."""
        if self._is_closed():
            self._client = await self._world.connect()
            self._got, self._waiting = b"", []
            self.picture, self._entering, self._expects_expunges = Picture(), [], False
            await self.hear(until=lambda response: response.kind == "OK")
        assert self._client is not None
        if self._client.session.principal is None and not self._waiting:
            await self.say(b"LOGIN %b %b" % (LOGINS[self._number].encode(), PASSWORD.encode()))

    async def say(self, text: bytes, *, spoilt: bool = False, pipelined: bool = False) -> Response | None:
        """A command, and its answer, unless more is to come first."""
        self._tags += 1
        tag = b"t%d" % self._tags
        self._broken |= spoilt
        if spoilt:
            self._loose.add(tag)
        else:
            self._waiting.append((tag, text))
        rest = tag + b" " + text + b"\r\n"
        while rest:
            now, rest = _until_literal(rest)
            self._send(now)
            if rest and not await self._asked(tag):
                break  # the literal was refused: the command is answered
        if spoilt:
            return await self._back_in_step(text)
        if rest:
            return None
        if pipelined and not text.startswith(_WAITING):
            return None
        return await self._answered(tag, text)

    async def finish(self) -> None:
        """All answers that are due."""
        if self._waiting:
            tag, text = self._waiting[-1]
            await self._answered(tag, text)

    async def _answered(self, tag: bytes, text: bytes) -> Response | None:
        """Until this command is answered; whatever is asked meanwhile gets an answer."""
        while not self._is_closed():
            response = await self.hear(until=lambda one: one.tag == tag or one.kind == "+")
            if response is None:
                assert self._is_closed(), f"no answer to {text[:200]!r}"
                return None
            if response.tag == tag:
                return response
            assert text.upper().startswith((b"IDLE", b"AUTHENTICATE")), f"asked for more by {text[:200]!r}"
            self._send(b"DONE\r\n" if text.upper().startswith(b"IDLE") else b"*\r\n")
        return None

    def _entered(self, status: str) -> None:
        """SELECT is answered: after BAD all is as it was; else what came after a CLOSED is of the new mailbox."""
        said, self._entering = self._entering, []
        closed = [at for at, one in enumerate(said) if one.code is not None and one.code[0] == "CLOSED"]
        old = len(said) if status == "BAD" else closed[0] + 1 if closed else 0
        for response in said[:old]:
            self.picture.hear(response)
        if status != "BAD":
            self.picture.forget()
        if status == "OK":
            for response in said[old:]:
                self.picture.hear(response)

    def _took_effect(self, text: bytes) -> None:
        """A command that changes what its client has to expect was done."""
        client, words = self._client, text.upper().split()
        assert client is not None
        if words[0] in (b"CLOSE", b"UNSELECT", b"UNAUTHENTICATE"):
            self.picture.forget()
        if words[0] in (b"NOTIFY", b"UNAUTHENTICATE"):  # RFC 5465 5.3: such a client cannot use numbers any more
            self._expects_expunges = b"(SELECTED" in words
        if words[0] == b"UNAUTHENTICATE":
            self.picture.enabled.clear()
            client.expand()
        if words[0] == b"COMPRESS":
            client.compress()
            self._got = client.pipe.inflating.decompress(self._got)

    async def _asked(self, tag: bytes) -> bool:
        """Whether a literal is wanted."""
        response = await self.hear(until=lambda one: one.tag == tag or (one.kind in ("+", "BAD") and not one.tag))
        return response is not None and response.kind == "+"

    async def _back_in_step(self, text: bytes) -> Response | None:
        """After something broken: whatever it takes until the server listens again."""
        for _ in range(_FILLINGS_MAX):
            if self._is_closed():
                return None
            self._tags += 1
            tag = b"t%d" % self._tags
            self._loose.add(tag)
            self._send(b"%b NOOP\r\n" % tag)
            response = await self.hear(until=lambda one, tag=tag: one.tag == tag or one.kind == "+")
            if response is not None and response.tag == tag and response.kind == "OK":
                self._check_selection()
                return None
            self._send(b"*\r\n" if response is not None and response.kind == "+" else _FILLING)
        raise AssertionError(f"never in step again after {text[:300]!r}")

    def _check_selection(self) -> None:
        """What was broken may have been understood as another command: ask the server what is selected now."""
        client = self._client
        assert client is not None
        if client.session.selection is None:
            self.picture.forget()
        self.picture.enabled = set(client.session.enabled)

    def _send(self, data: bytes) -> None:
        assert self._client is not None
        if self._is_closed():
            return
        self._client.send(data)

    def _is_closed(self) -> bool:
        return self._client is None or self._client.pipe.closed

    async def hear(self, until: Any) -> Response | None:
        """Responses up to the first of which `until` holds; None when the server has nothing more to say."""
        client = self._client
        assert client is not None
        idle, began = 0, time.monotonic()
        while idle < _TURNS_MAX:
            self._take_bytes(client)
            if size := whole(self._got):
                idle = 0
                text, self._got = self._got[:size], self._got[size:]
                response = self._understood(text)
                if until(response):
                    return response
                continue
            if client.pipe.closed:
                assert not self._got, f"closed in the middle of {self._got[:200]!r}"
                return None
            is_running = client.connection._task is not None and client.connection._asked is None
            idle = 0 if is_running else idle + 1
            assert time.monotonic() - began < _RUNNING_S_MAX, "a command that never ends"
            await asyncio.sleep(0)
        return None

    def _understood(self, text: bytes) -> Response:
        assert self._client is not None
        utf8 = bool({"UTF8=ACCEPT", "IMAP4REV2"} & self.picture.enabled) or self._client.session.utf8
        response = responses.read(text, utf8=utf8)
        assert response.code is None or response.code[0] != "SERVERBUG", text
        if response.tag:
            self._tagged(response, text)
        elif response.kind == "ESEARCH" and response.data.tag is not None:
            assert _TAG.fullmatch(response.data.tag), text
            assert int(response.data.tag[1:]) <= self._tags, text
        elif response.kind != "+":
            tag, asked = self._waiting[0] if self._waiting else (b"", b"")
            if _SELECTING.match(asked):
                self._entering.append(response)
                return response
            if response.kind == "EXPUNGE" or (response.kind == "VANISHED" and not response.data[0]):
                self._expunged_in = tag
            self.picture.hear(response)
        return response

    def _tagged(self, response: Response, text: bytes) -> None:
        if response.tag in self._loose:
            self._loose.discard(response.tag)
            return
        if self._broken and not _TAG.fullmatch(response.tag):
            return  # a piece of something broken that looked like a command
        assert self._waiting, f"nothing was asked: {text!r}"
        tag, asked = self._waiting.pop(0)
        if _SELECTING.match(asked):
            self._entered(response.kind)
        if response.kind == "OK":
            self._took_effect(asked)
        if self._expunged_in == tag and _NO_EXPUNGE.match(asked) and not self._expects_expunges:
            # what is BAD has used no numbers
            assert response.kind == "BAD", f"EXPUNGE or VANISHED during {asked[:100]!r} (RFC 3501 7.4.1)"
        assert response.tag == tag, f"{asked[:100]!r} ({tag!r}) is next, but {text!r} was said"
        if response.code is not None and response.code[0] == "COMPRESSIONACTIVE":
            assert response.kind == "NO"

    def _take_bytes(self, client: Client) -> None:
        self._got += client.pipe.received
        client.pipe.received.clear()

    def check_held(self) -> None:
        """What the server keeps of what this client said is bounded."""
        if self._client is not None and not self._is_closed():
            machine = self._client.connection._machine
            assert machine.held_bytes + getattr(machine, "kept_bytes", 0) <= KEPT_BYTES_MAX

    async def truth(self) -> None:
        """What this client was told is what is there."""
        if self._is_closed() or self.picture.exists is None:
            return
        await self.say(b"NOOP")
        picture = self.picture
        if self._is_closed() or picture.exists is None or "UIDONLY" in picture.enabled:
            return
        exists = picture.exists
        answer = await self.say(b"FETCH 1:* (UID)") if exists else None
        if answer is not None and answer.kind == "OK":
            assert exists == picture.exists
            assert len(picture.uids) == exists, f"{exists} EXISTS, {len(picture.uids)} were told"
            order = [picture.uids[at] for at in sorted(picture.uids)]
            assert order == sorted(order), "UIDs do not ascend"


def _until_literal(data: bytes) -> tuple[bytes, bytes]:
    """What may be sent now, up to a literal the server is to ask for, and the rest."""
    at = 0
    while (found := _LITERAL.search(data, at)) is not None:
        if not found[2]:
            return data[: found.end()], data[found.end() :]
        at = min(len(data), found.end() + int(found[1]))
    return data, b""


async def play(steps: list[Step]) -> None:
    """One script from beginning to end. Raises AssertionError."""
    async with World(**SETTINGS) as world:
        await _converse(world, steps)
        check_log(world)
        await _left(world)


async def _converse(world: World, steps: list[Step]) -> None:
    talkers = [Talker(world, number) for number in range(len(LOGINS))]
    for step in steps:
        talker = talkers[step.who]
        if step.text == DELIVER:
            with contextlib.suppress(OverQuota):
                await world.deliver(message("news"), world.people.accounts[LOGINS[step.who]].id)
            continue
        await talker.begin()
        await talker.say(step.text, spoilt=step.spoilt, pipelined=step.pipelined)
        talker.check_held()
        check_log(world)
    for talker in talkers:
        await talker.finish()
    for talker in talkers:
        await talker.truth()


def check_log(world: World) -> None:
    """Nothing was logged that is our own fault, but that a mailbox was deleted just when it was selected."""
    for line in world.log.lines:
        if line.get("trouble") != "Unavailable":
            assert line["event"] not in ("imap.defect", "imap.trouble"), line


async def _left(world: World) -> None:
    """All clients go away: nothing is held for them any more."""
    pipes = [weakref.ref(client.pipe) for client in world.clients]  # a connection holds its own
    while world.clients:
        world.clients.pop().pipe.close()
    for _ in range(_TURNS_MAX):
        await asyncio.sleep(0)
    held = [views for views in world.mail._views._views.values() if views]
    assert not held, f"mailboxes are still held: {held}"
    assert world.server._weight_bytes == 0, "commands of connections that are closed are counted still"
    gc.collect()
    assert not [one for one in pipes if one() is not None], "a connection is held that is closed"
