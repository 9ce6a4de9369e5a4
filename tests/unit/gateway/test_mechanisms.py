"""gateway/mechanisms.py: one list of ways to log in, for SMTP and IMAP."""

from typing import get_args

from gateway.imap.settings import ImapSettings
from gateway.mechanisms import BY_DEFAULT, PLUS, Mechanism, wanted
from gateway.smtp.settings import SmtpSettings
from mail import sasl
from tests.unit.gateway.imap.world import World


def test_every_mechanism_can_be_named_and_all_but_plus_are_offered_by_default() -> None:
    assert get_args(Mechanism) == sasl.MECHANISMS
    assert [name for name in sasl.MECHANISMS if name not in BY_DEFAULT] == [PLUS]
    assert ImapSettings().mechanisms == BY_DEFAULT
    assert offered_by_smtp(SmtpSettings()) == BY_DEFAULT


def offered_by_smtp(settings: SmtpSettings) -> tuple[str, ...]:
    return settings.offer.mechanisms.values[0]


def test_the_order_is_that_of_strength() -> None:
    assert wanted(sasl.MECHANISMS, ("PLAIN", "LOGIN", "SCRAM-SHA-256")) == ("SCRAM-SHA-256", "PLAIN", "LOGIN")


async def test_imap_offers_and_takes_what_is_wanted_and_no_other() -> None:
    async with World(mechanisms=("XOAUTH2",)) as world:
        client = await world.connect()
        assert b" AUTH=XOAUTH2]" in await client.line()
        (refused,) = await client.command("AUTHENTICATE PLAIN AGFsaWNlAGRlbW8=")
        assert refused == b"t NO [CANNOT] That mechanism is not offered"
        token = "dXNlcj1hbGljZQFhdXRoPUJlYXJlciB0b2tlbi5vZi5hbGljZQEB"
        assert (await client.command(f"AUTHENTICATE XOAUTH2 {token}"))[-1].startswith(b"t OK ")
