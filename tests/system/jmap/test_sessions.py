"""The state of a session changes with what it tells (RFC 8620 2), and each answer has the newest."""

from typing import Any

from tests.peopled import Peopled
from tests.system.jmap.test_first import MAIL, Http

SHARING = (*MAIL, "urn:ietf:params:jmap:principals")


def test_sharing_and_wishes_change_the_state_at_once(https: tuple[Peopled, int]) -> None:
    server, port = https
    alice, bob = (Http(port, server.trust, server.account()) for _ in range(2))

    def own(client: Http) -> str:
        account: str = client.session()["primaryAccounts"][MAIL[1]]
        return account

    def principal(client: Http) -> str:
        of_owner = client.session()["accounts"][own(client)]["accountCapabilities"][f"{SHARING[2]}:owner"]
        found: str = of_owner["principalId"]
        return found

    def states() -> tuple[Any, Any]:
        answered = bob.whole(["Core/echo", {}, "0"])["sessionState"]
        return answered, bob.session()["state"]

    def told(client: Http, call: list[Any]) -> Any:
        return client.call(call, using=SHARING)[0][1]

    first, said = states()
    assert first == said
    query = ["Mailbox/query", {"accountId": own(alice), "filter": {"role": "inbox"}}, "0"]
    (inbox,) = told(alice, query)["ids"]
    share = {inbox: {"shareWith": {principal(bob): {"mayReadItems": True}}}}
    assert inbox in told(alice, ["Mailbox/set", {"accountId": own(alice), "update": share}, "0"])["updated"]
    second, said = states()
    assert second == said != first
    assert own(alice) in bob.session()["accounts"]

    (theirs,) = told(bob, query)["ids"]
    away = {theirs: {"isSubscribed": False}}
    answer = bob.whole(["Mailbox/set", {"accountId": own(alice), "update": away}, "0"])
    assert answer["methodResponses"][0][1]["updated"] == {theirs: None}
    assert answer["sessionState"] == first
    assert own(alice) not in bob.session()["accounts"]


def test_all_that_is_offered_may_be_used(https: tuple[Peopled, int]) -> None:
    server, port = https
    client = Http(port, server.trust, server.account())
    offered = list(client.session()["capabilities"])
    assert "urn:ietf:params:jmap:webpush-vapid" in offered
    assert client.call(["Core/echo", {"a": 1}, "0"], using=offered) == [["Core/echo", {"a": 1}, "0"]]
