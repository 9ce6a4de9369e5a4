"""What is known of mail that leaves, for rules and throttles (gateway/facts.py). One table for all of them."""

from actors.queue.types import Envelope
from cluster.rules import Facts, Tools
from gateway.facts import set_recipient, set_sender


def leaving_facts(tools: Tools, mail: Envelope, recipient: int, *, size: int, retry: int, cause: str) -> Facts:
    """The facts of one recipient (its number); `mx` and `route` are set by whoever chooses them."""
    facts = Facts(
        tools,
        size=size,
        priority=mail.priority,
        recipients=len(mail.recipients),
        mx="",
        retry=retry,
        cause=cause,
        route="",
    )
    set_sender(facts, mail.sender)
    set_recipient(facts, mail.recipients[recipient].address)
    return facts
