"""Commands that make no sense, in sequences that make less.

The promise: each command that has a tag gets exactly one tagged answer, in order; nothing is answered [SERVERBUG] and
no defect is logged; the session goes on until it is told BYE.
"""

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.gateway.imap.world import World, message


def _one_of(words: str) -> st.SearchStrategy[str]:
    return st.sampled_from(words.split("|"))


_SETS = st.sampled_from(["1", "1:*", "*", "2:1", "9", "3,1,3,1:2", "4294967295", "*:*", "0", "1:", "x"])
_NAMES = st.sampled_from(["INBOX", "inbox/sub", "Archive", "a/b/c", '""', "*", "%", "&AOQ-", "x" * 500, '"a b"', "/"])
_FLAGS = st.sampled_from(
    ["()", "(\\Seen)", "(\\Recent)", "(\\*)", "(\\Nope)", "$x", "(k1 K1)", "\\Deleted $y", "(" + "z" * 99 + ")"]
)
_ITEMS = _one_of(
    "ALL|FULL|(FLAGS)|BODY[]|BODY[1.2.3]|BODY[0]|BODY[HEADER.FIELDS (%b %d)]|RFC822.TEXT|()|BODY[TEXT]<0.0>|NONE"
    "|BODY[TEXT]<4294967295.4294967295>|BODY[1.MIME]|(UID BODY.PEEK[HEADER]<5.5> BODY)"
)
_KEYS = _one_of(
    'ALL|NOT NOT SEEN|OR ANSWERED (1:* UID *)|HEADER "" ""|SUBJECT {0+}\r\n|KEYWORD k1|NEW|OLD|()|OR DRAFT|NOT DELETED'
    "|BODY message TEXT message|LARGER 0 SMALLER 4294967295|SENTON 7-Feb-1994|BEFORE 1-Jan-0001|ON 31-Feb-2020"
    "|SINCE 31-Dec-9999|FROM bob CC x BCC y TO alice|OR (OR DRAFT FLAGGED) RECENT"
)
_COMMANDS = st.one_of(
    st.builds("{}FETCH {} {}".format, st.sampled_from(["", "UID "]), _SETS, _ITEMS),
    st.builds(
        "{}STORE {} {}FLAGS {}".format, st.sampled_from(["", "UID "]), _SETS, st.sampled_from(["", "+", "-"]), _FLAGS
    ),
    st.builds("{}SEARCH {}".format, st.sampled_from(["", "UID "]), _KEYS),
    st.builds("{}{} {} {}".format, st.sampled_from(["", "UID "]), st.sampled_from(["COPY", "MOVE"]), _SETS, _NAMES),
    st.builds(
        "{} {}".format, st.sampled_from(["SELECT", "EXAMINE", "CREATE", "DELETE", "SUBSCRIBE", "UNSUBSCRIBE"]), _NAMES
    ),
    st.builds("RENAME {} {}".format, _NAMES, _NAMES),
    st.builds("{} {} {}".format, st.sampled_from(["LIST", "LSUB"]), _NAMES, _NAMES),
    st.builds("STATUS {} (MESSAGES RECENT UIDNEXT UIDVALIDITY UNSEEN)".format, _NAMES),
    st.builds("APPEND {} {} {{5+}}\r\na: b\n".format, _NAMES, _FLAGS),
    st.builds("UID EXPUNGE {}".format, _SETS),
    st.sampled_from(["CLOSE", "UNSELECT", "EXPUNGE", "CHECK", "NOOP", "CAPABILITY", "NAMESPACE", "ID NIL", "ENABLE X"]),
    st.sampled_from(["LOGIN alice demo", "AUTHENTICATE PLAIN =", "STARTTLS", "", "UID", "UID NOOP", "FETCH", "NOOP x"]),
)


@settings(max_examples=80, deadline=None)
@given(st.lists(_COMMANDS, min_size=5, max_size=30))
def test_every_command_has_one_answer(commands: list[str]) -> None:
    asyncio.run(_play(commands))


async def _play(commands: list[str]) -> None:
    async with World() as world:
        for number in range(3):
            await world.deliver(message(f"message {number}"))
        client = await world.connect("alice")
        await client.ok("SELECT INBOX")
        for number, command in enumerate(commands):
            tag = b"q%d" % number
            client.send(tag + b" " + command.encode() + b"\r\n")
            line = b"*"
            while not line.startswith(tag):
                assert not line.startswith(b"q"), "an answer too many"
                line = await client.line()
                assert line or not client.pipe.closed
            assert b"[SERVERBUG]" not in line
        assert await client.quiet()
        assert "imap.defect" not in [entry["event"] for entry in world.log.lines]
