"""DKIM keys and DNS records, asked over the wire; and that no private key is told or written down."""

import datetime as dt
import hashlib
import random
from pathlib import Path

import grpc
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from prometheus_client import CollectorRegistry

from cluster.blobs.memory import MemoryBlobs
from cluster.certificates import self_signed
from cluster.clock import ManualClock
from cluster.meta.memory import MemoryStore
from mail.trust.mtasts import Policy
from ops.admin.server import SOCKET, AdminServer
from ops.admin.signing import Shown, public_key_of
from ops.cli.connect import Admin, connect
from ops.core import Core, over
from wire import admin_pb2 as pb

DOMAIN = "example.org"


@pytest.fixture
async def domain(admin: Admin) -> str:
    await admin.directory.AddDomain(pb.AddDomainRequest(name=DOMAIN))
    return DOMAIN


async def _keys(admin: Admin, domain: str) -> list[pb.DkimKey]:
    return [key async for key in admin.directory.ListDkimKeys(pb.ListDkimKeysRequest(domain=domain))]


async def test_a_key_s_life(admin: Admin, domain: str) -> None:
    directory = admin.directory
    first = await directory.AddDkimKey(pb.AddDkimKeyRequest(domain=domain, algorithm="ed25519-sha256"))
    assert (first.state, first.bits) == (pb.DKIM_STATE_WAITING, 256)
    assert first.record.startswith("v=DKIM1; k=ed25519; p=")
    request = pb.ChangeDkimKeyRequest(domain=domain, selector=first.selector, state=pb.DKIM_STATE_ACTIVE)
    assert (await directory.ChangeDkimKey(request)).state == pb.DKIM_STATE_ACTIVE
    (second,) = [key async for key in directory.RotateDkimKeys(pb.RotateDkimKeysRequest(domain=domain))]
    request = pb.ChangeDkimKeyRequest(domain=domain, selector=second.selector, state=pb.DKIM_STATE_ACTIVE)
    await directory.ChangeDkimKey(request)
    assert [key.state for key in await _keys(admin, domain)] == [pb.DKIM_STATE_RETIRED, pb.DKIM_STATE_ACTIVE]
    await directory.RemoveDkimKey(pb.RemoveDkimKeyRequest(domain=domain, selector=first.selector))
    assert [key.selector for key in await _keys(admin, domain)] == [second.selector]


async def test_requests_that_do_not_say_what_they_must(admin: Admin, domain: str) -> None:
    for request in (
        pb.AddDkimKeyRequest(domain=domain),
        pb.AddDkimKeyRequest(domain=domain, algorithm="rsa-sha256", private_key=b"x"),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await admin.directory.AddDkimKey(request)
        assert error.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await admin.directory.ChangeDkimKey(pb.ChangeDkimKeyRequest(domain=domain, selector="s"))
    assert error.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    with pytest.raises(grpc.aio.AioRpcError) as error:
        [one async for one in admin.directory.ListDnsRecords(pb.ListDnsRecordsRequest(domain=domain))]
    assert "--host" in (error.value.details() or "")


async def test_a_private_key_goes_in_and_nowhere_else(admin: Admin, domain: str, parts: Core) -> None:
    private = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    body = private.splitlines()[1]
    added = await admin.directory.AddDkimKey(pb.AddDkimKeyRequest(domain=domain, private_key=private, active=True))
    assert body not in added.SerializeToString()
    changes = [change async for change in admin.audit.ListChanges(pb.ListChangesRequest())]
    (change,) = [change for change in changes if change.call == "Directory.AddDkimKey"]
    assert body.decode() not in str(changes)
    assert '"private_key":"…"' in change.request
    assert len(await parts.directory.signing_keys(domain)) == 1


async def test_records(admin: Admin, domain: str) -> None:
    key = await admin.directory.AddDkimKey(pb.AddDkimKeyRequest(domain=domain, algorithm="ed25519-sha256"))
    request = pb.ListDnsRecordsRequest(domain="Example.ORG", host="MX.example.net", reports="dns@example.org")
    found = [one async for one in admin.directory.ListDnsRecords(request)]
    by_name = {one.name: one for one in found if one.type == "TXT"}
    assert found[0].value == "10 mx.example.net."
    assert by_name[f"{key.selector}._domainkey.example.org"].value == key.record
    assert not by_name[f"{key.selector}._domainkey.example.org"].needed
    assert "rua=mailto:dns@example.org" in by_name["_dmarc.example.org"].value
    assert not [one for one in found if one.type == "TLSA"]


async def test_the_server_s_own_name_and_certificate(tmp_path: Path) -> None:
    clock = ManualClock()
    certificate, _ = self_signed(tmp_path / "tls", ["mx.example.net"], dt.datetime.now(dt.UTC))
    stores = MemoryStore(clock=clock), MemoryBlobs(clock=clock)
    async with over(*stores, clock, random.Random(1), None, CollectorRegistry()) as parts:
        shown = Shown("mx.example.net", certificate, Policy("testing", ("mx.example.net",), 86_400))
        server = AdminServer.over(parts, tmp_path / SOCKET, version="1", shown=shown, drain_s=1)
        await server.start()
        async with connect(tmp_path) as admin:
            await admin.directory.AddDomain(pb.AddDomainRequest(name=DOMAIN))
            request = pb.ListDnsRecordsRequest(domain=DOMAIN)
            found = [one async for one in admin.directory.ListDnsRecords(request)]
            other = pb.ListDnsRecordsRequest(domain=DOMAIN, host="mx2.example.net")
            elsewhere = [one async for one in admin.directory.ListDnsRecords(other)]
        await server.stop()
    digest = hashlib.sha256(public_key_of(certificate)).hexdigest()
    assert (found[-1].name, found[-1].value) == ("_25._tcp.mx.example.net", f"3 1 1 {digest}")
    assert [one.name for one in found if "mta-sts" in one.name] == ["_mta-sts.example.org", "mta-sts.example.org"]
    assert elsewhere[-1].type == "SRV"
    assert not [one for one in elsewhere if "mta-sts" in one.name]


def test_a_certificate_that_cannot_be_read_is_none(tmp_path: Path) -> None:
    rubbish = tmp_path / "rubbish.pem"
    rubbish.write_bytes(b"rubbish")
    assert [public_key_of(path) for path in (None, tmp_path / "none.pem", rubbish, tmp_path)] == [b""] * 4
