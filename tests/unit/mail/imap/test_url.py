"""IMAP URLs: the RFCs' examples, what is no URL, and that what is rendered means the same."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mail.imap import url
from mail.imap.errors import ImapError
from mail.imap.fetch import BodySection, SectionText
from mail.imap.url import ImapUrl, UrlAuth, UrlRange, UrlServer

_TOKEN = "91354a473744909de610943775f92038"
_NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1, max_size=8)
_NUMBERS = st.integers(1, 4_294_967_295)
_SECTIONS = st.sampled_from(
    [
        BodySection((1, 2), peek=True),
        BodySection((), SectionText.HEADER, peek=True),
        BodySection((3,), SectionText.MIME, peek=True),
        BodySection((), SectionText.HEADER_FIELDS, (b"Date", b"From"), peek=True),
    ]
)
_SERVERS = st.builds(
    UrlServer,
    st.sampled_from(["example.org", "[::1]", "127.0.0.1"]),
    st.none() | st.integers(1, 65_535),
    st.none() | _NAMES,
    st.none() | st.sampled_from(["*", "GSSAPI"]),
)
_AUTHS = st.builds(
    lambda access, user, expires, signed: UrlAuth(access, user, expires, *(("INTERNAL", _TOKEN) if signed else ())),
    st.sampled_from(["submit", "user", "authuser", "anonymous"]),
    st.none() | _NAMES,
    st.none() | st.integers(0, 253_402_300_799),
    st.booleans(),
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # RFC 5092 9
        (
            b"imap://minbari.example.org/gray%20council/;UID=20/;SECTION=1.2",
            ImapUrl(
                "gray council", 20, section=BodySection((1, 2), peek=True), server=UrlServer("minbari.example.org")
            ),
        ),
        (
            b"imap://psicorp.example.org/~peter/%E6%97%A5%E6%9C%AC%E8%AA%9E/%E5%8F%B0%E5%8C%97/;uid=5",
            ImapUrl("~peter/日本語/台北", 5, server=UrlServer("psicorp.example.org")),
        ),
        (
            b"IMAP://joe%40x;AUTH=*@H:993/Inbox;UIDVALIDITY=7/;UID=1/;PARTIAL=0.1024",
            ImapUrl("INBOX", 1, 7, partial=UrlRange(0, 1024), server=UrlServer("h", 993, "joe@x", "*")),
        ),
        # RFC 4469
        (
            b"/Drafts;UIDVALIDITY=385759045/;UID=20/;section=HEADER",
            ImapUrl("Drafts", 20, 385_759_045, BodySection((), SectionText.HEADER, peek=True)),
        ),
        (b"//h/a/;UID=3", ImapUrl("a", 3, server=UrlServer("h"))),
        (b"/a/b/;UID=3/", ImapUrl("a/b", 3)),
        (b"/a/;UID=3/;PARTIAL=5", ImapUrl("a", 3, partial=UrlRange(5))),
        (
            b"/a/;UID=3/;SECTION=2.HEADER.FIELDS%20(DATE%20X-a)/;PARTIAL=5.6",
            ImapUrl(
                "a",
                3,
                section=BodySection((2,), SectionText.HEADER_FIELDS, (b"DATE", b"X-a"), peek=True),
                partial=UrlRange(5, 6),
            ),
        ),
    ],
)
def test_examples(text: bytes, expected: ImapUrl) -> None:
    found = url.parse(text)
    assert found == expected
    assert found.rump == text


@pytest.mark.parametrize(
    ("tail", "auth"),
    [
        (b";urlauth=submit+fred:internal:" + _TOKEN.upper().encode(), ("submit", "fred", None, "INTERNAL", _TOKEN)),
        (b";URLAUTH=authuser", ("authuser", None, None, None, None)),
        (b";EXPIRE=2010-12-31T16:39:57-08:00;URLAUTH=user+j%2Bx", ("user", "j+x", 1_293_842_397, None, None)),
        (b";EXPIRE=2010-12-31t16:39:57.25z;URLAUTH=anonymous", ("anonymous", None, 1_293_813_597, None, None)),
    ],
)
def test_urlauth(tail: bytes, auth: tuple[object, ...]) -> None:
    head = b"imap://joe@example.com/INBOX/;uid=20/;section=1.2"
    found = url.parse(head + tail)
    assert found.auth == auth
    assert found.rump == (head + tail).partition(b":internal:")[0]


@pytest.mark.parametrize(
    ("text", "base", "mailbox"),
    [
        (b";UID=20", "a/b", "a/b"),
        (b"c/;UID=20", "a/b", "a/c"),
        (b"c/;UID=20", "b", "c"),
        (b"./c/d/;UID=20", "a/b", "a/c/d"),
        (b"../c/;UID=20", "a/b", "c"),
        (b"../../../c/;UID=20", "a/b", "c"),
        (b";UID=20", "é b", "é b"),
        (b"/c/;UID=20", "a/b", "c"),
    ],
)
def test_relative_to_the_selected_mailbox(text: bytes, base: str, mailbox: str) -> None:
    assert url.parse(text, base) == ImapUrl(mailbox, 20)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"/",
        b"imap://h",
        b"imap://h/",
        b"imap://h/a",
        b"imap:///a/;UID=1",
        b"http://h/a/;UID=1",
        b"imap://h:0/a/;UID=1",
        b"imap://h:65536/a/;UID=1",
        b"imap://a:b@h/a/;UID=1",
        b"imap://%FF@h/a/;UID=1",
        b"///;UID=1",
        b"/;UID=1",
        b"/a;UID=1",
        b"/a/;UID=0",
        b"/a/;UID=01",
        b"/a/;UID=4294967296",
        b"/a;UIDVALIDITY=0/;UID=1",
        b"/a;UIDVALIDITY=4294967296/;UID=1",
        b"/a/;UID=1/;SECTION=",
        b"/a/;UID=1/;SECTION=FOOT",
        b"/a/;UID=1/;SECTION=1%5D",
        b"/a/;UID=1/;SECTION=HEADER.FIELDS%20(%7B1%7D)",
        b"/a/;UID=1;SECTION=1",
        b"/a/;UID=1/;PARTIAL=",
        b"/a/;UID=1/;PARTIAL=1.0",
        b"/a/;UID=1/;PARTIAL=4294967296",
        b"/a/;UID=1/;PARTIAL=0.4294967296",
        b"/a/;UID=1/;PARTIAL=1/;SECTION=1",
        b"/a/;UID=1//",
        b"/a/;UID=1?x",
        b"/a b/;UID=1",
        b"/a%/;UID=1",
        b"/a%0/;UID=1",
        b"/%FF/;UID=1",
        b"/%0A/;UID=1",
        b"/\xe9/;UID=1",
        b"c/;UID=1",
        b";UID=1",
        b"/a/;UID=1;URLAUTH=anonymous",
        b"imap://h/a/;UID=1;URLAUTH=",
        b"imap://h/a/;UID=1;URLAUTH=submit+",
        b"imap://h/a/;UID=1;URLAUTH=anonymous:INTERNAL",
        b"imap://h/a/;UID=1;URLAUTH=anonymous:INTERNAL:" + b"0" * 31,
        b"imap://h/a/;UID=1;URLAUTH=anonymous:INTERNAL:" + b"0" * 513,
        b"imap://h/a/;UID=1;URLAUTH=anonymous:INTERNAL:" + b"g" * 32,
        b"imap://h/a/;UID=1;EXPIRE=2010-12-31T16:39:57Z",
        b"imap://h/a/;UID=1;EXPIRE=2010-13-31T16:39:57Z;URLAUTH=anonymous",
        b"imap://h/a/;UID=1;EXPIRE=2010-12-31T16:39:57;URLAUTH=anonymous",
        b"imap://h/a/;UID=1;EXPIRE=9999-12-31T23:59:59-01:00;URLAUTH=anonymous",
        b"imap://h/a/;UID=1;EXPIRE=0001-01-01T00:00:00%2B01:00;URLAUTH=anonymous",
        b"/" + b"a" * url.URL_MAX_BYTES + b"/;UID=1",
    ],
)
def test_what_is_no_url(text: bytes) -> None:
    with pytest.raises(ImapError) as caught:
        url.parse(text)
    assert caught.value.status == b"NO"
    assert caught.value.code == url.bad_url_code(text)


def test_the_code_cannot_break_out() -> None:
    assert url.bad_url_code(b"/a]\r\n\xff/;UID=1") == b"BADURL /a%5D%0D%0A%FF/;UID=1"
    assert url.bad_url_code(b"") == b"BADURL"
    assert len(url.bad_url_code(b"\xff" * 100_000)) < 4 * url.URL_MAX_BYTES


@given(
    st.builds(
        ImapUrl,
        _NAMES,
        _NUMBERS,
        st.none() | _NUMBERS,
        st.none() | _SECTIONS,
        st.none() | st.builds(UrlRange, st.integers(0, 4_294_967_295), st.none() | _NUMBERS),
        st.none() | _SERVERS,
    ),
    _AUTHS,
)
def test_what_is_rendered_means_the_same(found: ImapUrl, auth: UrlAuth) -> None:
    mailbox = found.mailbox.strip("/") or "INBOX"
    parts = (found.uid, found.uid_validity, found.section, found.partial, found.server)
    made = ImapUrl(mailbox if mailbox.upper() != "INBOX" else "INBOX", *parts, auth if found.server else None)
    text = url.render(made)
    again = url.parse(text)
    assert again.mailbox.upper() == made.mailbox.upper()
    assert url.render(again).upper() == text.upper()
    assert (again.uid, again.section, again.partial, again.auth) == (made.uid, made.section, made.partial, made.auth)


_PIECES = st.sampled_from(
    [
        *(b"imap://", b"//", b"/", b"a", b"%C3%A9", b"%", b";UIDVALIDITY=1", b"/;UID=2", b"/;SECTION=1.2"),
        *(b"/;PARTIAL=0.5", b";EXPIRE=2010-12-31T16:39:57Z", b";URLAUTH=submit+a", b":INTERNAL:" + b"a" * 32),
        *(b"@", b":9", b"..", b"]"),
    ]
)


@given(st.lists(_PIECES | st.binary(max_size=3), max_size=12).map(b"".join), st.none() | st.just("x/y"))
def test_whatever_comes_is_a_url_or_no(text: bytes, base: str | None) -> None:
    try:
        found = url.parse(text, base)
    except ImapError:
        return
    assert url.parse(url.render(found)) == found
