"""EmailSubmission/set (RFC 8621 7.5).

The law: what is told as created is on its way, durably; what is told as canceled goes to nobody. The emails are changed
after all submissions, by one Email/set of which the answer follows.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from msgspec.structs import replace

from cluster.errors import Stale, Unavailable
from gateway.jmap import emails_set
from gateway.jmap.envelopes import check_author, envelope_of
from gateway.jmap.identities import Identity, identities
from gateway.jmap.positions import check_state
from gateway.jmap.records import Records, again
from gateway.jmap.setting import Outcome, each
from gateway.jmap.standard import Answer
from gateway.jmap.submission_records import VERSION, Recipient, Submission, fits, json_of
from gateway.jmap.submissions import called_back, submissions
from gateway.jmap.submitting import content, send
from gateway.jmap.turn import Reached, Turn
from mail.jmap.errors import MethodError, SetError, invalid_properties
from mail.jmap.ids import Ids, Updates
from mail.jmap.methods import special, standard
from mail.jmap.objects.kinds import added
from mail.jmap.objects.submission import EMAIL_SUBMISSION, check_envelope


async def set_(turn: Turn, asked: special.EmailSubmissionSet) -> Answer:
    """RFC 8621 7.5."""
    reached = await turn.owned(asked.account_id)
    records = await submissions(turn, reached, all_begun=asked.if_in_state is not None)
    old = records.state
    check_state(asked.if_in_state, records.stamp, (await turn.sight(reached)).account.modseq)
    turn.created.need_room(len(asked.create or ()))
    known = await identities(turn, reached) if asked.create else None
    outcome, setter = Outcome(), _Setter(turn, reached, records, known)
    await each(asked.create, surely(setter.create), outcome.created, outcome.not_created)
    gone = dict.fromkeys(asked.destroy or ())
    setter.leaving = {turn.created.find(name) for name in gone}
    await each(asked.update, surely(setter.update), outcome.updated, outcome.not_updated)
    destroyed: dict[str, Any] = {}
    await each(gone, surely(setter.destroy), destroyed, outcome.not_destroyed)
    outcome.destroyed = list(destroyed)
    await _on_success(turn, asked, setter.emails)
    return outcome.answer(asked.account_id, old, records.state, turn.created.find)


def surely(do: Callable[[str, Any], Awaitable[Any]]) -> Callable[[str, Any], Awaitable[Any]]:
    """The same where a part that is away costs one object, not the call: what was sent before has to be told of, or it
    would be sent again."""

    async def one(name: str, value: Any) -> Any:
        try:
            return await do(name, value)
        except Unavailable as trouble:
            raise SetError("rateLimit", trouble.says) from trouble

    return one


async def on_success(
    turn: Turn, account_id: str, updates: Mapping[str, dict[str, Any]], destroyed: Mapping[str, None]
) -> None:
    """The Email/set that follows; nothing where there is nothing to do. Both by Email ids."""
    if updates or destroyed:
        implied = standard.Set(account_id=account_id, update=Updates(updates), destroy=Ids(destroyed))

        async def call() -> Answer:
            try:
                return await emails_set.set_(turn, implied)
            except Unavailable as trouble:
                raise MethodError("serverUnavailable", trouble.says) from trouble

        await turn.implied("Email/set", call)


async def _on_success(turn: Turn, asked: special.EmailSubmissionSet, emails: Mapping[str, str]) -> None:
    """`emails`: by the submissions that were made, changed or removed."""
    updates: dict[str, dict[str, Any]] = {}
    for name, patch in (asked.on_success_update_email or {}).items():
        email = emails.get(turn.created.find(name) or "")
        if email is not None:
            updates[email] = updates.get(email, {}) | patch
    found = (emails.get(turn.created.find(name) or "") for name in asked.on_success_destroy_email or ())
    await on_success(turn, asked.account_id, updates, dict.fromkeys(email for email in found if email is not None))


class _Setter:
    def __init__(
        self, turn: Turn, reached: Reached, records: Records[Submission], known: Records[Identity] | None
    ) -> None:
        self.emails: dict[str, str] = {}
        self.leaving: set[str | None] = set()
        self._turn = turn
        self._reached = reached
        self._records = records
        self._identities = known

    async def create(self, name: str, given: Mapping[str, Any]) -> dict[str, Any]:
        """Send one; what the client did not say of it."""
        turn, reached = self._turn, self._reached
        made = EMAIL_SUBMISSION.create(given, turn.created, turn.limits)
        identity = self._identity(made["identityId"])
        number = reached.email_of(made["emailId"])
        seen = (await turn.sight(reached)).find([number]).get(number) if number is not None else None
        if seen is None:
            raise invalid_properties({"emailId": "there is no such email"})
        raw = await content(turn, reached, seen.email)
        envelope = made["envelope"] or envelope_of(raw, identity.email)
        check_envelope(envelope, turn.limits)
        check_author(raw)
        sender = envelope["mailFrom"]
        one = Submission(
            VERSION, 0, "", made["identityId"], seen.email, seen.thread, sender["email"], sender["parameters"],
            tuple(Recipient(to["email"], to["parameters"]) for to in _once(envelope["rcptTo"])),
        )  # fmt: skip
        if not fits(one):
            most = max(1, len(one.recipients) // 2)
            raise SetError("tooManyRecipients", "Their addresses are too long together.", maxRecipients=most)
        place, one = await send(turn, reached, self._records, one)
        known = self._records.id_of(place)
        turn.created.add(name, known)
        self._touched(known, one)
        return added(given, json_of(reached, known, one))

    async def update(self, name: str, patch: Mapping[str, Any]) -> None:
        """Call one back."""

        async def write() -> None:
            number, known, one = self._find(name)
            if known in self.leaving:
                raise SetError("willDestroy")
            current = json_of(self._reached, known, one)
            changed = EMAIL_SUBMISSION.update(current, patch, self._turn.created, self._turn.limits)
            if changed:
                await self._call_back(number, one)
            self._touched(known, one)

        await again(write)

    async def destroy(self, name: str, _value: None) -> None:
        """Forget one; its mail goes on."""

        async def write() -> None:
            number, known, one = self._find(name)
            await self._write(number, None)
            self._touched(known, one)

        await again(write)

    async def _call_back(self, number: int, one: Submission) -> None:
        if one.undo != "pending":
            raise SetError("cannotUnsend", "It has left already.")
        marked = replace(one, marked_ms=self._turn.services.clock.now_ms())
        await self._write(number, marked)
        done = await called_back(self._turn.sending, marked)
        await again(lambda: self._write(number, done))
        if not done.canceled:
            raise SetError("cannotUnsend", "It is leaving now.")

    def _identity(self, name: str) -> Identity:
        number = self._identities.number_of(name) if self._identities is not None else None
        if self._identities is None or number is None:
            raise invalid_properties({"identityId": "there is no such identity"})
        return self._identities.all[number]

    def _find(self, name: str) -> tuple[int, str, Submission]:
        number = self._records.number_of(self._turn.created.find(name) or "")
        if number is None:
            raise SetError("notFound")
        return number, self._records.id_of(number), self._records.all[number]

    def _touched(self, known: str, one: Submission) -> None:
        self.emails[known] = self._reached.email_id(one.email)

    async def _write(self, number: int, one: Submission | None) -> None:
        try:
            await self._records.write({number: one})
        except Stale:
            await self._records.read()
            raise


def _once(addresses: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each address once: what is told of recipients is told by address."""
    return list({one["email"]: one for one in reversed(addresses)}.values())[::-1]
