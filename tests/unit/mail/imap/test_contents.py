"""What is said of messages beyond RFC 3501, octet for octet, as the examples of the RFCs have it."""

from mail.imap import contents
from mail.imap.dates import InternalDate
from mail.imap.fetch import BinarySection, BinarySize, Partial
from mail.imap.render import fetch_flags
from mail.imap.urlauth import UrlParam


def test_items() -> None:
    assert contents.fetch_mod_sequence(624_140_003) == [b"MODSEQ (624140003)"]
    assert contents.fetch_save_date(InternalDate(837_596_665, -420)) == [b'SAVEDATE "17-Jul-1996 02:44:25 -0700"']
    assert contents.fetch_save_date(None) == [b"SAVEDATE NIL"]
    assert contents.fetch_email_id("M6d99ac3275bb4e") == [b"EMAILID (M6d99ac3275bb4e)"]
    assert contents.fetch_thread_id("T64b478a75b7ea9") == [b"THREADID (T64b478a75b7ea9)"]
    assert contents.fetch_thread_id(None) == [b"THREADID NIL"]
    assert contents.fetch_preview("Preview text!") == [b'PREVIEW "Preview text!"']
    assert contents.fetch_preview("é") == [b"PREVIEW {2}\r\n\xc3\xa9"]
    assert contents.fetch_preview("é", utf8=True) == [b'PREVIEW "\xc3\xa9"']
    assert contents.fetch_preview("") == [b'PREVIEW ""']
    assert contents.fetch_preview(None) == [b"PREVIEW NIL"]
    assert contents.fetch_binary_size(BinarySize((1, 2)), 5) == [b"BINARY.SIZE[1.2] 5"]


def test_binary_has_a_literal8_only_for_nul() -> None:
    section = BinarySection((1,), Partial(3, 10), peek=True)
    assert b"".join(contents.fetch_binary(section, b"a\0b")) == b"BINARY[1]<3> ~{3}\r\na\0b"
    assert b"".join(contents.fetch_binary(section, b"ab")) == b"BINARY[1]<3> {2}\r\nab"
    assert b"".join(contents.fetch_binary(BinarySection(), None)) == b"BINARY[] NIL"


def test_data_is_not_copied() -> None:
    data = b"x\0" * 50
    assert any(chunk is data for chunk in contents.fetch_binary(BinarySection(), data))
    assert any(chunk is data for chunk in contents.url_fetch([(b"imap://a", data)]))


def test_uid_fetch() -> None:
    chunks = contents.uid_fetch(25_996, [fetch_flags(["\\Seen"]), contents.fetch_mod_sequence(5)])
    assert b"".join(chunks) == b"* 25996 UIDFETCH (FLAGS (\\Seen) MODSEQ (5))\r\n"


def test_vanished() -> None:
    assert contents.vanished_line(b"405,407") == b"* VANISHED 405,407\r\n"
    assert contents.vanished_line(b"41,43:116", earlier=True) == b"* VANISHED (EARLIER) 41,43:116\r\n"


def test_urls() -> None:
    assert contents.gen_url_auth_line([b"imap://a", b'"']) == b'* GENURLAUTH "imap://a" "\\""\r\n'
    chunks = contents.url_fetch(
        [
            (b"imap://a", b"hello"),
            (b"imap://b", None),
            (b"imap://c", [(UrlParam.BODYPARTSTRUCTURE, b'("TEXT" "PLAIN")'), (UrlParam.BINARY, b"\0")]),
            (b"imap://d", [(UrlParam.BODY, b"x"), (UrlParam.BINARY, None)]),
        ]
    )
    assert b"".join(chunks) == (
        b'* URLFETCH "imap://a" {5}\r\nhello "imap://b" NIL'
        b' "imap://c" (BODYPARTSTRUCTURE ("TEXT" "PLAIN")) (BINARY ~{1}\r\n\0)'
        b' "imap://d" (BODY {1}\r\nx) (BINARY NIL)\r\n'
    )
