"""ops/rules.py: the tools of rules, and throttles where there are some."""

from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from cluster.config.loading import load
from cluster.errors import Misconfigured
from cluster.rules import Expression, Facts
from gateway.facts import FUNCTIONS, known_at
from ops.core import opened
from ops.rules import ruling
from ops.settings import Settings

LOOKUP = '[lookup.friends]\nkind = "file"\npath = "{path}"\n'


async def test_without_throttles_there_are_none(tmp_path: Path) -> None:
    async with opened(tmp_path / "data") as core, AsyncExitStack() as stack:
        made = await ruling(stack, core, Settings())
        assert made.throttles is None
        assert made.tools.clock is core.clock


async def test_lookups_are_read_before_anybody_is_served(tmp_path: Path) -> None:
    friends = tmp_path / "friends"
    friends.write_text("a@b.test\n")
    rule = Expression.compile('sender in list("friends")', known_at("mail"), FUNCTIONS, wanted=bool)
    async with opened(tmp_path / "data") as core, AsyncExitStack() as stack:
        made = await ruling(stack, core, load(Settings, LOOKUP.format(path=friends), {}))
        assert rule.holds(Facts(made.tools, sender="a@b.test"))
        assert not rule.holds(Facts(made.tools, sender="c@b.test"))


async def test_a_list_that_cannot_be_read_stops_the_start(tmp_path: Path) -> None:
    async with opened(tmp_path / "data") as core, AsyncExitStack() as stack:
        with pytest.raises(Misconfigured):
            await ruling(stack, core, load(Settings, LOOKUP.format(path=tmp_path / "nothing"), {}))


async def test_throttles_of_the_settings_count(tmp_path: Path) -> None:
    text = '[[throttle]]\nname = "one"\nat = "connect"\nconcurrency = 1\n'
    async with opened(tmp_path / "data") as core, AsyncExitStack() as stack:
        made = await ruling(stack, core, load(Settings, text, {}))
        assert made.throttles is not None
        assert (made.throttles.has("connect"), made.throttles.has("mail")) == (True, False)
