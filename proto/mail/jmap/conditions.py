"""The FilterConditions of each type (RFC 8621 2.3, 4.4.1, 7.3, RFC 9425 4.4, RFC 9670 2.4.1, 3.6.1).

The law: what a client left out is UNSET, and all that is set must match; null is a value only where a standard has
it. Conditions are immutable and can be compared and hashed.
"""

from typing import Annotated, ClassVar, Final

import msgspec
from msgspec import UNSET, UnsetType

from mail.jmap.convert import Keyword, Moment
from mail.jmap.ids import IdOrCreated, Ids, UnsignedInt
from mail.jmap.words import Terms


class Condition(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel", kw_only=True):
    """Any condition. TEXTS are the fields with words to look for."""

    TEXTS: ClassVar[tuple[str, ...]] = ()


class MailboxCondition(Condition, frozen=True, kw_only=True):
    """RFC 8621 2.3. `parent_id` and `role` may be None: those without."""

    parent_id: IdOrCreated | UnsetType | None = UNSET
    name: str | UnsetType = UNSET
    role: str | UnsetType | None = UNSET
    has_any_role: bool | UnsetType = UNSET
    is_subscribed: bool | UnsetType = UNSET


class EmailCondition(Condition, frozen=True, kw_only=True):
    """RFC 8621 4.4.1. Dates are seconds since 1970, keywords in lower case, texts words and phrases."""

    TEXTS: ClassVar[tuple[str, ...]] = ("text", "from_", "to", "cc", "bcc", "subject", "body")

    in_mailbox: IdOrCreated | UnsetType = UNSET
    in_mailbox_other_than: Ids | UnsetType = UNSET
    before: Moment | UnsetType = UNSET
    after: Moment | UnsetType = UNSET
    min_size: UnsignedInt | UnsetType = UNSET
    max_size: UnsignedInt | UnsetType = UNSET
    all_in_thread_have_keyword: Keyword | UnsetType = UNSET
    some_in_thread_have_keyword: Keyword | UnsetType = UNSET
    none_in_thread_have_keyword: Keyword | UnsetType = UNSET
    has_keyword: Keyword | UnsetType = UNSET
    not_keyword: Keyword | UnsetType = UNSET
    has_attachment: bool | UnsetType = UNSET
    text: Terms | UnsetType = UNSET
    from_: Terms | UnsetType = msgspec.field(default=UNSET, name="from")
    to: Terms | UnsetType = UNSET
    cc: Terms | UnsetType = UNSET
    bcc: Terms | UnsetType = UNSET
    subject: Terms | UnsetType = UNSET
    body: Terms | UnsetType = UNSET
    header: Annotated[tuple[str, ...], msgspec.Meta(min_length=1, max_length=2)] | UnsetType = UNSET
    """The name of a field, and a text that it contains."""


class EmailSubmissionCondition(Condition, frozen=True, kw_only=True):
    """RFC 8621 7.3."""

    identity_ids: Ids | UnsetType = UNSET
    email_ids: Ids | UnsetType = UNSET
    thread_ids: Ids | UnsetType = UNSET
    undo_status: str | UnsetType = UNSET
    before: Moment | UnsetType = UNSET
    after: Moment | UnsetType = UNSET


class QuotaCondition(Condition, frozen=True, kw_only=True):
    """RFC 9425 4.4."""

    name: str | UnsetType = UNSET
    scope: str | UnsetType = UNSET
    resource_type: str | UnsetType = UNSET
    type: str | UnsetType = UNSET


class PrincipalCondition(Condition, frozen=True, kw_only=True):
    """RFC 9670 2.4.1."""

    account_ids: Ids | UnsetType = UNSET
    email: str | UnsetType = UNSET
    name: str | UnsetType = UNSET
    text: str | UnsetType = UNSET
    type: str | UnsetType = UNSET
    time_zone: str | UnsetType = UNSET


class ShareNotificationCondition(Condition, frozen=True, kw_only=True):
    """RFC 9670 3.6.1. None is as good as nothing for the dates."""

    after: Moment | UnsetType | None = UNSET
    before: Moment | UnsetType | None = UNSET
    object_type: str | UnsetType = UNSET
    object_account_id: IdOrCreated | UnsetType = UNSET


CONDITIONS: Final[dict[str, type[Condition]]] = {
    "Mailbox": MailboxCondition,
    "Email": EmailCondition,
    "EmailSubmission": EmailSubmissionCondition,
    "Quota": QuotaCondition,
    "Principal": PrincipalCondition,
    "ShareNotification": ShareNotificationCondition,
}
