"""cluster/certificates.py"""

import datetime as dt
import stat
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.oid import NameOID

from cluster.certificates import end_point, self_signed, server_context
from cluster.errors import Misconfigured

NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


def test_a_self_signed_certificate_is_made_once_and_for_its_owner_only(tmp_path: Path) -> None:
    certificate, key = self_signed(tmp_path / "tls", ["mx.example.test"], NOW)
    made = certificate.read_bytes()
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert self_signed(tmp_path / "tls", ["mx.example.test"], NOW) == (certificate, key)
    assert certificate.read_bytes() == made
    server_context(certificate, key)


def test_files_that_do_not_serve_are_named(tmp_path: Path) -> None:
    certificate, _ = self_signed(tmp_path / "one", ["a"], NOW)
    _, other_key = self_signed(tmp_path / "two", ["b"], NOW)
    for pair in [(certificate, other_key), (tmp_path / "absent.pem", other_key), (certificate, Path(__file__))]:
        with pytest.raises(Misconfigured, match=r"cannot be used: .*PEM files that belong together"):
            server_context(*pair)


def test_a_context_knows_what_its_certificate_is_bound_by(tmp_path: Path) -> None:
    pem, key = (path.read_bytes() for path in self_signed(tmp_path, ["mx.example.test"], NOW))
    hashed = x509.load_pem_x509_certificate(pem).fingerprint(hashes.SHA256())
    assert server_context(tmp_path / "certificate.pem", tmp_path / "key.pem").end_point == hashed
    assert end_point(key + pem) == hashed  # in one file, the key first


def test_the_hash_is_the_signatures_own_and_may_be_missing() -> None:
    key = ec.generate_private_key(ec.SECP384R1())
    pem = _certificate(key, hashes.SHA384())
    assert end_point(pem) == x509.load_pem_x509_certificate(pem).fingerprint(hashes.SHA384())
    assert end_point(_certificate(ed25519.Ed25519PrivateKey.generate(), None)) == b""  # RFC 5929 4.1: not defined


def _certificate(key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey, algorithm: hashes.SHA384 | None) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    dated = builder.serial_number(1).not_valid_before(NOW).not_valid_after(NOW + dt.timedelta(days=1))
    return dated.sign(key, algorithm).public_bytes(serialization.Encoding.PEM)
