"""Every method: what it takes by default, and that anything is taken or refused."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mail.jmap.errors import MethodError
from mail.jmap.limits import Limits
from mail.jmap.methods.table import METHODS, find
from mail.jmap.objects.names import ADDED, PROPERTIES, UNASKED, unasked
from tests.unit.mail.jmap.driver import URIS, refusal
from tests.unit.mail.jmap.test_properties import JSON

ALL = frozenset(URIS.values())
ARGUMENTS = ["accountId", "ids", "properties", "create", "update", "destroy", "filter", "sort", "limit", "sinceState"]


OF_STANDARDS = {
    "Core": "echo",
    "PushSubscription": "get set",
    "Blob": "copy upload get lookup",
    "Mailbox": "get changes query queryChanges set",
    "Thread": "get changes",
    "Email": "get changes query queryChanges set copy import parse",
    "SearchSnippet": "get",
    "Identity": "get changes set",
    "EmailSubmission": "get changes query queryChanges set",
    "VacationResponse": "get set",
    "Quota": "get changes query queryChanges",
    "MDN": "send parse",
    "Principal": "get changes set query queryChanges",
    "ShareNotification": "get changes set query queryChanges",
}


def test_all_methods_of_the_standards_are_there() -> None:
    assert set(METHODS) == {f"{kind}/{verb}" for kind, verbs in OF_STANDARDS.items() for verb in verbs.split()}


def test_what_writes_is_known() -> None:
    writing = sorted(name for name, method in METHODS.items() if method.writes)
    assert writing == [
        "Blob/copy",
        "Blob/upload",
        "Email/copy",
        "Email/import",
        "Email/set",
        "EmailSubmission/set",
        "Identity/set",
        "MDN/send",
        "Mailbox/set",
        "Principal/set",
        "PushSubscription/set",
        "ShareNotification/set",
        "VacationResponse/set",
    ]


@pytest.mark.parametrize("name", sorted(METHODS))
def test_nothing_is_known_to_who_uses_nothing(name: str) -> None:
    with pytest.raises(MethodError, match="unknownMethod"):
        find(name, frozenset())


@pytest.mark.parametrize("name", sorted(METHODS))
def test_anything_is_taken_or_refused(name: str) -> None:
    method = find(name, ALL)

    @settings(max_examples=20, deadline=None, database=None)
    @given(st.dictionaries(st.sampled_from(ARGUMENTS) | st.text(max_size=3), JSON, max_size=5))
    def try_it(arguments: dict[str, Any]) -> None:
        problem = refusal(lambda: method.read(arguments, ALL, Limits()))
        assert problem is None or isinstance(problem, MethodError)
        assert problem is None or problem.kind != "invalidArguments" or problem.properties["arguments"]

    try_it()


def test_the_tables_of_properties_agree() -> None:
    for kind, names in UNASKED.items():
        assert set(names) <= set(PROPERTIES[kind])
    for kind, added in ADDED.items():
        assert set(added) <= set(PROPERTIES[kind])
    assert "shareWith" not in unasked("Mailbox", ())
    assert "shareWith" in unasked("Mailbox", ALL)
    assert unasked("PushSubscription", ALL) == ("id", "deviceClientId", "verificationCode", "expires", "types")
