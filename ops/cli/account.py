"""`rookery account`: people with a mailbox.

The law: a password is never an argument.
"""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

import click

from ops.cli.connect import Admin, ask, data_option
from ops.cli.output import Group, Size, json_option, plain, print_json, print_table, size
from ops.cli.password import chosen, password_options
from ops.cli.proofs import app_password, program, second_factor
from wire import admin_pb2 as pb

COUNT: Final = click.IntRange(0, 2**63 - 1)


@click.group(cls=Group)
def account() -> None:
    """People with a mailbox: their addresses, passwords and quotas.

    \b
      rookery account add alice@example.org
      rookery account quota alice@example.org 5G
    """


@account.command()
@click.argument("address")
@click.option("--also", "addresses", multiple=True, metavar="ADDRESS", help="One more address; may be repeated.")
@click.option("--quota", "quota_bytes", type=Size(), default=0, help="What the mailbox may hold, like 5G; 0: no limit.")
@click.option("--messages", "quota_messages", type=COUNT, default=0, help="How many messages; 0: no limit.")
@click.option("--shared", is_flag=True, help="Nobody logs in: its mailboxes are for those they are shared with.")
@password_options
@json_option
@data_option
def add(
    address: str,
    addresses: tuple[str, ...],
    quota_bytes: int,
    quota_messages: int,
    shared: bool,
    password_stdin: bool,
    generate: bool,
    as_json: bool,
    data: Path,
) -> None:
    """Make an account that logs in by ADDRESS. Asks for a password where none is given another way.

    \b
      rookery account add alice@example.org --quota 5G
      rookery account add bob@example.org --generate
      pass show mail/eve | rookery account add eve@example.org --password-stdin
      rookery account add support@example.org --shared
      rookery mailbox share support@example.org INBOX group:staff@example.org all
    """
    if shared and (password_stdin or generate):
        raise click.UsageError("A shared account has no password: nobody logs in as it.")
    password = "" if shared else chosen(password_stdin=password_stdin, generate=generate)
    request = pb.AddAccountRequest(
        login=address,
        password=password,
        addresses=addresses,
        quota_bytes=quota_bytes,
        quota_messages=quota_messages,
        shared=shared,
    )

    async def adding(server: Admin) -> pb.Account:
        return await server.directory.AddAccount(request)

    _told([ask(data, adding)], as_json=as_json, password=password if generate else "")


@account.command("list")
@click.argument("domain", default="")
@click.option("--usage", is_flag=True, help="What each mailbox holds; takes a while for many accounts.")
@json_option
@data_option
def list_(domain: str, usage: bool, as_json: bool, data: Path) -> None:
    """Show the accounts of DOMAIN, or all.

    \b
      rookery account list
      rookery account list example.org --usage
    """

    async def listing(server: Admin) -> list[pb.Account]:
        request = pb.ListAccountsRequest(domain=domain, usage=usage)
        return [found async for found in server.directory.ListAccounts(request)]

    _told(ask(data, listing), as_json=as_json)


@account.command()
@click.argument("address")
@json_option
@data_option
def show(address: str, as_json: bool, data: Path) -> None:
    """Show one account with what its mailbox holds.

    \b
      rookery account show alice@example.org
    """

    async def showing(server: Admin) -> pb.Account:
        return await server.directory.GetAccount(pb.GetAccountRequest(login=address, usage=True))

    _told([ask(data, showing)], as_json=as_json)


@account.command()
@click.argument("address")
@click.option("--add-address", "added", multiple=True, metavar="ADDRESS", help="One more address; may be repeated.")
@click.option("--remove-address", "removed", multiple=True, metavar="ADDRESS", help="May be repeated.")
@click.option("--disable/--enable", "disabled", default=None, help="Shut the account out: no log-in, no mail; or not.")
@click.option(
    "--administrator/--no-administrator", default=None, help="Let it set the quotas of others over IMAP; or not."
)
@json_option
@data_option
def change(
    address: str,
    added: tuple[str, ...],
    removed: tuple[str, ...],
    disabled: bool | None,
    administrator: bool | None,
    as_json: bool,
    data: Path,
) -> None:
    """Change the addresses of an account, shut it out, or make it an administrator.

    \b
      rookery account change alice@example.org --add-address sales@example.org
      rookery account change alice@example.org --disable
    """
    request = pb.ChangeAccountRequest(
        login=address,
        add_addresses=added,
        remove_addresses=removed,
        disabled=disabled,
        administrator=administrator,
    )
    _told([ask(data, _changing(request))], as_json=as_json)


