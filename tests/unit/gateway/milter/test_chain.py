"""Several milters over one SMTP connection, in memory and in virtual time."""

import asyncio
import ssl
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from cluster.clock import ManualClock
from gateway.milter.chain import Milters, MilterSession
from gateway.milter.connection import Connection
from gateway.milter.peer import Peer
from gateway.milter.settings import MilterSettings, Where
from gateway.milter.verdict import Verdict
from mail.milter.apply import Envelope, Recipient
from mail.smtp.replies import Reply
from tests import virtual
from tests.milter_double import CLOSE, SILENT, Double, framed, join, options

MESSAGE = b"From: a@b.test\r\nSubject: x\r\n\r\nHello\r\n"
ENVELOPE = Envelope("a@b.test", (), (Recipient("c@d.test"), Recipient("e@d.test")))
PEER = Peer(ip="192.0.2.7", port=4711, host_name="mx.test", listener="mx")


class Told:
    """A log that keeps its warnings."""

    def __init__(self) -> None:
        self.warnings: list[tuple[str, dict[str, object]]] = []

    def info(self, event: str, **fields: object) -> None: ...

    def warning(self, event: str, **fields: object) -> None:
        self.warnings.append((event, fields))


class Site:
    """Milters by name, each a Double or an error to dial to."""

    def __init__(self, *doubles: Double | OSError, **settings: Any) -> None:
        self.doubles = doubles
        self.log = Told()
        self.dialled = 0
        self.milters = Milters(
            [
                MilterSettings(name=f"m{number}", address=f"inet:m{number}:1", **settings)
                for number in range(len(doubles))
            ],
            clock=ManualClock(),
            log=self.log,
            dial=self._dial,
        )

    async def _dial(
        self, where: Where, factory: Callable[[], Connection], _tls: ssl.SSLContext | None, _name: str
    ) -> None:
        self.dialled += 1
        double = self.doubles[int(where.host[1:])]
        if isinstance(double, OSError):
            raise double
        join(factory(), double)

    def session(self) -> MilterSession:
        session = self.milters.session()
        assert session is not None
        return session


async def settled() -> None:
    """What was written has arrived."""
    for _ in range(5):
        await asyncio.sleep(0)


async def until_data(session: MilterSession) -> list[Verdict]:
    """All steps before a message."""
    return [
        await session.connect(PEER),
        await session.helo("client.test"),
        await session.mail("a@b.test", ("SIZE=1",), ident="id.1"),
        await session.rcpt("c@d.test"),
        await session.rcpt("e@d.test"),
        await session.data(),
    ]


async def whole(session: MilterSession) -> Verdict:
    """A message that is let pass to its end."""
    assert [verdict.how for verdict in await until_data(session)] == ["continue"] * 6
    return await session.message(ENVELOPE, MESSAGE)


def run(main: Coroutine[Any, Any, None]) -> None:
    virtual.run(main)


def test_without_milters_there_is_no_session() -> None:
    assert Milters([], clock=ManualClock(), log=Told()).session() is None
    off = MilterSettings(name="x", address="inet:x:1", enabled=False)
    assert Milters([off], clock=ManualClock(), log=Told()).session() is None


def test_all_is_told_in_order() -> None:
    async def main() -> None:
        double = Double()
        session = Site(double).session()
        verdict = await whole(session)
        assert verdict == Verdict(envelope=ENVELOPE, message=MESSAGE)
        assert verdict.message is MESSAGE
        session.close()
        await settled()
        assert double.letters == "OCHMRRTLLNBEQ"
        assert double.closed
        assert double.told("C") == [b"[192.0.2.7]\x004\x12\x67192.0.2.7\0"]
        assert double.told("M") == [b"<a@b.test>\0SIZE=1\0"]
        assert double.macros.items() >= {"j": "mx.test", "i": "id.1", "{mail_addr}": "a@b.test"}.items()
        assert double.macros["{rcpt_addr}"] == "e@d.test"

    run(main())


def test_several_messages_on_one_connection() -> None:
    async def main() -> None:
        double = Double({"E": framed("a")})
        site = Site(double)
        session = site.session()
        await whole(session)
        for _ in range(2):
            await session.mail("a@b.test")
            await session.rcpt("c@d.test")
            await session.data()
            assert (await session.message(ENVELOPE, MESSAGE)).how == "continue"
        assert double.letters == "OCH" + "MRRTLLNBE" + 2 * "MRTLLNBE"
        assert site.dialled == 1

    run(main())


