"""Where DMARC reports may be sent: others' addresses only where those others agree (RFC 9990 4, RFC 7489 7.1).

The law: an address outside the organization that publishes it is used only with the consent found in the DNS. An
answer that could not be had is no consent, and is told apart from a refusal.
"""

from typing import Final, Literal, NamedTuple, TypeAlias
from urllib.parse import unquote

from mail.trust.dmarc_discovery import Discovery, RegisteredDomain, Unknown, records_in
from mail.trust.dmarc_record import Destination, Record, read
from mail.trust.names import a_label, can_be_asked, domain_of
from mail.trust.questions import Asking, Question

Consent: TypeAlias = Literal["own", "agreed", "refused", "unknown"]
Tag: TypeAlias = Literal["rua", "ruf"]

ADDRESS_CHARS_MAX: Final = 320  # RFC 5321 4.5.3.1: 64, 255 and the @


class ReportDestination(NamedTuple):
    """`uri` as it is to be used: of an agreeing host perhaps not the one asked for, `asked`. `address`: of mailto:,
    what it leads to; empty of other schemes, which nobody need support. `consent`: own and agreed may be sent to."""

    uri: str
    address: str
    consent: Consent
    asked: str
    size_bytes_max: int = 0
    why: str = ""

    @property
    def may_be_sent(self) -> bool:
        """Reports go there."""
        return self.consent in ("own", "agreed") and bool(self.address)


def report_destinations(
    record: Record, domain: str, *, tag: Tag = "rua", registered_domain: RegisteredDomain | None = None
) -> Asking[tuple[ReportDestination, ...]]:
    """What becomes of each URI of a record that was found at `domain`."""
    discovery = Discovery(registered_domain)
    name = a_label(domain) or domain
    found: list[ReportDestination] = []
    for one in record.rua if tag == "rua" else record.ruf:
        found += yield from _destinations(one, name, tag, discovery)
    return tuple(dict.fromkeys(found))


def _destinations(one: Destination, domain: str, tag: Tag, discovery: Discovery) -> Asking[list[ReportDestination]]:
    address = mailto(one.uri)
    host = a_label(domain_of(address))
    if host is None:
        return [ReportDestination(one.uri, "", "refused", one.uri, one.size_bytes_max, "no mail address")]
    try:
        if (yield from _is_own(host, domain, discovery)):
            return [ReportDestination(one.uri, address, "own", one.uri, one.size_bytes_max)]
    except Unknown as error:
        why = f"the DNS gave no answer for {error}"
        return [ReportDestination(one.uri, address, "unknown", one.uri, one.size_bytes_max, why)]
    return (yield from _external(one, address, host, domain, tag, discovery))


def _is_own(host: str, domain: str, discovery: Discovery) -> Asking[bool]:
    if host == domain:
        return True
    if host.rpartition(".")[2] != domain.rpartition(".")[2]:
        return False
    ours = yield from discovery.organizational(domain)
    return (yield from discovery.organizational(host)) == ours


def _external(
    one: Destination, address: str, host: str, domain: str, tag: Tag, discovery: Discovery
) -> Asking[list[ReportDestination]]:
    def end(consent: Consent, why: str) -> list[ReportDestination]:
        return [ReportDestination(one.uri, address, consent, one.uri, one.size_bytes_max, why)]

    name = f"{domain}._report._dmarc.{host}"
    if not can_be_asked(name):
        return end("refused", "the name to ask for is too long")
    (answer,) = yield from discovery.ask(Question(name, "TXT"))
    if answer.status == "tempfail":
        return end("unknown", f"the DNS gave no answer for {name}")
    records = [record for text in records_in(answer) if (record := read(text)) is not None]
    if not records:
        return end("refused", f"nothing at {name} agrees")
    instead = [other for record in records for other in (record.rua if tag == "rua" else record.ruf)]
    if not instead:
        return end("agreed", "")
    if any(a_label(domain_of(mailto(other.uri))) != host for other in instead):
        return end("refused", f"{name} leads to another host")
    return [
        ReportDestination(other.uri, mailto(other.uri), "agreed", one.uri, other.size_bytes_max) for other in instead
    ]


def mailto(uri: str) -> str:
    """The address of a mailto: URI (RFC 6068); empty where it is none, or of several. Header fields are ignored."""
    scheme, _, rest = uri.partition(":")
    if scheme.lower() != "mailto":
        return ""
    address = unquote(rest.partition("?")[0], errors="replace")
    local, _, domain = address.rpartition("@")
    is_one = bool(local and domain) and address.isprintable() and not any(c in address for c in ' ,<>"()[]\\;\ufffd')
    return address if is_one and address.count("@") == 1 and len(address) <= ADDRESS_CHARS_MAX else ""
