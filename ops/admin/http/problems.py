"""What went wrong, as problem+json (RFC 9457): one sentence with cause and cure, who has to act, whether to try again.

The law: the sentence is the one that gRPC's status has (ops/admin/errors.py); of a defect nothing is told.
"""

from http import HTTPStatus
from typing import Any, Final

import orjson

from cluster.errors import AlreadyExists, Corrupt, Fault, NoRight, NotFound, Refused, Stale, TooLarge, Trouble
from gateway.logins import TooManyFailures
from gateway.web.answers import PROBLEM, Answer, Headers, HttpError
from ops.admin.errors import DEFECT, text_of

RETRY_S: Final = 10  # what a client is told when something is away

# The first that fits. What is Refused for what it says is 422, for how things stand 409.
_STATUSES: Final[tuple[tuple[type[Trouble], int], ...]] = (
    (TooManyFailures, 429),
    (NotFound, 404),
    (AlreadyExists, 409),
    (Stale, 412),
    (NoRight, 403),
    (TooLarge, 422),
    (Corrupt, 500),
)


class Problem(Exception):
    """The request is refused. `at`: where in the request, a JSON Pointer or a parameter's name."""

    def __init__(
        self,
        status: int,
        says: str,
        *,
        at: str = "",
        fault: Fault = Fault.PEER,
        retry: bool = False,
        headers: Headers = (),
    ) -> None:
        super().__init__(f"{status} {says}")
        self.status = status
        self.headers = headers
        self.told: dict[str, Any] = {
            "type": "about:blank",
            "title": HTTPStatus(status).phrase,
            "status": status,
            "detail": says,
            "fault": fault.value,
            "retry": retry,
        }
        if at:
            self.told["at"] = at[:500]

    @property
    def answer(self) -> Answer:
        """It, as it is sent."""
        return Answer(self.status, orjson.dumps(self.told), PROBLEM, self.headers)


def of_trouble(trouble: Trouble) -> Problem:
    """The problem that a trouble is."""
    headers: Headers = ()
    status = status_of(trouble)
    if status in (429, 503):
        wait_s = trouble.wait_s if isinstance(trouble, TooManyFailures) else RETRY_S
        headers = (("Retry-After", str(max(1, round(wait_s)))),)
    return Problem(status, text_of(trouble), fault=trouble.fault, retry=trouble.retry, headers=headers)


def status_of(trouble: Trouble) -> int:
    """Its HTTP status."""
    found = next((status for kind, status in _STATUSES if isinstance(trouble, kind)), 0)
    if found:
        return found
    if trouble.fault is Fault.US:
        return 503 if trouble.retry else 500
    return 422 if trouble.fault is Fault.PEER and isinstance(trouble, Refused) else 409


def of_http(error: HttpError) -> Problem:
    """The problem that a part of the web server refused the request for."""
    body = error.answer.body
    text = body.decode().strip() if isinstance(body, bytes) else ""
    return Problem(error.status, f"{text.removesuffix('.')}.", headers=error.answer.headers)


def of_defect() -> Problem:
    """Something that should not be."""
    return Problem(500, DEFECT, fault=Fault.US)