def test_each_is_shown_what_the_one_before_made() -> None:
    async def main() -> None:
        first = Double({"E": framed("h", b"X\0y\0") + framed("bNew\r\n") + framed("+f@d.test\0") + framed("c")})
        second = Double({"E": framed("m", b"\0\0\0\1X\0z\0") + framed("-c@d.test\0") + framed("a")})
        session = Site(first, second).session()
        verdict = await whole(session)
        assert second.told("L")[-1] == b"X\0y\0"
        assert second.told("B") == [b"New\r\n"]
        assert verdict.how == "continue"
        assert verdict.message == b"From: a@b.test\r\nSubject: x\r\nX: z\r\n\r\nNew\r\n"
        assert verdict.envelope is not None
        assert [one.address for one in verdict.envelope.recipients] == ["e@d.test", "f@d.test"]
        facts = session.take_facts()
        assert [(fact.how, fact.of["milter"]) for fact in facts] == [("continue", "m0"), ("accept", "m1")]
        assert facts[0].of["changes"] == {"AddHeader": 1, "ReplaceBody": 1, "AddRecipient": 1, "fields": ["X"]}
        assert session.take_facts() == []

    run(main())


@pytest.mark.parametrize("letter", "MTLNBE")
@pytest.mark.parametrize(
    ("answer", "how", "code"),
    [
        (framed("r"), "reject", 550),
        (framed("t"), "tempfail", 451),
        (framed("y", b"554 5.7.1 No\0"), "reply", 554),
        (framed("4"), "shutdown", 421),
    ],
)
def test_the_first_that_refuses_ends_the_message(letter: str, answer: bytes, how: str, code: int) -> None:
    async def main() -> None:
        answers = [answer]
        refusing = Double({letter: lambda _: answers.pop() if answers else framed("c")})
        before, after = Double(), Double()
        session = Site(before, refusing, after).session()
        verdicts = await until_data(session)
        if letter in "LNBE":
            verdicts.append(await session.message(ENVELOPE, MESSAGE))
        refused = next(verdict for verdict in verdicts if verdict.reply)
        assert (refused.how, refused.by) == (how, "m1")
        assert refused.reply is not None
        assert refused.reply.code == code
        assert not refused.goes_on
        await settled()
        if letter in "LNBE":  # the others do not hear the end
            assert before.letters.endswith("E")
            assert after.letters.endswith("TA")
        # The next message starts anew, unless the connection is to be closed.
        assert (await session.mail("a@b.test")).how == ("shutdown" if code == 421 else "continue")

    run(main())


@pytest.mark.parametrize("letter", "CH")
def test_a_client_that_is_refused_stays_refused(letter: str) -> None:
    async def main() -> None:
        session = Site(Double({letter: framed("y", b"550 5.7.1 No\0")})).session()
        verdicts = await until_data(session)
        said = Verdict("reply", Reply(550, "5.7.1", "No"), "m0")
        assert verdicts[1 if letter == "H" else 0 :] == [said] * (5 if letter == "H" else 6)
        assert said.as_greeting() == Reply(554, "5.7.1", "No")

    run(main())


def test_a_greeting_that_is_put_off_is_421() -> None:
    assert Verdict("reply", Reply(451, "4.7.1", "Later")).as_greeting() == Reply(421, "4.7.1", "Later")
    assert Verdict().as_greeting() is None


def test_a_recipient_that_is_refused_is_one_less() -> None:
    async def main() -> None:
        double = Double({"R": lambda data: framed("r" if b"bad" in data else "c")})
        session = Site(double).session()
        await session.connect(PEER)
        await session.mail("a@b.test")
        assert (await session.rcpt("bad@d.test")).how == "reject"
        assert (await session.rcpt("good@d.test")).how == "continue"
        assert (await session.message(ENVELOPE, MESSAGE)).how == "continue"

    run(main())


