"""All methods by name.

The law: a method is known only to who uses every capability that it needs (RFC 8620 1.8); what leaves `read` is
whole, of its types and within the limits.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from mail.jmap import capabilities as uri
from mail.jmap.convert import read_arguments
from mail.jmap.errors import MethodError
from mail.jmap.limits import Limits
from mail.jmap.methods import special, standard
from mail.jmap.methods.standard import Arguments
from mail.jmap.objects.names import SECRET, check_names

ECHO: Final = "Core/echo"


@dataclass(frozen=True, slots=True)
class Method:
    """A method; `writes`: it is refused where the account is only for reading (RFC 8620 3.6.2)."""

    name: str
    kind: str
    capabilities: frozenset[str]
    arguments: type[Arguments]
    writes: bool

    def read(self, arguments: Mapping[str, Any], using: frozenset[str], limits: Limits) -> Arguments:
        """The arguments as a struct of this method's type; MethodError."""
        read: Arguments = read_arguments(arguments, self.arguments)
        read.check(limits)
        if names := getattr(read, "properties", None):
            if secret := [name for name in names if name in SECRET.get(self.kind, ())]:
                raise MethodError("forbidden", f"{secret[0]} cannot be read.")
            check_names(self.kind, names, using)
        return read


class Echo(Arguments, forbid_unknown_fields=False, kw_only=True):
    """Core/echo takes anything (RFC 8620 4); the dispatcher gives it back as it came."""


_STANDARD: Final[dict[str, type[Arguments]]] = {
    "get": standard.Get,
    "changes": standard.Changes,
    "set": standard.Set,
    "copy": standard.Copy,
    "query": standard.Query,
    "queryChanges": standard.QueryChanges,
}
_WRITING: Final = frozenset({"set", "copy", "import", "upload", "send"})
# Each type, the capabilities it needs, its standard methods, and those of its own.
_TYPES: Final[tuple[tuple[str, tuple[str, ...], str, dict[str, type[Arguments]]], ...]] = (
    ("Core", (uri.CORE,), "", {"echo": Echo}),
    ("PushSubscription", (uri.CORE,), "", {"get": standard.Listed, "set": standard.Changed}),
    ("Blob", (uri.CORE,), "", {"copy": special.BlobCopy}),
    (
        "Mailbox",
        (uri.MAIL,),
        "get changes queryChanges",
        {"query": special.MailboxQuery, "set": special.MailboxSet},
    ),
    ("Thread", (uri.MAIL,), "get changes", {}),
    (
        "Email",
        (uri.MAIL,),
        "changes set copy",
        {
            "get": special.EmailGet,
            "query": special.EmailQuery,
            "queryChanges": special.EmailQueryChanges,
            "import": special.EmailImport,
            "parse": special.EmailParse,
        },
    ),
    ("SearchSnippet", (uri.MAIL,), "", {"get": special.SearchSnippetGet}),
    ("Identity", (uri.SUBMISSION,), "get changes set", {}),
    (
        "EmailSubmission",
        (uri.SUBMISSION,),
        "get changes query queryChanges",
        {"set": special.EmailSubmissionSet},
    ),
    ("VacationResponse", (uri.VACATION,), "get set", {}),
    (
        "Blob",
        (uri.BLOB,),
        "",
        {"upload": special.BlobUpload, "get": special.BlobGet, "lookup": special.BlobLookup},
    ),
    ("Quota", (uri.QUOTA,), "get changes query queryChanges", {}),
    ("MDN", (uri.MDN, uri.MAIL), "", {"send": special.MdnSend}),  # RFC 9007 2.1
    ("MDN", (uri.MDN,), "", {"parse": special.MdnParse}),
    ("Principal", (uri.PRINCIPALS,), "get changes set query queryChanges", {}),
    ("ShareNotification", (uri.PRINCIPALS,), "get changes set query queryChanges", {}),
)


def _table() -> dict[str, Method]:
    table = {}
    for kind, needed, names, own in _TYPES:
        for verb, arguments in {**{name: _STANDARD[name] for name in names.split()}, **own}.items():
            name = f"{kind}/{verb}"
            table[name] = Method(name, kind, frozenset(needed), arguments, verb in _WRITING)
    return table


METHODS: Final = _table()


def find(name: str, using: frozenset[str]) -> Method:
    """The method of a name; unknownMethod where there is none, or not for who uses these capabilities."""
    method = METHODS.get(name)
    if method is None or not method.capabilities <= using:
        raise MethodError("unknownMethod")
    return method
