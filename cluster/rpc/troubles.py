"""Trouble across the wire: by the names of its classes, the most special first.

The law: a reader takes the first name that it knows, so a version may add a class below another. What is no Trouble
says nothing of itself to the peer.
"""

from typing import Final

from cluster import errors
from cluster.errors import Trouble
from wire import data_pb2

SAYS_CHARACTERS_MAX: Final = 1000  # a sentence
LOG_CHARACTERS_MAX: Final = 4000  # a stack of keys and names, no content
KINDS_MAX: Final = 8  # the depth of the tree is 4
CLASSES: Final[dict[str, type[Trouble]]] = {
    name: value for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, Trouble)
}


def encode(trouble: Trouble) -> data_pb2.Trouble:
    """What is sent of it; texts are cut at the bounds above."""
    kinds = [kind.__name__ for kind in type(trouble).__mro__ if issubclass(kind, Trouble)]
    says, log = trouble.says[:SAYS_CHARACTERS_MAX], trouble.log[:LOG_CHARACTERS_MAX]
    return data_pb2.Trouble(kinds=kinds[-KINDS_MAX:], says=says, log="" if log == says else log)


def decode(found: data_pb2.Trouble) -> Trouble:
    """The trouble as an exception; Trouble itself where no name is known."""
    known = next((CLASSES[kind] for kind in found.kinds if kind in CLASSES), Trouble)
    return known(found.says, log=found.log)
