"""ops/intake.py: what is not set up is not there."""

from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from cluster.config.loading import load
from gateway.smtp.world import World
from ops.core import opened
from ops.intake import world
from ops.rules import ruling
from ops.settings import Settings


async def made(tmp_path: Path, text: str) -> World:
    settings = load(Settings, text, {})
    async with opened(tmp_path / "data") as core, AsyncExitStack() as stack:
        return world(core, settings, await ruling(stack, core, settings), bytes(32))


async def test_by_default_mail_is_checked_and_signed_and_nothing_else_is_asked(tmp_path: Path) -> None:
    built = await made(tmp_path, "")
    assert built.keepers is None
    assert built.screening is not None
    assert built.signer is not None
    assert built.outgoing is not None
    assert built.after is not None


async def test_without_checks_nothing_is_checked(tmp_path: Path) -> None:
    assert (await made(tmp_path, "[trust]\nchecks = []")).screening is None


RULE = "[{{ if = 'remote_ip == \"192.0.2.1\"', then = {then} }}, {{ else = {otherwise} }}]"


@pytest.mark.parametrize(
    "text",
    [
        "[smtp.rules]\nconnect = " + RULE.format(then='"550 No"', otherwise='"accept"'),
        "[smtp.rules]\ndata = '550 5.7.1 Never'",
        "[smtp.rewrite]\nsender = " + RULE.format(then='"a@b.test"', otherwise='""'),
        "[smtp]\nrelay = true",
        "[smtp]\nmessage_bytes_max = " + RULE.format(then=1000, otherwise=2000),
        "[smtp]\ntls_required = " + RULE.format(then="true", otherwise="false"),
        "[smtp.offer]\ndsn = " + RULE.format(then='"nobody"', otherwise='"everybody"'),
        "[screen]\nspf = " + RULE.format(then='"reject"', otherwise='"note"'),
        '[[throttle]]\nname = "a"\nat = "mail"\nconcurrency = 1',
        '[[milter]]\nname = "a"\naddress = "inet:127.0.0.1:7357"',
    ],
)
async def test_whatever_decides_over_clients_makes_keepers(tmp_path: Path, text: str) -> None:
    built = await made(tmp_path, text)
    assert built.keepers is not None
    assert (built.keepers.milters is not None) is text.startswith("[[milter]]")
    assert (built.keepers.throttles is not None) is text.startswith("[[throttle]]")


@pytest.mark.parametrize(
    "text", ["[smtp]\nmessage_bytes_max = 5000\ntls_required = true", '[smtp.offer]\ndsn = "nobody"']
)
async def test_plain_values_ask_nothing_of_a_client(tmp_path: Path, text: str) -> None:
    assert (await made(tmp_path, text)).keepers is None
