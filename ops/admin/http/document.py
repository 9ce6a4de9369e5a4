"""The OpenAPI 3.1 document, made of the table of operations and of the schema with its comments.

The law: what a request may have and an answer has is told as `values` and `plain` read and write it.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from gateway.web.answers import JSON, PROBLEM
from ops.admin.http.links import links_of
from ops.admin.http.operations import PREFIX, WRAPPERS, Operation
from ops.admin.http.requests import LISTED
from ops.admin.http.table import OPERATIONS
from ops.admin.http.values import range_of, words_of
from wire import admin_pb2 as pb

IDENT: Final = "^[0-9a-f]{16}$"
VERSION: Final = "1.0.0"
TITLE: Final = "Rookery's HTTP API for administrators"
ABOUT: Final = (
    "The admin service over HTTPS, for accounts that are administrators. Off until [api] enabled = true, and without "
    "[api] writes = true it only tells. Sizes are bytes; times, whose names end in _ms, milliseconds since 1970 UTC. "
    "A list has `items` and, where there may be more, `next`: what `after` takes. What is not understood is refused, "
    "so that no misspelled filter means all. GET answers have an ETag; changes heed If-Match. A POST that makes "
    "something heeds Idempotency-Key. Errors are problem+json whose `detail` names cause and cure."
)
_FAILURES: Final = {
    400: "The request is not understood.",
    401: "Nobody known asks.",
    403: "Not an administrator, not from this network, or changes are not taken ([api]).",
    404: "There is nothing of that name.",
    409: "Not as things stand, or against a rule of the server.",
    412: "It has changed since (If-Match).",
    413: "The body is too large.",
    415: "The body is no JSON.",
    422: "Something in the request is not as it has to be; `at` says where.",
    429: "Too many failed logins.",
    500: "The server failed at this.",
    503: "A part of the server is away; try again.",
}
# Of places in paths by what stands before them, of members of bodies by their names.
_EXAMPLES: Final = {
    "domains": "example.org",
    "dkim-keys": "s1",
    "accounts": "alice@example.org",
    "app-passwords": "phone",
    "programs": "0000000000000000",
    "mailboxes": "INBOX",
    "grants": "anyone",
    "aliases": "info@example.org",
    "lists": "news@example.org",
    "groups": "sales@example.org",
    "queue": "00000000000000000000000000000000",
    "reports": "00000000000000000000000000000000",
    "nodes": "node-1",
    "login": "bob@example.org",
    "password": "correct horse battery staple",
    "addresses": ["robert@example.org"],
    "add_addresses": ["robert@example.org"],
    "remove_addresses": ["robert@example.org"],
    "address": "team@example.org",
    "members": ["alice@example.org"],
    "add_members": ["alice@example.org"],
    "remove_members": ["alice@example.org"],
    "catch_all": "alice@example.org",
    "admin": "alice@example.org",
    "separator": "+",
    "algorithm": "ed25519-sha256",
    "selector": "s2",
    "rights": "lrs",
    "wanted": {"queue": 2},
    "level": "info",
    "host": "mx.example.org",
    "domain": "example.org",
    "word": "alice@example.org",
}
_LIMIT: Final = "At most so many."
_AFTER: Final = "Only those behind this one: what `next` of the last answer said."

Comments = Mapping[str, str]  # by the full name of what they are on


def document(comments: Comments) -> dict[str, Any]:
    """All of it."""
    return _Writer(comments).document()


class _Writer:
    def __init__(self, comments: Comments) -> None:
        self._comments = comments
        self._schemas: dict[str, Any] = {}

    def document(self) -> dict[str, Any]:
        paths: dict[str, Any] = {}
        for operation in OPERATIONS:
            paths.setdefault(PREFIX + operation.path, {})[operation.method.lower()] = self._operation(operation)
        return {
            "openapi": "3.1.1",
            "info": {"title": TITLE, "version": VERSION, "description": ABOUT},
            "servers": [{"url": "/"}],
            "security": [{"password": []}, {"token": []}],
            "tags": list(self._tags()),
            "paths": paths,
            "components": {
                "schemas": {"Problem": _PROBLEM, **dict(sorted(self._schemas.items()))},
                "responses": {f"Status{status}": _failure(status, says) for status, says in _FAILURES.items()},
                "securitySchemes": {
                    "password": {"type": "http", "scheme": "basic", "description": "Of an administrator."},
                    "token": {
                        "type": "http",
                        "scheme": "bearer",
                        "description": "An administrator's access token, or the one of [admin] token.",
                    },
                },
            },
        }

    def _tags(self) -> Iterator[dict[str, str]]:
        for name in dict.fromkeys(operation.service for operation in OPERATIONS):
            yield {"name": name, "description": self._comment(pb.DESCRIPTOR.services_by_name[name])}

    def _operation(self, operation: Operation) -> dict[str, Any]:
        told: dict[str, Any] = {"operationId": operation.id, "tags": [operation.service], "summary": operation.says}
        if says := self._comment(operation.descriptor) or self._comment(operation.descriptor.input_type):
            told["description"] = says
        if parameters := [*self._parameters(operation)]:
            told["parameters"] = parameters
        if operation.body:
            told["requestBody"] = self._body(operation)
        told["responses"] = {
            str(operation.status): self._answer(operation),
            **({"304": {"description": "The client has it already (If-None-Match)."}} if operation.reads else {}),
            **{str(status): {"$ref": f"#/components/responses/Status{status}"} for status in _failures(operation)},
        }
        return told

    def _parameters(self, operation: Operation) -> Iterator[dict[str, Any]]:
        for name, path in operation.in_path().items():
            above = operation.path.partition(f"/{{{name}}}")[0].rpartition("/")[2]
            schema: dict[str, Any] = {"type": "string", "minLength": 1, "examples": [_EXAMPLES[above]]}
            if path and operation.field(path).type == FieldDescriptor.TYPE_FIXED64:
                schema["pattern"] = IDENT
            if path and (says := self._comment(operation.field(path))):
                schema["description"] = says
            yield {"name": name, "in": "path", "required": True, "schema": schema}
        for name, path in operation.in_query().items():
            schema = self._given(operation.field(path))
            if name in ("limit", "after"):
                schema["description"] = _LIMIT if name == "limit" else _AFTER
            if name == "limit" and operation.cursor:
                schema["default"] = LISTED
            yield {"name": name, "in": "query", "required": name in operation.required, "schema": schema}
        if operation.made:
            says = "The same key with the same request makes it once, within a day at least."
            schema = {"type": "string", "maxLength": 255}
            yield {"name": "Idempotency-Key", "in": "header", "description": says, "schema": schema}

    def _body(self, operation: Operation) -> dict[str, Any]:
        schema = {
            "type": "object",
            "properties": {name: self._given(operation.field(path)) for name, path in operation.in_body().items()},
            "additionalProperties": False,
        }
        if required := [name for name in operation.required if name in operation.in_body()]:
            schema["required"] = required
        return {"required": bool(required), "content": {JSON: {"schema": schema}}}

    def _answer(self, operation: Operation) -> dict[str, Any]:
        if operation.status == 204:
            return {"description": "Done."}
        schema: dict[str, Any] = {"$ref": self._message(operation.descriptor.output_type, given=False)}
        if operation.lists:
            schema = {"type": "object", "properties": {"items": {"type": "array", "items": schema}}}
            if operation.cursor:
                schema["properties"]["next"] = {"type": "string"}
            schema["required"] = ["items"]
        told = {"description": operation.says, "content": {JSON: {"schema": schema}}}
        links = links_of(operation)
        return told | ({"links": links} if links else {})

    # schemas

    def _given(self, field: FieldDescriptor) -> dict[str, Any]:
        """What a request may have there."""
        example = _EXAMPLES.get(field.name)
        return self._field(field, given=True) | ({"examples": [example]} if example else {})

    def _field(self, field: FieldDescriptor, *, given: bool) -> dict[str, Any]:
        if given and field.message_type is not None and field.message_type.name in WRAPPERS:
            listed = field.message_type.fields_by_name[WRAPPERS[field.message_type.name]]
            return self._field(listed, given=True) | self._described(field)
        if not field.is_repeated:
            return self._single(field, given=given) | self._described(field)
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            values = self._single(field.message_type.fields_by_name["value"], given=given)
            return {"type": "object", "additionalProperties": values} | self._described(field)
        return {"type": "array", "items": self._single(field, given=given)} | self._described(field)

    def _single(self, field: FieldDescriptor, *, given: bool) -> dict[str, Any]:
        if field.message_type is not None:
            return {"$ref": self._message(field.message_type, given=given)}
        if field.enum_type is not None:
            return self._enum(field.enum_type, given=given)
        if (bounds := range_of(field)) is not None:
            return {"type": "integer", "minimum": bounds[0], "maximum": bounds[1]}
        if field.type == FieldDescriptor.TYPE_FIXED64:
            return {"type": "string", "pattern": IDENT}
        if field.type == FieldDescriptor.TYPE_BYTES:
            return {"type": "string", "contentEncoding": "base64"}
        return {"type": "boolean" if field.type == FieldDescriptor.TYPE_BOOL else "string"}

    def _enum(self, enum: Any, *, given: bool) -> dict[str, Any]:
        """Its words, with what the schema says of each."""
        words = words_of(enum, given=given)
        above = enum.full_name.rpartition(".")[0]
        says = {name: self._comments.get(f"{above}.{enum.values_by_number[words[name]].name}", "") for name in words}
        told = "; ".join(f"{name}: {text}" for name, text in says.items() if text)
        return {"type": "string", "enum": list(words)} | ({"description": told} if told else {})

    def _message(self, message: Descriptor, *, given: bool) -> str:
        """Where the schema of a message is: what is given may lack anything, what is told has it all."""
        name = f"{message.name}Given" if given else message.name
        if name not in self._schemas:
            self._schemas[name] = {}
            schema: dict[str, Any] = {"type": "object"}
            if says := self._comment(message):
                schema["description"] = says
            schema["properties"] = {one.name: self._field(one, given=given) for one in message.fields}
            if given:
                schema["additionalProperties"] = False
            else:
                schema["required"] = [one.name for one in message.fields if one.is_repeated or not one.has_presence]
            self._schemas[name] = schema
        return f"#/components/schemas/{name}"

    def _described(self, field: FieldDescriptor) -> dict[str, str]:
        says = self._comment(field)
        return {"description": says} if says else {}

    def _comment(self, of: Any) -> str:
        return self._comments.get(of.full_name, "")


_PROBLEM: Final = {
    "type": "object",
    "description": "What went wrong (RFC 9457).",
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "Cause and cure, in a sentence."},
        "fault": {"type": "string", "enum": ["peer", "policy", "us"], "description": "Who has to act."},
        "retry": {"type": "boolean", "description": "Whether the same request may work later."},
        "at": {"type": "string", "description": "Where in the request: a JSON Pointer, or a parameter's name."},
    },
    "required": ["type", "title", "status", "detail", "fault", "retry"],
}


def _failure(status: int, says: str) -> dict[str, Any]:
    headers = {401: "WWW-Authenticate", 429: "Retry-After", 503: "Retry-After"}
    told: dict[str, Any] = {"description": says}
    if status in headers:
        told["headers"] = {headers[status]: {"schema": {"type": "string"}}}
    return {**told, "content": {PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}}}}


def _failures(operation: Operation) -> list[int]:
    """What else it may be answered."""
    never = set() if operation.body else {413, 415}
    if operation.reads:
        never.add(409)
    return [status for status in _FAILURES if status not in never]
