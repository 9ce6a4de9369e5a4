"""The arguments of the standard methods (RFC 8620 5).

The law: a default is what the standard says, and what is not of its type is refused with its name. Ids may be
references to objects made in the same request (`#`) wherever they name records.
"""

from typing import Any

import msgspec

from mail.jmap.errors import MethodError, invalid_arguments
from mail.jmap.ids import Id, IdOrCreated, Ids, Int, Objects, PositiveInt, UnsignedInt, Updates
from mail.jmap.limits import Limits


class Arguments(msgspec.Struct, forbid_unknown_fields=True, rename="camel", kw_only=True):
    """The arguments of any method."""

    def check(self, limits: Limits) -> None:
        """What the types do not say; MethodError."""


class OfAccount(Arguments, kw_only=True):
    account_id: Id


class Listed(Arguments, kw_only=True):
    """A /get without an account (RFC 8620 7.2.1)."""

    ids: Ids | None = None
    properties: list[str] | None = None

    def check(self, limits: Limits) -> None:
        too_many(len(self.ids or ()), limits.objects_get_max)

    def wanted(self) -> list[str] | None:
        """Each id once, in the order of the request; None: all there are."""
        return None if self.ids is None else list(dict.fromkeys(self.ids))


class Get(Listed, kw_only=True):
    """RFC 8620 5.1."""

    account_id: Id


class Changes(OfAccount, kw_only=True):
    """RFC 8620 5.2."""

    since_state: str
    max_changes: PositiveInt | None = None


class Changed(Arguments, kw_only=True):
    """A /set without account and states (RFC 8620 7.2.2)."""

    create: Objects | None = None
    update: Updates | None = None
    destroy: Ids | None = None

    def check(self, limits: Limits) -> None:
        too_many(len(self.create or ()) + len(self.update or ()) + len(self.destroy or ()), limits.objects_set_max)


class Set(Changed, kw_only=True):
    """RFC 8620 5.3."""

    account_id: Id
    if_in_state: str | None = None


class Copy(OfAccount, kw_only=True):
    """RFC 8620 5.4."""

    from_account_id: Id
    if_from_in_state: str | None = None
    if_in_state: str | None = None
    create: Objects
    on_success_destroy_original: bool = False
    destroy_from_if_in_state: str | None = None

    def check(self, limits: Limits) -> None:
        other_account(self.from_account_id, self.account_id)
        too_many(len(self.create), limits.objects_set_max)


class Filtered(OfAccount, kw_only=True):
    """What /query and /queryChanges have in common; `filters` makes typed values of it."""

    filter: dict[str, Any] | None = None
    sort: list[dict[str, Any]] | None = None
    calculate_total: bool = False


class Query(Filtered, kw_only=True):
    """RFC 8620 5.5."""

    position: Int = 0
    anchor: IdOrCreated | None = None
    anchor_offset: Int = 0
    limit: UnsignedInt | None = None


class QueryChanges(Filtered, kw_only=True):
    """RFC 8620 5.6."""

    since_query_state: str
    max_changes: UnsignedInt | None = None
    up_to_id: IdOrCreated | None = None


def too_many(count: int, most: int) -> None:
    if count > most:
        raise MethodError("requestTooLarge", f"The call names {count} objects, and {most} are allowed.")


def other_account(source: str, target: str) -> None:
    if source == target:
        raise invalid_arguments("The two accounts are the same.", "fromAccountId", "accountId")
