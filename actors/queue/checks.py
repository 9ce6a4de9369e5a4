"""What a command to a queue shard must be like. Pure.

The law: what passes here fits a row, and belongs to the slot that it was sent to.
"""

from typing import Final

from actors.queue import keys
from actors.queue.types import (
    ADDRESS_BYTES_MAX,
    BULK,
    BUSY_MAX,
    DOMAIN_BYTES_MAX,
    DUE_MAX,
    IDEM_BYTES_MAX,
    INLINE_BYTES_MAX,
    LEASE_S_MAX,
    NORMAL,
    PAGE_MAX,
    PLACE_BYTES_MAX,
    RECIPIENTS_BYTES_MAX,
    RECIPIENTS_MAX,
    Alter,
    Asked,
    Change,
    Due,
    Enqueue,
    Envelope,
    List,
    Report,
    Tally,
)
from actors.shell.places import TIME_MAX
from cluster.blobs.blobs import DIGEST_BYTES

PRIORITY_MAX: Final = 9  # RFC 6710
ROUTE_BYTES_MAX: Final = 64
BY_BYTES_MAX: Final = 200
IDENT_BYTES_MAX: Final = 100
MESSAGE_ID_BYTES_MAX: Final = 998  # a line
ENVID_BYTES_MAX: Final = 100  # RFC 3461 4.4
ORCPT_BYTES_MAX: Final = 500  # RFC 3461 4.2
OWED_MAX: Final = 4  # notices of one report: one of each kind
_NOTIFY: Final = {"NEVER", "SUCCESS", "FAILURE", "DELAY"}


def wrong(slot: int, command: Asked) -> str:
    """What is wrong with a command; empty for nothing."""
    match command:
        case Enqueue():
            return _wrong_mail(slot, command)
        case Due():
            return _wrong_due(command)
        case List() | Alter() | Tally():
            own = not command.after or _is_id(slot, command.after)
            if not 0 < command.limit <= PAGE_MAX or not own:
                return "limit or position"
            return _wrong_wish(command.wish) if isinstance(command, Alter) else ""
        case Report():
            return _wrong_report(command) or ("" if _is_id(slot, command.id) else "id")
        case Change():
            return _wrong_wish(command) or ("" if _is_id(slot, command.id) else "id")
        case _:
            return "" if _is_id(slot, command.id) else "id"


def _is_id(slot: int, name: bytes) -> bool:
    return len(name) == keys.ID_BYTES and keys.slot_of_id(name) == slot


def _wrong_due(command: Due) -> str:
    if not 0 < command.limit <= DUE_MAX or not 0 < command.lease_s <= LEASE_S_MAX:
        return "limit or lease"
    if not NORMAL <= command.lane <= BULK or len(command.after) > PLACE_BYTES_MAX:
        return "lane or place"
    return "" if len(command.busy) <= BUSY_MAX else "too many busy destinations"


def _wrong_report(command: Report) -> str:
    if not 0 <= command.until_ms < TIME_MAX:
        return "time"
    if (command.tried and not command.told) or len(command.owed) > OWED_MAX:
        return "results or notices"
    named = [index for one in command.told for index in one.recipients]
    if len(named) > RECIPIENTS_MAX or len(set(named)) != len(named):
        return "recipients"
    lists = [*(one.recipients for one in command.told), *(one.recipients for one in command.owed)]
    return "" if all(map(_indices, lists)) else "recipients"


def _indices(recipients: tuple[int, ...]) -> bool:
    return 0 < len(recipients) <= RECIPIENTS_MAX and all(0 <= index < RECIPIENTS_MAX for index in recipients)


def _wrong_wish(wish: Change) -> str:
    texts = ((wish.by, BY_BYTES_MAX), (wish.route, ROUTE_BYTES_MAX), (wish.target, DOMAIN_BYTES_MAX))
    if any(len(text.encode("utf-8", "replace")) > most for text, most in texts) or " " in wish.route + wish.target:
        return "name"
    if wish.what == "prioritise":
        return "" if abs(wish.value) <= PRIORITY_MAX else "priority"
    return "" if 0 <= wish.value < TIME_MAX else "time"


def _wrong_mail(slot: int, command: Enqueue) -> str:
    mail = command.mail
    sizes = [len(address.encode()) for address in (mail.sender, *(one.address for one in mail.recipients))]
    kept = sum(sizes) + sum(len(one.orcpt.encode()) for one in mail.recipients)
    checks = {
        "idem": 0 < len(command.idem) <= IDEM_BYTES_MAX,
        "domain": 0 < len(mail.domain.encode()) <= DOMAIN_BYTES_MAX
        and " " not in mail.domain
        and keys.slot_of(mail.domain, command.idem) == slot,
        "recipients": 0 < len(mail.recipients) <= RECIPIENTS_MAX and kept <= RECIPIENTS_BYTES_MAX,
        "address": max(sizes) <= ADDRESS_BYTES_MAX,
        "digest": len(mail.digest) == DIGEST_BYTES,
        "time": 0 <= command.due_ms < TIME_MAX and 0 <= mail.by_ms < TIME_MAX,
        "body": len(command.packed or b"") <= INLINE_BYTES_MAX,
        "size": 0 <= mail.size < TIME_MAX,
        "priority": abs(mail.priority) <= PRIORITY_MAX,
        "notify": all(len(one.notify) <= 3 and _NOTIFY.issuperset(one.notify) for one in mail.recipients),
        "text": _texts_fit(mail),
        "hold": len(command.hold.encode("utf-8", "replace")) <= BY_BYTES_MAX,
    }
    return next((what for what, right in checks.items() if not right), "")


def _texts_fit(mail: Envelope) -> bool:
    texts = (
        (mail.ident, IDENT_BYTES_MAX), (mail.message_id, MESSAGE_ID_BYTES_MAX), (mail.envid, ENVID_BYTES_MAX),
        *((one.orcpt, ORCPT_BYTES_MAX) for one in mail.recipients),
    )  # fmt: skip
    return all(len(text) <= most and len(text.encode("utf-8", "replace")) <= most for text, most in texts)
