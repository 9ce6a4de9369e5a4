"""From each command to its one tagged answer: which handler, in which state, and what may be said beside it.

The law: a command is answered exactly once, after all untagged responses that belong to it, whatever went wrong.
A new command is a handler and a line in RULES.
"""

from collections.abc import Awaitable, Callable
from typing import Any, Final, NamedTuple

from actors.mailbox.mine import listen
from cluster.errors import Fault, Trouble
from gateway.access.parts import MISTAKES_MAX
from gateway.imap import (
    access,
    append,
    auth,
    batches,
    connecting,
    copy,
    fetch,
    general,
    listing,
    mailboxes,
    metadata,
    multisearch,
    notify,
    quota,
    search,
    selecting,
    sort,
    status,
    store,
    updates,
    urlauth,
)
from gateway.imap.numbers import speaks_numbers
from gateway.imap.places import renew
from gateway.imap.session import Ok, Session, State
from gateway.imap.troubles import Bad, No, as_no
from mail.imap import commands
from mail.imap.codes import UID_REQUIRED

_ANY: Final = State.NOT_AUTHENTICATED
_IN: Final = State.AUTHENTICATED
_SELECTED: Final = State.SELECTED


class Rule(NamedTuple):
    """How one command is obeyed.

    `state` is the least that is needed. `numbers`: where it speaks in sequence numbers, no EXPUNGE may come with its
    answer (RFC 3501 7.4.1). `into`: it puts messages into a mailbox it names. `reads`: it needs the right to
    read the selected mailbox. A handler that answers None
    has begun something that ends later (IDLE).
    """

    name: str
    state: State
    run: Callable[[Session, Any], Awaitable[Ok | None]]
    numbers: bool = False
    into: bool = False
    reads: bool = True


RULES: Final[dict[type[Any], Rule]] = {
    commands.Capability: Rule("CAPABILITY", _ANY, general.capability),
    commands.Noop: Rule("NOOP", _ANY, general.noop),
    commands.Logout: Rule("LOGOUT", _ANY, general.logout),
    commands.Id: Rule("ID", _ANY, general.identify),
    commands.StartTls: Rule("STARTTLS", _ANY, auth.start_tls),
    commands.Login: Rule("LOGIN", _ANY, auth.login),
    commands.Authenticate: Rule("AUTHENTICATE", _ANY, auth.authenticate),
    commands.Enable: Rule("ENABLE", _IN, general.enable),
    commands.Namespace: Rule("NAMESPACE", _IN, mailboxes.namespace),
    commands.Create: Rule("CREATE", _IN, mailboxes.create),
    commands.Delete: Rule("DELETE", _IN, mailboxes.delete),
    commands.Rename: Rule("RENAME", _IN, mailboxes.rename),
    commands.Subscribe: Rule("SUBSCRIBE", _IN, mailboxes.subscribe),
    commands.Unsubscribe: Rule("UNSUBSCRIBE", _IN, mailboxes.unsubscribe),
    commands.List: Rule("LIST", _IN, listing.list_),
    commands.Lsub: Rule("LSUB", _IN, listing.lsub),
    commands.Status: Rule("STATUS", _IN, status.status),
    commands.GetAcl: Rule("GETACL", _IN, access.get_acl),
    commands.SetAcl: Rule("SETACL", _IN, access.set_acl),
    commands.DeleteAcl: Rule("DELETEACL", _IN, access.delete_acl),
    commands.ListRights: Rule("LISTRIGHTS", _IN, access.list_rights),
    commands.MyRights: Rule("MYRIGHTS", _IN, access.my_rights),
    commands.GetQuota: Rule("GETQUOTA", _IN, quota.get_quota),
    commands.GetQuotaRoot: Rule("GETQUOTAROOT", _IN, quota.get_quota_root),
    commands.SetQuota: Rule("SETQUOTA", _IN, quota.set_quota),
    commands.GetMetadata: Rule("GETMETADATA", _IN, metadata.get_metadata),
    commands.SetMetadata: Rule("SETMETADATA", _IN, metadata.set_metadata),
    commands.Append: Rule("APPEND", _IN, append.append, into=True),
    commands.Compress: Rule("COMPRESS", _IN, connecting.compress),
    commands.Unauthenticate: Rule("UNAUTHENTICATE", _IN, connecting.unauthenticate),
    commands.GetJmapAccess: Rule("GETJMAPACCESS", _IN, connecting.get_jmap_access),
    commands.Replace: Rule("REPLACE", _SELECTED, append.replace, into=True),
    commands.GenUrlAuth: Rule("GENURLAUTH", _IN, urlauth.gen_url_auth),
    commands.ResetKey: Rule("RESETKEY", _IN, urlauth.reset_key),
    commands.UrlFetch: Rule("URLFETCH", _IN, urlauth.fetch),
    commands.Notify: Rule("NOTIFY", _IN, notify.notify),
    commands.Idle: Rule("IDLE", _IN, general.idle),
    commands.Select: Rule("SELECT", _IN, selecting.select),
    commands.Examine: Rule("EXAMINE", _IN, selecting.examine),
    commands.Check: Rule("CHECK", _SELECTED, general.noop, reads=False),
    commands.Close: Rule("CLOSE", _SELECTED, selecting.close, reads=False),
    commands.Unselect: Rule("UNSELECT", _SELECTED, selecting.unselect, reads=False),
    commands.Expunge: Rule("EXPUNGE", _SELECTED, store.expunge),
    commands.UidExpunge: Rule("UID EXPUNGE", _SELECTED, store.uid_expunge),
    commands.Fetch: Rule("FETCH", _SELECTED, fetch.fetch, numbers=True),
    commands.Store: Rule("STORE", _SELECTED, store.store, numbers=True),
    commands.Search: Rule("SEARCH", _SELECTED, search.search, numbers=True),
    commands.Sort: Rule("SORT", _SELECTED, sort.sort, numbers=True),
    commands.Thread: Rule("THREAD", _SELECTED, sort.thread, numbers=True),
    commands.Esearch: Rule("ESEARCH", _IN, multisearch.esearch),
    commands.CancelUpdate: Rule("CANCELUPDATE", _SELECTED, updates.cancel_update, reads=False),
    commands.Copy: Rule("COPY", _SELECTED, copy.copy, into=True),
    commands.Move: Rule("MOVE", _SELECTED, copy.move, into=True),
    commands.UidBatches: Rule("UIDBATCHES", _SELECTED, batches.uid_batches),
}

