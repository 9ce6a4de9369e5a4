"""The settings of reports, each in words beside its default."""

from typing import Annotated

from msgspec import Meta, Struct

DAY_S = 86_400


class ReportSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Reports that are sent to other domains, and those that others send about ours."""

    dmarc: Annotated[
        bool, Meta(description="Send DMARC aggregate reports to domains that ask for them, once a day (RFC 9990).")
    ] = True
    tls: Annotated[
        bool, Meta(description="Send reports on TLS to domains that ask for them, once a day (RFC 8460).")
    ] = True
    sender: Annotated[
        str,
        Meta(
            description="The address that reports come from; its domain should have DKIM keys here. Empty: "
            "noreply-dmarc@ and the hostname."
        ),
    ] = ""
    organization: Annotated[str, Meta(description="Who we are, in reports. Empty: the hostname.")] = ""
    contact: Annotated[str, Meta(description="How people reach us about a report: an address or a page.")] = ""
    spread_s: Annotated[
        int,
        Meta(
            description="The reports of a day are sent within so many seconds after it, each domain at its own time.",
            ge=0,
            le=20 * 3600,
        ),
    ] = 6 * 3600
    retry_s: Annotated[int, Meta(description="What could not be sent is tried again after this.", ge=60, le=DAY_S)] = (
        3600
    )
    give_up_days: Annotated[
        int, Meta(description="A report that cannot be sent for so many days is not sent any more.", ge=1, le=14)
    ] = 3
    failure_reports: Annotated[
        bool,
        Meta(
            description="Send reports on single messages that fail DMARC, DKIM or SPF to domains that ask for them "
            "(RFC 9991, 6651, 6652). They hold the header of the message, so somebody's names and addresses."
        ),
    ] = False
    failure_reports_domain_day: Annotated[
        int, Meta(description="Failure reports to one domain in a day, from each process.", ge=1)
    ] = 10
    failure_reports_day: Annotated[
        int, Meta(description="Failure reports in a day, from each process.", ge=1, le=100_000)
    ] = 1000
    addresses: Annotated[
        tuple[str, ...],
        Meta(
            description="Addresses of ours that others send reports to (rua=, ruf=, the address of feedback loops). "
            "What comes there is read, and shown by `rookery report`."
        ),
    ] = ()
    keep_s: Annotated[int, Meta(description="How long what was read of a report is kept.", ge=60, le=3650 * DAY_S)] = (
        180 * DAY_S
    )
