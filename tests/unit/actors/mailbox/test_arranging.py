"""actors/mailbox/arranging.py, properties.py and changing.py: what is shared, said of mailboxes, and threaded."""

import pytest

from actors.mailbox import keys, rights
from actors.mailbox.client import MailboxClient
from actors.mailbox.decide import Context, decide
from actors.mailbox.state import decode_head, encode_head
from actors.mailbox.types import (
    ANNOTATION_BYTES_MAX,
    ANNOTATIONS_MAX,
    DELETED,
    INBOX,
    SEEN,
    Add,
    Annotate,
    Annotations,
    Command,
    Copy,
    Create,
    Delete,
    Expunge,
    Item,
    Open,
    Prepared,
    ReadAnnotations,
    ReadTree,
    Rename,
    SetAcl,
    SetFlags,
    SetRole,
    Tallied,
    Tally,
    Who,
)
from cluster.errors import NotFound, OverLimit, Refused
from cluster.meta.memory import MemoryStore
from tests.unit.actors.mailbox.conftest import Inline, Only, Place
from tests.unit.actors.mailbox.test_state import NOW, Log, item

BOB = Who(7, frozenset({"anyone", "user:7"}))


def shared(may: str, name: str = INBOX) -> Log:
    log = Log()
    log.do(SetAcl(name, "user:7", may))
    return log


@pytest.mark.parametrize(
    ("command", "needs"),
    [
        (Open(INBOX, who=BOB), "r"),
        (Add(INBOX, (item(),), who=BOB), "i"),
        (SetFlags(1, ((1, 9),), "add", SEEN, who=BOB), "rs"),
        (SetFlags(1, ((1, 9),), "remove", DELETED, who=BOB), "rt"),
        (SetFlags(1, ((1, 9),), "add", 0, ("word",), who=BOB), "rw"),
        (Expunge(1, who=BOB), "e"),
        (Copy(1, ((1, 1),), INBOX, who=BOB), "ri"),
        (Copy(1, ((1, 1),), INBOX, move=True, who=BOB), "rite"),
        (Create("INBOX/new", who=BOB), "k"),
        (Rename("INBOX/old", "INBOX/new", who=BOB), "xk"),
        (Delete("INBOX/old", who=BOB), "x"),
        (SetAcl(INBOX, "anyone", "l", who=BOB), "a"),
        (Annotate(INBOX, (("/shared/comment", b"x"),), who=BOB), "lw"),
        (Annotate(INBOX, (("/private/comment", b"x"),), who=BOB), "lr"),
        (Tally(INBOX, who=BOB), "r"),
        (Add(INBOX, (item(),), replaces=(1, 1), who=BOB), "ite"),
    ],
)
def test_what_a_command_needs_and_nothing_less(command: Command, needs: str) -> None:
    def prepared(may: str) -> Log:
        log = Log()
        log.do(Add(INBOX, (item(), item(DELETED))))
        log.do(SetAcl(INBOX, "user:7", may))
        log.do(Create("INBOX/old"))
        return log

    prepared(needs).do(command)
    for missing in needs:
        may = "".join(set(rights.ALL) - {missing})
        with pytest.raises((rights.NoRight, NotFound)):
            prepared(may).do(command)


def test_flags_that_somebody_may_not_set_are_passed_over() -> None:
    log = shared("lriw")
    log.do(Add(INBOX, (item(SEEN | DELETED, "word"),), who=BOB))
    assert log.flags() == [1 << 5]
    log.do(SetFlags(1, ((1, 1),), "replace", SEEN, who=BOB))
    assert log.flags() == [0]
    with pytest.raises(rights.NoRight):
        log.do(SetFlags(1, ((1, 1),), "add", SEEN, who=BOB))


def test_others_see_what_they_may_look_up() -> None:
    log = shared("l", "Sent")
    tree = log.do(ReadTree(who=BOB))
    assert [box.name for box in tree.mailboxes] == ["Sent"]
    assert tree.subscriptions == frozenset()
    log.do(Create("Sent/2024"))
    assert [box.name for box in log.do(ReadTree(who=BOB)).mailboxes] == ["Sent", "Sent/2024"]


