"""jmaplib, a JMAP client library that checks every answer against its models: a session of a mail program's."""

import threading
from collections.abc import Callable, Iterator

import httpx
import pytest
from jmap import CreationRef
from jmap.auth import BasicAuth
from jmap.client import JMAPClient
from jmap.models.push import StateChange
from jmap.push import EventSourceClient, Ping
from jmap.sync import ChangeStream, QuerySpec, QueryView

from tests.peopled import HOST, SETTINGS, Peopled, message, peopled
from tests.running import PASSWORD, free_ports

WAIT_S = 30.0
Connect = Callable[[str], JMAPClient]


@pytest.fixture(scope="module")
def https(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Peopled, int]]:
    (port,) = free_ports(1)
    settings = f'[[listen]]\nprotocol = "https"\nport = {port}\n[web]\nlogin_failure_delay_s = 0.0\n'
    with peopled(tmp_path_factory.mktemp("jmaplib"), SETTINGS + settings) as server:
        yield server, port


@pytest.fixture
def connect(https: tuple[Peopled, int]) -> Iterator[Connect]:
    """Log in as somebody."""
    server, port = https
    opened: list[JMAPClient] = []

    def make(login: str) -> JMAPClient:
        web = httpx.Client(verify=server.trust, follow_redirects=True, timeout=WAIT_S)
        url = f"https://{HOST}:{port}/.well-known/jmap"
        opened.append(JMAPClient.connect(url, auth=BasicAuth(login, PASSWORD), http=web))
        return opened[-1]

    yield make
    for client in opened:
        client.close()
        client.http.close()


def by_role(client: JMAPClient, role: str) -> str:
    with client.batch() as batch:
        boxes = batch.mail.mailbox.get(ids=None)
    return next(str(box.id) for box in boxes.result.items if box.role == role)


def test_reading(https: tuple[Peopled, int], connect: Connect) -> None:
    server, _port = https
    login = server.account()
    client = connect(login)
    for number in range(3):
        server.deliver(message(f"letter {number}", "Lunch at noon?\r\n"), login)
    inbox = by_role(client, "inbox")
    with client.batch() as batch:
        found = batch.mail.email.query(
            filter={"inMailbox": inbox, "text": "lunch"},
            sort=[{"property": "receivedAt", "isAscending": False}, {"property": "subject", "isAscending": False}],
            calculate_total=True,
        )
        emails = batch.mail.email.get(
            ids=found.ref_ids(), properties=["subject", "from", "receivedAt", "preview", "textBody", "bodyValues"],
            fetchTextBodyValues=True,
        )  # fmt: skip
        snippets = batch.mail.search_snippet.get(filter={"text": "lunch"}, email_ids=found.ref_ids())
    assert found.result.total == 3
    assert {email.subject for email in emails.result.items} == {"letter 0", "letter 1", "letter 2"}
    for email in emails.result.items:
        (value,) = email.body_values.values()
        assert value.value.strip() == "Lunch at noon?"
    assert all("<mark>Lunch</mark>" in one.preview for one in snippets.result.items)


def test_filing(https: tuple[Peopled, int], connect: Connect) -> None:
    server, _port = https
    login = server.account()
    client = connect(login)
    server.deliver(message("to be filed"), login)
    inbox = by_role(client, "inbox")
    with client.batch() as batch:
        found = batch.mail.email.query(filter={"inMailbox": inbox})
        made = batch.mail.mailbox.set(create={"r": {"name": "Receipts"}, "s": {"name": "Old", "parentId": "#r"}})
    (email,) = found.result.ids
    receipts = made.result.created_id("r")
    with client.batch() as batch:
        moved = batch.mail.email.set(update={email: {"mailboxIds": {receipts: True}, "keywords/$flagged": True}})
        shown = batch.mail.email.get(ids=[email], properties=["mailboxIds", "keywords"])
        boxes = batch.mail.mailbox.get(ids=[receipts, inbox])
    assert email in moved.result.updated
    assert shown.result.items[0].mailbox_ids == {receipts: True}
    assert shown.result.items[0].keywords == {"$flagged": True}
    assert {box.id: box.total_emails for box in boxes.result.items} == {receipts: 1, inbox: 0}
    imap = server.imap(login)
    assert imap.select("Receipts")[1] == [b"1"]
    imap.logout()


def test_a_draft_with_an_attachment(https: tuple[Peopled, int], connect: Connect) -> None:
    client = connect(https[0].account())
    drafts, data = by_role(client, "drafts"), bytes(range(256)) * 1000
    uploaded = client.upload(data, content_type="application/pdf")
    with client.batch() as batch:
        made = batch.mail.email.set(
            create={
                "draft": {
                    "mailboxIds": {drafts: True},
                    "keywords": {"$draft": True, "$seen": True},
                    "from": [{"name": "Zoë", "email": "zoe@example.test"}],
                    "to": [{"email": "bob@example.test"}],
                    "subject": "Grüße",
                    "bodyValues": {"t": {"value": "Hello\n"}},
                    "textBody": [{"partId": "t", "type": "text/plain"}],
                    "attachments": [{"blobId": uploaded.blob_id, "type": "application/pdf", "name": "a.pdf"}],
                }
            }
        )
        shown = batch.mail.email.get(
            ids=[CreationRef("draft")], properties=["subject", "attachments", "hasAttachment", "from"]
        )
    assert made.result.created_id("draft")
    (email,) = shown.result.items
    assert (email.subject, email.has_attachment, email.from_[0].name) == ("Grüße", True, "Zoë")
    (attached,) = email.attachments
    assert (attached.name, attached.type, attached.size) == ("a.pdf", "application/pdf", len(data))
    assert client.download(attached.blob_id, name="a.pdf", content_type="application/pdf") == data


