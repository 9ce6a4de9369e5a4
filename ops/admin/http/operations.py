"""What one operation of the HTTP API is: a method and a path, and the call of the admin service that carries it out.

The law: an operation has no code of its own. What a request has goes into fields of the call's message, by their names;
what the call answers is the answer.
"""

import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from google.protobuf.descriptor import FieldDescriptor

from wire import admin_pb2 as pb

PREFIX: Final = "/api/v1"
NOTHING: Final[Mapping[str, Any]] = {}
# Messages that are there so that a list can be absent: in JSON they are the list.
WRAPPERS: Final = {"RewriteRules": "rules", "Members": "addresses"}
_PLACE: Final = re.compile(r"\{(\w+)\}")


class Operation(NamedTuple):
    """`query` and `body`: fields of the request, those of messages within as `filter.sender`; they are called by their
    last word. A place of the path is the field of the same name, or what `places` says. `fixed`: what else the message
    has. `cursor`: the field of a listed item that `after` takes. `one`: of what is listed only the one whose field is
    as the path says. `last`: of a stream of answers the last alone. `made`: the path of what it makes."""

    method: str
    path: str
    call: str  # Service.Method
    says: str
    query: tuple[str, ...] = ()
    body: tuple[str, ...] = ()
    required: tuple[str, ...] = ()  # of query and body
    places: Mapping[str, str] = NOTHING
    fixed: Mapping[str, Any] = NOTHING
    cursor: str = ""
    one: str = ""
    last: bool = False
    made: str = ""
    name: str = ""  # else the call's

    @property
    def id(self) -> str:
        """Its name in the description."""
        found = self.name or self.call.partition(".")[2]
        return found[:1].lower() + found[1:]

    @property
    def service(self) -> str:
        """Whose call it is."""
        return self.call.partition(".")[0]

    @property
    def descriptor(self) -> Any:
        """The call, in the schema."""
        service, _, method = self.call.partition(".")
        return pb.DESCRIPTOR.services_by_name[service].methods_by_name[method]

    @property
    def full_name(self) -> str:
        """The call, as gRPC names it."""
        return f"/{self.descriptor.containing_service.full_name}/{self.descriptor.name}"

    @property
    def reads(self) -> bool:
        """Whether it changes nothing."""
        return self.method == "GET"

    @property
    def streams(self) -> bool:
        """Whether the call answers with many messages."""
        return bool(self.descriptor.server_streaming)

    @property
    def lists(self) -> bool:
        """Whether the answer is a list."""
        return self.streams and not self.one and not self.last

    @property
    def status(self) -> int:
        """Of its answer."""
        if self.made:
            return 201
        return 200 if self.descriptor.output_type.fields else 204

    def in_path(self) -> dict[str, str]:
        """The places of the path, with the fields they fill; empty: none, it only picks."""
        return {name: "" if name == self.one else self.places.get(name, name) for name in _PLACE.findall(self.path)}

    def in_query(self) -> dict[str, str]:
        """The parameters of the query, with the fields they fill."""
        return {path.rpartition(".")[2]: path for path in self.query}

    def in_body(self) -> dict[str, str]:
        """The members of the body, with the fields they fill."""
        return {path.rpartition(".")[2]: path for path in self.body}

    def field(self, path: str) -> FieldDescriptor:
        """A field of the request."""
        message = self.descriptor.input_type
        *parents, name = path.split(".")
        for parent in parents:
            message = message.fields_by_name[parent].message_type
        found: FieldDescriptor = message.fields_by_name[name]
        return found
