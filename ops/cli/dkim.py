"""`rookery domain dkim`: the keys that sign a domain's mail."""

import datetime as dt
from pathlib import Path
from typing import Any, Final

import click

from ops.cli.connect import Admin, ask, data_option
from ops.cli.output import Group, json_option, plain, print_json, print_table
from wire import admin_pb2 as pb

KEY_BYTES_MAX: Final = 64 * 1024  # of a file with a private key; one of 8192 bits has 6 kB
_ALGORITHMS: Final = {"rsa": "rsa-sha256", "ed25519": "ed25519-sha256"}
_STATES: Final = {
    pb.DKIM_STATE_WAITING: "waiting for its record",
    pb.DKIM_STATE_ACTIVE: "signs",
    pb.DKIM_STATE_RETIRED: "retired",
}


@click.group(cls=Group)
def dkim() -> None:
    """Keys that sign a domain's mail. A new key waits until its record is published; see `rookery domain dns`.

    \b
      rookery domain dkim rotate example.org       new keys, RSA and Ed25519
      rookery domain dns example.org               what to publish
      rookery domain dkim activate example.org r20261130
    """


@dkim.command()
@click.argument("domain")
@click.option("--algorithm", type=click.Choice(list(_ALGORITHMS)), help="Of a key to be made. [default: rsa]")
@click.option(
    "--from",
    "file",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="A file with a private key instead: PEM or DER, without a password.",
)
@click.option("--selector", default="", help="Its name. [default: made from the date]")
@click.option("--active", is_flag=True, help="Sign with it at once: its record is published already.")
@json_option
@data_option
def add(
    domain: str, algorithm: str | None, file: Path | None, selector: str, active: bool, as_json: bool, data: Path
) -> None:
    """Make a key, or take one from a file.

    \b
      rookery domain dkim add example.org --algorithm ed25519
      rookery domain dkim add example.org --from old.pem --selector mail2020 --active
    """
    if file is not None and algorithm is not None:
        raise click.UsageError("--from and --algorithm contradict each other.")
    if file is not None and file.stat().st_size > KEY_BYTES_MAX:
        raise click.UsageError(f"{file} is too large for a private key.")
    request = pb.AddDkimKeyRequest(
        domain=domain,
        algorithm="" if file else _ALGORITHMS[algorithm or "rsa"],
        private_key=file.read_bytes() if file else b"",
        selector=selector,
        active=active,
    )

    async def adding(server: Admin) -> list[pb.DkimKey]:
        return [await server.directory.AddDkimKey(request)]

    _told(ask(data, adding), as_json=as_json)


@dkim.command("list")
@click.argument("domain")
@json_option
@data_option
def list_(domain: str, as_json: bool, data: Path) -> None:
    """Show a domain's keys. Private halves are never shown.

    \b
      rookery domain dkim list example.org
    """

    async def listing(server: Admin) -> list[pb.DkimKey]:
        return [key async for key in server.directory.ListDkimKeys(pb.ListDkimKeysRequest(domain=domain))]

    _told(ask(data, listing), as_json=as_json)


@dkim.command()
@click.argument("domain")
@json_option
@data_option
def rotate(domain: str, as_json: bool, data: Path) -> None:
    """Make new keys beside those that sign; they wait for their records. Once active, they retire the old ones.

    \b
      rookery domain dkim rotate example.org
    """

    async def rotating(server: Admin) -> list[pb.DkimKey]:
        return [key async for key in server.directory.RotateDkimKeys(pb.RotateDkimKeysRequest(domain=domain))]

    _told(
        ask(data, rotating),
        as_json=as_json,
        empty=f"{domain} has keys that wait already: rookery domain dkim list {domain}",
    )


@dkim.command()
@click.argument("domain")
@click.argument("selector")
@json_option
@data_option
def activate(domain: str, selector: str, as_json: bool, data: Path) -> None:
    """Sign with a key; the one of its algorithm that signed until now is retired.

    \b
      rookery domain dkim activate example.org r20261130
    """
    _change(data, domain, selector, pb.DKIM_STATE_ACTIVE, as_json=as_json)


@dkim.command()
@click.argument("domain")
@click.argument("selector")
@json_option
@data_option
def retire(domain: str, selector: str, as_json: bool, data: Path) -> None:
    """Sign no more with a key. Leave its record published until mail that it signed has arrived.

    \b
      rookery domain dkim retire example.org r20261130
    """
    _change(data, domain, selector, pb.DKIM_STATE_RETIRED, as_json=as_json)


@dkim.command()
@click.argument("domain")
@click.argument("selector")
@data_option
def remove(domain: str, selector: str, data: Path) -> None:
    """Remove a key that does not sign.

    \b
      rookery domain dkim remove example.org r20261130
    """

    async def removing(server: Admin) -> None:
        await server.directory.RemoveDkimKey(pb.RemoveDkimKeyRequest(domain=domain, selector=selector))

    ask(data, removing)
    click.echo(
        f"Removed {selector} of {domain}; remove its record too, once mail that it signed has arrived.", err=True
    )


def _change(data: Path, domain: str, selector: str, state: Any, *, as_json: bool) -> None:
    request = pb.ChangeDkimKeyRequest(domain=domain, selector=selector, state=state)

    async def changing(server: Admin) -> list[pb.DkimKey]:
        return [await server.directory.ChangeDkimKey(request)]

    _told(ask(data, changing), as_json=as_json)


def _told(keys: list[pb.DkimKey], *, as_json: bool, empty: str = "") -> None:
    if as_json:
        print_json(map(plain, keys))
        return
    print_table(
        ("Selector", "Algorithm", "Bits", "State", "Since", "Record"),
        [
            (
                key.selector,
                key.algorithm,
                str(key.bits),
                _STATES.get(key.state, "unknown"),
                f"{dt.datetime.fromtimestamp(key.changed_ms / 1000, dt.UTC):%Y-%m-%d}",
                f"{key.selector}._domainkey.{key.domain}",
            )
            for key in keys
        ],
        empty=empty or "The domain has no keys yet: rookery domain dkim rotate DOMAIN",
    )