def test_only_the_owner_makes_what_is_below_nothing_and_gives_special_uses() -> None:
    log = shared(rights.ALL)
    for command in (Create("new", who=BOB), Rename("INBOX", "new", who=BOB), SetRole(INBOX, "junk", who=BOB)):
        with pytest.raises((rights.NoRight, NotFound)):
            log.do(command)
    with pytest.raises(NotFound):
        log.do(Annotate("", (("/shared/x", b"1"),), who=BOB))


def test_grants_are_told_once_an_account() -> None:
    log = Log()
    grants = []
    for command in (
        SetAcl("Sent", "user:7", "l"),
        SetAcl("Junk", "user:7", "lr"),
        SetAcl("Junk", "-anyone", "l"),
        SetAcl("Sent", "user:7", ""),
        Delete("Junk"),
    ):
        decision = decide(log.account, command, Context(NOW))
        grants.append(decision.grants)
        log.commit(decision)
    assert grants == [[("user:7", True)], [], [], [], [("user:7", False)]]


def test_a_special_use_is_one_mailbox_s() -> None:
    log = Log()
    log.do(Create("Spam"))
    with pytest.raises(Refused):
        log.do(SetRole("Spam", "junk"))
    log.do(SetRole("Junk", ""))
    log.do(SetRole("Spam", "junk"))
    assert log.account.mailboxes[log.box("Spam")].role == "junk"
    with pytest.raises(Refused):
        log.do(SetRole(INBOX, "junk"))


def test_annotations_are_set_replaced_removed_and_gone_with_their_mailbox() -> None:
    log = Log()
    log.do(Annotate("Sent", (("/shared/comment", b"one"), ("/private/comment", b"mine"))))
    log.do(Annotate("", (("/shared/admin", b"mailto:x"),)))
    log.do(Annotate("Sent", (("/shared/comment", None),)))
    again = decode_head(encode_head(log.account), 1, 1)
    assert again.annotations == log.account.annotations
    read = log.do(ReadAnnotations(("", "Sent", "nowhere")))
    assert read == Annotations((("", (("/shared/admin", b"mailto:x"),)), ("Sent", (("/private/comment", b"mine"),))))
    log.do(Delete("Sent"))
    assert log.do(ReadAnnotations(("Sent",))) == Annotations(())


def test_annotations_are_bounded() -> None:
    log = Log()
    with pytest.raises(OverLimit):
        log.do(Annotate("", (("/shared/x", b"x" * ANNOTATION_BYTES_MAX),)))
    with pytest.raises(OverLimit):
        log.do(Annotate("", tuple((f"/shared/{n}", b"") for n in range(ANNOTATIONS_MAX + 1))))
    for number in range(5):
        log.do(Annotate("", ((f"/shared/{number}", b"x" * 50_000),)))
    with pytest.raises(OverLimit):
        log.do(Annotate("", (("/shared/5", b"x" * 50_000),)))
    log.do(Annotate("", (("/shared/0", None),)))


def test_what_is_deleted_is_counted() -> None:
    log = Log()
    log.do(Add(INBOX, (item(size=5), item(DELETED, size=7), item(DELETED, size=9))))
    assert log.do(Tally(INBOX)) == Tallied(2, 16)


def test_a_message_takes_another_s_place_at_once() -> None:
    log = Log()
    log.do(Add("Drafts", (item(),)))
    replace = Add("Drafts", (item(SEEN),), b"key", replaces=(log.box("Drafts"), 1))
    first = log.do(replace)
    assert log.do(replace) == first
    assert log.uids("Drafts") == [2]
    with pytest.raises(Refused):
        log.do(Add("Drafts", (item(),), replaces=(log.box("Drafts"), 1)))


