"""What the checks on mail from outside cost, all and one by one; and what a DKIM signature on mail that leaves costs.

The law: all servers of a round get the very same letters, of which every check passes, and differ in one setting only.
CPU is that of the server's process tree; senders and the DNS server have their own. The letters come from many domains:
each domain's first is asked for in the DNS (told apart as "first of a domain"), the rest are answered from the cache.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from ops.bench import processes, signed
from ops.bench.delivery import Make, Scratch, Told, turns
from ops.bench.figures import Value
from ops.bench.peers import DOMAIN, OURS, Rookery, free_ports
from ops.bench.sending import Letter, Post, post
from ops.bench.wire import Client

ACCOUNTS: Final = 20
MESSAGES: Final = 2_000
DOMAINS: Final = 200
QUICK: Final = (60, 10)  # messages, domains
NONE: Final = "no checks"
ALL: Final = "all checks"
CHECKS: Final = ("iprev", "spf", "dkim", "arc", "dmarc")
CASES: Final = {NONE: (), ALL: CHECKS, **{f"{check} only": (check,) for check in CHECKS}}
UNSIGNED: Final = "unsigned"
SIGNING: Final = {
    UNSIGNED: (),
    "DKIM by RSA-2048": ("rsa-sha256",),
    "DKIM by Ed25519": ("ed25519-sha256",),
    "DKIM by both": ("rsa-sha256", "ed25519-sha256"),
}
# What a checked message says of itself, by the check.
PASSED: Final = {
    "iprev": b"iprev=pass",
    "spf": b"smtp.mailfrom=sender",
    "dkim": b"header.a=ed25519-sha256",
    "arc": b"arc=pass",
    "dmarc": b"dmarc=",  # by itself it fails: there is nothing to be aligned with
}


@dataclass
class CheckingRookery(Rookery):
    """Ours, with some checks, and a DNS server. What fails DMARC is taken: a check by itself must not refuse mail."""

    dns: str = ""

    @property
    def settings(self) -> str:
        """As it is measured elsewhere, and these."""
        return f"""{super().settings}
[dns]
servers = ["{self.dns}"]
[screen]
dmarc = "note"
"""


@dataclass
class SigningRookery(Rookery):
    """Ours, for a client that may relay, so that its mail is signed if the domain has keys."""

    algorithms: tuple[str, ...] = ()

    @property
    def settings(self) -> str:
        """As it is measured elsewhere, and who may relay."""
        return f'{super().settings}\n[smtp]\nrelay_from = ["127.0.0.0/8"]\n'

    def furnish(self, accounts: int) -> None:
        """With keys."""
        super().furnish(accounts)
        for algorithm in self.algorithms:
            self._load(algorithm, 1)


def measure(make: dict[str, Make], directory: Scratch, rounds: int, *, quick: bool, told: Told) -> Iterator[Value]:  # noqa: ARG001 - every part's signature; others have no such checks
    """Coming in, then going out."""
    count, domains = QUICK if quick else (MESSAGES, DOMAINS)
    told(f"inbound: {domains} domains get their keys")
    yield from coming_in(count, domains, directory, rounds, told)
    yield from going_out(count, directory, rounds, told)


def coming_in(count: int, domains: int, directory: Scratch, rounds: int, told: Told) -> Iterator[Value]:
    """The cases taking turns, each on an empty directory each time."""
    senders, forwarder = signed.correspondents(domains), signed.rsa_key(signed.FORWARDER)
    letters = signed.letters(count, ACCOUNTS, senders, forwarder)
    files = signed.zones(senders, forwarder)
    with post(letters) as sender:
        for number in range(rounds):
            taken: dict[str, list[Value]] = {}
            for case in turns(list(CASES), number):
                told(f"inbound: round {number + 1} of {rounds}, {case}")
                with directory() as path, signed.name_server(files, path) as dns:
                    server = CheckingRookery(path, free_ports(), checks=CASES[case], dns=dns)
                    taken[case] = list(checked_round(server, case, sender, letters, domains))
            yield from with_costs(taken, NONE)


def going_out(count: int, directory: Scratch, rounds: int, told: Told) -> Iterator[Value]:
    """The same for signatures."""
    letters = signed.unsigned_letters(count, ACCOUNTS, f"user0@{DOMAIN}")
    with post(letters) as sender:
        for number in range(rounds):
            taken: dict[str, list[Value]] = {}
            for case in turns(list(SIGNING), number):
                told(f"inbound: round {number + 1} of {rounds}, {case}")
                with directory() as path:
                    server = SigningRookery(path, free_ports(), algorithms=SIGNING[case])
                    taken[case] = list(signing_round(server, case, sender, len(letters)))
            yield from with_costs(taken, UNSIGNED)


def checked_round(
    server: CheckingRookery, case: str, sender: Post, letters: Sequence[Letter], domains: int
) -> Iterator[Value]:
    """Each domain's first letter, then the rest; one message is looked at, whether it was checked."""
    server.furnish(ACCOUNTS)
    with server.running() as roots:
        first = list(timed(server, roots, f"{case}, first of a domain", sender, range(domains)))
        yield from first if case in (NONE, ALL) else []
        yield from timed(server, roots, case, sender, range(domains, len(letters)))
        head = newest_header(server)
    for check in CHECKS:
        expected = check in server.checks
        if (PASSED[check] in head) != expected or (case == ALL and b"dmarc=pass" not in head):
            raise RuntimeError(f"{case}: {check} was {'not ' if expected else ''}made: {head.decode()}")


def signing_round(server: SigningRookery, case: str, sender: Post, count: int) -> Iterator[Value]:
    """All letters; one message is looked at, whether it was signed."""
    server.furnish(ACCOUNTS)
    with server.running() as roots:
        sender.send(range(ACCOUNTS), server.ports.smtp)  # so that keys, and all else, are at hand
        yield from timed(server, roots, case, sender, range(ACCOUNTS, count))
        head = newest_header(server)
    if head.count(b"DKIM-Signature:") != len(server.algorithms):
        raise RuntimeError(f"{case}: {head.decode()}")


def timed(server: Rookery, roots: list[int], what: str, sender: Post, numbers: range) -> Iterator[Value]:
    """Send these letters."""
    cpu_s, started = processes.cpu_s(roots), time.monotonic()
    sender.send(numbers, server.ports.smtp)
    taken_s, cpu_s = time.monotonic() - started, processes.cpu_s(roots) - cpu_s
    yield Value(what, "messages/s", OURS, len(numbers) / taken_s)
    yield Value(what, "ms/message", OURS, cpu_s / len(numbers) * 1000)


def newest_header(server: Rookery) -> bytes:
    """The header of the last message in the first account, as IMAP has it."""
    client = Client(server.ports.imap, 0)
    try:
        client.command(b"EXAMINE INBOX")
        return client.command(b"FETCH * BODY.PEEK[HEADER.FIELDS (Authentication-Results DKIM-Signature)]")
    finally:
        client.close()


def with_costs(taken: dict[str, list[Value]], without: str) -> Iterator[Value]:
    """The values of a round in the order of the cases, and how much more CPU than without each case took."""
    base = {value.what: value.value for value in taken[without] if value.unit == "ms/message"}
    cases = [case for case in (*CASES, *SIGNING) if case in taken]
    for case in cases:
        yield from taken[case]
    for case in cases[1:]:
        for value in taken[case]:
            if value.unit == "ms/message":
                more = value.value - base[value.what.replace(case, without)]
                yield Value(f"{value.what}: more than {without}", value.unit, OURS, more)
