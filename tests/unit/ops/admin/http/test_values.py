"""Values into fields: what fits, what does not, and where that stood."""

from typing import Any

import pytest

from ops.admin.http.problems import Problem
from ops.admin.http.values import put, put_text
from ops.admin.plain import plain
from wire import admin_pb2 as pb


@pytest.mark.parametrize(
    ("message", "path", "value", "told"),
    [
        (pb.Account(), "id", "00000000000000ff", "00000000000000ff"),
        (pb.Account(), "quota_bytes", 2**63 - 1, 2**63 - 1),
        (pb.Account(), "addresses", ["a", "b"], ["a", "b"]),
        (pb.DkimKey(), "state", "active", "active"),
        (pb.QueueWish(), "priority", -9, -9),
        (pb.ScaleRequest(), "wanted", {"queue": 2}, {"queue": 2}),
        (pb.AddDkimKeyRequest(), "private_key", "AAE=", b"\0\1"),
        (pb.Domain(), "rewrites", [{"pattern": "x"}], [{"pattern": "x", "replacement": ""}]),
        (pb.ChangeDomainRequest(), "rewrites", [{"pattern": "x"}], {"rules": [{"pattern": "x", "replacement": ""}]}),
        (pb.ChangeDomainRequest(), "rewrites", [], {"rules": []}),
        (pb.ChangeDomainRequest(), "separator", "", ""),
    ],
)
def test_what_fits_is_there(message: Any, path: str, value: Any, told: Any) -> None:
    put(message, path, value, "/x")
    assert plain(message)[path] == told


@pytest.mark.parametrize(
    ("message", "path", "value", "at"),
    [
        (pb.Account(), "id", "FF", "/x"),
        (pb.Account(), "id", 255, "/x"),
        (pb.Account(), "quota_bytes", 2**63, "/x"),
        (pb.Account(), "quota_bytes", "1", "/x"),
        (pb.Account(), "addresses", "a", "/x"),
        (pb.Account(), "addresses", ["a", None], "/x/1"),
        (pb.Account(), "disabled", 0, "/x"),
        (pb.Account(), "login", None, "/x"),
        (pb.DkimKey(), "state", "ACTIVE", "/x"),
        (pb.DkimKey(), "state", [], "/x"),
        (pb.ScaleRequest(), "wanted", {"a/b": -1}, "/x/a~1b"),
        (pb.AddDkimKeyRequest(), "private_key", "A", "/x"),
        (pb.AddDkimKeyRequest(), "private_key", "é", "/x"),
        (pb.ChangeDomainRequest(), "rewrites", [{"pattern": "x"}, {"other": 1}], "/x/1/other"),
    ],
)
def test_what_does_not_is_refused_with_its_place(message: Any, path: str, value: Any, at: str) -> None:
    with pytest.raises(Problem) as caught:
        put(message, path, value, "/x")
    assert (caught.value.status, caught.value.told["at"]) == (422, at)


def test_texts_are_read_by_their_type() -> None:
    request = pb.ListAccountsRequest()
    for path, text in (("domain", "true"), ("usage", "true"), ("limit", "7")):
        put_text(request, path, text, path)
    assert request == pb.ListAccountsRequest(domain="true", usage=True, limit=7)
    wish = pb.ChangeQueueEntryRequest()
    put_text(wish, "wish.priority", "-3", "priority")
    assert wish.wish.priority == -3
    for path, text in (("usage", "1"), ("limit", "+7"), ("limit", ""), ("limit", "9" * 21)):
        with pytest.raises(Problem):
            put_text(request, path, text, path)