@account.command()
@click.argument("address")
@click.argument("quota", type=Size())
@click.option("--messages", type=COUNT, default=None, help="How many messages; 0: no limit.")
@json_option
@data_option
def quota(address: str, quota: int, messages: int | None, as_json: bool, data: Path) -> None:
    """Limit what a mailbox may hold, like 500M or 5G; 0 is no limit.

    \b
      rookery account quota alice@example.org 5G
      rookery account quota alice@example.org 0 --messages 100000
    """
    request = pb.ChangeAccountRequest(login=address, quota_bytes=quota, quota_messages=messages)
    _told([ask(data, _changing(request))], as_json=as_json)


@account.command()
@click.argument("address")
@password_options
@data_option
def password(address: str, password_stdin: bool, generate: bool, data: Path) -> None:
    """Give an account another password. Asks for it where it is not given another way.

    \b
      rookery account password alice@example.org
      rookery account password alice@example.org --generate
    """
    fresh = chosen(password_stdin=password_stdin, generate=generate)

    async def setting(server: Admin) -> None:
        await server.directory.SetPassword(pb.SetPasswordRequest(login=address, password=fresh))

    ask(data, setting)
    click.echo(f"{address} has another password.", err=True)
    if generate:
        click.echo(fresh)


@account.command()
@click.argument("address")
@click.option("--yes", is_flag=True, help="Do not ask.")
@data_option
def remove(address: str, yes: bool, data: Path) -> None:
    """Remove an account with its addresses and all its mail.

    \b
      rookery export alice@example.org alice-mail
      rookery account remove alice@example.org
    """
    if not yes:
        click.confirm(f"Remove {address} with all its mail, for ever?", abort=True, err=True)

    async def removing(server: Admin) -> None:
        await server.directory.RemoveAccount(pb.RemoveAccountRequest(login=address))

    ask(data, removing)
    click.echo(f"Removed {address}.", err=True)


account.add_command(app_password)
account.add_command(second_factor)
account.add_command(program)


def _changing(request: pb.ChangeAccountRequest) -> Callable[[Admin], Awaitable[pb.Account]]:
    async def changing(server: Admin) -> pb.Account:
        return await server.directory.ChangeAccount(request)

    return changing


def _told(accounts: list[pb.Account], *, as_json: bool, password: str = "") -> None:
    if as_json:
        extra = {"password": password} if password else {}
        print_json(plain(found) | extra for found in accounts)
        return
    with_usage = any(found.HasField("usage") for found in accounts)
    columns = ("Login", "Other addresses", "Quota", *(("Holds",) if with_usage else ()), "State")
    rows = [
        (
            found.login,
            "\n".join(found.addresses[1:]),
            _limit(found.quota_bytes, found.quota_messages),
            *((f"{size(found.usage.bytes)}, {found.usage.messages} messages",) if with_usage else ()),
            _state(found),
        )
        for found in accounts
    ]
    print_table(columns, rows, empty="There are no accounts yet: rookery account add ADDRESS")
    if password:
        click.echo(f"Password: {password}")


def _limit(quota_bytes: int, messages: int) -> str:
    limits = [size(quota_bytes)] * bool(quota_bytes) + [f"{messages} messages"] * bool(messages)
    return ", ".join(limits) or "no limit"


def _state(account: pb.Account) -> str:
    words = ["disabled" if account.disabled else "active"]
    words += ["shared"] * account.shared + ["administrator"] * account.administrator
    return ", ".join(words)
