"""TLS certificates: contexts from files, and a self-signed certificate where there is none yet.

The law: a private key is written with mode 0600 before it holds anything, and never logged. TLS 1.2 is the least
(RFC 8996).
"""

import datetime as dt
import os
import ssl
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from cluster.errors import Misconfigured

SELF_SIGNED_DAYS: Final = 825


class ServerContext(ssl.SSLContext):
    """A context that knows what its certificate is bound by."""

    end_point: bytes = b""
    """The tls-server-end-point of its certificate (RFC 5929 4); empty where it has none."""


def server_context(certificate: Path, key: Path) -> ServerContext:
    """A context for servers. Raises Misconfigured naming the file that does not serve."""
    context = ServerContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_CIPHER_SERVER_PREFERENCE | ssl.OP_NO_RENEGOTIATION
    try:
        context.load_cert_chain(certificate, key)
        context.end_point = end_point(certificate.read_bytes())
    except (OSError, ssl.SSLError, ValueError) as error:
        raise Misconfigured(
            f"The TLS certificate {certificate} with the key {key} cannot be used: {error}. "
            "Give PEM files that belong together and that this user may read."
        ) from error
    return context


def end_point(pem: bytes) -> bytes:
    """The hash of the first certificate (RFC 5929 4.1); empty where its signature has no hash of its own (Ed25519)."""
    first = x509.load_pem_x509_certificate(pem)
    try:
        algorithm = first.signature_hash_algorithm
    except UnsupportedAlgorithm:
        algorithm = None
    if algorithm is None:
        return b""
    return first.fingerprint(hashes.SHA256() if algorithm.name in {"md5", "sha1"} else algorithm)


def self_signed(directory: Path, names: list[str], now: dt.datetime) -> tuple[Path, Path]:
    """The paths of a certificate and its key in `directory`, made for the names if they are not there."""
    certificate, key = directory / "certificate.pem", directory / "key.pem"
    if certificate.exists() and key.exists():
        return certificate, key
    private = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0][:64])])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=SELF_SIGNED_DAYS))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(private, hashes.SHA256())
    )
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_private(key, pem)
    write_private(certificate, made.public_bytes(serialization.Encoding.PEM))
    return certificate, key


def write_private(path: Path, data: bytes) -> None:
    """Whole or not at all, for this user only."""
    draft = path.with_name(path.name + ".new")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(handle)
    draft.replace(path)
