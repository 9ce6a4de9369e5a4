"""Log lines of a run: passed over, but for those that tell of a defect.

The law: what the code logs as an error nobody expected, so it counts as one.
"""

import logging
import sys
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any

import structlog


@contextmanager
def watched(defect: Callable[[str], None]) -> Iterator[None]:
    """`defect` hears each line of level error or above; nothing is printed until the end."""

    def look(_logger: Any, _name: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        exception = line.pop("exc_info", None)
        words = " ".join(f"{key}={value}" for key, value in sorted(line.items()))
        defect(f"logged as an error: {words} {_shown(exception)}".rstrip())
        raise structlog.DropEvent

    before = structlog.get_config()
    structlog.configure(
        processors=[look],
        wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR),
        logger_factory=structlog.ReturnLoggerFactory(),
        cache_logger_on_first_use=False,
    )
    try:
        yield
    finally:
        structlog.configure(**before)


def _shown(exception: Any) -> str:
    if exception is True:
        exception = sys.exc_info()[1]
    return repr(exception) if exception else ""
