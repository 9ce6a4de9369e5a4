"""actors/mailbox/arranging.py, properties.py and changing.py: what is shared, said of mailboxes, and threaded."""

import pytest

from actors.mailbox import keys, rights
from actors.mailbox.client import MailboxClient
from actors.mailbox.decide import Context, decide
from actors.mailbox.state import decode_head, encode_head
from actors.mailbox.types import (
    ACLS_BYTES_MAX,
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
    Done,
    Expunge,
    Item,
    Look,
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
from cluster.errors import NoRight, NotFound, OverLimit, Refused, Unsuitable
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
        (Rename(INBOX, "INBOX/new", who=BOB), "xkrte"),
        (Delete("INBOX/old", who=BOB), "x"),
        (SetAcl(INBOX, "anyone", "l", who=BOB), "a"),
        (Annotate(INBOX, (("/shared/comment", b"x"),), who=BOB), "lw"),
        (Annotate(INBOX, (("/private/comment", b"x"),), who=BOB), "lp"),
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
        may = "".join(set(rights.ALL) - {missing}) if needs != "lp" else {"l": "rswip", "p": "lkxtea"}[missing]
        with pytest.raises((NoRight, NotFound)):
            prepared(may).do(command)


def test_flags_that_somebody_may_not_set_are_passed_over() -> None:
    log = shared("lriw")
    log.do(Add(INBOX, (item(SEEN | DELETED, "word"),), who=BOB))
    assert log.flags() == [1 << 5]
    log.do(SetFlags(1, ((1, 1),), "replace", SEEN, who=BOB))
    assert log.flags() == [0]
    with pytest.raises(NoRight):
        log.do(SetFlags(1, ((1, 1),), "add", SEEN, who=BOB))


def test_who_may_not_set_a_keyword_does_not_define_it() -> None:
    log = shared("rs")
    log.do(Add(INBOX, (item(),)))
    log.do(SetFlags(1, ((1, 1),), "add", SEEN, ("word",), who=BOB))
    assert log.flags() == [SEEN]
    assert log.account.keywords == []
    with pytest.raises(NoRight):
        log.do(SetFlags(1, ((1, 1),), "add", 0, ("word",), who=BOB))


def test_acls_are_bounded() -> None:
    log = Log()
    for number in range(92):
        log.do(SetAcl("Sent", f"group:{number:0300}", rights.ALL))
    with pytest.raises(OverLimit):
        log.do(SetAcl("Sent", f"group:{100:0300}", rights.ALL))
    log.do(SetAcl("Sent", f"group:{0:0300}", ""))  # less is always possible
    for number in range(15):
        log.do(Create(f"Sent/{number}"))
    with pytest.raises(OverLimit):
        log.do(Create("Sent/more"))
    assert len(encode_head(log.account)) < 2 * ACLS_BYTES_MAX
    log.do(Create("Other"))


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
        with pytest.raises((NoRight, NotFound)):
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
    with pytest.raises(Unsuitable):
        log.do(SetRole("Spam", "junk"))
    log.do(SetRole("Junk", ""))
    log.do(SetRole("Spam", "junk"))
    assert log.account.mailboxes[log.box("Spam")].role == "junk"
    with pytest.raises(Unsuitable):
        log.do(SetRole(INBOX, "junk"))


def test_a_special_use_is_an_annotation_of_the_owner_s() -> None:
    log = shared(rights.ALL, "Sent")
    log.do(Create("Outbox"))
    use = "/private/specialuse"
    assert log.do(ReadAnnotations(("Sent",))) == Annotations((("Sent", ((use, b"\\Sent"),)),))
    assert log.do(ReadAnnotations(("Sent",), who=BOB)) == Annotations((("Sent", ()),))
    for value in (b"\\Sent", b"\\All", b"\\Sent \\Junk", b"nonsense", b"\xff"):
        with pytest.raises(Unsuitable):
            log.do(Annotate("Outbox", ((use, value), ("/shared/comment", b"not set either"))))
    with pytest.raises(Unsuitable):
        log.do(Annotate("Sent", ((use, None),), who=BOB))
    log.do(Annotate("Sent", ((use, None),)))
    log.do(Annotate("Outbox", ((use, b" \\sENT"), ("/shared/comment", b"both"))))
    assert log.do(ReadAnnotations(("Outbox",))).of[0][1] == ((use, b"\\Sent"), ("/shared/comment", b"both"))
    with pytest.raises(Unsuitable):
        log.do(Annotate(INBOX, ((use, b"\\Archive"),)))
    log.do(Annotate(INBOX, ((use, None),)))
    assert log.account.mailboxes[log.box(INBOX)].role == "inbox"


def test_annotations_are_set_replaced_removed_and_gone_with_their_mailbox() -> None:
    log = Log()
    log.do(Create("Mine"))
    log.do(Annotate("Mine", (("/shared/comment", b"one"), ("/private/comment", b"mine"))))
    log.do(Annotate("", (("/shared/admin", b"mailto:x"),)))
    log.do(Annotate("Mine", (("/shared/comment", None),)))
    again = decode_head(encode_head(log.account), 1, 1)
    assert again.annotations == log.account.annotations
    read = log.do(ReadAnnotations(("", "Mine", "nowhere")))
    assert read == Annotations((("", (("/shared/admin", b"mailto:x"),)), ("Mine", (("/private/comment", b"mine"),))))
    log.do(Delete("Mine"))
    assert log.do(ReadAnnotations(("Mine",))) == Annotations(())


def test_what_is_private_is_each_reader_s_own() -> None:
    log = shared("lrw", "Sent")
    note, server = "/private/comment", "/server/key"
    log.do(Annotate("Sent", ((note, b"the owner's"), ("/shared/comment", b"all's"), (server, b"secret"))))
    log.do(Annotate("Sent", ((note, b"bob's"),), who=BOB))
    seen = [dict(log.do(ReadAnnotations(("Sent",), who=who)).of[0][1]) for who in (None, BOB)]
    assert [one[note] for one in seen] == [b"the owner's", b"bob's"]
    assert [set(one) for one in seen] == [
        {note, "/shared/comment", server, "/private/specialuse"},
        {note, "/shared/comment"},
    ]
    log.do(Annotate("Sent", ((note, None),), who=BOB))
    assert dict(log.do(ReadAnnotations(("Sent",))).of[0][1])[note] == b"the owner's"
    log.do(Annotate("", ((note, b"of the account"),)))
    assert log.do(ReadAnnotations(("",), who=BOB)) == Annotations(())
    log.do(SetAcl("Sent", "user:7", "lkxtea"))  # RFC 5464 3.3: none of these is enough
    assert log.do(ReadAnnotations(("Sent",), who=BOB)) == Annotations(())


def test_others_have_little_room_for_what_is_private_to_them() -> None:
    log = shared("lr")
    for value, count in ((b"x" * 6000, 3), (b"", 201)):
        with pytest.raises(OverLimit):
            log.do(Annotate(INBOX, tuple((f"/private/{number}", value) for number in range(count)), who=BOB))
    log.do(Annotate(INBOX, (("/private/1", b"x" * 12_000),), who=BOB))
    with pytest.raises(OverLimit):
        log.do(Annotate(INBOX, (("/private/2", b"x" * 6000),), who=BOB))
    log.do(Annotate(INBOX, (("/private/2", b"x" * 6000),)))


def test_the_annotations_of_inbox_are_of_its_new_name_too() -> None:
    log = Log()
    log.do(Annotate(INBOX, (("/shared/comment", b"kept"),)))
    log.do(Rename(INBOX, "old"))
    assert log.do(ReadAnnotations((INBOX, "old"))) == Annotations(
        ((INBOX, (("/shared/comment", b"kept"),)), ("old", (("/shared/comment", b"kept"),)))
    )


def test_one_is_looked_at_with_any_right_that_tells_of_it() -> None:
    for right in rights.ALL:
        log = shared(right)
        log.do(Add(INBOX, (item(size=5),)))
        if right in "lrikxa":
            looked = log.do(Look(INBOX, who=BOB))
            assert (looked.info.name, looked.used_bytes, looked.used_messages) == (INBOX, 5, 1)
        else:
            with pytest.raises(NotFound):
                log.do(Look(INBOX, who=BOB))
    with pytest.raises(NotFound):
        Log().do(Look("nowhere"))


def test_creating_tells_the_number_also_when_asked_again() -> None:
    log = Log()
    made = decide(log.account, Create("new"), Context(NOW), b"key")
    log.commit(made)
    again = decide(log.account, Create("new"), Context(NOW), b"key")
    assert again.reply(log.account) == Done(log.account.modseq, log.box("new"))


def test_what_somebody_may_not_know_of_is_not_told_by_refusing() -> None:
    log = shared("lx")
    log.do(Create("INBOX/secret"))
    log.do(Create("Work/secret"))
    log.do(SetAcl("INBOX/secret", "user:7", ""))
    with pytest.raises(NotFound):
        log.do(Delete("Work", who=BOB))
    with pytest.raises(NotFound):  # not AlreadyExists
        log.do(Create("Work/secret", who=BOB))
    with pytest.raises(NoRight):
        log.do(Create("INBOX/secret", who=BOB))


def test_renaming_takes_the_right_to_all_that_is_below() -> None:
    log = Log()
    for name in ("A", "A/B", "Z"):
        log.do(Create(name))
        log.do(SetAcl(name, "user:7", "lxk"))
    log.do(SetAcl("A/B", "user:7", "l"))
    with pytest.raises(NoRight):
        log.do(Rename("A", "Z/A", who=BOB))
    log.do(SetAcl("A/B", "user:7", "x"))
    log.do(Rename("A", "Z/A", who=BOB))
    assert {"Z/A", "Z/A/B"} <= set(log.account.by_name)


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


async def test_who_shares_with_everybody_pushes_nobody_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("actors.mailbox.client.SHARING_MAX", 2)
    place = Place(MemoryStore())
    owner = place.new_owner()
    client = MailboxClient(Only(owner), place.store, place.blobs, place.clock, Inline())
    for number in (1, 2, 3):
        await client.set_acl(number, INBOX, rights.ANYONE, "lr")
    await client.set_acl(9, INBOX, "user:7", "lr")
    assert await client.sharing(BOB.names) == [1, 9]
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
    with pytest.raises(NoRight):
        await selected.set_flags(((1, 1),), "add", SEEN)
    assert keys.granting(keys.grant("user:7", 1)) == 1
    await owner.stop()
