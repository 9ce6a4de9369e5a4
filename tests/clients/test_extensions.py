"""IMAPClient and imaplib at the extensions: sorting and threads, mod-sequences, rights and quotas."""

import datetime as dt
import imaplib
import re
from collections.abc import Iterator

import imapclient
import pytest

from tests.peopled import HOST, Peopled, message
from tests.running import PASSWORD

FIRST = dt.datetime(2024, 3, 1, 12, 0, 0, tzinfo=dt.UTC)


@pytest.fixture
def client(server: Peopled, login: str) -> Iterator[imapclient.IMAPClient]:
    """An IMAPClient that is logged in, with a mailbox of five messages selected."""
    with imapclient.IMAPClient(HOST, server.ports["imaps"], ssl_context=server.trust) as client:
        client.login(login, PASSWORD)
        letters = [
            _letter("Zebra", "carla", 1),
            _letter("apple", "anna", 2),
            _letter("Re: Zebra", "ben", 3, "1"),
            _letter("Mango", "dora", 0),
            _letter("Re: Re: zebra", "anna", 4, "1", "3"),
        ]
        for number, raw in enumerate(letters):
            client.append("INBOX", raw, msg_time=FIRST + dt.timedelta(days=5 - number))
        client.select_folder("INBOX")
        yield client


def _letter(subject: str, sender: str, day: int, *answers: str) -> bytes:
    references = "".join(f"References: {' '.join(f'<{one}@x.test>' for one in answers)}\r\n" if answers else "")
    number = {"Zebra": 1, "apple": 2, "Re: Zebra": 3, "Mango": 4}.get(subject, 5)
    return (
        f"From: {sender}@x.test\r\nTo: a@x.test\r\nSubject: {subject}\r\nDate: {10 + day} Mar 2024 10:00:00 +0000\r\n"
        f"Message-ID: <{number}@x.test>\r\n{references}\r\nLetter from {sender}.\r\n"
    ).encode()


def test_sorting_and_threads(client: imapclient.IMAPClient) -> None:
    assert client.sort("SUBJECT") == [2, 4, 1, 3, 5]
    assert client.sort(["REVERSE DATE"]) == [5, 3, 2, 1, 4]
    assert client.sort("ARRIVAL") == [5, 4, 3, 2, 1]
    assert client.sort("FROM", ["NOT", "SUBJECT", "mango"]) == [2, 5, 3, 1]
    assert client.sort(["REVERSE SIZE", "SUBJECT"], charset="US-ASCII")[-1] in (2, 4)
    assert client.thread("REFERENCES") == ((4,), (1, 3, 5), (2,))
    assert client.thread("ORDEREDSUBJECT", ["SUBJECT", "zebra"]) == ((1, (3,), (5,)),)
    assert client.thread("REFS") == ((1, 3, 5), (2,), (4,)) or client.thread("REFS")[-1] == (1, 3, 5)


def test_searching(client: imapclient.IMAPClient) -> None:
    assert client.search(["FROM", "anna"]) == [2, 5]
    assert client.search(["TEXT", "Letter from ben"]) == [3]
    assert client.search(["OR", "SUBJECT", "mango", "BODY", "from carla"]) == [1, 4]
    assert client.search(["HEADER", "References", "<1@x.test>", "NOT", "FROM", "ben"]) == [5]
    assert client.search(["SENTSINCE", dt.date(2024, 3, 13)]) == [3, 5]
    assert client.search(["SUBJECT", "ZEBRA"], "UTF-8") == [1, 3, 5]
    client.add_flags([1, 2], ["$Work"])
    assert client.search(["KEYWORD", "$Work", "LARGER", 10]) == [1, 2]
    assert client.search(["YOUNGER", 3600]) == []


def test_mod_sequences(server: Peopled, login: str, client: imapclient.IMAPClient) -> None:
    client.unselect_folder()
    assert set(client.enable("CONDSTORE")) == {b"CONDSTORE"}
    before = client.select_folder("INBOX")[b"HIGHESTMODSEQ"]
    assert client.folder_status("INBOX", ["HIGHESTMODSEQ", "SIZE", "MAILBOXID"])[b"HIGHESTMODSEQ"] == before
    client.add_flags([2], [imapclient.FLAGGED])
    changed = client.fetch([1, 2, 3, 4, 5], ["FLAGS"], [f"CHANGEDSINCE {before}"])
    assert list(changed) == [2]
    assert changed[2][b"MODSEQ"][0] > before
    assert imapclient.FLAGGED in changed[2][b"FLAGS"]
    # what another changes is told with its MODSEQ
    with server.imap(login) as other:
        other.select()
        other.store("3", "+FLAGS", r"(\Seen)")
    text, told = client.noop()
    assert text == b"NOOP completed"
    assert any(line[1] == b"FETCH" and b"MODSEQ" in line[2] for line in told)


def test_moving_and_special_uses(client: imapclient.IMAPClient) -> None:
    for use in (b"\\Sent", b"\\Drafts", b"\\Trash", b"\\Junk", b"\\Archive"):
        assert client.find_special_folder(use), use
    client.move([1], "Archive")
    assert client.search() == [2, 3, 4, 5]
    assert client.folder_status("Archive", ["MESSAGES"]) == {b"MESSAGES": 1}
    client.copy([2, 3], "Trash")
    assert client.folder_status("Trash", ["MESSAGES"]) == {b"MESSAGES": 2}
    client.delete_messages([4])
    client.uid_expunge([4])
    assert client.search() == [2, 3, 5]