@pytest.mark.parametrize("letter", "MRTBE")
def test_a_message_that_is_discarded_is_taken(letter: str) -> None:
    async def main() -> None:
        double, after = Double({letter: framed("d")}), Double()
        session = Site(double, after).session()
        assert [verdict.how for verdict in await until_data(session)] == ["continue"] * 6
        verdict = await session.message(ENVELOPE, MESSAGE)
        assert (verdict.how, verdict.by) == ("discard", "m0")
        assert "E" not in after.letters
        assert (await session.mail("a@b.test")).how == "continue"
        await settled()
        assert after.letters.count("A") == (letter != "M")  # of a sender it never heard

    run(main())


def test_a_message_without_recipients_is_discarded() -> None:
    async def main() -> None:
        session = Site(Double({"E": framed("-c@d.test\0") + framed("-e@d.test\0") + framed("c")})).session()
        assert (await whole(session)).how == "discard"

    run(main())


def test_who_accepts_hears_no_more() -> None:
    async def main() -> None:
        of_client, of_message = Double({"H": framed("a")}), Double({"M": framed("a")})
        session = Site(of_client, of_message).session()
        await whole(session)
        await session.mail("a@b.test")
        assert of_client.letters == "OCH"
        assert of_message.letters == "OCHMM"

    run(main())


def test_a_quarantine_goes_on() -> None:
    async def main() -> None:
        first, second = Double({"E": framed("qWhy\0") + framed("c")}), Double({"E": framed("qToo\0") + framed("c")})
        verdict = await whole(Site(first, second).session())
        assert (verdict.how, verdict.by, verdict.reason) == ("quarantine", "m0", "Why")
        assert (verdict.envelope, verdict.message) == (ENVELOPE, MESSAGE)
        assert verdict.goes_on
        assert second.letters.endswith("E")

    run(main())


def test_a_refusal_counts_more_than_a_quarantine() -> None:
    async def main() -> None:
        session = Site(Double({"E": framed("qWhy\0") + framed("c")}), Double({"E": framed("r")})).session()
        assert (await whole(session)).how == "reject"

    run(main())


def test_a_message_that_is_given_up_is_aborted() -> None:
    async def main() -> None:
        double = Double()
        session = Site(double).session()
        await until_data(session)
        await session.abort()
        await session.abort()
        await settled()
        assert double.letters == "OCHMRRTA"
        await session.mail("a@b.test")
        await session.helo("again.test")
        await settled()
        assert double.letters == "OCHMRRTAMAH"

    run(main())


def test_recipients_refused_by_us_are_told_to_who_asked() -> None:
    async def main() -> None:
        asked, other = Double({"R": framed("d")}, protocol=0x800), Double()
        session = Site(asked, other).session()
        await session.connect(PEER)
        await session.mail("a@b.test")
        refused = Reply(550, "5.1.1", "No such user")
        assert (await session.rcpt("x@d.test", refused=refused)).how == "continue"
        assert (asked.letters, other.letters) == ("OCMR", "OCM")
        assert asked.macros["{rcpt_mailer}"] == "error"
        assert asked.macros["{rcpt_host}"] == "5.1.1"
        assert (await session.message(ENVELOPE, MESSAGE)).how == "continue"
        assert asked.letters == "OCMRLLNBE"

    run(main())


def test_an_unknown_command() -> None:
    async def main() -> None:
        session = Site(Double({"U": lambda data: framed("r" if b"BAD" in data else "a")})).session()
        await session.connect(PEER)
        assert (await session.unknown(b"XYZZY")).reply is None
        assert (await session.unknown(b"BAD\0")).how == "reject"
        assert (await session.mail("a@b.test")).how == "continue"

    run(main())


def test_one_told_late_hears_all_with_the_message() -> None:
    async def main() -> None:
        double = Double()
        site = Site(double, stages="message")
        session = site.session()
        await until_data(session)
        assert site.dialled == 0
        assert (await session.message(ENVELOPE, MESSAGE)).how == "continue"
        assert double.letters == "OCHMRRTLLNBE"
        await session.mail("a@b.test")
        await session.message(ENVELOPE, MESSAGE)
        assert double.letters == "OCHMRRTLLNBE" + "MRRTLLNBE"

    run(main())


