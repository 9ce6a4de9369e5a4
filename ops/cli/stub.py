"""A resolver for commands: asks the system's name servers, or one that is named, through dnspython.

The law: as every resolver's: no answer is an exception.
"""

from typing import Any, Final

import dns.asyncresolver
import dns.exception
import dns.flags
import dns.name
import dns.resolver

from cluster.dns.resolver import Answer
from cluster.errors import Misconfigured

SECONDS_MAX: Final = 10.0  # for one question, over all servers
RECORDS_MAX: Final = 100


class StubResolver:
    """Asks, and forgets. Raises Misconfigured where the system names no server, or the address is none."""

    def __init__(self, address: str = "") -> None:
        try:
            self._resolver = dns.asyncresolver.Resolver(configure=not address)
            if address:
                host, _, port = address.rpartition("#") if "#" in address else (address, "", "53")
                self._resolver.nameservers = [host]
                self._resolver.port = int(port)
        except (dns.exception.DNSException, ValueError, OSError) as error:
            raise Misconfigured(f"There is no name server to ask: {error}; name one with --resolver.") from error
        self._resolver.lifetime = SECONDS_MAX

    async def ask(self, name: str, kind: str) -> Answer:
        """The records of a kind."""
        try:
            found = await self._resolver.resolve(dns.name.from_text(name), kind, raise_on_no_answer=False)
        except dns.resolver.NXDOMAIN:
            return Answer("nxdomain", name=name)
        except (dns.name.LabelTooLong, dns.name.NameTooLong, dns.name.EmptyLabel, dns.name.BadEscape):
            return Answer("nxdomain", name=name)
        except (dns.exception.DNSException, OSError) as error:
            return Answer("tempfail", why=str(error) or type(error).__name__, name=name)
        records = tuple(_told(kind, one) for one in list(found.rrset or ())[:RECORDS_MAX])
        secure = bool(found.response.flags & dns.flags.AD)
        return Answer("ok", records, secure, _name(found.canonical_name))


def _told(kind: str, record: Any) -> Any:
    """A record in the shape that resolvers give."""
    match kind:
        case "TXT":
            return b"".join(record.strings)
        case "MX":
            return (record.preference, _name(record.exchange))
        case "SRV":
            return (record.priority, record.weight, record.port, _name(record.target))
        case "TLSA":
            return (record.usage, record.selector, record.mtype, record.cert)
        case "A" | "AAAA":
            return record.address
    return _name(record.target)


def _name(name: Any) -> str:
    return str(name).rstrip(".").lower()
