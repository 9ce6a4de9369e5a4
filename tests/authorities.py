"""Certificate authorities for tests: roots, intermediates, and servers with whatever names and dates a test wants."""

import datetime as dt
import ipaddress
import ssl
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

NOW: Final = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
DAYS: Final = 365


class Certified:
    """A certificate with its key, and who issued it."""

    def __init__(self, certificate: x509.Certificate, key: Any, issuer: "Certified | None") -> None:
        self.certificate = certificate
        self.key = key
        self.issuer = issuer

    @property
    def der(self) -> bytes:
        """The certificate."""
        return self.certificate.public_bytes(serialization.Encoding.DER)

    @property
    def spki(self) -> bytes:
        """The SubjectPublicKeyInfo."""
        kinds = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        return bytes(self.key.public_key().public_bytes(*kinds))

    @property
    def chain(self) -> list[bytes]:
        """As a server shows it, without the root."""
        above: list[bytes] = []
        one = self.issuer
        while one is not None and one.issuer is not None:
            above.append(one.der)
            one = one.issuer
        return [self.der, *above]

    @classmethod
    def root(cls, name: str = "Root", *, now: dt.datetime = NOW, key: Any = None) -> Self:
        """An authority that vouches for itself."""
        return cls._make(name, None, now, key, ca=True)

    def authority(self, name: str, *, now: dt.datetime = NOW, key: Any = None, path_length: int | None = None) -> Self:
        """An authority below this one."""
        return self._make(name, self, now, key, ca=True, path_length=path_length)

    def server(
        self,
        *names: str,
        now: dt.datetime = NOW,
        common_name: str = "",
        key: Any = None,
        addresses: Sequence[str] = (),
    ) -> Self:
        """A server's certificate."""
        listed: list[x509.GeneralName] = [x509.DNSName(one) for one in names]
        listed += [x509.IPAddress(ipaddress.ip_address(one)) for one in addresses]
        return self._make(common_name or "server", self, now, key, names=listed)

    def write(self, folder: Path) -> tuple[Path, Path]:
        """PEM files: the chain, and the key."""
        chain, key = folder / "chain.pem", folder / "key.pem"
        chain.write_text("".join(ssl.DER_cert_to_PEM_cert(one) for one in self.chain))
        pem = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        key.write_bytes(self.key.private_bytes(*pem))
        return chain, key

    @classmethod
    def _make(
        cls,
        name: str,
        issuer: "Certified | None",
        now: dt.datetime,
        key: Any,
        *,
        names: Sequence[x509.GeneralName] = (),
        ca: bool = False,
        path_length: int | None = None,
    ) -> Self:
        key = key or ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        signer = issuer.key if issuer else key
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer.certificate.subject if issuer else subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(days=1))
            .not_valid_after(now + dt.timedelta(days=DAYS))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=path_length), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
        )
        if ca:
            builder = builder.add_extension(_signs(), critical=True)
        else:
            usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
            builder = builder.add_extension(usage, critical=False)
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        digest = None if isinstance(signer, ed25519.Ed25519PrivateKey) else hashes.SHA256()
        return cls(builder.sign(signer, digest), key, issuer)


def rsa_key() -> rsa.RSAPrivateKey:
    """A key of the other kind."""
    return rsa.generate_private_key(65537, 2048)


def _signs() -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
