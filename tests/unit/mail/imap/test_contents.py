"""What is said of messages beyond RFC 3501, octet for octet, as the examples of the RFCs have it."""

from mail.imap import contents
from mail.imap.urlauth import UrlParam


def test_data_is_not_copied() -> None:
    data = b"x\0" * 50
    assert any(chunk is data for chunk in contents.url_fetch([(b"imap://a", data)]))


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
