"""AUTH in a session (RFC 4954): who is let in, who is answered late, and who is not looked at."""

import base64
import hashlib
import hmac

import pytest

from cluster.errors import Unavailable
from tests.unit.gateway.smtp.fakes import ALICE, PLAIN, Fakes, Talk

_MAIL = b"From: x@y.test\nMessage-ID: <1@y.test>\nSubject: s\n\nbody"


async def test_wrong_passwords_end_the_session() -> None:
    fakes = Fakes()
    talk = Talk(fakes, "submission", tls=True)
    wrong = "AUTH PLAIN " + base64.b64encode(b"\0alice@example.test\0wrong").decode()
    answer = await talk.say("EHLO laptop", wrong, wrong, wrong)
    assert answer[-4:] == ["535 5.7.8 Wrong name or password"] * 3 + [
        "421 4.7.0 Too many failed authentications; closing"
    ]
    assert talk.machine.closing
    assert "wrong" not in str([fields for _, fields in fakes.log.lines]).replace("wrong name or password", "")
    assert fakes.count("authentications", "refused") == 3


async def test_after_too_many_wrong_passwords_none_is_looked_at() -> None:
    """RFC 4954 6: 454 for what may work later; and no session tries for ever."""
    fakes = Fakes(auth_failures_max=10)
    for number in range(10):
        wrong = base64.b64encode(b"\0alice@example.test\0wrong%d" % number).decode()
        talk = Talk(fakes, "submission", tls=True)
        assert (await talk.say("EHLO laptop", f"AUTH PLAIN {wrong}"))[-1].startswith("535")
    fakes.directory.trouble = Unavailable("It is not asked.")
    refusal = "4.7.0 Too many failed logins; try again in 15 minutes"
    first = base64.b64encode(b"n,,n=alice@example.test,r=abc").decode()
    talk = Talk(fakes, "submission", tls=True)
    for command in (f"AUTH PLAIN {PLAIN}", f"AUTH SCRAM-SHA-256 {first}") * 4 + (f"AUTH PLAIN {PLAIN}",):
        assert (await talk.say("EHLO laptop", command))[-1] == f"454 {refusal}"
    assert (await talk.say("EHLO laptop", f"AUTH PLAIN {PLAIN}"))[-1] == f"421 {refusal}"
    assert talk.machine.closing
    assert fakes.count("authentications", "held off") == 10


async def test_who_logged_in_with_what_is_good_no_more_sends_nothing() -> None:
    fakes = Fakes()
    talk = Talk(fakes, "submission", tls=True)
    await talk.say("EHLO laptop", f"AUTH PLAIN {PLAIN}")
    assert (await talk.say("MAIL FROM:<alice@example.test>"))[-1].startswith("250")
    assert (await talk.say("RSET"))[-1].startswith("250")
    fakes.directory.trouble = Unavailable("Nobody can say.")
    assert await talk.session._stands(ALICE)
    fakes.directory.trouble = None
    fakes.directory.revoked.add(ALICE.credential)
    assert (await talk.say("MAIL FROM:<alice@example.test>"))[-1].startswith("421 4.7.0 What you logged in with is")
    assert talk.machine.closing


@pytest.mark.parametrize("how", ["cancelled", "closed", "over TLS", "begun again", "in trouble"])
async def test_an_exchange_that_is_given_up_holds_nothing(how: str) -> None:
    fakes = Fakes()
    first = base64.b64encode(b"n,,n=alice@example.test,r=abc").decode()
    for _ in range(12):  # more than may be under way at once
        talk = Talk(fakes, "submission", tls=how != "over TLS")
        assert (await talk.say("EHLO laptop", f"AUTH SCRAM-SHA-256 {first}"))[-1].startswith("334")
        if how == "cancelled":
            assert (await talk.say("*"))[-1].startswith("501")
        elif how == "over TLS":
            talk.session.tls_started()
        elif how == "begun again":
            await talk.say("*")
            assert (await talk.say(f"AUTH PLAIN {PLAIN}"))[-1].startswith("235")
        elif how == "in trouble":
            await talk.say("*")
            fakes.directory.trouble = Unavailable("away")
            assert (await talk.say(f"AUTH SCRAM-SHA-256 {first}"))[-1].startswith("454")
            fakes.directory.trouble = None
        await talk.session.close()
    assert (await Talk(fakes, "submission", tls=True).say("EHLO laptop", f"AUTH PLAIN {PLAIN}"))[-1].startswith("235")


async def test_acting_as_another_is_refused() -> None:
    talk = Talk(Fakes(), "submission", tls=True)
    other = base64.b64encode(b"bob@example.test\0alice@example.test\0demo").decode()
    assert (await talk.say("EHLO laptop", f"AUTH PLAIN {other}"))[-1].startswith("535")


async def test_login_and_a_directory_that_is_away() -> None:
    fakes = Fakes()
    talk = Talk(fakes, "submission", tls=True)
    name, password = (base64.b64encode(text).decode() for text in (b"alice@example.test", b"demo"))
    await talk.say("EHLO laptop")
    assert await talk.say("AUTH LOGIN", name) == ["334 VXNlcm5hbWU6", "334 UGFzc3dvcmQ6"]
    fakes.directory.trouble = Unavailable("away")
    assert await talk.say(password) == ["454 4.7.0 Cannot check this now; try again later"]
    fakes.directory.trouble = None
    assert (await talk.say(f"AUTH LOGIN {name}", password))[-1].startswith("235")


async def test_scram_without_tls() -> None:
    talk = Talk(Fakes(), "submission")
    await talk.say("EHLO laptop")
    first_bare = b"n=alice@example.test,r=abc"
    (challenge,) = await talk.say("AUTH SCRAM-SHA-256 " + base64.b64encode(b"n,," + first_bare).decode())
    server_first = base64.b64decode(challenge[4:])
    without = b"c=biws," + server_first.partition(b",")[0]
    salted = hashlib.pbkdf2_hmac("sha256", b"demo", b"0123456789abcdef", 4096)
    key = hmac.digest(salted, b"Client Key", "sha256")
    signature = hmac.digest(hashlib.sha256(key).digest(), first_bare + b"," + server_first + b"," + without, "sha256")
    proof = base64.b64encode(bytes(a ^ b for a, b in zip(key, signature, strict=True)))
    (final,) = await talk.say(base64.b64encode(without + b",p=" + proof))
    assert base64.b64decode(final[4:]).startswith(b"v=")
    assert await talk.say("") == ["235 2.7.0 Authentication succeeded"]
