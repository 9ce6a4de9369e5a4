"""Responses of extensions, as the examples of their RFCs have them; and what prints parses, whatever names hold."""

import re

from hypothesis import given
from hypothesis import strategies as st

from mail.imap import responses
from mail.imap.access import OBSOLETE_RIGHTS, RIGHTS
from mail.imap.lexer import Reader
from mail.imap.limits import Limits
from mail.imap.metadata import parse_entry
from mail.imap.names import decode, encode

_NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=20)
_TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
_RIGHTS = st.lists(st.sampled_from(RIGHTS + OBSOLETE_RIGHTS + "0123"), unique=True).map("".join)
_ENTRIES = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E, exclude_characters="*%/"), min_size=1).map(
    lambda part: f"/shared/{part.lower()}"
)


def _reader(line: bytes, *, utf8: bool = False) -> Reader:
    """Reads a response as it would a command: cut where its literals stand."""
    lines, literals = [], []
    while True:
        text, _, line = line.partition(b"\r\n")
        lines.append(text)
        announced = re.search(rb"\{([0-9]+)\}$", text)  # an atom may end with "}"
        if announced is None:
            break
        size_bytes = int(announced[1])
        literals.append(line[:size_bytes])
        line = line[size_bytes:]
    assert line == b""
    return Reader(lines, literals, Limits(), utf8=utf8)


def test_access() -> None:
    rights = {"Fred": "rwipslxetad", "-Fred": "wetd", "$team": "w", "nil": "", "é": "lr"}
    line = responses.acl_line("INBOX/Drafts", rights)
    assert line == b'* ACL INBOX/Drafts Fred rwipslxetad -Fred wetd $team w "nil" "" {2}\r\n\xc3\xa9 lr\r\n'
    assert responses.acl_line("é", {"é": "l"}, utf8=True) == '* ACL "é" "é" l\r\n'.encode()
    assert responses.acl_line("é", {}) == b"* ACL &AOk-\r\n"
    tied = ["r", "swicd", "0"]
    assert responses.list_rights_line("~/Mail/saved", "smith", "la", tied) == (
        b"* LISTRIGHTS ~/Mail/saved smith la r swicd 0\r\n"
    )
    assert responses.list_rights_line("a", "anyone", "", []) == b'* LISTRIGHTS a anyone ""\r\n'
    assert responses.my_rights_line("INBOX", "rwiptsldaex") == b"* MYRIGHTS INBOX rwiptsldaex\r\n"


def test_quota() -> None:
    assert responses.quota_line("", {"STORAGE": (10, 512)}) == b'* QUOTA "" (STORAGE 10 512)\r\n'
    both = {"STORAGE": (54, 111), "MESSAGE": (42, 1000)}
    assert responses.quota_line("#user/alice", both) == b"* QUOTA #user/alice (STORAGE 54 111 MESSAGE 42 1000)\r\n"
    assert responses.quota_line("é", {}, utf8=True) == '* QUOTA "é" ()\r\n'.encode()
    assert responses.quota_root_line("INBOX", [""]) == b'* QUOTAROOT INBOX ""\r\n'
    assert responses.quota_root_line("INBOX", ["a b", "!p"]) == b'* QUOTAROOT INBOX "a b" !p\r\n'
    assert responses.quota_root_line("comp.mail.mime", []) == b"* QUOTAROOT comp.mail.mime\r\n"


def test_metadata() -> None:
    values = {"/shared/comment": b"Shared", "/private/comment": None}
    assert responses.metadata_line("", values) == b'* METADATA "" (/shared/comment "Shared" /private/comment NIL)\r\n'
    assert responses.metadata_line("INBOX", {"/shared/a": b"a\r\nb"}) == (
        b"* METADATA INBOX (/shared/a {4}\r\na\r\nb)\r\n"
    )
    assert responses.metadata_line("a", {"/shared/a": b"\0\xff"}) == b"* METADATA a (/shared/a ~{2}\r\n\0\xff)\r\n"
    assert responses.metadata_line("é", {"/shared/a": "é".encode()}, utf8=True) == (
        '* METADATA "é" (/shared/a "é")\r\n'.encode()
    )
    changed = responses.metadata_changed_line("INBOX", ["/shared/comment", "/private/comment"])
    assert changed == b"* METADATA INBOX /shared/comment /private/comment\r\n"


def test_jmap_access() -> None:
    assert responses.jmap_access_line("https://example.com/.well-known/jmap") == (
        b'* JMAPACCESS "https://example.com/.well-known/jmap"\r\n'
    )


@given(_NAMES, st.dictionaries(_TEXTS, _RIGHTS, max_size=3), st.booleans())
def test_acl_parses(name: str, rights: dict[str, str], utf8: bool) -> None:
    reader = _reader(responses.acl_line(name, rights, utf8=utf8), utf8=utf8)
    reader.expect(b"* ACL ")
    assert reader.mailbox() == decode(encode(name))
    for identifier, what in rights.items():
        reader.sp()
        assert reader.astring() == identifier.encode()
        reader.sp()
        assert reader.astring() == what.encode()
    reader.end()


@given(_TEXTS, st.dictionaries(_ENTRIES, st.none() | st.binary().filter(lambda value: b"\0" not in value), min_size=1))
def test_metadata_parses(name: str, values: dict[str, bytes | None]) -> None:
    reader = _reader(responses.metadata_line(name, values))
    reader.expect(b"* METADATA ")
    reader.astring()
    reader.expect(b" (")
    for place, (entry, value) in enumerate(values.items()):
        if place:
            reader.sp()
        assert parse_entry(reader) == entry
        reader.sp()
        assert reader.nstring() == value
    reader.expect(b")")
    reader.end()
