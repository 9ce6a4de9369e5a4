"""The MTA-STS policy of our own domains, in words."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from mail.trust.mtasts import MAX_AGE_S_MAX, Policy


class MtaStsSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The MTA-STS policy (RFC 8461) that a listener with protocol = "https" serves for all our domains, at
    https://mta-sts.DOMAIN/.well-known/mta-sts.txt. Each needs that name in the DNS and in the certificate, and a TXT
    record at _mta-sts.DOMAIN, which `rookery domain dns` prints."""

    mode: Annotated[
        Literal["off", "none", "testing", "enforce"],
        Meta(description="off: no policy is served. none: it is taken back (serve this for max_age_s before off). "
             "testing: senders only report what would fail. enforce: they do not deliver then."),
    ] = "off"  # fmt: skip
    mx: Annotated[
        tuple[str, ...],
        Meta(description="The names that our domains' MX records have; `*.` stands for one label. Empty: hostname."),
    ] = ()
    max_age_s: Annotated[
        int, Meta(description="How long senders keep it: weeks, once all works.", ge=86_400, le=MAX_AGE_S_MAX)
    ] = 604_800

    def policy(self, hostname: str) -> Policy | None:
        """The policy, if there is one."""
        if self.mode == "off":
            return None
        return Policy(self.mode, tuple(host.lower() for host in self.mx) or (hostname.lower(),), self.max_age_s)
