"""Who may: user and password, TLS with certificates on both sides; over a real etcd."""

import datetime as dt
import ipaddress
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from cluster.clock import SystemClock
from cluster.config.secret import Secret
from cluster.errors import Misconfigured, Refused, Unavailable
from cluster.membership.etcd import EtcdRegistry
from cluster.membership.settings import EtcdSettings
from tests.contract.registry.following import Known, next_update, says
from tests.etcd import Etcd, Tls

pytestmark = pytest.mark.part("etcd", "etcdctl")

ROOT = "/rookery/test/"


@pytest.fixture
def guarded(etcd: Etcd, program: Callable[[str], Path]) -> Etcd:
    """With a user who may use /rookery/ only."""

    def etcdctl(*words: str) -> None:
        command = [str(program("etcdctl")), "--endpoints", ",".join(etcd.endpoints), *words]
        subprocess.run(command, check=True, capture_output=True, timeout=30, env={**os.environ, "ETCDCTL_API": "3"})

    etcdctl("user", "add", "root:secret")
    etcdctl("user", "grant-role", "root", "root")
    etcdctl("role", "add", "rookery")
    etcdctl("role", "grant-permission", "rookery", "--prefix=true", "readwrite", "/rookery/")
    etcdctl("user", "add", "rookery:hush")
    etcdctl("user", "grant-role", "rookery", "rookery")
    etcdctl("auth", "enable")
    return etcd


def opened(etcd: Etcd, user: str, password: str) -> EtcdRegistry:
    settings = msgspec.structs.replace(etcd.settings(), user=user, password=Secret(password))
    return EtcdRegistry(settings, SystemClock())


async def test_who_has_the_password_is_let_in(guarded: Etcd) -> None:
    registry = opened(guarded, "rookery", "hush")
    known = Known(registry, ROOT)
    lease = await registry.grant(5)
    assert await registry.change({ROOT + "a": b"1"}, lease=lease)
    await known.until(lambda known: ROOT + "a" in known.entries)
    await registry.close()


async def test_a_login_that_etcd_has_forgotten_is_made_again(guarded: Etcd) -> None:
    registry = opened(guarded, "rookery", "hush")
    known = Known(registry, ROOT)
    assert await registry.change({ROOT + "a": b"1"})
    await known.until(lambda known: ROOT + "a" in known.entries)
    guarded.kill()  # its tokens are in memory
    guarded.restart()
    assert await registry.get(ROOT + "a")  # a read finds the new connection
    assert await registry.change({ROOT + "a": b"2"})
    await known.until(says(ROOT + "a", b"2"))
    await registry.close()


@pytest.mark.parametrize(("user", "password"), [("rookery", "wrong"), ("nobody", "hush"), ("", "")])
async def test_who_has_not_is_refused(guarded: Etcd, user: str, password: str) -> None:
    registry = opened(guarded, user, password)
    with pytest.raises(Refused) as refused:
        await registry.get(ROOT)
    assert not password or password not in str(refused.value)
    with pytest.raises(Refused):
        await registry.change({ROOT + "a": b"1"})
    with pytest.raises(Refused):
        await next_update(registry.watch(ROOT))
    await registry.close()


async def test_what_the_user_may_not_is_refused(guarded: Etcd) -> None:
    registry = opened(guarded, "rookery", "hush")
    with pytest.raises(Refused):
        await registry.get("/others/a")
    with pytest.raises(Refused):
        await next_update(registry.watch("/others/"))
    assert await registry.change({ROOT + "a": b"1"})
    await registry.close()


@pytest.fixture
def tls(tmp_path: Path) -> Tls:
    """A certificate for 127.0.0.1 that signs itself."""
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "etcd")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder(name, name, private.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(private, hashes.SHA256())
    )
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key.write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return Tls(certificate, certificate, key)


async def test_tls_on_both_sides(tmp_path: Path, tls: Tls) -> None:
    with Etcd.start(tmp_path, tls=tls) as etcd:
        settings = etcd.settings()
        registry = EtcdRegistry(settings, SystemClock())
        assert await registry.change({ROOT + "a": b"1"})
        assert ROOT + "a" in (await next_update(registry.watch(ROOT))).entries
        await registry.close()
        strangers = [
            msgspec.structs.replace(settings, certificate="", key="", request_timeout_s=1.0),
            msgspec.structs.replace(settings, authority="", request_timeout_s=1.0),
            EtcdSettings(endpoints=(settings.endpoints[0].replace("https", "http"),), request_timeout_s=1.0),
        ]
        for stranger in strangers:
            registry = EtcdRegistry(stranger, SystemClock())
            with pytest.raises(Unavailable):
                await registry.get(ROOT)
            await registry.close()


async def test_a_missing_certificate_is_named(tmp_path: Path) -> None:
    missing = str(tmp_path / "none.pem")
    with pytest.raises(Misconfigured, match=r"none\.pem"):
        EtcdRegistry(EtcdSettings(endpoints=("https://127.0.0.1:1",), authority=missing), SystemClock())
