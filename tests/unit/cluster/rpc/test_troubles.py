"""cluster/rpc/troubles.py"""

import pytest

from cluster.errors import Fenced, Moved, Refused, Trouble, Unavailable
from cluster.rpc import troubles
from wire import data_pb2


@pytest.mark.parametrize("kind", troubles.CLASSES.values())
def test_every_kind_arrives_as_itself(kind: type[Trouble]) -> None:
    found = troubles.decode(troubles.encode(kind("Says.", log="logs")))
    assert (type(found), found.says, found.log) == (kind, "Says.", "logs")


def test_a_kind_that_a_later_version_has_arrives_as_what_it_is_below() -> None:
    class Later(Fenced):
        pass

    assert type(troubles.decode(troubles.encode(Later("Says.")))) is Fenced
    assert type(troubles.decode(data_pb2.Trouble(kinds=["New", "Unavailable", "Trouble"]))) is Unavailable
    assert type(troubles.decode(data_pb2.Trouble(kinds=["New"]))) is Trouble
    assert {"Moved", "Refused"} <= troubles.CLASSES.keys()
    assert (troubles.CLASSES["Moved"], troubles.CLASSES["Refused"]) == (Moved, Refused)


def test_texts_are_bounded() -> None:
    sent = troubles.encode(Refused("s" * 10**6, log="l" * 10**6))
    assert len(sent.says) == troubles.SAYS_CHARACTERS_MAX
    assert len(sent.log) == troubles.LOG_CHARACTERS_MAX