def mail(*ids: str) -> Prepared:
    return Prepared(b"d" * 32, 10, b"record", b"packed", threads=tuple(one.encode().ljust(8, b".") for one in ids))


async def threads_of(place: Place, *mails: Prepared) -> list[int]:
    owner = place.new_owner()
    for one in mails:
        await owner.ask(1, Add(INBOX, (Item(one, NOW),)))
    client = MailboxClient(Only(owner), place.store, place.blobs, place.clock, Inline())
    selected = await client.select(1, INBOX, read_only=True, changed=lambda: None)
    found: list[int] = selected.view.index.threads.tolist()
    await owner.stop()
    return found


async def test_a_reply_is_of_the_thread_of_what_it_answers() -> None:
    place = Place(MemoryStore())
    assert await threads_of(place, mail("a"), mail("b", "a"), mail("c"), mail("d", "x", "b"), mail("x")) == [
        1,
        1,
        3,
        1,
        1,
    ]
    assert await threads_of(place, mail("e", "c")) == [1, 1, 3, 1, 1, 3]  # another shard, later


async def test_messages_added_at_once_find_each_other() -> None:
    place = Place(MemoryStore())
    owner = place.new_owner()
    await owner.ask(1, Add(INBOX, (Item(mail("b", "a"), NOW), Item(mail("a"), NOW), Item(mail(), NOW))))
    client = MailboxClient(Only(owner), place.store, place.blobs, place.clock, Inline())
    selected = await client.select(1, INBOX, read_only=True, changed=lambda: None)
    assert selected.view.index.threads.tolist() == [1, 1, 3]
    await owner.stop()


async def test_the_log_tells_which_messages_left() -> None:
    place = Place(MemoryStore())
    owner = place.new_owner()
    client = MailboxClient(Only(owner), place.store, place.blobs, place.clock, Inline())
    await owner.ask(1, Add(INBOX, tuple(Item(mail(), NOW, DELETED) for _ in range(6))))
    before = (await client.tree(1)).modseq
    await owner.ask(1, Expunge(1, ((2, 3),)))
    await owner.ask(1, Copy(1, ((5, 5),), "Sent", move=True))
    middle = (await client.tree(1)).modseq
    await owner.ask(1, Expunge(1, ((4, 4),)))
    now = (await client.tree(1)).modseq
    assert await client.vanished(1, 1, before, middle) == ((2, 3), (5, 5))
    assert await client.vanished(1, 1, before, now) == ((2, 5),)
    assert await client.vanished(1, 1, now, now) == ()
    assert await client.vanished(1, 2, 0, now) == ()
    await owner.stop()


async def test_accounts_that_share_are_found_by_who_asks() -> None:
    place = Place(MemoryStore())
    owner = place.new_owner()
    client = MailboxClient(Only(owner), place.store, place.blobs, place.clock, Inline())
    await client.set_acl(1, INBOX, "user:7", "lr")
    await client.set_acl(2, "Sent", "anyone", "l")
    await client.set_acl(3, "Sent", "user:77", "l")
    assert await client.sharing(BOB.names) == [1, 2]
    await client.set_acl(1, INBOX, "user:7", "")
    assert await client.sharing(BOB.names) == [2]
    await owner.stop()


async def test_a_session_s_rights_follow_the_acl() -> None:
    place = Place(MemoryStore())
    owner = place.new_owner()
    client = MailboxClient(Only(owner), place.store, place.blobs, place.clock, Inline())
    await client.set_acl(1, INBOX, "user:7", "lrs")
    selected = await client.select(1, INBOX, read_only=False, changed=lambda: None, who=BOB)
    assert selected.rights == "lrs"
    await client.set_acl(1, INBOX, "user:7", "s", "remove")
    assert selected.rights == "lr"
    with pytest.raises(rights.NoRight):
        await selected.set_flags(((1, 1),), "add", SEEN)
    assert keys.granting(keys.grant("user:7", 1)) == 1
    await owner.stop()
