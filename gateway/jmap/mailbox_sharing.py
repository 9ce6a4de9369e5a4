"""Mailbox/set of `shareWith` (RFC 9670 4).

The law: it is what SETACL is over IMAP, one identifier after the other; entries that take rights away, and letters that
are no right of JMAP's, stay. Nobody is given anything whom the client may not know of.
"""

from collections.abc import Mapping

from actors.mailbox.types import Acl
from gateway.access import sharing
from gateway.jmap import mailbox_rights, principal_ids
from gateway.jmap.mailbox_rights import Given
from gateway.jmap.principals import book_of
from gateway.jmap.turn import Reached, Turn
from mail.jmap.errors import invalid_properties


class Sharing:
    """Of the mailboxes of one account."""

    def __init__(self, turn: Turn, reached: Reached) -> None:
        self._turn = turn
        self._reached = reached

    async def plan(self, acl: Acl, wanted: Given) -> dict[str, str]:
        """The letters that identifiers are to have instead of those that they have. Raises SetError for whom nothing
        can be given."""
        after: dict[str, str] = {}
        left = dict(wanted)
        for identifier, letters in acl:
            principal = principal_ids.of_identifier(identifier)
            if principal is not None:
                given = left.pop(principal, None)
                after[identifier] = mailbox_rights.letters_after(letters, given) if given is not None else ""
        after |= await self._new(left)
        held = dict(acl)
        return {identifier: letters for identifier, letters in after.items() if letters != held.get(identifier, "")}

    async def _new(self, wanted: Given) -> dict[str, str]:
        """The letters of whom it was not shared with before."""
        if principal_ids.of_user(self._reached.number) in wanted:
            raise invalid_properties({"shareWith": "the owner of a mailbox has all rights, always"})
        found: dict[str, str] = {}
        book = await book_of(self._turn, self._turn.own_id) if wanted else None
        for principal, given in wanted.items():
            identifier = principal_ids.identifier_of(principal)
            if identifier is None or book is None or await book.find(principal) is None:
                raise invalid_properties({"shareWith": f"there is no principal {principal[:100]}"})
            found[identifier] = mailbox_rights.letters_after("", given)
        return found

    async def carry_out(self, name: str, plan: Mapping[str, str]) -> None:
        """Give these letters; what the client has himself comes last. Raises Trouble."""
        by = sharing.By(self._turn.account, self._turn.login)
        place = sharing.Place(self._reached.number, name, self._reached.who)
        own = self._reached.who.names if self._reached.who is not None else frozenset()
        for identifier in sorted(plan, key=lambda one: one in own):
            await sharing.give(self._turn.services, by, place, identifier, plan[identifier], "replace")
