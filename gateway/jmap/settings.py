"""The JMAP gateway's settings."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from mail.jmap.limits import Limits

Principals = Literal["domain", "all", "known"]


class JmapSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an operator may change about JMAP. What one account may ask for is told in its session (RFC 8620 2)."""

    principals: Annotated[
        Principals,
        Meta(
            description="Whom users are told of as somebody to share with (RFC 9670): `domain` are the users and "
            "groups with an address in a domain where they have one; `all` are those of all domains; `known` only "
            "those that share something with them, or have something of theirs. These are told of in any case."
        ),
    ] = "domain"
    upload_bytes_max: Annotated[
        int,
        Meta(
            description="The octets of one upload (maxSizeUpload), and of all attachments of an email together.",
            ge=1_000_000,
            le=1_000_000_000,
        ),
    ] = 50_000_000
    concurrent_uploads_max: Annotated[
        int, Meta(description="Uploads of one account at the same time (maxConcurrentUpload).", ge=1, le=100)
    ] = 4
    uploaded_bytes_max: Annotated[
        int,
        Meta(
            description="The octets of all that one account has uploaded and put in no message yet; it is kept a day.",
            ge=1_000_000,
            le=100_000_000_000,
        ),
    ] = 500_000_000
    request_bytes_max: Annotated[
        int, Meta(description="The octets of one request (maxSizeRequest).", ge=100_000, le=100_000_000)
    ] = 10_000_000
    concurrent_requests_max: Annotated[
        int,
        Meta(
            description="Requests of one account that are carried out at the same time (maxConcurrentRequests). A "
            "browser has six connections.",
            ge=1,
            le=1000,
        ),
    ] = 10
    calls_max: Annotated[int, Meta(description="Method calls of one request (maxCallsInRequest).", ge=1, le=1000)] = 32
    objects_get_max: Annotated[
        int, Meta(description="Objects that one /get may ask for (maxObjectsInGet).", ge=10, le=1000)
    ] = 500
    objects_set_max: Annotated[
        int, Meta(description="Objects that one /set may make, change and remove (maxObjectsInSet).", ge=10, le=1000)
    ] = 500

    def limits(self) -> Limits:
        """As what reads requests wants them."""
        return Limits(
            size_upload_max_bytes=self.upload_bytes_max,
            concurrent_uploads_max=self.concurrent_uploads_max,
            size_request_max_bytes=self.request_bytes_max,
            concurrent_requests_max=self.concurrent_requests_max,
            calls_max=self.calls_max,
            objects_get_max=self.objects_get_max,
            objects_set_max=self.objects_set_max,
        )
