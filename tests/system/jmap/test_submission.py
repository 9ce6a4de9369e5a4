"""Mail sent over JMAP on a running server: at once, later, called back, and over a kill."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.peopled import SETTINGS, Peopled, peopled
from tests.running import free_ports
from tests.system.jmap.test_first import Http

USING = [
    "urn:ietf:params:jmap:core",
    "urn:ietf:params:jmap:mail",
    "urn:ietf:params:jmap:submission",
    "urn:ietf:params:jmap:vacationresponse",
]


class Person:
    """One who reads and sends."""

    def __init__(self, port: int, server: Peopled, login: str) -> None:
        self.http = Http(port, server.trust, login)
        self.login = login
        self.session = self.http.session()
        self.account = self.session["primaryAccounts"]["urn:ietf:params:jmap:submission"]

    def ask(self, name: str, **arguments: Any) -> Any:
        """The arguments of the answer."""
        (answer, *_also) = self.http.call([name, {"accountId": self.account, **arguments}, "0"], using=USING)
        assert answer[0] == name, answer
        return answer[1]

    def draft(self, *to: str) -> str:
        """An Email, not sent yet."""
        (drafts,) = self.ask("Mailbox/query", filter={"role": "drafts"})["ids"]
        email = {
            "mailboxIds": {drafts: True},
            "from": [{"email": self.login}],
            "to": [{"email": one} for one in to],
            "subject": "Sent over JMAP",
        }
        return str(self.ask("Email/set", create={"d": email})["created"]["d"]["id"])

    def send(self, email: str, *to: str, **parameters: str) -> Any:
        """What is told of the submission."""
        identity = self.ask("Identity/get")["list"][0]["id"]
        envelope = {
            "mailFrom": {"email": self.login, "parameters": parameters},
            "rcptTo": [{"email": one} for one in to],
        }
        submission = {"emailId": email, "identityId": identity, "envelope": envelope}
        return self.ask("EmailSubmission/set", create={"s": submission})["created"]["s"]

    def status(self, submission: str) -> Any:
        """The EmailSubmission."""
        (one,) = self.ask("EmailSubmission/get", ids=[submission])["list"]
        return one

    def subjects(self) -> list[str]:
        """Of all mail in the inbox."""
        (inbox,) = self.ask("Mailbox/query", filter={"role": "inbox"})["ids"]
        found = self.ask("Email/get", ids=None, properties=["subject", "mailboxIds"])["list"]
        return sorted(one["subject"] for one in found if inbox in one["mailboxIds"])


def soon(so: Callable[[], bool]) -> None:
    """Wait for something."""
    deadline = time.monotonic() + 30
    while not so():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_mail_goes_at_once_and_later_and_is_called_back(https: tuple[Peopled, int]) -> None:
    server, port = https
    one, other = (Person(port, server, server.account()) for _ in range(2))
    told = one.session["accounts"][one.account]["accountCapabilities"]["urn:ietf:params:jmap:submission"]
    assert told["maxDelayedSend"] == 604_800
    assert "FUTURERELEASE" in told["submissionExtensions"]
    email = one.draft(other.login)
    assert one.send(email, other.login)["undoStatus"] == "final"
    assert other.subjects() == ["Sent over JMAP"]
    later = one.send(email, other.login, HOLDFOR="1")
    never = one.send(email, other.login, "x@far.invalid", HOLDFOR="600")
    assert [later["undoStatus"], never["undoStatus"]] == ["pending", "pending"]
    one.ask("EmailSubmission/set", update={never["id"]: {"undoStatus": "canceled"}})
    assert one.status(never["id"])["undoStatus"] == "canceled"
    soon(lambda: one.status(later["id"])["deliveryStatus"][other.login]["delivered"] == "yes")
    assert one.status(later["id"])["undoStatus"] == "final"
    assert other.subjects() == ["Sent over JMAP"] * 2


def test_who_is_away_answers(https: tuple[Peopled, int]) -> None:
    server, port = https
    one, other = (Person(port, server, server.account()) for _ in range(2))
    other.ask("VacationResponse/set", update={"singleton": {"isEnabled": True, "subject": "Away"}})
    email = one.draft(other.login)
    for _ in range(2):
        one.send(email, other.login)
    soon(lambda: one.subjects() == ["Away"])


@pytest.mark.kill
def test_what_was_acknowledged_outlives_a_kill(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    with peopled(tmp_path, SETTINGS + f'[[listen]]\nprotocol = "https"\nport = {port}\n') as server:
        one, other = (Person(port, server, server.account()) for _ in range(2))
        email = one.draft(other.login)
        sent = one.send(email, other.login)
        held = one.send(email, other.login, HOLDFOR="3")
        server.running.kill()
        server.running.start()
        one, other = (Person(port, server, person.login) for person in (one, other))
        assert one.status(sent["id"])["undoStatus"] == "final"
        soon(lambda: one.status(held["id"])["deliveryStatus"][other.login]["delivered"] == "yes")
        assert other.subjects() == ["Sent over JMAP"] * 2