def test_namespaces_rights_and_quotas(client: imapclient.IMAPClient) -> None:
    spaces = client.namespace()
    assert spaces.personal == (("", "/"),)
    assert len(spaces.other or ()) == len(spaces.shared or ()) == 1
    assert b"l" in client.getacl("INBOX")[0][1]
    client.setacl("INBOX", "anna@example.test", "lrs")
    assert len(client.getacl("INBOX")) == 2
    client.setacl("INBOX", "anna@example.test", '""')
    assert len(client.getacl("INBOX")) == 1
    root, quotas = client.get_quota_root("INBOX")
    assert root.mailbox == "INBOX"
    assert all(quota.usage >= 0 for quota in quotas)


def test_many_at_once_and_dates(client: imapclient.IMAPClient) -> None:
    when = dt.datetime(1999, 12, 31, 23, 59, 59, tzinfo=dt.timezone(dt.timedelta(hours=-5)))
    said = client.multiappend(
        "Drafts",
        [
            {"msg": _letter("Zebra", "carla", 1), "flags": (imapclient.DRAFT,), "date": when},
            {"msg": _letter("apple", "anna", 2), "flags": (imapclient.SEEN, "$Work"), "date": when},
            message("third"),
            message("fourth"),
        ],
    )
    assert said[0] == "OK"
    assert re.match(rb"\[APPENDUID \d+ 1:4\]", said[1][0])
    client.select_folder("Drafts")
    found = client.fetch(
        [1, 2, 3, 4], ["INTERNALDATE", "FLAGS", "RFC822.SIZE", "EMAILID", "THREADID", "SAVEDATE", "PREVIEW"]
    )
    assert found[1][b"INTERNALDATE"] == when.astimezone().replace(tzinfo=None)
    assert imapclient.DRAFT in found[1][b"FLAGS"]
    assert found[2][b"PREVIEW"] == b"Letter from anna."
    assert len({one[b"EMAILID"] for one in found.values()}) == 4


def test_idle_hears_of_flags_and_expunges(server: Peopled, login: str, client: imapclient.IMAPClient) -> None:
    client.idle()
    with server.imap(login) as other:
        other.select()
        other.store("2", "+FLAGS", r"(\Flagged)")
        other.store("1", "+FLAGS", r"(\Deleted)")
        other.expunge()
    told: list[tuple[int, bytes]] = []
    while not any(line[1] == b"EXPUNGE" for line in told):
        more = client.idle_check(timeout=5)
        assert more, told
        told += [line[:2] for line in more]
    client.idle_done()
    assert (2, b"FETCH") in told
    assert (1, b"EXPUNGE") in told
    assert client.search() == [2, 3, 4, 5]


def test_imaplib_at_sort_thread_acl_and_quota(server: Peopled, login: str) -> None:
    with server.imap(login) as imap:
        for raw in (_letter("Zebra", "carla", 1), _letter("apple", "anna", 2), _letter("Re: Zebra", "ben", 3, "1")):
            assert imap.append("INBOX", "", "", raw)[0] == "OK"
        imap.select()
        assert imap.sort("(SUBJECT)", "UTF-8", "ALL") == ("OK", [b"2 1 3"])
        assert imap.uid("SORT", "(REVERSE DATE)", "UTF-8", "ALL") == ("OK", [b"3 2 1"])
        assert imap.thread("REFERENCES", "UTF-8", "ALL") == ("OK", [b"(1 3)(2)"])
        assert imap.myrights("INBOX")[0] == "OK"
        assert imap.getacl("INBOX")[0] == "OK"
        assert imap.setacl("INBOX", "anyone", "lr")[0] == "OK"
        assert imap.deleteacl("INBOX", "anyone")[0] == "OK"
        assert imap.getquotaroot("INBOX")[0] == "OK"


def test_utf8_names(server: Peopled, login: str) -> None:
    """imaplib speaks UTF-8 after ENABLE (RFC 6855), names and searches. What it appends then it spoils: before."""
    with imaplib.IMAP4_SSL(HOST, server.ports["imaps"], ssl_context=server.trust) as imap:
        imap.login(login, PASSWORD)
        raw = "From: ü@x.test\r\nSubject: Grüße\r\n\r\nhallo\r\n".encode()
        assert imap.create("Entw&APw-rfe")[0] == "OK"
        assert imap.append("Entw&APw-rfe", "", "", raw)[0] == "OK"
        assert imap.enable("UTF8=ACCEPT")[0] == "OK"
        assert any(isinstance(line, bytes) and '"Entwürfe"'.encode() in line for line in imap.list()[1])
        assert imap.select('"Entwürfe"') == ("OK", [b"1"])
        assert imap.search(None, 'SUBJECT "grüße"') == ("OK", [b"1"])
        (row, *_) = imap.fetch("1", "(BODY.PEEK[])")[1]
        assert isinstance(row, tuple)
        assert row[1] == raw
