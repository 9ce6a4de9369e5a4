"""The PatchObject (RFC 8620 5.3).

The law: a patch is applied whole or refused whole with invalidPatch; the object it is applied to is not changed;
what it costs is in proportion to the patch and the objects on its paths.
"""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from mail.jmap.errors import SetError
from mail.jmap.limits import Limits
from mail.jmap.pointer import tokens

Path = tuple[str, ...]


def paths(patch: Mapping[str, Any], limits: Limits) -> dict[Path, Any]:
    """The values of a patch by their paths; SetError: a key is no path, or one is the beginning of another."""
    if len(patch) > limits.patches_max:
        raise SetError("tooLarge", "The patch has more paths than allowed.")
    found: dict[Path, Any] = {}
    for key, value in patch.items():
        path = tokens("/" + key) if len(key) < limits.pointer_max_chars else None
        if path is None:
            raise SetError("invalidPatch", "A key of the patch is no JSON pointer.")
        found[path] = value
    ordered = sorted(found)
    for earlier, later in pairwise(ordered):
        if later[: len(earlier)] == earlier:
            raise SetError("invalidPatch", "One path of the patch is the beginning of another.")
    return found


def apply(found: Mapping[Path, Any], target: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """A patched copy of an object; `defaults` are what null stands for at its top. SetError."""
    patched = dict(target)
    copied: dict[Path, dict[str, Any]] = {(): patched}
    for path, value in found.items():
        parent = _parent(path[:-1], copied)
        if value is not None:
            parent[path[-1]] = value
        elif len(path) == 1 and path[0] in defaults:
            parent[path[0]] = defaults[path[0]]
        else:
            parent.pop(path[-1], None)
    return patched


def _parent(path: Path, copied: dict[Path, dict[str, Any]]) -> dict[str, Any]:
    """The object at a path, copied once with all above it."""
    parent = copied[()]
    for end in range(1, len(path) + 1):
        if (known := copied.get(path[:end])) is None:
            value = parent.get(path[end - 1])
            if isinstance(value, list):
                raise SetError("invalidPatch", "A path leads into an array.")
            if not isinstance(value, dict):
                raise SetError("invalidPatch", "A path leads through what is not there.")
            known = copied[path[:end]] = parent[path[end - 1]] = dict(value)
        parent = known
    return parent
