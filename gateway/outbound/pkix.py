"""Whether a chain of certificates leads to an authority that is trusted, and is for a host (RFC 5280, RFC 9525).

The law: no certificate raises anything; the word for what is wrong is that of RFC 8460 §4.3.
"""

import ipaddress
import ssl
import warnings
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple

from cryptography import x509
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from mail.trust.chain import CHAIN_MAX, name_fits

UNREADABLE: Final = (ValueError, TypeError, x509.InvalidVersion, x509.UnsupportedGeneralNameType)
"""What certificates raise that are none."""

WHY_CHARACTERS_MAX: Final = 200


class Verified(NamedTuple):
    """`failure` and `why` where it is not."""

    ok: bool
    failure: str = ""
    why: str = ""


class Authorities:
    """Whom to trust: the given certificates (DER), else those of the system, read when they are first needed."""

    def __init__(self, roots: Iterable[bytes] = ()) -> None:
        self._roots = tuple(roots)
        self._store: Store | None = None

    def verify(self, chain: Sequence[bytes], host: str, now_s: float) -> Verified:
        """Judge a chain (DER, the server's own certificate first). `now_s`: since 1970."""
        now = datetime.fromtimestamp(now_s, UTC)
        leaf: x509.Certificate | None = None
        try:
            leaf, *others = [x509.load_der_x509_certificate(one) for one in chain[:CHAIN_MAX]]
            verifier = PolicyBuilder().store(self._trusted()).time(now).build_server_verifier(_subject(host))
            verifier.verify(leaf, others)
        except (VerificationError, *UNREADABLE) as error:
            return Verified(False, _failure(leaf, host, now), str(error)[:WHY_CHARACTERS_MAX])
        return Verified(True)

    def _trusted(self) -> Store:
        if self._store is None:
            roots = self._roots or ssl.create_default_context().get_ca_certs(binary_form=True)
            self._store = Store(list(_readable(roots)))
        return self._store


def _subject(host: str) -> x509.DNSName | x509.IPAddress:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _readable(roots: Iterable[bytes]) -> Iterator[x509.Certificate]:
    """The system may have some that RFC 5280 does not allow: nobody is vouched for by those."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CryptographyDeprecationWarning)
        for root in roots:
            try:
                yield x509.load_der_x509_certificate(root)
            except UNREADABLE:
                continue


def _failure(leaf: x509.Certificate | None, host: str, now: datetime) -> str:
    if leaf is None:
        return "certificate-not-trusted"
    try:
        if not leaf.not_valid_before_utc <= now <= leaf.not_valid_after_utc:
            return "certificate-expired"
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        fits = any(name_fits(host, name) for name in names.get_values_for_type(x509.DNSName))
    except (x509.ExtensionNotFound, x509.DuplicateExtension, *UNREADABLE):
        return "certificate-not-trusted"
    return "certificate-not-trusted" if fits else "certificate-host-mismatch"
