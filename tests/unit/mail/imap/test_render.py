"""What the server says, octet for octet, as the examples of the RFCs have it."""

import imaplib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mail.imap import render
from mail.imap.commands import Fetch, StatusItem
from mail.imap.dates import InternalDate
from mail.imap.events import Command
from mail.imap.fetch import BodySection, Partial, SectionText
from mail.imap.lexer import Reader
from mail.imap.limits import Limits
from mail.imap.machine import ImapMachine
from mail.imap.names import decode, encode


def test_status_lines() -> None:
    assert render.tagged_line(b"A1", b"OK", "done") == b"A1 OK done\r\n"
    assert render.tagged_line(b"A1", b"NO", "gone", b"TRYCREATE") == b"A1 NO [TRYCREATE] gone\r\n"
    assert render.untagged_line(b"BYE", "bye") == b"* BYE bye\r\n"
    assert render.answer_line(None, b"BAD", "what?") == b"* BAD what?\r\n"
    assert render.answer_line(b"x", b"BAD", "what?") == b"x BAD what?\r\n"
    assert render.continuation_line("idling") == b"+ idling\r\n"
    assert render.continuation_line() == render.challenge_line(b"") == b"+ \r\n"
    assert render.challenge_line(b"YQ==") == b"+ YQ==\r\n"


def test_text_cannot_break_out_of_its_line() -> None:
    assert render.untagged_line(b"OK", "a\r\n* BYE é") == b"* OK a?* BYE ?\r\n"
    assert render.untagged_line(b"OK", "") == b"* OK .\r\n"


def test_codes() -> None:
    assert render.permanent_flags_code(["\\Seen"], any_keyword=True) == b"PERMANENTFLAGS (\\Seen \\*)"
    assert render.permanent_flags_code([], any_keyword=False) == b"PERMANENTFLAGS ()"
    assert render.append_uid_code(38505, [3955]) == b"APPENDUID 38505 3955"
    assert render.copy_uid_code(38505, [304, 319, 320], [3956, 3957, 3958]) == b"COPYUID 38505 304,319:320 3956:3958"
    assert render.number_code(b"UIDNEXT", 4392) == b"UIDNEXT 4392"
    assert render.capability_code(["IMAP4rev1", "IDLE"]) == b"CAPABILITY IMAP4rev1 IDLE"


def test_mailbox_lines() -> None:
    assert render.capability_line(["IMAP4rev1", "AUTH=PLAIN"]) == b"* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n"
    assert render.enabled_line([]) == b"* ENABLED\r\n"
    assert render.enabled_line(["CONDSTORE"]) == b"* ENABLED CONDSTORE\r\n"
    assert render.id_line(None) == b"* ID NIL\r\n"
    assert render.id_line({b"name": b"Rookery", b"os": None}) == b'* ID ("name" "Rookery" "os" NIL)\r\n'
    assert render.namespace_line([("", "/")]) == b'* NAMESPACE (("" "/")) NIL NIL\r\n'
    shared = [("Public Folders/", "/"), ("#é", ".")]
    assert (
        render.namespace_line([], shared=shared) == b'* NAMESPACE NIL NIL (("Public Folders/" "/")("#&AOk-" "."))\r\n'
    )
    assert render.list_line("é", ["\\HasNoChildren", "\\Sent"]) == b'* LIST (\\HasNoChildren \\Sent) "/" &AOk-\r\n'
    assert render.list_line("a b", [], kind=b"LSUB", delimiter=None) == b'* LSUB () NIL "a b"\r\n'
    line = render.list_line("Foo", ["\\NonExistent"], child_info=[b"SUBSCRIBED"])
    assert line == b'* LIST (\\NonExistent) "/" Foo ("CHILDINFO" ("SUBSCRIBED"))\r\n'
    renamed = render.list_line("NewMailbox", [], old_name="Öld")
    assert renamed == b'* LIST () "/" NewMailbox ("OLDNAME" (&ANY-ld))\r\n'
    both = render.list_line("a", [], child_info=[b"SUBSCRIBED"], old_name="b c")
    assert both == b'* LIST () "/" a ("CHILDINFO" ("SUBSCRIBED") "OLDNAME" ("b c"))\r\n'
    items = {StatusItem.MESSAGES: 231, StatusItem.UIDNEXT: 44292}
    assert render.status_line("blurdybloop", items) == b"* STATUS blurdybloop (MESSAGES 231 UIDNEXT 44292)\r\n"
    mixed = {StatusItem.APPENDLIMIT: None, StatusItem.MAILBOXID: "F1-a", StatusItem.DELETED_STORAGE: 1 << 40}
    assert render.status_line("é", mixed, utf8=True) == (
        '* STATUS "é" (APPENDLIMIT NIL MAILBOXID (F1-a) DELETED-STORAGE 1099511627776)\r\n'.encode()
    )
    assert render.flags_line(["\\Seen", "$a"]) == b"* FLAGS (\\Seen $a)\r\n"
    assert render.exists_line(23) + render.recent_line(5) + render.expunge_line(44) == (
        b"* 23 EXISTS\r\n* 5 RECENT\r\n* 44 EXPUNGE\r\n"
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (b"a", b"a"),
        (b"", b'""'),
        (b"nil", b'"nil"'),
        (b"a b", b'"a b"'),
        (b'a"\\', b'"a\\"\\\\"'),
        (b"a\nb", b"{3}\r\na\nb"),
        (b"\xe9", b"{1}\r\n\xe9"),
        (b" " * 1_025, b"{1025}\r\n" + b" " * 1_025),
    ],
)
def test_astring(value: bytes, text: bytes) -> None:
    assert render.astring(value) == text


