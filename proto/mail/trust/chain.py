"""Whether the certificates that a server showed fit its TLSA records (RFC 7671, RFC 7672 §3).

The law: no certificate raises anything; a chain counts only when each of its signatures was checked; how many are
looked at is bounded.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple, TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key

from mail.trust import der
from mail.trust.dane import CERTIFICATE, EE, FULL, KEY, TA, Tlsa

CHAIN_MAX: Final = 10  # certificates of a server that are looked at
CERTIFICATE_BYTES_MAX: Final = 64 * 1024

T = TypeVar("T")
_BAD: Final = (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm, x509.ExtensionNotFound)
_BAD_TOO: Final = (x509.DuplicateExtension, x509.InvalidVersion, x509.UnsupportedGeneralNameType, AttributeError)


class Match(NamedTuple):
    """`failure`: of RFC 8460 §4.3, where it does not fit; `by`: the record it fits."""

    ok: bool
    failure: str = ""
    why: str = ""
    by: Tlsa | None = None


def match(chain: Sequence[bytes], records: Sequence[Tlsa], names: Sequence[str], now_s: float) -> Match:
    """Whether the chain (DER, the server's own certificate first) fits one of the usable records. `names`: what the
    certificate may be for, where a trust anchor vouches for it. `now_s`: since 1970."""
    shown = [certificate for certificate in chain[:CHAIN_MAX] if len(certificate) <= CERTIFICATE_BYTES_MAX]
    if not shown:
        return Match(False, "validation-failure", "the server showed no certificate")
    if (record := _fitting(shown[0], [one for one in records if one.usage == EE])) is not None:
        return Match(True, by=record)  # whatever its names and dates are (RFC 7672 §3.1.1)
    anchors = [one for one in records if one.usage == TA]
    if not anchors:
        return Match(False, "certificate-not-trusted", "the certificate does not fit the TLSA records")
    return _under(shown, anchors, names, datetime.fromtimestamp(now_s, UTC))


def _fitting(certificate: bytes, records: Sequence[Tlsa]) -> Tlsa | None:
    try:
        key = der.public_key(certificate)
    except ValueError:
        key = b""
    return next((one for one in records if (key or one.selector == CERTIFICATE) and one.fits(certificate, key)), None)


# -- under a trust anchor (RFC 7671 §5.2) ------------------------------------------------------------------------------


class _Certificate(NamedTuple):
    raw: bytes
    parsed: x509.Certificate


def _under(shown: Sequence[bytes], anchors: Sequence[Tlsa], names: Sequence[str], now: datetime) -> Match:
    leaf = _read(shown[0])
    if leaf is None:
        return Match(False, "validation-failure", "the certificate cannot be read")
    given = [one.data for one in anchors if one.selector == CERTIFICATE and one.matching == FULL]
    pool = [read for read in map(_read, [*shown[1:], *given]) if read is not None]
    anchor = _anchor(leaf, pool, anchors, now)
    if anchor is None:
        return Match(
            False, "certificate-not-trusted", "no trust anchor of the TLSA records vouches for the certificate"
        )
    if not _is_valid(leaf.parsed, now):
        return Match(False, "certificate-expired", "the certificate has expired, or is not valid yet")
    own = certificate_names(leaf.parsed)
    if not any(name_fits(name, pattern) for name in names for pattern in own):
        return Match(False, "certificate-host-mismatch", f"the certificate is not for {' or '.join(names)}")
    return Match(True, by=anchor)


def _anchor(leaf: _Certificate, pool: list[_Certificate], anchors: Sequence[Tlsa], now: datetime) -> Tlsa | None:
    """The record at which a path of checked signatures ends; each certificate is in it once."""
    current, rest = leaf, list(pool)
    for depth in range(CHAIN_MAX):
        bare = next(
            (one for one in anchors if one.selector == KEY and one.matching == FULL and _signs(one, current)), None
        )
        if bare is not None:
            return bare
        issuer = next((one for one in rest if _issued(current, one, depth, now)), None)
        if issuer is None:
            return None
        if (record := _fitting(issuer.raw, anchors)) is not None:
            return record
        rest.remove(issuer)
        current = issuer
    return None


def _issued(certificate: _Certificate, issuer: _Certificate, depth: int, now: datetime) -> bool:
    """Whether one certificate was issued by another that may. `depth`: how many authorities are below the issuer."""

    def check() -> bool:
        parsed = issuer.parsed
        limits = parsed.extensions.get_extension_for_class(x509.BasicConstraints).value
        if not limits.ca or (limits.path_length is not None and limits.path_length < depth):
            return False
        certificate.parsed.verify_directly_issued_by(parsed)
        return _is_valid(parsed, now)

    return _or(False, check)


def _signs(record: Tlsa, certificate: _Certificate) -> bool:
    """Whether the key that a record holds has signed the certificate."""

    def check() -> bool:
        key, parsed = load_der_public_key(record.data), certificate.parsed
        signature, signed, digest = parsed.signature, parsed.tbs_certificate_bytes, parsed.signature_hash_algorithm
        if isinstance(key, rsa.RSAPublicKey) and digest is not None:
            scheme = parsed.signature_algorithm_parameters
            key.verify(signature, signed, scheme if isinstance(scheme, padding.PSS) else padding.PKCS1v15(), digest)
        elif isinstance(key, ec.EllipticCurvePublicKey) and digest is not None:
            key.verify(signature, signed, ec.ECDSA(digest))
        elif isinstance(key, ed25519.Ed25519PublicKey | ed448.Ed448PublicKey):
            key.verify(signature, signed)
        else:
            return False
        return True

    return _or(False, check)


def _read(certificate: bytes) -> _Certificate | None:
    return _or(None, lambda: _Certificate(certificate, x509.load_der_x509_certificate(certificate)))


def _is_valid(certificate: x509.Certificate, now: datetime) -> bool:
    return _or(False, lambda: certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc)


def _or(otherwise: T, work: Callable[[], T]) -> T:
    """What the work gives, or that, when a certificate is not as it should be."""
    try:
        return work()
    except (*_BAD, *_BAD_TOO):
        return otherwise


# -- names -------------------------------------------------------------------------------------------------------------


def certificate_names(certificate: x509.Certificate) -> tuple[str, ...]:
    """The names it is for: those of its subjectAltName; where that has none, its common name (RFC 7672 §3.2.3)."""
    return _or((), lambda: tuple(_alternative_names(certificate)) or tuple(_common_names(certificate)))


def _alternative_names(certificate: x509.Certificate) -> Iterator[str]:
    for extension in certificate.extensions:
        if isinstance(extension.value, x509.SubjectAlternativeName):
            yield from extension.value.get_values_for_type(x509.DNSName)


def _common_names(certificate: x509.Certificate) -> Iterator[str]:
    for attribute in certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME):
        if isinstance(attribute.value, str):
            yield attribute.value


def name_fits(name: str, pattern: str) -> bool:
    """Whether a certificate's name is for a host; `*` is all of the first label (RFC 6125 §6.4.3)."""
    name, pattern = name.lower().removesuffix("."), pattern.lower()
    if pattern.startswith("*."):
        parent = name.partition(".")[2]
        return "." in parent and parent == pattern[2:]
    return name == pattern
