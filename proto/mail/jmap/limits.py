"""What a client may make us hold and do. Every bound of this package stands here, with its reason.

The law: what the session says of limits is what is enforced (RFC 8620 2): both come from one value of this class.
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """The bounds of one account's requests. The first seven are told to clients, and are settings of the gateway."""

    size_upload_max_bytes: int = 50_000_000
    concurrent_uploads_max: int = 4
    size_request_max_bytes: int = 10_000_000
    concurrent_requests_max: int = 10
    calls_max: int = 32
    objects_get_max: int = 500
    objects_set_max: int = 500
    values_max: int = 500_000
    """JSON values in one request. An empty object of two octets takes 64 in memory; 500 emails made of 20 parts with
    20 properties each are 200,000."""
    capabilities_max: int = 100
    """Members of `using`: several times more than there are in the IANA registry."""
    created_ids_max: int = 10_000
    """Creation ids given with a request or made in it: those of 20 calls of 500 objects."""
    reference_steps_max: int = 200_000
    """Values looked at by all result references of a request together; `*` visits each item of an array."""
    pointer_max_chars: int = 1_000
    """One JSON pointer."""
    filter_depth_max: int = 20
    """Operators inside each other in a filter."""
    filter_nodes_max: int = 500
    """Operators and conditions in one filter. Each is work for every message."""
    sort_max: int = 20
    """Comparators of one query."""
    text_max_chars: int = 4_000
    """One text to search for."""
    words_max: int = 100
    """Words and phrases in one text to search for."""
    patches_max: int = 5_000
    """Paths in one PatchObject."""
    mailbox_name_max_bytes: int = 255
    """maxSizeMailboxName (RFC 8621 1.3.1) where the gateway has no other."""
    line_max_chars: int = 998
    """A name or a subject: what a header field may have in a line (RFC 5322 2.1.1)."""
    body_max_chars: int = 20_000
    """A signature, or one body of a vacation response; a record may have 60 kB."""
    addresses_max: int = 100
    """Addresses in one property of an Identity."""
    recipients_max: int = 1_000
    """Recipients of one EmailSubmission."""
    parameters_max: int = 20
    """Parameters of one address of an envelope; there are ten in the standards."""
    sharees_max: int = 1_000
    """Principals that one mailbox is shared with."""
    extension_fields_max: int = 50
    """Extension fields of one MDN."""
    data_sources_max: int = 100
    """maxDataSources of one blob (RFC 9404 3); at least 64."""
    blob_max_bytes: int = 10_000_000
    """maxSizeBlobSet of one blob made by Blob/upload."""
    push_types_max: int = 50
    """Types that one client wants to be told of; twice as many as there are."""

    def capability(self, collations: Sequence[str]) -> dict[str, object]:
        """The value of `urn:ietf:params:jmap:core` (RFC 8620 2)."""
        return {
            "maxSizeUpload": self.size_upload_max_bytes,
            "maxConcurrentUpload": self.concurrent_uploads_max,
            "maxSizeRequest": self.size_request_max_bytes,
            "maxConcurrentRequests": self.concurrent_requests_max,
            "maxCallsInRequest": self.calls_max,
            "maxObjectsInGet": self.objects_get_max,
            "maxObjectsInSet": self.objects_set_max,
            "collationAlgorithms": list(collations),
        }
