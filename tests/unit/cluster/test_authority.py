"""cluster/authority.py"""

import datetime as dt
import stat
from pathlib import Path

import pytest
from cryptography import x509

from cluster.authority import NAMES, Role, issue, make_authority
from cluster.certificates import server_context
from cluster.errors import AlreadyExists, Misconfigured

NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


@pytest.mark.parametrize("role", ["node", "admin"])
def test_a_certificate_is_good_for_its_role_only(tmp_path: Path, role: Role) -> None:
    authority = x509.load_pem_x509_certificate(make_authority(tmp_path / "ca", NOW).certificate.read_bytes())
    pair = issue(tmp_path / "ca", "node-1.example.test", role, NOW)
    made = x509.load_pem_x509_certificate(pair.certificate.read_bytes())
    names = made.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == [NAMES[role]]
    assert not made.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    made.verify_directly_issued_by(authority)
    server_context(*pair)


def test_rays_certificate_has_addresses_and_no_role(tmp_path: Path) -> None:
    make_authority(tmp_path, NOW)
    pair = issue(tmp_path, "mx-1-ray", "ray", NOW, ("mx-1.example.test", "10.0.0.1", "fd00::1"))
    made = x509.load_pem_x509_certificate(pair.certificate.read_bytes())
    names = made.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["mx-1.example.test", "localhost"]
    assert [str(each) for each in names.get_values_for_type(x509.IPAddress)] == ["10.0.0.1", "fd00::1", "127.0.0.1"]


@pytest.mark.parametrize(
    ("role", "addresses", "cause"),
    [
        ("ray", (), "need the machine's addresses"),
        ("node", ("10.0.0.1",), "no others have them"),
        ("ray", ("é",), "neither a host name"),
        ("ray", (NAMES["node"].upper(),), "the name of a role"),
    ],
)
def test_addresses_that_do_not_serve_are_refused(
    tmp_path: Path, role: Role, addresses: tuple[str, ...], cause: str
) -> None:
    make_authority(tmp_path, NOW)
    with pytest.raises(Misconfigured, match=cause):
        issue(tmp_path, "a", role, NOW, addresses)
    assert not (tmp_path / "a.pem").exists()


def test_keys_are_for_their_owner_only_and_nothing_is_overwritten(tmp_path: Path) -> None:
    authority = make_authority(tmp_path, NOW)
    pair = issue(tmp_path, "a", "node", NOW)
    assert [stat.S_IMODE(path.stat().st_mode) for path in (authority.key, pair.key)] == [0o600, 0o600]
    before = [path.read_bytes() for path in (*authority, *pair)]
    with pytest.raises(AlreadyExists, match="exists; remove it first"):
        make_authority(tmp_path, NOW)
    for name in ("a", "authority"):
        with pytest.raises(AlreadyExists):
            issue(tmp_path, name, "node", NOW)
    assert [path.read_bytes() for path in (*authority, *pair)] == before


@pytest.mark.parametrize("name", ["", "../up", ".hidden", "a b", "a" * 65, "-x", "é"])
def test_names_that_are_no_file_names_are_refused(tmp_path: Path, name: str) -> None:
    make_authority(tmp_path, NOW)
    with pytest.raises(Misconfigured, match="cannot name a certificate"):
        issue(tmp_path, name, "node", NOW)


def test_an_authority_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"authority\.pem with the key .* cannot be used"):
        issue(tmp_path, "a", "node", NOW)