def test_sending(https: tuple[Peopled, int], connect: Connect) -> None:
    server, _port = https
    sender, receiver = connect(server.account()), connect(server.account())
    drafts, sent = by_role(sender, "drafts"), by_role(sender, "sent")
    with sender.batch() as batch:
        identities = batch.submission.identity.get(ids=None)
        before = batch.submission.email_submission.get(ids=[])
    with receiver.batch() as batch:
        to = batch.submission.identity.get(ids=None)
    (identity,), (other,) = identities.result.items, to.result.items
    draft = {
        "mailboxIds": {drafts: True},
        "keywords": {"$draft": True},
        "from": [{"email": identity.email}],
        "to": [{"email": other.email}],
        "subject": "Sent by a program",
        "bodyValues": {"t": {"value": "Hello\n"}},
        "textBody": [{"partId": "t", "type": "text/plain"}],
    }
    filed = {f"mailboxIds/{drafts}": None, f"mailboxIds/{sent}": True, "keywords/$draft": None}
    with sender.batch() as batch:
        made = batch.mail.email.set(create={"d": draft})
        submitted = batch.submission.email_submission.set(
            create={"s": {"emailId": "#d", "identityId": str(identity.id)}}, onSuccessUpdateEmail={"#s": filed}
        )
        shown = batch.mail.email.get(ids=[CreationRef("d")], properties=["mailboxIds", "keywords"])
    submission = submitted.result.created_id("s")
    assert made.result.created_id("d")
    assert (shown.result.items[0].mailbox_ids, shown.result.items[0].keywords) == ({sent: True}, {})
    with sender.batch() as batch:
        changes = batch.submission.email_submission.changes(since_state=before.result.state)
        status = batch.submission.email_submission.get(ids=[submission])
    assert list(changes.result.created) == [submission]
    assert status.result.items[0].undo_status == "final"
    assert status.result.items[0].delivery_status[other.email].delivered == "yes"
    with receiver.batch() as batch:
        found = batch.mail.email.query(filter={"inMailbox": by_role(receiver, "inbox"), "from": identity.email})
        came = batch.mail.email.get(ids=found.ref_ids(), properties=["subject"])
    assert [email.subject for email in came.result.items] == ["Sent by a program"]


def test_being_away(https: tuple[Peopled, int], connect: Connect) -> None:
    client = connect(https[0].account())
    with client.batch() as batch:
        made = batch.vacation.vacation_response.set(
            update={"singleton": {"isEnabled": True, "subject": "Away", "textBody": "Back on Monday.\n"}}
        )
        shown = batch.vacation.vacation_response.get(ids=["singleton"])
    assert "singleton" in made.result.updated
    (answer,) = shown.result.items
    assert (answer.is_enabled, answer.subject, answer.text_body) == (True, "Away", "Back on Monday.\n")


def test_keeping_in_step(https: tuple[Peopled, int], connect: Connect) -> None:
    server, _port = https
    login = server.account()
    client = connect(login)
    inbox = by_role(client, "inbox")
    with client.batch() as batch:
        emails = batch.mail.email.get(ids=None, properties=["id"])
    spec = QuerySpec.build(
        "Email", emails.result.account_id, filter={"inMailbox": inbox}, sort=[{"property": "subject"}]
    )
    stream = ChangeStream(client, "Email")
    stream.seed(emails.result.state)
    with client.batch() as batch:
        found = batch.mail.email.query(filter={"inMailbox": inbox}, sort=[{"property": "subject"}])
    view = QueryView.from_query(spec, found.result)
    for subject in ("b", "a", "c"):
        server.deliver(message(subject), login)
    with client.batch() as batch:
        told = batch.mail.email.query_changes(
            since_query_state=view.query_state, filter={"inMailbox": inbox}, sort=[{"property": "subject"}]
        )
    view.apply(told.result)
    created = stream.catch_up().created
    with client.batch() as batch:
        shown = batch.mail.email.get(ids=view.known_ids, properties=["subject"])
    assert [email.subject for email in shown.result.items] == ["a", "b", "c"]
    assert set(created) == set(view.known_ids)
    with client.batch() as batch:
        batch.mail.email.set(destroy=[view.known_ids[0]])
    changes = stream.catch_up()
    assert (list(changes.created), list(changes.destroyed)) == ([], [view.known_ids[0]])


def test_hearing_of_a_delivery(https: tuple[Peopled, int], connect: Connect) -> None:
    server, _port = https
    login = server.account()
    client = connect(login)
    heard = threading.Event()
    moved: list[set[str]] = []

    def listen() -> None:
        for event in EventSourceClient(client, types=("Email", "Mailbox"), ping=1).listen():
            if isinstance(event, Ping):
                heard.set()  # it listens
                continue
            assert isinstance(event, StateChange)
            moved.extend(set(types) for types in event.changed.values())
            return

    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    assert heard.wait(WAIT_S)
    server.deliver(message("news"), login)
    listener.join(WAIT_S)
    assert moved == [{"Email", "Mailbox"}]
