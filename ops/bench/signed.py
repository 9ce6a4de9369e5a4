"""Mail as other servers send it, signed and sealed, and a DNS server that knows all that their domains have published.

The law: whatever is checked, passes, so that every check runs to its end: SPF with two includes, DKIM by RSA-2048 and
by Ed25519, one ARC set of RSA-2048, DMARC with p=reject, and an address whose name leads back to it.
"""

import base64
import contextlib
import random
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from cluster.errors import Misconfigured
from mail.trust.arc_seal import seal
from mail.trust.dkim_keys import PublicKey
from mail.trust.dkim_sign import SigningKey, sign
from mail.trust.publish import Record, zone_file
from ops.bench import texts
from ops.bench.peers import ROOT, address, environment
from ops.bench.sending import Letter

ZONE: Final = "test"
REVERSE_ZONE: Final = "127.in-addr.arpa"  # the senders' address is 127.0.0.1
FORWARDER: Final = f"lists.{ZONE}"
PROVIDERS: Final = 10  # whose networks the domains include
RSA_BITS: Final = 2048
BYTES: Final = 4096  # of a message before it is signed
_TOP: Final = """\
$ORIGIN {origin}.
$TTL 3600
@ SOA ns.test. hostmaster.test. 1 7200 3600 86400 900
@ NS ns.test.
"""


class Correspondent(NamedTuple):
    """A domain that sends, with its keys."""

    name: str
    keys: tuple[SigningKey, ...]

    @property
    def helo(self) -> str:
        """Its server's name."""
        return f"mail.{self.name}"


def correspondents(count: int) -> list[Correspondent]:
    """Domains with fresh keys: a tenth of a second each."""
    return [
        Correspondent(name, (rsa_key(name), SigningKey(name, "ed", Ed25519PrivateKey.generate())))
        for name in [f"sender{number}.{ZONE}" for number in range(count)]
    ]


def rsa_key(domain: str) -> SigningKey:
    """A fresh one."""
    return SigningKey(domain, "rsa", generate_private_key(65537, RSA_BITS))


def letters(count: int, accounts: int, senders: Sequence[Correspondent], forwarder: SigningKey) -> list[Letter]:
    """So many messages to the accounts in turn, from one domain after the other, each domain's first before any's
    second."""
    dice, noise, now_s = random.Random(texts.SEED), texts.noise(), int(time.time())  # noqa: S311 - not for secrets
    made = []
    for number in range(count):
        sender, recipient = senders[number % len(senders)], address(number % accounts)
        header = texts.header(number, f"somebody@{sender.name}", recipient)
        plain = header + noise.text(dice, BYTES - len(header))
        signed = sign(plain, sender.keys, now_s) + plain
        payload = f"spf=pass smtp.mailfrom={sender.name}; dkim=pass header.d={sender.name}"
        sealed = seal(signed, FORWARDER, payload, "none", forwarder, now_s) + signed
        made.append(Letter(sender.helo, f"somebody@{sender.name}", recipient, sealed))
    return made


def unsigned_letters(count: int, accounts: int, sender: str) -> list[Letter]:
    """The same without signatures, from one address."""
    dice, noise = random.Random(texts.SEED), texts.noise()  # noqa: S311 - not for secrets
    made = []
    for number in range(count):
        header = texts.header(number, sender, address(number % accounts))
        text = noise.text(dice, BYTES - len(header))
        made.append(Letter("mail.peer.test", sender, address(number % accounts), header + text))
    return made


def zones(senders: Sequence[Correspondent], forwarder: SigningKey) -> dict[str, str]:
    """The zone files, by the names of the zones."""
    found = [_key_record(forwarder), Record(f"_spf.{ZONE}", "TXT", "v=spf1 ip4:127.0.0.0/8 -all", "")]
    found += [
        Record(f"_spf{number}.{ZONE}", "TXT", f"v=spf1 ip4:192.0.2.{number} ip4:198.51.100.0/24 -all", "")
        for number in range(PROVIDERS)
    ]
    addresses = f"client.{ZONE}. A 127.0.0.1\n"
    for number, sender in enumerate(senders):
        includes = f"include:_spf{number % PROVIDERS}.{ZONE} include:_spf.{ZONE}"
        found.append(Record(sender.name, "TXT", f"v=spf1 {includes} -all", ""))
        found.append(Record(sender.helo, "TXT", "v=spf1 a -all", ""))
        found.append(Record(f"_dmarc.{sender.name}", "TXT", "v=DMARC1; p=reject; adkim=s; aspf=s", ""))
        found += [_key_record(key) for key in sender.keys]
        addresses += f"{sender.helo}. A 127.0.0.1\n"
    return {
        ZONE: _TOP.format(origin=ZONE) + addresses + zone_file(found),
        REVERSE_ZONE: _TOP.format(origin=REVERSE_ZONE) + f"1.0.0 PTR client.{ZONE}.\n",
    }


def _key_record(key: SigningKey) -> Record:
    public: PublicKey = key.key.public_key()
    if isinstance(public, RSAPublicKey):
        kind, data = "rsa", public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    else:
        kind, data = "ed25519", public.public_bytes(Encoding.Raw, PublicFormat.Raw)
    text = f"v=DKIM1; k={kind}; p={base64.b64encode(data).decode()}"
    return Record(f"{key.selector}._domainkey.{key.domain}", "TXT", text, "")


@contextlib.contextmanager
def name_server(files: dict[str, str], directory: Path) -> Iterator[str]:
    """The tests' DNS server as a process of its own; gives its address. Raises Misconfigured without a checkout."""
    if not (ROOT / "tests" / "dns_server.py").exists():
        raise Misconfigured(f"{ROOT / 'tests'} is missing: this is measured from a checkout.")
    for name, text in files.items():
        (directory / name).write_text(text)
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.dns_server", *[str(directory / name) for name in files]],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment(),
        cwd=ROOT,
        start_new_session=True,
    )
    try:
        assert process.stdout is not None
        where = process.stdout.readline().decode().strip()
        if not where:
            raise RuntimeError("the DNS server did not come up")
        yield where
    finally:
        process.kill()
        process.communicate()
