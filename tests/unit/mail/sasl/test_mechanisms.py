"""The vectors of RFC 4616, 7677 and 4013, and what must not be told apart."""

import base64
import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mail.sasl import (
    MECHANISMS,
    Binding,
    Challenge,
    Done,
    Exchange,
    Failed,
    NeedPassword,
    NeedScram,
    NeedToken,
    NotPrintable,
    ScramAny,
    ScramKeys,
    Step,
    begin,
    derive_scram,
    offered,
    saslprep,
)

_SECRET = b"0123456789abcdef"
_NONCE = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
_SALT = base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")
_FIRST = b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO"
_FINAL = b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="


def start(name: str, *bindings: Binding) -> Exchange:
    return begin(name, nonce=_NONCE, secret=_SECRET, iterations=4096, bindings=bindings, scope="mail")


def test_plain_of_rfc4616() -> None:
    exchange = start("PLAIN")
    assert exchange.step(b"Ursel\0Kurt\0xipj3plmq") == NeedPassword("Kurt", "xipj3plmq")
    assert exchange.answer(True) == Done("Kurt", "Ursel")


def test_plain_without_an_initial_response_is_asked_for_it_once() -> None:
    exchange = start("PLAIN")
    assert exchange.step(b"") == Challenge(b"")
    assert isinstance(exchange.step(b""), Failed)


@pytest.mark.parametrize("message", [b"a\0b", b"\0\0x", b"\0x\0", b"a\0b\0c\0d", b"\0\xff\0x", b"\0u\0" + b"p" * 256])
def test_bad_plain_fails(message: bytes) -> None:
    assert isinstance(start("PLAIN").step(message), Failed)


def test_login_with_and_without_initial_response() -> None:
    for first in (b"", b"tim"):
        exchange = start("LOGIN")
        if not first:
            assert exchange.step(b"") == Challenge(b"Username:")
        assert exchange.step(b"tim") == Challenge(b"Password:")
        assert exchange.step(b"tanstaaftanstaaf") == NeedPassword("tim", "tanstaaftanstaaf")
        assert exchange.answer(False) == Failed("wrong name or password", "tim")


def test_a_password_is_not_in_the_printed_question() -> None:
    assert "secret" not in repr(NeedPassword("u", "secret"))


