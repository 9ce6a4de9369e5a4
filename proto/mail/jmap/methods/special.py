"""The arguments of methods that are not standard ones, or have more than those (RFC 8621, 9007, 9404).

The law: as in standard.py.
"""

from typing import Any

import msgspec

from mail.jmap.errors import invalid_arguments
from mail.jmap.ids import Id, IdOrCreated, Ids, Objects, UnsignedInt, Updates
from mail.jmap.limits import Limits
from mail.jmap.methods.standard import (
    Changed,
    Get,
    OfAccount,
    Query,
    QueryChanges,
    Set,
    other_account,
    too_many,
)

BODY_PROPERTIES = (
    "partId", "blobId", "size", "name", "type", "charset", "disposition", "cid", "language", "location",
)  # fmt: skip
"""What is told of a body part where nothing else is asked for (RFC 8621 4.2)."""


class MailboxQuery(Query, kw_only=True):
    """RFC 8621 2.3."""

    sort_as_tree: bool = False
    filter_as_tree: bool = False


class MailboxSet(Set, kw_only=True):
    """RFC 8621 2.5."""

    on_destroy_remove_emails: bool = False


class EmailGet(Get, kw_only=True):
    """RFC 8621 4.2."""

    body_properties: list[str] = msgspec.field(default_factory=lambda: list(BODY_PROPERTIES))
    fetch_text_body_values: bool = False
    fetch_html_body_values: bool = msgspec.field(default=False, name="fetchHTMLBodyValues")
    fetch_all_body_values: bool = False
    max_body_value_bytes: UnsignedInt = 0


class EmailParse(EmailGet, kw_only=True):
    """RFC 8621 4.9: as Email/get, and the ids are those of blobs."""

    ids: Ids = msgspec.field(name="blobIds")


class EmailQuery(Query, kw_only=True):
    """RFC 8621 4.4."""

    collapse_threads: bool = False


class EmailQueryChanges(QueryChanges, kw_only=True):
    """RFC 8621 4.5."""

    collapse_threads: bool = False


class EmailImport(OfAccount, kw_only=True):
    """RFC 8621 4.8."""

    if_in_state: str | None = None
    emails: Objects

    def check(self, limits: Limits) -> None:
        too_many(len(self.emails), limits.objects_set_max)


class SearchSnippetGet(OfAccount, kw_only=True):
    """RFC 8621 5.1."""

    filter: dict[str, Any] | None = None
    email_ids: Ids

    def check(self, limits: Limits) -> None:
        too_many(len(self.email_ids), limits.objects_get_max)


class EmailSubmissionSet(Set, kw_only=True):
    """RFC 8621 7.5."""

    on_success_update_email: Updates | None = None
    on_success_destroy_email: Ids | None = None

    def check(self, limits: Limits) -> None:
        Changed.check(self, limits)
        emails = len(self.on_success_update_email or ()) + len(self.on_success_destroy_email or ())
        too_many(emails, limits.objects_set_max)


class BlobCopy(OfAccount, kw_only=True):
    """RFC 8620 6.3."""

    from_account_id: Id
    blob_ids: Ids

    def check(self, limits: Limits) -> None:
        other_account(self.from_account_id, self.account_id)
        too_many(len(self.blob_ids), limits.objects_set_max)


class BlobUpload(OfAccount, kw_only=True):
    """RFC 9404 4.1."""

    create: Objects

    def check(self, limits: Limits) -> None:
        too_many(len(self.create), limits.objects_set_max)


class BlobGet(Get, kw_only=True):
    """RFC 9404 4.2."""

    offset: UnsignedInt | None = None
    length: UnsignedInt | None = None


class BlobLookup(OfAccount, kw_only=True):
    """RFC 9404 4.3."""

    type_names: list[str]
    ids: Ids

    def check(self, limits: Limits) -> None:
        too_many(len(self.ids), limits.objects_get_max)


class MdnSend(OfAccount, kw_only=True):
    """RFC 9007 2.1."""

    identity_id: IdOrCreated
    send: Objects
    on_success_update_email: Updates | None = None

    def check(self, limits: Limits) -> None:
        too_many(len(self.send), limits.objects_set_max)
        if wrong := [name for name in self.on_success_update_email or () if name[1:] not in self.send]:
            raise invalid_arguments(f"There is no MDN {wrong[0]} in this call.", "onSuccessUpdateEmail")


class MdnParse(OfAccount, kw_only=True):
    """RFC 9007 2.2."""

    blob_ids: Ids

    def check(self, limits: Limits) -> None:
        too_many(len(self.blob_ids), limits.objects_get_max)
