"""Every IMAP command of Python's two clients: imaplib (which says what it is told) and IMAPClient (which reads it)."""

import datetime as dt
import imaplib
import threading
import time
from collections.abc import Iterator

import imapclient
import pytest

from tests.peopled import HOST, Peopled, message
from tests.running import PASSWORD


def test_imaplib_speaks_every_command(server: Peopled, login: str) -> None:
    with imaplib.IMAP4(HOST, server.ports["imap"]) as imap:
        assert "LOGINDISABLED" in imap.capabilities
        imap.starttls(server.trust)
        assert "AUTH=PLAIN" in imap.capabilities
        assert imap.authenticate("PLAIN", lambda _: f"\0{login}\0{PASSWORD}".encode())[0] == "OK"
        assert imap.namespace() == ("OK", [b'(("" "/")) (("Other Users/" "/")) (("Shared/" "/"))'])
        assert imap.create("one")[0] == "OK"
        assert imap.rename("one", "two")[0] == "OK"
        assert imap.subscribe("two")[0] == "OK"
        assert imap.lsub('""', "t%") == ("OK", [b'() "/" two'])
        assert imap.unsubscribe("two")[0] == "OK"
        assert imap.list('""', "t%") == ("OK", [b'(\\HasNoChildren) "/" two'])
        now = imaplib.Time2Internaldate(time.time())
        for number in range(3):
            assert imap.append("two", r"(\Flagged $Work)", now, message(str(number)))[0] == "OK"
        assert imap.status("two", "(MESSAGES RECENT UIDNEXT UNSEEN)")[1] == [
            b"two (MESSAGES 3 RECENT 3 UIDNEXT 4 UNSEEN 3)"
        ]
        assert imap.select("two", readonly=True) == ("OK", [b"3"])
        assert imap.select("two") == ("OK", [b"3"])
        assert imap.recent() == ("OK", [b"3"])
        assert imap.search(None, "KEYWORD", "$Work", "NOT", "SEEN") == ("OK", [b"1 2 3"])
        assert imap.uid("SEARCH", "UID 2:*") == ("OK", [b"2 3"])
        assert imap.sort("(REVERSE SUBJECT)", "UTF-8", "ALL") == ("OK", [b"3 2 1"])
        assert imap.uid("SORT", "(REVERSE SUBJECT)", "UTF-8", "UID 2:3") == ("OK", [b"3 2"])
        assert imap.thread("REFERENCES", "UTF-8", "ALL") == ("OK", [b"(1)(2)(3)"])
        assert imap.fetch("1", "(UID FLAGS)") == ("OK", [rb"1 (UID 1 FLAGS (\Flagged $Work \Recent))"])
        assert imap.store("1", "+FLAGS", r"\Seen")[0] == "OK"
        assert imap.copy("1", "Archive")[0] == "OK"
        assert imap.uid("MOVE", "2", "Trash")[0] == "OK"
        assert imap.store("1", "+FLAGS", r"\Deleted")[0] == "OK"
        assert imap.check()[0] == "OK"
        assert imap.expunge() == ("OK", [b"2", b"1"])  # imaplib still has what MOVE said
        assert imap.noop()[0] == "OK"
        assert imap.unselect()[0] == "OK"
        imap.select("two")
        assert imap.close()[0] == "OK"
        assert imap.setacl("two", "anyone", "lr")[0] == "OK"
        assert imap.getacl("two") == ("OK", [f"two {login} lrswipkxtecda anyone lr".encode()])
        assert imap.myrights("two") == ("OK", [b"two lrswipkxtecda"])
        assert imap.deleteacl("two", "anyone")[0] == "OK"
        assert imap.getquotaroot("two") == ("OK", [[f"two {login}".encode()], [f"{login} ()".encode()]])
        assert imap.getquota(login) == ("OK", [f"{login} ()".encode()])
        assert imap.setquota(login, "(STORAGE 1)")[0] == "NO"
        assert imap.delete("two")[0] == "OK"
        assert imap.noop()[0] == "OK"
        assert imap.enable("X-NONE")[0] == "OK"


@pytest.fixture
def client(server: Peopled, login: str) -> Iterator[imapclient.IMAPClient]:
    """An IMAPClient that is logged in."""
    with imapclient.IMAPClient(HOST, server.ports["imaps"], ssl_context=server.trust) as client:
        client.login(login, PASSWORD)
        yield client


def test_imapclient_reads_a_mailbox(server: Peopled, login: str, client: imapclient.IMAPClient) -> None:
    sent = dt.datetime(2024, 2, 29, 23, 59, 58, tzinfo=dt.timezone(dt.timedelta(hours=5, minutes=30)))
    assert client.id_({"name": "test"}) == ((b"name", b"Rookery"),)
    assert client.find_special_folder(b"\\Drafts") == "Drafts"
    client.create_folder("Entwürfe & mehr/日本")
    assert "Entwürfe & mehr/日本" in [name for _, _, name in client.list_folders()]
    client.append("INBOX", message("mit Größe"), [imapclient.SEEN, "$Label1"], sent)
    chosen = client.select_folder("INBOX")
    assert (chosen[b"EXISTS"], chosen[b"UIDNEXT"], chosen[b"READ-WRITE"]) == (1, 2, True)
    found = client.fetch([1], ["INTERNALDATE", "ENVELOPE", "BODYSTRUCTURE", "RFC822.SIZE", "BODY[TEXT]<0.4>", "FLAGS"])
    assert found[1][b"INTERNALDATE"] == sent.astimezone().replace(tzinfo=None)
    assert found[1][b"BODY[TEXT]<0>"] == b"Some"
    assert found[1][b"RFC822.SIZE"] == len(message("mit Größe"))
    assert not found[1][b"BODYSTRUCTURE"].is_multipart
    assert client.search(["SUBJECT", "GRÖSSE"], "UTF-8") == [1]
    assert client.set_flags([1], [imapclient.ANSWERED]) == {1: (b"\\Answered", b"\\Recent")}
    assert client.remove_flags([1], [imapclient.ANSWERED]) == {1: (b"\\Recent",)}
    assert client.get_flags([1]) == {1: (b"\\Recent",)}
    assert client.folder_exists("Nowhere") is False


