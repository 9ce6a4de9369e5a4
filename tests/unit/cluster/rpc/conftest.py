"""Deadlines pass in virtual time here: a busy machine decides nothing."""

import asyncio
from collections.abc import Callable, Mapping

from tests.virtual import VirtualLoop


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"virtual": VirtualLoop}