# Whoever asks for it hears what was removed, whatever NOTIFY was told.
_REMOVING: Final = (commands.Expunge, commands.UidExpunge, commands.Move, commands.Replace)

# What the grammar knows and this server does not offer.
_NOT_OFFERED: Final = Rule("OTHER", _ANY, general.not_offered)


async def run(session: Session, tag: bytes, command: commands.Command) -> None:
    """Answer one command. ConnectionError when the client went away meanwhile."""
    services, rule = session.services, RULES.get(type(command), _NOT_OFFERED)
    started = services.clock.monotonic()
    session.progress.begin(tag, started)
    if session.notices is not None:
        listen(session.notices.own)
    answer, status = await _obey(session, rule, command)
    session.progress.end()
    if answer is None:
        session.idling = tag
        session.tell(expunges=True)
        if session.has_more:
            session.changed()
    else:
        expunges = not (rule.numbers and speaks_numbers(command))
        session.tell(expunges=expunges, told=answer.told, removes=isinstance(command, _REMOVING))
        await session.tell_rest()
        await updates.catch_up(session)
        code = answer.code
        if answer.highest and not code and session.qresync and session.selection is not None:
            code = session.selection.highest_code()
        session.settle()
        session.answer(tag, status, answer.text, code)
    label = status.decode()
    services.metrics.commands.labels(rule.name, label).inc()
    services.metrics.seconds.labels(rule.name).observe(services.clock.monotonic() - started)
    if status == b"BAD":
        mistake(session)
    elif status == b"OK":
        session.mistakes = 0


def mistake(session: Session) -> None:
    """Count a command answered BAD; too many end the session."""
    session.mistakes += 1
    if session.mistakes >= MISTAKES_MAX:
        session.bye("Too many commands that make no sense", "CLIENTBUG")


async def _obey(session: Session, rule: Rule, command: commands.Command) -> tuple[Ok | None, bytes]:
    """What to answer, and OK, NO or BAD."""
    if session.state < rule.state:
        need = "a selected mailbox" if rule.state is State.SELECTED else "a login first"
        return Ok(f"{rule.name} needs {need}"), b"BAD"
    if session.uidonly and speaks_numbers(command):
        return Ok("There are no sequence numbers after ENABLE UIDONLY", UID_REQUIRED.decode()), b"BAD"
    try:
        if session.selection is not None and rule.run is not general.logout:
            await _may_still(session, rule)
        return await rule.run(session, command), b"OK"
    except Bad as bad:
        return Ok(bad.text, bad.code), b"BAD"
    except No as refusal:
        return Ok(refusal.text, refusal.code, refusal.told), b"NO"
    except Trouble as trouble:
        if trouble.fault is Fault.US:
            session.log.warning("imap.trouble", command=rule.name, trouble=type(trouble).__name__, detail=trouble.log)
        no = as_no(trouble, into=rule.into)
        return Ok(no.text, no.code), b"NO"
    except ConnectionError:
        raise
    except Exception as error:
        session.log.warning("imap.defect", command=rule.name, error=repr(type(error)), exc_info=True)
        return Ok("Internal error; it was logged", "SERVERBUG"), b"NO"


async def _may_still(session: Session, rule: Rule) -> None:
    """Raises No where what was shared with the client is not any more (RFC 4314 5.1.1). Other commands than those about
    its messages are only not told any more what happens in the mailbox."""
    await renew(session)
    if rule.state is State.SELECTED and rule.reads and not session.selected.readable:
        raise No("You may not read this mailbox any more", "NOPERM")
