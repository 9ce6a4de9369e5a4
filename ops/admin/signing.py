"""DKIM keys and DNS records for operators: the part of the Directory service that is about them.

The law: nothing is decided here; no answer and no log line has a private key.
"""

# ruff: noqa: N802, ARG002 (names and signatures are gRPC's)
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import grpc
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from actors.directory import types
from actors.directory.addresses import parse_domain
from actors.directory.client import DirectoryClient
from mail.trust.mtasts import Policy
from mail.trust.publish import DkimRecord, records
from ops.admin.errors import Unclear
from wire import admin_pb2 as pb

Context = grpc.aio.ServicerContext[Any, Any]

CERTIFICATE_BYTES_MAX: Final = 256 * 1024  # of a PEM file with its chain
_STATES: Final = {
    types.DkimState.WAITING: pb.DKIM_STATE_WAITING,
    types.DkimState.ACTIVE: pb.DKIM_STATE_ACTIVE,
    types.DkimState.RETIRED: pb.DKIM_STATE_RETIRED,
}


class Shown(NamedTuple):
    """What a server shows to others: its name, the file with the certificate of its ports, its MTA-STS policy, whether
    it serves POP3, and the port where it serves JMAP, 0: none; and to operators the names of its routes, None where its
    settings are not known."""

    hostname: str = ""
    certificate: Path | None = None
    policy: Policy | None = None
    routes: frozenset[str] | None = None
    pop3: bool = False
    jmap_port: int = 0


class SigningCalls:
    """Calls of rookery.admin.v1.Directory, as the schema tells them."""

    _directory: DirectoryClient
    _shown: Shown

    async def AddDkimKey(self, request: pb.AddDkimKeyRequest, context: Context) -> pb.DkimKey:
        """A key, made or given."""
        if bool(request.private_key) == bool(request.algorithm):
            raise Unclear("Say which algorithm the key is to be made for, or give a private key.")
        return _key(
            await self._directory.add_dkim_key(
                request.domain,
                algorithm=request.algorithm,
                private=request.private_key,
                selector=request.selector,
                active=request.active,
            )
        )

    async def ListDkimKeys(self, request: pb.ListDkimKeysRequest, context: Context) -> AsyncIterator[pb.DkimKey]:
        """All keys of a domain."""
        for key in await self._directory.list_dkim_keys(request.domain):
            yield _key(key)

    async def ChangeDkimKey(self, request: pb.ChangeDkimKeyRequest, context: Context) -> pb.DkimKey:
        """Put a key into another state."""
        state = next((state for state, number in _STATES.items() if number == request.state), None)
        if state is None:
            raise Unclear("Say whether the key is to wait, to sign or to retire.")
        return _key(await self._directory.change_dkim_key(request.domain, request.selector, state))

    async def RemoveDkimKey(self, request: pb.RemoveDkimKeyRequest, context: Context) -> pb.RemoveDkimKeyResponse:
        """Remove a key that does not sign."""
        await self._directory.remove_dkim_key(request.domain, request.selector)
        return pb.RemoveDkimKeyResponse()

    async def RotateDkimKeys(self, request: pb.RotateDkimKeysRequest, context: Context) -> AsyncIterator[pb.DkimKey]:
        """New keys beside those that sign."""
        for key in await self._directory.rotate_dkim_keys(request.domain):
            yield _key(key)

    async def ListDnsRecords(self, request: pb.ListDnsRecordsRequest, context: Context) -> AsyncIterator[pb.DnsRecord]:
        """What the domain should publish."""
        domain = await self._directory.get_domain(request.domain)
        named = request.host or self._shown.hostname
        host = parse_domain(named) if named else ""
        if "." not in host or host.startswith("["):
            raise Unclear(_nameless(named))
        keys = [
            DkimRecord(key.selector, key.record, signs=key.state is types.DkimState.ACTIVE)
            for key in await self._directory.list_dkim_keys(domain.name)
        ]
        shown = self._shown if host == self._shown.hostname.lower() else Shown()
        told = records(
            domain.name,
            host,
            keys,
            certificate=public_key_of(shown.certificate),
            policy=shown.policy,
            reports=request.reports,
            pop3=shown.pop3,
            jmap_port=shown.jmap_port,
        )
        for one in told:
            yield pb.DnsRecord(name=one.name, type=one.kind, value=one.value, purpose=one.purpose, needed=one.needed)


def _nameless(named: str) -> str:
    who = f"{named[:100]!r} is no name that other servers can look up" if named else "no settings are at hand"
    return (
        f"Say which host takes the domain's mail, such as --host mx.example.org (or `hostname` in the settings): {who}."
    )


def public_key_of(certificate: Path | None) -> bytes:
    """The SubjectPublicKeyInfo of the first certificate in a PEM file; empty where there is none to read."""
    try:
        pem = certificate.read_bytes()[:CERTIFICATE_BYTES_MAX] if certificate else b""
        found = x509.load_pem_x509_certificate(pem)
    except (OSError, ValueError):
        return b""
    return found.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _key(key: types.DkimKey) -> pb.DkimKey:
    return pb.DkimKey(
        domain=key.domain,
        selector=key.selector,
        algorithm=key.algorithm,
        bits=key.bits,
        state=_STATES[key.state],
        created_ms=key.created_ms,
        changed_ms=key.changed_ms,
        record=key.record,
    )
