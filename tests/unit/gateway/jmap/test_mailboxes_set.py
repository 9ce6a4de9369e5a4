"""Mailbox/set, in the log."""

from actors.mailbox import events as ev
from tests.unit.gateway.imap.world import ALICE
from tests.unit.gateway.jmap.world import World


async def test_who_looks_while_names_are_handed_on_sees_no_other_names() -> None:
    async with World() as world:
        names = {"One", "Two", "Three"}
        made = await world.call("alice", "Mailbox/set", create={name: {"name": name} for name in names})
        ids = {name: one["id"] for name, one in made["created"].items()}
        wanted = {ids["One"]: {"name": "Two"}, ids["Two"]: {"name": "Three"}, ids["Three"]: {"name": "One"}}
        done = await world.call("alice", "Mailbox/set", update=wanted)
        assert done["notUpdated"] is None
        since, until = int(done["oldState"]), int(done["newState"])
        entries = [entry async for page in world.mail.log(ALICE, since, until) for _modseq, entry in page]
        renamed = [[one.name for one in entry.events if isinstance(one, ev.MailboxRenamed)] for entry in entries]
        assert [set(found) for found in renamed if found] == [names]
