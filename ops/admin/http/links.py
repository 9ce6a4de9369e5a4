"""Where an answer leads: from what was made or is listed to what can be done with it (links of OpenAPI).

The law: a link names an operation of the table, and fills every place of its path.
"""

import re
from collections.abc import Iterator
from typing import Any, Final

from ops.admin.http.operations import Operation
from ops.admin.http.table import OPERATIONS

_PLACE: Final = re.compile(r"\{(\w+)\}")


def links_of(operation: Operation) -> dict[str, Any]:
    """Those of its answer, by the operations they lead to."""
    item = operation.made or _item(operation)
    if not item:
        return {}
    root = "$response.body#/items/0/" if operation.lists else "$response.body#/"
    told = operation.descriptor.output_type.fields_by_name
    said = [f"{root}{name}" if name in told else f"$request.path.{name}" for name in _PLACE.findall(item)]
    return {
        one.id: {"operationId": one.id, "parameters": dict(zip(_PLACE.findall(one.path), said, strict=True))}
        for one in _beyond(item)
    }


def _item(operation: Operation) -> str:
    """The path of one of what is listed; empty where there is none."""
    told = operation.descriptor.output_type.fields_by_name
    for one in OPERATIONS:
        above, _, place = one.path.rpartition("/")
        if operation.lists and one.reads and above == operation.path and place[:1] == "{" and place[1:-1] in told:
            return one.path
    return ""


def _beyond(item: str) -> Iterator[Operation]:
    """Operations at a path or below it that have no more places."""
    shape, places = _PLACE.sub("{}", item), len(_PLACE.findall(item))
    for one in OPERATIONS:
        found = _PLACE.sub("{}", one.path)
        if (found == shape or found.startswith(f"{shape}/")) and found.count("{}") == places:
            yield one
