"""Mailbox/set (RFC 8621 2.5).

The law: each mailbox is changed by the commands that IMAP has, so both obey the same rules; what a change needs and
cannot have refuses all of it before anything of it is done, as far as that can be known.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

from actors.mailbox import names
from actors.mailbox.rights import ADMINISTER, ANNOTATE, REMOVE, need_any
from actors.mailbox.sight import Mailbox, Sight
from actors.mailbox.types import DEPTH_MAX, INBOX, NAME_BYTES_MAX, SEPARATOR, USES_TO_GIVE
from cluster.errors import AlreadyExists, OverLimit, Refused, Unsuitable
from gateway.access import subscribing
from gateway.imap.places import prefix_of
from gateway.jmap.mailbox_rights import Given
from gateway.jmap.mailbox_sharing import Sharing
from gateway.jmap.mailboxes import SORT_ORDER, Shower
from gateway.jmap.mailboxes_order import Part, hindered, parents_first
from gateway.jmap.positions import Position, check_state, state
from gateway.jmap.setting import Outcome, each
from gateway.jmap.standard import Answer
from gateway.jmap.turn import Reached, Turn
from mail.jmap.capabilities import PRINCIPALS
from mail.jmap.errors import SetError, invalid_properties
from mail.jmap.methods import special
from mail.jmap.objects.kinds import added, retold
from mail.jmap.objects.mailbox import MAILBOX
from mail.jmap.objects.names import PROPERTIES

WISH: Final = "isSubscribed"


async def set_(turn: Turn, asked: special.MailboxSet) -> Answer:
    """RFC 8621 2.5."""
    reached = await turn.reach(asked.account_id)
    if not _says_wishes_alone(asked):
        await turn.check_writable(asked.account_id)
    account = (await turn.sight(reached)).account
    old = account.stamp("Mailbox")
    check_state(asked.if_in_state, old, account.modseq)
    turn.created.need_room(len(asked.create or ()))
    outcome, setter = Outcome(), _Setter(turn, reached, removes_emails=asked.on_destroy_remove_emails)
    gone: dict[str, Any] = {}
    parts = (
        Part(parents_first(asked.create or {}), setter.create, outcome.created, outcome.not_created, {}),
        Part(asked.update or {}, setter.update, outcome.updated, outcome.not_updated, {}),
        Part(await setter.deepest_first(asked.destroy or ()), setter.destroy, gone, outcome.not_destroyed, {}),
    )
    for part in parts:
        await each(part.given, part.do, part.done, part.failed)
    await hindered(parts, turn.created.find, setter)
    outcome.destroyed = list(gone)
    new = (await turn.sight(reached)).account.stamp("Mailbox")
    return outcome.answer(asked.account_id, state(Position(old)), state(Position(new)), turn.created.find)


def _says_wishes_alone(asked: special.MailboxSet) -> bool:
    """Whether all that is to change is what the client wishes to see."""
    patches = (asked.update or {}).values()
    return bool(patches) and not asked.create and not asked.destroy and all(set(one) == {WISH} for one in patches)


class _Setter:
    def __init__(self, turn: Turn, reached: Reached, *, removes_emails: bool) -> None:
        self._turn = turn
        self._mail = turn.services.mail
        self._reached = reached
        self._removes_emails = removes_emails
        self._sharing = Sharing(turn, reached)

    async def create(self, name: str, given: Mapping[str, Any]) -> dict[str, Any]:
        """Make one; what the client did not say of it."""
        self._check_shares(given)
        made = MAILBOX.create(given, self._turn.created, self._turn.limits)
        sight = await self._sight()
        path = self._path(sight, made["name"], made["parentId"])
        role = made["role"]
        self._check_role(sight, role, None)
        self._check_free(sight, path)
        if made["sortOrder"] and self._reached.who is not None:
            raise invalid_properties(["sortOrder"], "Only its owner puts a mailbox in order.")
        if made["shareWith"] is not None:
            await self._sharing.plan((), made["shareWith"])
        number = await self._do(
            lambda: self._mail.create(self._reached.number, path, role or "", who=self._reached.who)
        )
        if made["sortOrder"]:
            await self._order(path, made["sortOrder"])
        if made[WISH] is (self._reached.who is None):  # else it is so already
            await self._subscribe(path, made[WISH])
        self._turn.created.add(name, self._reached.mailbox_id(number))
        if made["shareWith"] is not None:
            await self._share(number, made["shareWith"])
        sight = await self._sight()
        if number not in sight.listed:
            raise SetError("notFound")
        shown = self._shower(sight).show(number, PROPERTIES["Mailbox"])
        return {"id": shown["id"], **added({**given, "id": shown["id"]}, shown)}

    async def update(self, name: str, patch: Mapping[str, Any]) -> dict[str, Any] | None:
        """Change one."""
        sight = await self._sight()
        box = self._box(sight, name)
        shower = self._shower(sight)
        self._check_shares(patch)
        now = {**shower.show(box.id, PROPERTIES["Mailbox"]), "shareWith": shower.share_with(box.id)}
        changes = MAILBOX.update(now, patch, self._turn.created, self._turn.limits)
        plan: dict[str, str] = {}
        if "shareWith" in changes:
            if ADMINISTER not in sight.rights(box.id):
                raise SetError("forbidden", "You may not share this mailbox.")
            plan = await self._sharing.plan(box.acl, changes["shareWith"] or {})
        if "role" in changes:
            self._check_role(sight, changes["role"], box)
        if self._reached.who is not None and changes.keys() & {"sortOrder", "role"}:
            raise SetError("forbidden", "Only its owner changes this of a mailbox.")
        if WISH in changes:
            need_any(box.acl, self._reached.who, ANNOTATE)
        path = box.name
        if "name" in changes or "parentId" in changes:
            path = await self._move(sight, box, now, changes)
        if "role" in changes:
            await self._do(lambda: self._mail.set_role(self._reached.number, path, changes["role"] or ""))
        if "sortOrder" in changes:
            await self._order(path, changes["sortOrder"])
        if WISH in changes:
            await self._do(lambda: self._subscribe(path, changes[WISH]))
        await self._do(lambda: self._sharing.carry_out(path, plan))
        sight = await self._sight()
        after = self._shower(sight).show(box.id, ()) if box.id in sight.listed else {}
        return retold(patch, after)

    async def destroy(self, name: str, _nothing: None) -> None:
        """Remove one."""
        sight = await self._sight()
        box = self._box(sight, name)
        if REMOVE not in sight.rights(box.id):  # before anything is told of what is in it
            raise SetError("forbidden", "You may not remove this mailbox.")
        if box.name == INBOX:
            raise SetError("forbidden", "INBOX stays.")
        if any(names.is_below(other.name, box.name) for other in sight.listed.values()):
            raise SetError("mailboxHasChild")
        if (
            not self._removes_emails
            and box.messages
            and (box.id not in sight.readable or len(sight.rows(box.id).emails))
        ):
            raise SetError("mailboxHasEmail")
        await self._mail.delete(self._reached.number, box.name, who=self._reached.who)
        if self._reached.who is None and box.name in sight.account.subscriptions:
            await self._mail.subscribe(self._reached.number, box.name, False)

    async def deepest_first(self, asked: Any) -> dict[str, None]:
        """So that a mailbox and what is below it can be removed in one call, in any order."""
        sight = await self._sight()

        def depth(name: str) -> int:
            number = self._reached.mailbox_of(self._turn.created.find(name) or "")
            box = sight.listed.get(number or 0)
            return -box.name.count(SEPARATOR) if box is not None else 0

        return dict.fromkeys(sorted(dict.fromkeys(asked), key=depth))

    async def _move(self, sight: Sight, box: Mailbox, now: Mapping[str, Any], changes: Mapping[str, Any]) -> str:
        """Another name, or another parent."""
        if box.name == INBOX:
            raise invalid_properties(sorted({"name", "parentId"} & changes.keys()), "INBOX stays where it is.")
        parent = changes["parentId"] if "parentId" in changes else now["parentId"]
        path = self._path(sight, changes.get("name", now["name"]), parent)
        if names.is_below(path, box.name):
            raise invalid_properties(["parentId"], "A mailbox cannot be moved below itself.")
        self._check_free(sight, path)
        await self._rename(sight, box, path)
        return path

    async def _rename(self, sight: Sight, box: Mailbox, path: str) -> None:
        own = box.name
        below = [other.name for other in sight.account.mailboxes.values() if names.is_below(other.name, own)]
        await self._do(lambda: self._mail.rename(self._reached.number, own, path, who=self._reached.who))
        if self._reached.who is None:  # a mailbox that is subscribed stays so, by its new name
            for name in [own, *below]:
                if name in sight.account.subscriptions:
                    await self._mail.subscribe(self._reached.number, path + name[len(own) :], True)
                    await self._mail.subscribe(self._reached.number, name, False)

    async def lost(self, name: str, patch: Mapping[str, Any]) -> set[str]:
        """Which of the name and the role of a mailbox an update changes."""
        sight = await self._sight()
        box = self._box(sight, name)
        now = self._shower(sight).show(box.id, PROPERTIES["Mailbox"])
        differ = {key for key in ("name", "parentId", "role") if patch.get(key, now[key]) != now[key]}
        return {"name" if key == "parentId" else key for key in differ}

    async def exchange(self, circle: Sequence[str]) -> None:
        """Each gets the name of the next, and the last that of the first; at once, for who looks meanwhile."""
        sight = await self._sight()
        names_ = [self._box(sight, name).name for name in circle]
        await self._do(lambda: self._mail.exchange(self._reached.number, names_, who=self._reached.who))

    async def without_role(self, name: str) -> Callable[[], Awaitable[None]]:
        """It loses its role; what gives it back."""
        box = self._box(await self._sight(), name)
        set_role, number = self._mail.set_role, self._reached.number
        await set_role(number, box.name, "")
        return lambda: set_role(number, box.name, box.role)

    def _path(self, sight: Sight, name: str, parent: str | None) -> str:
        """The whole name. Raises SetError."""
        if SEPARATOR in name:
            raise invalid_properties({"name": f"it has a {SEPARATOR}"})
        path = name
        if parent is not None:
            above = sight.listed.get(self._reached.mailbox_of(parent) or 0)
            if above is None:
                raise invalid_properties({"parentId": "there is no such mailbox"})
            path = above.name + SEPARATOR + name
        elif self._reached.who is not None:  # mayCreateTopLevelMailbox
            raise SetError("forbidden", "Only its owner has mailboxes that are below none.")
        if len(path.encode()) > NAME_BYTES_MAX or path.count(SEPARATOR) >= DEPTH_MAX:
            raise invalid_properties({"parentId": "the mailbox would be too deep, or its whole name too long"})
        try:
            path = names.normal(path)
        except Refused as error:
            raise invalid_properties(["name"], error.says) from None
        return path

    def _check_free(self, sight: Sight, path: str) -> None:
        other = sight.account.named(path)
        if other is not None and other.id in sight.listed:
            more = {"existingId": self._reached.mailbox_id(other.id), "properties": ["name"]}
            raise SetError("alreadyExists", "There is a mailbox of that name.", **more)

    def _check_role(self, sight: Sight, role: str | None, box: Mailbox | None) -> None:
        if role is None and (box is None or box.name != INBOX):
            return
        if self._reached.who is not None:
            raise SetError("forbidden", "Only its owner gives a mailbox a role.")
        if role not in USES_TO_GIVE or (box is not None and box.name == INBOX):
            raise invalid_properties({"role": "it cannot be given to this mailbox"})
        for other in sight.account.mailboxes.values():
            if other.role == role and other is not box:
                more = {"existingId": self._reached.mailbox_id(other.id), "properties": ["role"]}
                raise SetError("invalidProperties", "role: another mailbox has it", **more)

    async def _subscribe(self, path: str, on: bool) -> None:
        """Raises Trouble."""
        number, who = self._reached.number, self._reached.who
        if who is None:
            await self._mail.subscribe(number, path, on)
            return
        holder = await self._turn.services.directory.account_with(number)
        if holder is not None:
            await subscribing.wish(self._mail, number, path, who, on=on)
            await self._mail.subscribe(self._turn.account, prefix_of(holder) + path, on)

    async def _order(self, path: str, order: int) -> None:
        value = str(order).encode() if order else None
        await self._mail.annotate(self._reached.number, path, [(SORT_ORDER, value)])

    async def _do(self, command: Any) -> Any:
        """Raises SetError for what a name can be wrong in; else Trouble."""
        try:
            return await command()
        except AlreadyExists:
            raise invalid_properties({"name": "there is a mailbox of that name"}) from None
        except Unsuitable as error:
            raise invalid_properties(["role"], error.says) from None
        except OverLimit as error:
            raise SetError("overQuota", error.says) from None

    async def _share(self, number: int, wanted: Given) -> None:
        box = (await self._sight()).listed.get(number)
        if box is None:
            raise SetError("notFound")
        plan = await self._sharing.plan(box.acl, wanted)
        await self._do(lambda: self._sharing.carry_out(box.name, plan))

    def _check_shares(self, given: Mapping[str, Any]) -> None:
        """The property is there for who uses RFC 9670 alone."""
        if PRINCIPALS not in self._turn.using and any(name.partition("/")[0] == "shareWith" for name in given):
            raise invalid_properties({"shareWith": "there is no such property"})

    def _shower(self, sight: Sight) -> Shower:
        return Shower(self._reached, sight, shares=PRINCIPALS in self._turn.using)

    def _box(self, sight: Sight, name: str) -> Mailbox:
        number = self._reached.mailbox_of(self._turn.created.find(name) or "")
        box = sight.listed.get(number or 0)
        if box is None:
            raise SetError("notFound")
        return box

    async def _sight(self) -> Sight:
        return await self._turn.sight(self._reached)
