"""The map of creation ids of one request."""

import pytest

from mail.jmap.creation import CreationIds
from mail.jmap.errors import MethodError
from mail.jmap.limits import Limits


def test_the_last_one_made_counts() -> None:
    created = CreationIds({"k1": "F1"}, Limits())
    created.add("k1", "F2")
    assert created.find("#k1") == "F2"
    assert created.find("k1") == "k1"
    assert created.find("#k2") is None
    assert created.json() == {"k1": "F2"}


def test_who_gave_no_map_gets_none() -> None:
    created = CreationIds(None, Limits())
    created.add("k1", "F1")
    assert created.json() is None
    assert list(created) == ["k1"]


def test_keys_and_paths() -> None:
    created = CreationIds({"k1": "F1"}, Limits())
    assert created.find_keys({"#k1": True, "F2": True}) == {"F1": True, "F2": True}
    assert created.find_keys({"#k1": True, "F1": True}) is None
    assert created.find_keys({"#k2": True}) is None
    assert created.find_path(("mailboxIds", "#k1")) == ("mailboxIds", "F1")
    assert created.find_path(("mailboxIds", "#k2")) is None


def test_there_is_an_end() -> None:
    created = CreationIds({"k1": "F1"}, Limits(created_ids_max=2))
    created.need_room(1)
    with pytest.raises(MethodError, match="requestTooLarge"):
        created.need_room(2)
