"""The checks of an Email that is to be created (RFC 8621 4.6), which give the plan of its message.

The law: an object that breaks a rule is refused with the names of all properties that broke one; a value of null is
as if the property was not there.
"""

from collections.abc import Mapping
from typing import Any, Final

from mail.jmap.email.checked_parts import Parts
from mail.jmap.email.errors import Refused
from mail.jmap.email.fields import BadValue, write_field
from mail.jmap.email.names import BODIES, CONVENIENT, EMAIL, PROPERTIES_MAX, header_property
from mail.jmap.email.plan import PartPlan, Plan

METADATA_SET: Final = frozenset({"mailboxIds", "keywords", "receivedAt"})  # the caller's to check
HEADER_BYTES_MAX: Final = 256 * 1024  # what is read of a header again (limits.header_bytes_max)
_BODY: Final = frozenset({*BODIES, "bodyStructure", "bodyValues"})
# The order of RFC 5322 3.6 but for Message-ID, which people look for last; other fields follow as they were given.
_ORDER: Final = ("date", "from", "sender", "reply-to", "to", "cc", "bcc", "subject", "in-reply-to", "references")
_RANK: Final = {name: rank for rank, name in enumerate(_ORDER)}


def plan_of(email: Mapping[str, Any]) -> Plan:
    """The plan of an Email object as Email/set has it. Raises Refused."""
    return _Checker().check(email)


class Problems:
    """What is wrong, by property."""

    def __init__(self) -> None:
        self._found: dict[str, str] = {}

    def add(self, property_: str, reason: str) -> None:
        """One more."""
        self._found.setdefault(property_, reason)

    def refuse(self) -> None:
        """Raises Refused if there is any."""
        if self._found:
            name, reason = next(iter(self._found.items()))
            raise Refused("invalidProperties", f"{name[:100]}: {reason}", tuple(self._found))


class _Checker:
    def __init__(self) -> None:
        self._problems = Problems()
        self._fields: dict[str, bytes] = {}
        self._set_by: dict[str, str] = {}

    def check(self, email: Mapping[str, Any]) -> Plan:
        given = {name: value for name, value in email.items() if value is not None and name not in METADATA_SET}
        if len(given) > PROPERTIES_MAX:
            raise Refused("invalidProperties", f"more than {PROPERTIES_MAX} properties")
        for name, value in given.items():
            if name not in _BODY:
                self._take(name, value)
        parts = Parts(given.get("bodyValues"), self._problems.add, self._set_by)
        root = self._root(given, parts)
        self._problems.refuse()
        for key, field in parts.root_fields.items():
            self._fields.setdefault(key, field)
        if sum(map(len, self._fields.values())) > HEADER_BYTES_MAX:
            raise Refused("tooLarge", f"the header has more than {HEADER_BYTES_MAX} octets")
        ordered = sorted(self._fields.items(), key=lambda item: _RANK.get(item[0], len(_RANK)))
        return Plan(dict(ordered), root)

    def _take(self, name: str, value: Any) -> None:
        """A property of a header field."""
        found = property_field(name)
        if found is None:
            self._problems.add(name, _why_not(name))
            return
        field, form, every = found
        key = field.lower()
        if key.startswith("content-"):
            self._problems.add(name, "fields that begin with Content- are given for a body part")
        elif key in self._set_by:
            self._problems.add(self._set_by[key], f"another property is the {field} field too")
            self._problems.add(name, f"another property is the {field} field too")
        else:
            self._set_by[key] = name
            try:
                written = write_field(field, form, value, every=every)
            except BadValue as problem:
                self._problems.add(name, str(problem))
                return
            if written:
                self._fields[key] = written

    def _root(self, given: Mapping[str, Any], parts: Parts) -> PartPlan:
        if "bodyStructure" in given:
            for name in BODIES:
                if name in given:
                    self._problems.add(name, "not together with bodyStructure")
            return parts.structure(given["bodyStructure"])
        return parts.lists(given.get("textBody"), given.get("htmlBody"), given.get("attachments"))


def property_field(name: str) -> tuple[str, str, bool] | None:
    """Field, form and whether it has all instances, of a property that is a header field."""
    if name in CONVENIENT:
        return *CONVENIENT[name], False
    found = header_property(name) if name.startswith("header:") else None
    return None if found is None else (found.field, found.form, found.all)


def _why_not(name: str) -> str:
    if name == "headers":
        return "each header field is set by a property of its own"
    if name in EMAIL:
        return "set by the server"
    return "no header field that can be set so" if name.startswith("header:") else "no property of an Email"