def test_nstring() -> None:
    assert render.nstring(None) == b"NIL"
    assert render.nstring(b"") == b'""'
    assert render.nstring("é".encode(), utf8=True) == b'"\xc3\xa9"'
    for value in (b"\xff", b"a\x80", b"\xed\xa0\x80", b"\xc3"):  # no UTF-8: no quoted string (RFC 6855 3)
        assert render.nstring(value, utf8=True) == b"{%d}\r\n%b" % (len(value), value)


@given(st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"])))
def test_a_mailbox_name_that_prints_parses(name: str) -> None:
    wire = render.mailbox(name)
    head, cut, octets = wire.partition(b"\r\n")
    reader = Reader((head, b""), (octets,), Limits()) if cut else Reader((wire,), (), Limits())
    assert reader.mailbox() == decode(encode(name))
    reader.end()


def test_fetch_keeps_the_body_as_it_is() -> None:
    body = b"x" * 100
    section = BodySection((1,), SectionText.MIME, partial=Partial(5, 100), peek=True)
    chunks = render.fetch(
        7,
        [
            render.fetch_uid(9),
            render.fetch_flags(["\\Seen"]),
            render.fetch_size(44),
            render.fetch_internal_date(InternalDate(837_596_665, -420)),
            render.fetch_rendered(b"ENVELOPE", b"(NIL)"),
            render.fetch_section(section, body),
            render.fetch_data(b"RFC822.TEXT", None),
        ],
    )
    assert any(chunk is body for chunk in chunks)
    assert b"".join(chunks) == (
        b'* 7 FETCH (UID 9 FLAGS (\\Seen) RFC822.SIZE 44 INTERNALDATE "17-Jul-1996 02:44:25 -0700"'
        b" ENVELOPE (NIL) BODY[1.MIME]<5> {100}\r\n" + body + b" RFC822.TEXT NIL)\r\n"
    )


@pytest.mark.parametrize(
    "label",
    [
        b"BODY[]",
        b"BODY[TEXT]",
        b"BODY[1.2.HEADER]",
        b"BODY[HEADER.FIELDS (DATE FROM)]",
        b"BODY[2.HEADER.FIELDS.NOT (x)]",
        b"BODY[4.MIME]",
    ],
)
def test_a_section_is_named_as_it_was_asked_for(label: bytes) -> None:
    machine = ImapMachine()
    machine.receive(b"a FETCH 1 " + label + b"\r\n")
    (event,) = machine.events()
    assert isinstance(event, Command)
    assert isinstance(event.command, Fetch)
    assert [item.label() for item in event.command.items if isinstance(item, BodySection)] == [label]


def test_a_field_name_that_is_no_atom_stays_one_name() -> None:
    section = BodySection((), SectionText.HEADER_FIELDS, (b"a b)]",))
    assert section.label() == b"BODY[HEADER.FIELDS ({5}\r\na b)])]"


def test_the_standard_library_reads_our_dates() -> None:
    line = b"".join(render.fetch(1, [render.fetch_internal_date(InternalDate(837_596_665, 0))]))
    assert imaplib.Internaldate2tuple(line) is not None
