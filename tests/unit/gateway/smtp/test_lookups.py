"""VRFY and EXPN: for whom they are answered, and what is said."""

import pytest

from cluster.errors import Unavailable
from tests.unit.gateway.smtp.fakes import PLAIN, Fakes, Talk


async def logged_in(fakes: Fakes) -> Talk:
    talk = Talk(fakes, "submission", tls=True)
    await talk.say("EHLO laptop", f"AUTH PLAIN {PLAIN}")
    return talk


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        ("VRFY bob@example.test", ["250 2.1.5 <bob@example.test>"]),
        ("VRFY Bob <bob@example.test>", ["250 2.1.5 <bob@example.test>"]),
        ("VRFY bob", ["250 2.1.5 <bob@example.test>"]),
        ("VRFY <list@example.test> SMTPUTF8", ["250 2.1.5 <list@example.test>"]),
        ("VRFY nobody@example.test", ["550 5.1.1 No such user here"]),
        ("VRFY a@elsewhere.test", ["252 2.0.0 Cannot verify the user, but will take mail for delivery"]),
        ("EXPN list", ["250-2.1.5 <alice@example.test>", "250 2.1.5 <bob@example.test>"]),
        ("EXPN bob", ["550 5.1.1 No such list here"]),
    ],
)
async def test_who_has_logged_in_is_answered(asked: str, answer: list[str]) -> None:
    assert await (await logged_in(Fakes())).say(asked) == answer


@pytest.mark.parametrize("name", ["bob@example.test", "nobody@example.test", "list"])
async def test_nobody_else_learns_anything(name: str) -> None:
    talk = Talk(Fakes())
    assert await talk.say("EHLO a", f"VRFY {name}", f"EXPN {name}") == [
        *(await Talk(Fakes()).say("EHLO a")),
        "252 2.0.0 Cannot verify the user, but will take mail for delivery",
        "502 5.5.1 EXPN is not available",
    ]


async def test_a_directory_that_is_away_is_told_as_such() -> None:
    fakes = Fakes()
    talk = await logged_in(fakes)
    fakes.directory.trouble = Unavailable("x")
    assert [line[:9] for line in await talk.say("VRFY bob", "EXPN list")] == ["451 4.3.0", "451 4.3.0"]


async def test_a_list_of_nobody() -> None:
    fakes = Fakes()

    async def members(_address: str) -> tuple[str, ...]:
        return ()

    fakes.directory.members = members  # type: ignore[method-assign,assignment]
    assert await (await logged_in(fakes)).say("EXPN list") == ["250 2.1.5 The list is empty"]