def test_scram_of_rfc7677() -> None:
    exchange = start("SCRAM-SHA-256")
    assert exchange.step(_FIRST) == NeedScram("user")
    assert exchange.answer(derive_scram("pencil", _SALT, 4096)) == Challenge(
        b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
    )
    assert exchange.step(_FINAL) == Challenge(b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")
    assert exchange.step(b"") == Done("user", "")


def test_scram_says_which_of_several_passwords_was_proven() -> None:
    keys = tuple(derive_scram(password, _SALT, 4096) for password in ("pen", "pencil", "paper"))
    for names, by in ((("a", "b", "c"), "b"), ((), "")):
        exchange = start("SCRAM-SHA-256")
        exchange.step(_FIRST)
        exchange.answer(ScramAny(keys, names))
        assert exchange.step(_FINAL) == Challenge(b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")
        assert exchange.step(b"") == Done("user", "", by)


def test_scram_with_another_password_fails() -> None:
    exchange = start("SCRAM-SHA-256")
    exchange.step(_FIRST)
    exchange.answer(derive_scram("pencils", _SALT, 4096))
    assert exchange.step(_FINAL) == Failed("wrong name or password", "user")


def test_an_unknown_user_looks_like_a_known_one() -> None:
    steps: list[Step] = []
    for _ in range(2):
        exchange = start("SCRAM-SHA-256")
        exchange.step(_FIRST)
        steps.append(exchange.answer(None))
        assert exchange.step(_FINAL) == Failed("wrong name or password", "user")
    assert steps[0] == steps[1]
    assert isinstance(steps[0], Challenge)
    assert steps[0].data.endswith(b",i=4096")
    assert len(steps[0].data) == len(
        b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
    )


def client(keys: ScramKeys, salted: bytes, first_bare: bytes, header: bytes, challenge: Step) -> bytes:
    """What a client that knows the password says last."""
    assert isinstance(challenge, Challenge)
    nonce = challenge.data.partition(b",")[0]
    without = b"c=" + base64.b64encode(header) + b"," + nonce
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    signature = hmac.digest(keys.stored_key, first_bare + b"," + challenge.data + b"," + without, "sha256")
    return without + b",p=" + base64.b64encode(bytes(a ^ b for a, b in zip(client_key, signature, strict=True)))


@pytest.mark.parametrize(
    ("name", "header", "bound", "works"),
    [
        ("SCRAM-SHA-256-PLUS", b"p=tls-exporter,a=other,", b"EKM", True),
        ("SCRAM-SHA-256-PLUS", b"p=tls-exporter,,", b"EVIL", False),
        ("SCRAM-SHA-256-PLUS", b"p=tls-unique,,", b"EKM", False),
        ("SCRAM-SHA-256-PLUS", b"n,,", b"", False),
        ("SCRAM-SHA-256", b"p=tls-exporter,,", b"EKM", False),
        ("SCRAM-SHA-256", b"y,,", b"", False),
        ("SCRAM-SHA-256", b"n,a=a=2Cb=3D,", b"", True),
    ],
)
def test_channel_binding(name: str, header: bytes, bound: bytes, works: bool) -> None:
    exchange = start(name, Binding("tls-exporter", b"EKM"))
    keys = derive_scram("pencil", _SALT, 4096)
    salted = hashlib.pbkdf2_hmac("sha256", b"pencil", _SALT, 4096)
    step = exchange.step(header + b"n=user,r=abc")
    if isinstance(step, NeedScram):
        final = client(keys, salted, b"n=user,r=abc", header + bound, exchange.answer(keys))
        step = exchange.step(final)
    if isinstance(step, Challenge):
        step = exchange.step(b"")
    assert isinstance(step, Done) == works
    assert step != Done("user", "") or b"a=" not in header


@pytest.mark.parametrize(
    ("name", "first", "says"),
    [
        ("SCRAM-SHA-256-PLUS", b"p=tls-exporter,,n=u,r=x", "unsupported-channel-binding-type"),
        ("SCRAM-SHA-256-PLUS", b"y,,n=u,r=x", "channel-bindings-dont-match"),
        ("SCRAM-SHA-256", b"p=tls-unique,,n=u,r=x", "channel-binding-not-supported"),
        ("SCRAM-SHA-256", b"y,,n=u,r=x", "server-does-support-channel-binding"),
    ],
)
def test_a_client_with_another_binding_is_told_so(name: str, first: bytes, says: str) -> None:
    exchange = start(name, Binding("tls-server-end-point", b"hash"), Binding("tls-unique", b"finished"))
    step = exchange.step(first)
    assert isinstance(step, Failed)
    assert step.says == says


@pytest.mark.parametrize(
    ("kind", "data", "works"),
    [(b"tls-unique", b"finished", True), (b"tls-server-end-point", b"hash", True), (b"tls-unique", b"hash", False)],
)
def test_the_client_chooses_among_the_bindings(kind: bytes, data: bytes, works: bool) -> None:
    exchange = start("SCRAM-SHA-256-PLUS", Binding("tls-server-end-point", b"hash"), Binding("tls-unique", b"finished"))
    keys = derive_scram("pencil", _SALT, 4096)
    salted = hashlib.pbkdf2_hmac("sha256", b"pencil", _SALT, 4096)
    header = b"p=" + kind + b",,"
    exchange.step(header + b"n=user,r=abc")
    step = exchange.step(client(keys, salted, b"n=user,r=abc", header + data, exchange.answer(keys)))
    assert isinstance(step, Challenge) == works


@pytest.mark.parametrize(
    ("facts", "wanted"),
    [
        ({"tls": False}, ("SCRAM-SHA-256",)),
        ({"tls": False, "bound": True, "tokens": True}, ("SCRAM-SHA-256",)),
        ({"tls": False, "clear": True}, ("SCRAM-SHA-256", "PLAIN", "LOGIN")),
        ({"tls": True}, ("SCRAM-SHA-256", "PLAIN", "LOGIN")),
        ({"tls": True, "bound": True, "tokens": True}, MECHANISMS),
    ],
)
def test_what_is_offered_depends_on_the_connection(facts: dict[str, bool], wanted: tuple[str, ...]) -> None:
    assert offered(**facts) == wanted


@pytest.mark.parametrize(
    "message",
    [b"", b"n,,n=,r=x", b"n,,n=a=b,r=x", b"n,,m=1,n=a,r=x", b"n,,n=a", b"x,,n=a,r=b", b"n,,n=\xff,r=x", b"n" * 3000],
)
def test_bad_scram_fails(message: bytes) -> None:
    exchange = start("SCRAM-SHA-256")
    exchange.step(b"")
    assert isinstance(exchange.step(message), Failed)


@pytest.mark.parametrize(
    ("text", "prepared"),
    [("I\u00adX", "IX"), ("user", "user"), ("USER", "USER"), ("\u00aa", "a"), ("\u2168", "IX"), ("a\u00a0b", "a b")],
)
def test_saslprep_of_rfc4013(text: str, prepared: str) -> None:
    assert saslprep(text) == prepared


@pytest.mark.parametrize("text", ["\u0007", "\u06271", "a\u0627", "\ufffd"])
def test_saslprep_refuses(text: str) -> None:
    with pytest.raises(NotPrintable):
        saslprep(text)


def test_unassigned_is_refused_only_for_what_is_kept() -> None:
    assert saslprep("\u0221") == "\u0221"
    with pytest.raises(NotPrintable):
        saslprep("\u0221", stored=True)


@given(
    st.sampled_from([name for name in MECHANISMS if not name.endswith("-PLUS")]),
    st.lists(st.one_of(st.binary(max_size=40), st.just(_FIRST)), max_size=5),
)
def test_nothing_is_raised_and_nobody_gets_in(name: str, messages: list[bytes]) -> None:
    exchange = start(name)
    for message in messages:
        step = exchange.step(message)
        if isinstance(step, NeedPassword):
            step = exchange.answer(False)
        elif isinstance(step, NeedScram):
            step = exchange.answer(None)
        elif isinstance(step, NeedToken):
            step = exchange.answer(False)
        assert isinstance(step, Challenge | Failed)
        if isinstance(step, Failed):
            break