def test_imapclient_sorts_and_threads(server: Peopled, login: str, client: imapclient.IMAPClient) -> None:
    for number, subject in enumerate(("pears", "Äpfel", "Re: pears")):
        client.append("INBOX", message(subject).replace(b"Message-ID", b"X-%d" % number))
    client.select_folder("INBOX")
    assert client.sort("SUBJECT") == [2, 1, 3]
    assert client.sort(["REVERSE SUBJECT", "DATE"], ["NOT", "SUBJECT", "Äpf"]) == [1, 3]
    assert client.thread("ORDEREDSUBJECT") == ((1, 3), (2,))
    assert client.thread("REFERENCES", ["SUBJECT", "pears"]) == ((1, 3),)


def test_imapclient_uses_what_another_shares(server: Peopled, login: str, client: imapclient.IMAPClient) -> None:
    other = server.account()
    client.append("INBOX", message("shared"))
    client.setacl("INBOX", other, "lrswi")
    assert client.getacl("INBOX") == [(login.encode(), b"lrswipkxtecda"), (other.encode(), b"lrswi")]
    assert client.get_quota() == []
    inbox = f"Other Users/{login}/INBOX"
    with imapclient.IMAPClient(HOST, server.ports["imaps"], ssl_context=server.trust) as reader:
        reader.login(other, PASSWORD)
        assert [name for _, _, name in reader.list_folders("Other Users/")] == [f"Other Users/{login}", inbox]
        assert reader.folder_status(inbox, ["MESSAGES", "SIZE"])[b"MESSAGES"] == 1
        chosen = reader.select_folder(inbox)
        assert chosen[b"PERMANENTFLAGS"] == (b"\\Seen", b"\\Answered", b"\\Flagged", b"\\Draft", b"\\*")
        assert reader.set_flags([1], [imapclient.SEEN, imapclient.DELETED]) == {1: (b"\\Seen", b"\\Recent")}
        reader.copy([1], "Archive")
        reader.append(inbox, message("from the reader"))
        assert reader.folder_status("Archive", ["MESSAGES"]) == {b"MESSAGES": 1}
        client.setacl("INBOX", other, "-lrswi")
        assert reader.folder_exists(inbox) is False
    assert client.folder_status("INBOX", ["MESSAGES"]) == {b"MESSAGES": 2}


def test_imapclient_moves_and_expunges(server: Peopled, login: str, client: imapclient.IMAPClient) -> None:
    for number in range(5):
        server.deliver(message(f"m{number}"), login)
    client.select_folder("INBOX")
    client.copy([1, 2], "Archive")
    client.move([3], "Trash")
    client.delete_messages([1, 5])
    client.uid_expunge([5])
    assert client.search() == [1, 2, 4]
    client.expunge()
    assert client.search() == [2, 4]
    client.unselect_folder()
    assert client.folder_status("Archive", ["MESSAGES", "UNSEEN"]) == {b"MESSAGES": 2, b"UNSEEN": 2}
    client.rename_folder("Archive", "Old/Archive")
    client.subscribe_folder("Old/Archive")
    assert [name for _, _, name in client.list_sub_folders("", "Old/*")] == ["Old/Archive"]
    client.delete_folder("Old/Archive")


def test_idle_hears_of_new_mail_at_once(server: Peopled, login: str, client: imapclient.IMAPClient) -> None:
    client.select_folder("INBOX")
    client.idle()
    arrivals: list[float] = []

    def listen() -> None:
        while not any(line == (1, b"EXISTS") for line in client.idle_check(timeout=5)):
            pass
        arrivals.append(time.monotonic())

    listener = threading.Thread(target=listen)
    listener.start()
    server.deliver(message("news"), login)
    delivered = time.monotonic()
    listener.join(10)
    assert arrivals
    assert arrivals[0] - delivered < 1.0, "a person would see the delay"
    text, _ = client.idle_done()
    assert text == b"IDLE completed"


def test_imapclient_through_starttls_and_other_mechanisms(server: Peopled, login: str) -> None:
    with imapclient.IMAPClient(HOST, server.ports["imap"], ssl=False) as client:
        client.starttls(server.trust)
        client.plain_login(login, PASSWORD)
        assert client.namespace().personal == (("", "/"),)
    clear = imapclient.IMAPClient(HOST, server.ports["imap"], ssl=False)
    with clear, pytest.raises(imapclient.exceptions.LoginError):
        clear.login(login, PASSWORD)
