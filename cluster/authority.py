"""The cluster's own certificate authority: what nodes and operators prove themselves with to each other.

The law: a private key is written with mode 0600 before it holds anything, and never logged. What a certificate is good
for is its role's name, alone in its subject alternative names; who holds it is only its common name. Ray knows no
roles: its certificates have a machine's addresses there, and so are good for nothing else here.
"""

import datetime as dt
import ipaddress
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Literal, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from cluster.certificates import write_private
from cluster.errors import AlreadyExists, Misconfigured

Role = Literal["node", "admin", "ray"]
NODE: Final = "node.rookery.internal"
ADMIN: Final = "admin.rookery.internal"
NAMES: Final[dict[Role, str]] = {"node": NODE, "admin": ADMIN}
OWN_ADDRESSES: Final = ("localhost", "127.0.0.1")  # which Ray's processes of one machine may call each other by
AUTHORITY_DAYS: Final = 3650  # to be replaced with everything that it signed
ISSUED_DAYS: Final = 825
SKEW: Final = dt.timedelta(days=1)  # between the clocks of a cluster
NAME_CHARACTERS_MAX: Final = 64  # of a common name (RFC 5280, ub-common-name)


class Pair(NamedTuple):
    """Where a certificate and its key are."""

    certificate: Path
    key: Path


def pair_of(directory: Path, name: str) -> Pair:
    """Where the pair of a name is, or would be."""
    return Pair(directory / f"{name}.pem", directory / f"{name}-key.pem")


def make_authority(directory: Path, now: dt.datetime) -> Pair:
    """Make an authority in the directory, which is made if needed. Raises AlreadyExists."""
    private = ec.generate_private_key(ec.SECP256R1())
    subject = _subject("Rookery cluster authority")
    usage = _usage(signs=True)
    made = (
        _builder(subject, subject, private.public_key(), now, AUTHORITY_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .sign(private, hashes.SHA256())
    )
    return _write(pair_of(directory, "authority"), made, private)


def issue(directory: Path, name: str, role: Role, now: dt.datetime, addresses: Sequence[str] = ()) -> Pair:
    """Make a certificate of a role, signed by the directory's authority. `name`: 1 to 64 of [A-Za-z0-9_.-], not first
    a dot or dash. `addresses`: host names and IP addresses of the machine, for Ray. Raises AlreadyExists, and
    Misconfigured for a name, addresses or an authority that do not serve."""
    if bool(addresses) != (role == "ray"):
        raise Misconfigured("Ray's certificates need the machine's addresses, and no others have them.")
    plain = name.replace("_", "").replace(".", "").replace("-", "")
    if not (plain.isascii() and plain.isalnum()) or len(name) > NAME_CHARACTERS_MAX or name[0] in ".-":
        raise Misconfigured(f"{name!r} cannot name a certificate: use letters, digits, dots and dashes.")
    names = [x509.DNSName(NAMES[role])] if role in NAMES else [_address(each) for each in (*addresses, *OWN_ADDRESSES)]
    authority, signer = _load(pair_of(directory, "authority"))
    private = ec.generate_private_key(ec.SECP256R1())
    made = (
        _builder(_subject(name), authority.subject, private.public_key(), now, ISSUED_DAYS)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs=False), critical=True)
        .add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False
        )
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(signer, hashes.SHA256())
    )
    return _write(pair_of(directory, name), made, private)


def _address(address: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(address))
    except ValueError:
        pass
    try:
        name = x509.DNSName(address)
    except ValueError as error:
        raise Misconfigured(f"{address!r} is neither a host name in ASCII nor an IP address.") from error
    if address.lower() in NAMES.values():
        raise Misconfigured(f"{address} is the name of a role, not of a machine.")
    return name


def _subject(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs,
        crl_sign=signs,
        encipher_only=False,
        decipher_only=False,
    )


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: dt.datetime, days: int
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - SKEW)
        .not_valid_after(now + dt.timedelta(days=days))
    )


def _load(pair: Pair) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    try:
        certificate = x509.load_pem_x509_certificate(pair.certificate.read_bytes())
        key = serialization.load_pem_private_key(pair.key.read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as error:
        why = getattr(error, "strerror", None) or error
        raise Misconfigured(
            f"The authority {pair.certificate} with the key {pair.key} cannot be used: {why}."
        ) from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise Misconfigured(f"The authority's key {pair.key} is not one that this server has made.")
    return certificate, key


def _write(pair: Pair, made: x509.Certificate, private: ec.EllipticCurvePrivateKey) -> Pair:
    for path in pair:
        if path.exists():
            raise AlreadyExists(f"{path} exists; remove it first, with its pair, if it shall be made anew.")
    pair.key.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    write_private(pair.key, pem)
    write_private(pair.certificate, made.public_bytes(serialization.Encoding.PEM))
    return pair
