"""Address lists: RFC 5322's examples and what people send."""

import pytest

from mail.message.address import Group, Mailbox, mailboxes, parse_addresses


def box(local: bytes, domain: bytes, name: bytes | None = None, route: bytes | None = None) -> Mailbox:
    return Mailbox(name, route, local, domain)


JOE = box(b"joe", b"example.org")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"joe@example.org", [JOE]),
        (b" joe@example.org\r\n", [JOE]),
        (b"<joe@example.org>", [JOE]),
        (b"Mary Smith <mary@x.test>, joe@example.org, Who? <one@y.test>",
         [box(b"mary", b"x.test", b"Mary Smith"), JOE, box(b"one", b"y.test", b"Who?")]),
        (b'<boss@nil.test>, "Giant; \\"Big\\" Box" <sysservices@example.net>',
         [box(b"boss", b"nil.test"), box(b"sysservices", b"example.net", b'Giant; "Big" Box')]),
        (b'"Joe Q. Public" <john.q.public@example.com>', [box(b"john.q.public", b"example.com", b"Joe Q. Public")]),
        (b"A Group:Ed Jones <c@a.test>,joe@example.org,John <jdoe@one.test>;",
         [Group(b"A Group", (box(b"c", b"a.test", b"Ed Jones"), JOE, box(b"jdoe", b"one.test", b"John")))]),
        (b"Undisclosed recipients:;", [Group(b"Undisclosed recipients", ())]),
        (b"Undisclosed recipients:", [Group(b"Undisclosed recipients", ())]),
        # RFC 5322 A.5
        (b"Pete(A nice \\) chap) <pete(his account)@silly.test(his host)>", [box(b"pete", b"silly.test", b"Pete")]),
        (b"A Group(Some people)\r\n     :Chris Jones <c@(Chris's host.)public.example>,\r\n         joe@example.org;",
         [Group(b"A Group", (box(b"c", b"public.example", b"Chris Jones"), JOE))]),
        (b"(Empty list)(start)Hidden recipients  :(nobody(that I know))  ;", [Group(b"Hidden recipients", ())]),
        # RFC 5322 A.6.1 and A.6.3
        (b"Mary Smith <@node.test,@x.test:mary@example.net>, , jdoe@test  . example",
         [box(b"mary", b"example.net", b"Mary Smith", b"@node.test,@x.test"), box(b"jdoe", b"test.example")]),
        (b"joe@example.org (Joe)", [box(b"joe", b"example.org", b"Joe")]),
        (b'"very odd"@example.org', [box(b"very odd", b"example.org")]),
        (b'<"a@b"@example.org>', [box(b"a@b", b"example.org")]),
        (b"joe@[192.0.2.1]", [box(b"joe", b"[192.0.2.1]")]),
        (b"J\xc3\xb6rg <j\xc3\xb6rg@b\xc3\xbccher.test>",
         [box(b"j\xc3\xb6rg", b"b\xc3\xbccher.test", b"J\xc3\xb6rg")]),
        (b"=?utf-8?q?J=C3=B6rg?= <a@b>", [box(b"a", b"b", b"=?utf-8?q?J=C3=B6rg?=")]),
        # broken
        (b"", []),
        (b",, ,", []),
        (b"joe", [box(b"joe", b"")]),
        (b"<>", [box(b"", b"")]),
        (b"Joe <>", [box(b"", b"", b"Joe")]),
        (b"joe@", [box(b"joe", b"")]),
        (b"@example.org", [box(b"", b"example.org")]),
        (b"Joe <joe@example.org", [box(b"joe", b"example.org", b"Joe")]),
        (b"joe@example.org; ann@example.org", [JOE, box(b"ann", b"example.org")]),
        (b"Doe, John <joe@example.org>", [box(b"Doe", b""), box(b"joe", b"example.org", b"John")]),
        (b'"Joe <joe@example.org>', [box(b"Joe <joe@example.org>", b"")]),
        (b"a@b@example.org", [box(b"a@b", b"example.org")]),
        (b"joe@example.org <joe@example.org>", [box(b"joe", b"example.org", b"joe@example.org")]),
        (b"John Q. Public <joe@example.org>", [box(b"joe", b"example.org", b"John Q. Public")]),
        (b"(only a comment)", []),
        (b"((((", []),
    ],
)  # fmt: skip
def test_addresses(value: bytes, expected: list[Mailbox | Group]) -> None:
    assert parse_addresses(value) == expected


def test_text() -> None:
    assert box(b"a", b"b", b"=?utf-8?q?J=C3=B6rg?=").display_name == "Jörg"
    assert box(b"a", b"b", b"J\xc3\xb6rg").display_name == "Jörg"
    assert box(b"a", b"b").display_name is None
    assert box(b"a.b", b"c.d").email == "a.b@c.d"
    assert box(b'a "b"', b"c").email == '"a \\"b\\""@c'
    assert box(b"a", b"").email == "a"


def test_mailboxes_are_without_groups() -> None:
    assert mailboxes([JOE, Group(b"g", (JOE, JOE))]) == [JOE, JOE, JOE]


@pytest.mark.parametrize("value", [b"a@b," * 100, b"g:" + b"a@b," * 100, b"a(c)@b," * 100, b"g:;" * 100])
def test_addresses_are_capped(value: bytes) -> None:
    found = parse_addresses(value, 10)
    assert len(mailboxes(found)) <= 10
    assert len(found) <= 11
