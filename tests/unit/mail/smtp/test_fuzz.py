"""Promises for any input: nothing is raised, what is held is bounded, and whole equals byte by byte."""

from hypothesis import given, settings
from hypothesis import strategies as st

from mail.smtp.limits import Limits
from mail.smtp.offers import Offers
from mail.smtp.parameters import Refusal, parse_mail, parse_rcpt
from tests.unit.mail.smtp.driver import Session, machine_for

_PIECES = [
    b"EHLO a\r\n", b"HELO a\r\n", b"LHLO a\r\n", b"MAIL FROM:<a@b.c>\r\n", b"MAIL FROM:<> SIZE=5\r\n",
    b"RCPT TO:<a@b.c>\r\n", b"RCPT TO:<unknown@b.c>\r\n", b"RCPT TO:<full@b.c>\r\n", b"DATA\r\n", b".\r\n",
    b"\r\n.\r\n", b"BDAT 3\r\n", b"BDAT 2 LAST\r\n", b"BDAT 0 LAST\r\n", b"RSET\r\n", b"NOOP\r\n", b"QUIT\r\n",
    b"VRFY x\r\n",
    b"STARTTLS\r\n", b"AUTH PLAIN\r\n", b"AUTH PLAIN AHVzZXIAcHc=\r\n", b"AHVzZXIAcHc=\r\n", b"*\r\n", b"REFUSE",
    b"..x\r\n", b"\n", b"\r", b"\x00", b"\xff", b"x" * 80, b"BODY=BINARYMIME",
    b"MAIL FROM:<> BY=9;R\r\n", b"MAIL FROM:<> HOLDFOR=9\r\n", b"MAIL FROM:<> MT-PRIORITY=9 REQUIRETLS\r\n",
    b"EXPN x\r\n", b" SOLICIT=a", b" HOLDUNTIL=2026-12-01T00:00:00Z", b" BY=-1;NT",
]  # fmt: skip
_WIRE = st.lists(st.one_of(st.sampled_from(_PIECES), st.binary(max_size=6)), max_size=30).map(b"".join)
ALL = Offers(
    mechanisms_tls=("PLAIN",),
    requiretls=True,
    deliverby=True,
    hold_s_max=604_800,
    hold_until_ms_max=1_800_000_000_000,
    mt_priority=True,
    no_soliciting=True,
)
_OFFERS = [
    "",
    "starttls auth",
    "auth tls",
    "auth tls requiretls deliverby hold_s_max=9 mt_priority priority_max=3 no_soliciting solicitations=a",
    "no-chunking no-dsn no-size deliverby deliver_by_s_min=99",
]
_ROLES = st.sampled_from(["smtp", "submission", "lmtp"])
_SMALL = "line_bytes_max=64 message_bytes_max=50 discard_bytes_max=200 recipients_max=2"


@given(_WIRE, _ROLES, st.sampled_from(_OFFERS), st.integers(1, 7))
@settings(max_examples=300, deadline=None)
def test_whole_equals_byte_by_byte(wire: bytes, role: str, offers: str, step: int) -> None:
    head = {"role": role, "offers": offers, "limits": _SMALL}
    whole, pieces = Session(machine_for(head)), Session(machine_for(head))
    answers = whole.say(wire), pieces.say(wire, step)
    # What is sent too early can only be known to be early when it is there: it ends the session at once.
    if b"554 5.5.0" not in answers[0] + answers[1]:
        assert answers[0] == answers[1]
        assert whole.events == pieces.events
    assert whole.machine.buffered_bytes <= len(wire)


@given(st.binary(max_size=300), _ROLES)
@settings(max_examples=300, deadline=None)
def test_nothing_is_raised_and_every_event_is_answered(wire: bytes, role: str) -> None:
    session = Session(machine_for({"role": role}))
    session.say(b"EHLO a\r\n" if role != "lmtp" else b"LHLO a\r\n")
    session.say(wire)
    assert session.machine.next_event() is None


def _read(argument: bytes) -> str:
    """The address as either command reads it, or the code of the refusal."""
    try:
        if argument.startswith(b"FROM"):
            return parse_mail(argument, Limits(), ALL, tls=True, authenticated=True).sender
        return parse_rcpt(argument, Limits(), ALL, smtputf8=True).recipient
    except Refusal as refusal:
        return str(refusal.reply.code)


_BEGINNINGS = [b"", b"<a@b.c> ", b"<", b"<\xc2\x85@b.c> SMTPUTF8", b"<a@b.c> BY=", b"<a@b.c> HOLDUNTIL="]


@given(st.binary(max_size=120), st.sampled_from([*_BEGINNINGS, b"<a@b.c> MT-PRIORITY=", b"<a@b.c> SOLICIT=a,"]))
@settings(max_examples=300, deadline=None)
def test_only_refusals_leave_the_arguments(argument: bytes, prefix: bytes) -> None:
    for command in (b"FROM:", b"TO:"):
        read = _read(command + prefix + argument)
        assert read.isprintable()
        assert "@" in read or read.lower() in {"", "postmaster", "501", "552", "553", "554", "555"}


_ATOM = st.text("abcXYZ019!#$%&'*+/=?^_`{|}~-", min_size=1, max_size=9)


@given(
    st.lists(_ATOM, min_size=1, max_size=4),
    st.lists(st.from_regex(r"[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True), min_size=1, max_size=4),
)
@settings(deadline=None)
def test_every_address_of_the_grammar_is_read_as_it_is(local: list[str], domain: list[str]) -> None:
    address = ".".join(local) + "@" + ".".join(domain)
    mail = parse_mail(f"FROM:<{address}> SIZE=1".encode(), Limits(), ALL, tls=False, authenticated=False)
    assert mail.sender == address
    assert parse_rcpt(f"TO:<{address}>".encode(), Limits(), ALL, smtputf8=False).recipient == address
