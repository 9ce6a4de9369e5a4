"""Other parsers as oracles: where a message is well formed, ours must agree with them."""

import email
import email.message
import email.policy
import email.utils
from typing import Any

import fast_mail_parser
from hypothesis import given, settings
from hypothesis import strategies as st

from mail.message.address import mailboxes, parse_addresses
from mail.message.content import content_of
from mail.message.part import Part
from mail.message.record import read_message

WORD = st.text("abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=8)
LINES = st.lists(st.text("abc xyz.-=", max_size=20).map(str.rstrip), max_size=4).map(
    lambda lines: "".join(f"{line}\r\n" for line in lines)
)
FIELDS = st.sampled_from(
    [
        "Content-Type: text/html; charset=utf-8\r\n",
        "Content-Type: application/pdf; name=x\r\nContent-Transfer-Encoding: base64\r\n",
        "Content-Type: text/plain\r\nContent-Transfer-Encoding: quoted-printable\r\n",
        "Content-Disposition: attachment;\r\n filename=a\r\nContent-Type: image/png\r\n",
        "X-Other: y\r\n",
    ]
)
LEAF = st.tuples(FIELDS, LINES).map(lambda pair: f"{pair[0]}\r\n{pair[1]}")


def _multipart(parts: list[str], number: int) -> str:
    boundary = f"=_{number}_{len(parts)}_{sum(map(len, parts))}"
    inner = "".join(f"--{boundary}\r\n{part}\r\n" for part in parts)
    return f'Content-Type: multipart/mixed; boundary="{boundary}"\r\n\r\n{inner}--{boundary}--\r\n'


def _message(inner: str) -> str:
    return f"Content-Type: message/rfc822\r\n\r\nSubject: in\r\n{inner}"


ENTITY = st.recursive(
    LEAF,
    lambda inner: st.one_of(
        st.builds(_multipart, st.lists(inner, min_size=1, max_size=3), st.integers(0, 99)), inner.map(_message)
    ),
    max_leaves=8,
)


def tree_of_stdlib(message: email.message.Message) -> object:
    children: Any = message.get_payload() if message.is_multipart() else []
    return message.get_content_type(), [tree_of_stdlib(child) for child in children]


def tree_of_ours(part: Part) -> object:
    return f"{part.type}/{part.subtype}", [tree_of_ours(child) for child in part.children]


def sizes_of_fast_mail_parser(part: Any) -> object:
    children = [sizes_of_fast_mail_parser(child) for child in part.children]
    return part.content_type, [] if children else part.encoded_size, children


def sizes_of_ours(part: Part) -> object:
    children = [sizes_of_ours(child) for child in part.children]
    return f"{part.type}/{part.subtype}", [] if children else part.end - part.body, children


def leaves(part: Part) -> list[Part]:
    return [leaf for child in part.children for leaf in leaves(child)] or [part]


@settings(max_examples=150, deadline=None)
@given(ENTITY)
def test_structure_and_contents_are_those_of_the_standard_library(entity: str) -> None:
    raw = f"Subject: top\r\n{entity}".encode()
    theirs = email.message_from_bytes(raw)
    root = read_message(raw).root
    assert tree_of_ours(root) == tree_of_stdlib(theirs)
    their_leaves = [leaf for leaf in theirs.walk() if not leaf.is_multipart()]
    for ours, their in zip(leaves(root), their_leaves, strict=True):
        if ours.encoding == "7bit":  # the library's decoders differ where the encoding is broken
            assert content_of(raw, ours) == their.get_payload(decode=True)


@settings(max_examples=150, deadline=None)
@given(ENTITY)
def test_structure_and_sizes_are_those_of_fast_mail_parser(entity: str) -> None:
    raw = f"Subject: top\r\n{entity}".encode()
    theirs = fast_mail_parser.parse_email_tree(raw, mode="metadata")
    assert sizes_of_ours(read_message(raw).root) == sizes_of_fast_mail_parser(theirs)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.none() | st.lists(WORD, min_size=1, max_size=3).map(" ".join), WORD, WORD), max_size=6))
def test_addresses_are_those_of_the_standard_library(wanted: list[tuple[str | None, str, str]]) -> None:
    value = ", ".join(email.utils.formataddr((name, f"{local}@{domain}.test")) for name, local, domain in wanted)
    ours = [(box.display_name or "", box.email) for box in mailboxes(parse_addresses(value.encode()))]
    assert ours == [pair for pair in email.utils.getaddresses([value]) if pair != ("", "")]


TEXT = st.text(
    st.characters(codec="utf-8", exclude_characters="\r\n\0", exclude_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=60
)


@settings(max_examples=100, deadline=None)
@given(TEXT, TEXT)
def test_what_the_standard_library_writes_is_read(subject: str, body: str) -> None:
    message = email.message.EmailMessage(policy=email.policy.SMTP)
    message["Subject"] = subject
    message.set_content(body)
    message.add_attachment(body.encode(), maintype="application", subtype="x", filename="f")
    raw = message.as_bytes()
    record = read_message(raw)
    again = email.message_from_bytes(raw, policy=email.policy.default)
    assert (record.subject or "").split() == str(again["Subject"]).split()
    assert content_of(raw, record.root.children[1]) == body.encode()