@pytest.mark.parametrize(
    ("letter", "answer", "how"),
    [
        ("C", "r", "reject"),
        ("R", "t", "tempfail"),
        ("M", "d", "discard"),
        ("H", "a", "continue"),
        ("M", "a", "continue"),
    ],
)
def test_one_told_late_decides_of_the_whole(letter: str, answer: str, how: str) -> None:
    async def main() -> None:
        session = Site(Double({letter: framed(answer)}), stages="message").session()
        assert (await whole(session)).how == how

    run(main())


def failing_at(letter: str, answer: bytes | str) -> Callable[[], Double]:
    return lambda: Double({letter: answer})


FAILURES: dict[str, Callable[[], Double | OSError]] = {
    "refused": lambda: ConnectionRefusedError("no"),
    "silent at once": failing_at("O", SILENT),
    "closes at once": failing_at("O", CLOSE),
    "version 9": failing_at("O", options(version=9)),
    "garbage": failing_at("O", b"HTTP/1.1 400 Bad Request\r\n\r\n"),
    **{f"silent at {letter}": failing_at(letter, SILENT) for letter in "CHMRTLNBE"},
    **{f"closes at {letter}": failing_at(letter, CLOSE) for letter in "CHMRTLNBE"},
    **{f"garbage at {letter}": failing_at(letter, b"\0\0\0\1?") for letter in "CHMRTLNBE"},
    "huge": failing_at("E", b"\x7f\xff\xff\xff"),
    "half": failing_at("E", b"\0\0\0\5h"),
    "not agreed": lambda: Double({"O": options(actions=0), "E": framed("hA\0b\0") + framed("c")}),
    "unasked": failing_at("T", framed("c") * 2),
    "slow": lambda: Double(slow_s=31),
    "discards a client": failing_at("C", framed("d")),
    "progress for ever": failing_at("E", framed("p") * 100_001),
}


@pytest.mark.parametrize(("on_error", "wanted"), [("tempfail", "tempfail"), ("reject", "reject"),
                                                  ("accept", "continue"), ("quarantine", "quarantine")])  # fmt: skip
@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("stages", ["all", "message"])
def test_whatever_fails_the_setting_is_obeyed(failure: str, on_error: str, wanted: str, stages: str) -> None:
    async def main() -> None:
        healthy = Double()
        site = Site(FAILURES[failure](), healthy, on_error=on_error, stages=stages)
        session = site.session()
        verdicts = [*(await until_data(session)), await session.message(ENVELOPE, MESSAGE)]
        assert [verdict.how for verdict in verdicts[:2]] == ["continue"] * 2
        reached = [verdict for verdict in verdicts if verdict.how != "continue"]
        assert {verdict.how for verdict in reached} == ({wanted} - {"continue"})
        if wanted == "quarantine":
            assert reached[0].reason == "the milter m0 failed"
        if wanted in ("quarantine", "continue"):
            assert verdicts[-1].message == MESSAGE
            assert healthy.letters.endswith("E")
        failed = [fact for fact in session.take_facts() if fact.how == "failed"]
        assert len(failed) == len(site.log.warnings) == 1
        assert failed[0].of["why"]
        # And so on for the next message, without trying again.
        dialled = site.dialled
        assert (await session.mail("a@b.test")).how == (wanted if wanted in ("tempfail", "reject") else "continue")
        assert site.dialled == dialled
        session.close()

    run(main())


def test_slow_but_in_time() -> None:
    async def main() -> None:
        assert (await whole(Site(Double(slow_s=9)).session())).how == "continue"

    run(main())


def test_a_thousand_times_progress() -> None:
    async def main() -> None:
        session = Site(Double({"E": framed("p") * 1000 + framed("h", b"X\0y\0") + framed("c")})).session()
        assert (await whole(session)).message == MESSAGE.replace(b"\r\n\r\n", b"\r\nX: y\r\n\r\n")

    run(main())


def test_later_facts_of_the_client_are_told() -> None:
    async def main() -> None:
        double = Double()
        session = Site(double, macros={"site": "blue"}).session()
        await session.connect(PEER)
        session.know(Peer(ip="192.0.2.7", tls_version="TLSv1.3", auth_authen="joe", auth_type="PLAIN"))
        await session.helo("x")
        await session.mail("a@b.test")
        assert double.macros["{tls_version}"] == "TLSv1.3"
        assert double.macros["{auth_authen}"] == "joe"
        assert "{cipher}" not in double.macros

    run(main())
