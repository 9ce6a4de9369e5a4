"""Work beside the event loop.

The law: what takes long for its size hinders no other client; what is small is not worth a thread.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Final, TypeVar

THREADED_FROM_BYTES: Final = 128 * 1024

Result = TypeVar("Result")


async def threaded(size: int, work: Callable[..., Result], *arguments: Any) -> Result:
    """Something done with so many bytes."""
    if size < THREADED_FROM_BYTES:
        return work(*arguments)
    return await asyncio.to_thread(work, *arguments)
