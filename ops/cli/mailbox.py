"""`rookery mailbox`: an account's mailboxes, and whom they are shared with.

The law: an operator may do what the account's owner may; what a client shows of it is said by IMAP (RFC 4314).
"""

from pathlib import Path
from typing import Final

import click

from ops.cli.connect import Admin, ask, data_option
from ops.cli.output import Group, json_option, plain, print_json, print_table, size
from wire import admin_pb2 as pb

# Words for what is mostly meant; other combinations are letters of RFC 4314 2.1.
_RIGHTS: Final = {"read": "lrs", "write": "lrswite", "all": "lrswipkxtea", "none": ""}


@click.group(cls=Group)
def mailbox() -> None:
    """An account's mailboxes, and whom they are shared with.

    \b
      rookery mailbox list alice@example.org
      rookery mailbox share alice@example.org INBOX bob@example.org read
    """


@mailbox.command("list")
@click.argument("address")
@json_option
@data_option
def list_(address: str, as_json: bool, data: Path) -> None:
    """Show the mailboxes of an account.

    \b
      rookery mailbox list alice@example.org
    """

    async def listing(server: Admin) -> pb.MailboxTree:
        return await server.mailboxes.ListMailboxes(pb.ListMailboxesRequest(account=address))

    _told(list(ask(data, listing).mailboxes), as_json=as_json)


@mailbox.command()
@click.argument("address")
@click.argument("name")
@json_option
@data_option
def create(address: str, name: str, as_json: bool, data: Path) -> None:
    """Make a mailbox; levels of its name are apart by /.

    \b
      rookery mailbox create support@example.org Answered/2026
    """

    async def creating(server: Admin) -> pb.Mailbox:
        return await server.mailboxes.CreateMailbox(pb.CreateMailboxRequest(account=address, name=name))

    _told([ask(data, creating)], as_json=as_json)


@mailbox.command()
@click.argument("address")
@click.argument("name")
@click.argument("identifier")
@click.argument("rights")
@click.option("--add", "mode", flag_value="ADD", help="These rights besides those that are there.")
@click.option("--remove", "mode", flag_value="REMOVE", help="Take these rights away.")
@json_option
@data_option
def share(address: str, name: str, identifier: str, rights: str, mode: str | None, as_json: bool, data: Path) -> None:
    """Say what IDENTIFIER may do with a mailbox of ADDRESS: a login, anyone, or group:ADDRESS of a group.

    RIGHTS are read, write, all or none, or letters of RFC 4314: l see it, r read, s keep what is seen, w other flags,
    i put mail in, p post, k create below, x delete, t mark as deleted, e expunge, a administer. They replace what was
    there. Behind a -, as in -bob@example.org, IDENTIFIER is whom these rights are taken from, whatever gives them; a --
    stands before it.

    \b
      rookery mailbox share alice@example.org INBOX bob@example.org read
      rookery mailbox share support@example.org INBOX group:staff@example.org all
      rookery mailbox share alice@example.org INBOX bob@example.org none
      rookery mailbox share alice@example.org INBOX bob@example.org wt --add
      rookery mailbox share alice@example.org INBOX -- -bob@example.org e
    """
    rights = rights.lower()
    if rights not in _RIGHTS and mode is None and identifier[:1] != "-" and "r" in rights and "l" not in rights:
        # `red`, `writ` and `rite` are letters of rights too.
        raise click.UsageError(f"{rights!r} is no word of read, write, all, none; as letters, r needs l: to see it.")
    request = pb.ShareMailboxRequest(
        account=address,
        name=name,
        grant=pb.Grant(identifier=identifier, rights=_RIGHTS.get(rights, rights)),
        mode=pb.RightsMode.Value(f"RIGHTS_MODE_{mode or 'UNSPECIFIED'}"),
    )

    async def sharing(server: Admin) -> pb.Mailbox:
        return await server.mailboxes.ShareMailbox(request)

    _told([ask(data, sharing)], as_json=as_json)


def _told(boxes: list[pb.Mailbox], *, as_json: bool) -> None:
    if as_json:
        print_json(map(plain, boxes))
        return
    rows = [
        (
            box.name,
            box.role,
            str(box.messages),
            size(box.bytes),
            "\n".join(f"{grant.identifier} {grant.rights}" for grant in box.grants),
        )
        for box in boxes
    ]
    print_table(("Mailbox", "Use", "Messages", "Size", "Shared with"), rows, empty="There are no mailboxes.")
