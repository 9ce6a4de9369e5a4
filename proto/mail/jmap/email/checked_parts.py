"""The checks of the body parts of an Email that is to be created (RFC 8621 4.6).

The law: a part has one source of its content, and every rule it breaks is told with the path of the property, as in
`bodyStructure/subParts/0/charset`.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from mail.jmap.email import encoded, fields
from mail.jmap.email.fields import BadValue, write_field
from mail.jmap.email.names import PART, PROPERTIES_MAX, header_property
from mail.jmap.email.plan import Parameters, PartPlan
from mail.message.limits import DEFAULT
from mail.message.parameter import parse_media
from mail.message.words import parameters as decoded

PARTS_MAX: Final = DEFAULT.parts_max // 2  # what is written is read again, with a multipart around each two
DEPTH_MAX: Final = DEFAULT.depth_max // 2
LANGUAGES_MAX: Final = 20
_TYPE: Final = re.compile(r"([A-Za-z0-9!#$&^_.+-]{1,127})/([A-Za-z0-9!#$&^_.+-]{1,127})")  # RFC 6838 4.2
_TOKEN: Final = re.compile(r"[A-Za-z0-9!#$&^_.+-]{1,127}")
_TAG: Final = re.compile(r"[A-Za-z0-9-]{1,64}")
# Properties of a part -> the field that they become.
_FIELD_OF: Final = {
    "type": "content-type",
    "charset": "content-type",
    "disposition": "content-disposition",
    "name": "content-disposition",
    "cid": "content-id",
    "language": "content-language",
    "location": "content-location",
}
_BLANK: Final = PartPlan("text", "plain")


class Parts:
    """One Email's parts. `report` is told of what is wrong; `set_by` has the fields that the Email itself sets."""

    def __init__(self, values: Any, report: Callable[[str, str], None], set_by: Mapping[str, str]) -> None:
        self._report = report
        self._email_sets = set_by
        self._values = self._checked_values({} if values is None else values)
        self._left = PARTS_MAX
        self.root_fields: dict[str, bytes] = {}  # of the root part, which shares its header with the message

    def _checked_values(self, values: Any) -> dict[str, str]:
        if not isinstance(values, dict):
            self._report("bodyValues", "an object of EmailBodyValues by partId")
            return {}
        found: dict[str, str] = {}
        for part_id, value in values.items():
            path = f"bodyValues/{part_id}"
            text = value.get("value") if isinstance(value, dict) else None
            found[part_id] = text if isinstance(text, str) else ""
            if not isinstance(text, str) or value.keys() - {"value", "isEncodingProblem", "isTruncated"}:
                self._report(path, "an EmailBodyValue has a `value`, which is a string")
                continue
            for name in ("isEncodingProblem", "isTruncated"):
                if value.get(name) is not None and value[name] is not False:
                    self._report(f"{path}/{name}", "false or omitted")
        return found

    def structure(self, part: Any) -> PartPlan:
        """bodyStructure."""
        return self._part("bodyStructure", part, "text/plain", is_root=True)

    def lists(self, text: Any, html: Any, attachments: Any) -> PartPlan:
        """textBody, htmlBody and attachments as one structure: what the HTML shows stays with it (RFC 2387)."""
        texts = self._only("textBody", text, "text/plain")
        htmls = self._only("htmlBody", html, "text/html")
        attached: list[PartPlan] = []
        embedded: list[PartPlan] = []
        if attachments is not None and not isinstance(attachments, list):
            self._report("attachments", "a list of EmailBodyParts")
            attachments = None
        for index, part in enumerate(attachments or []):
            is_embedded = bool(htmls) and isinstance(part, dict) and part.get("cid") and _may_be_embedded(part)
            disposition = "inline" if is_embedded else "attachment"
            plan = self._part(
                f"attachments/{index}", part, "application/octet-stream", is_flat=True, disposition=disposition
            )
            (embedded if is_embedded else attached).append(plan)
        if embedded:
            htmls = [PartPlan("multipart", "related", (("type", "text/html"),), children=(*htmls, *embedded))]
        bodies = [*texts, *htmls]
        if len(bodies) == 2:
            bodies = [PartPlan("multipart", "alternative", children=tuple(bodies))]
        elif not bodies and not attached:
            return _BLANK
        if attached:
            return PartPlan("multipart", "mixed", children=(*bodies, *attached))
        return bodies[0]

    def _only(self, name: str, parts: Any, type_: str) -> list[PartPlan]:
        """The one part of textBody or htmlBody."""
        if parts is None:
            return []
        if not isinstance(parts, list) or len(parts) != 1:
            self._report(name, "exactly one body part")
            return []
        plan = self._part(f"{name}/0", parts[0], type_, is_flat=True)
        if f"{plan.type}/{plan.subtype}" != type_:
            self._report(f"{name}/0/type", f"must be {type_}")
        return [plan]

    def _part(
        self,
        path: str,
        part: Any,
        type_: str,
        *,
        depth: int = 0,
        is_root: bool = False,
        is_flat: bool = False,
        disposition: str | None = None,
    ) -> PartPlan:
        """One part; `type_` and `disposition` are what it has unless it says otherwise."""
        self._left -= 1
        if not isinstance(part, dict) or len(part) > PROPERTIES_MAX or depth > DEPTH_MAX or self._left < 0:
            self._report(path, f"an EmailBodyPart, of at most {PARTS_MAX} and {DEPTH_MAX} deep")
            return _BLANK
        given = {name: value for name, value in part.items() if value is not None}
        if "subParts" in given and is_flat:
            self._report(f"{path}/subParts", "not in this list")
            return _BLANK
        one = _Part(path, given, self._report, self._values, self._email_sets if is_root else {})
        children: tuple[PartPlan, ...] = ()
        if "subParts" in given:
            children = self._children(path, given["subParts"], depth)
            type_ = "multipart/mixed"
        plan, written = one.check(type_, disposition, children)
        if is_root:
            self.root_fields = {key: field for key, field in written.items() if not key.startswith("content-")}
            written = {key: field for key, field in written.items() if key.startswith("content-")}
        return plan._replace(fields=tuple(written.values()))

    def _children(self, path: str, parts: Any, depth: int) -> tuple[PartPlan, ...]:
        if not isinstance(parts, list) or not parts:
            self._report(f"{path}/subParts", "a list of at least one EmailBodyPart")
            return ()
        children = []
        for index, part in enumerate(parts):
            if self._left <= 0:
                self._report(f"{path}/subParts", f"more than {PARTS_MAX} parts")
                break
            children.append(self._part(f"{path}/subParts/{index}", part, "text/plain", depth=depth + 1))
        return tuple(children)


def _may_be_embedded(part: Mapping[str, Any]) -> bool:
    return part.get("disposition") in (None, "inline")


class _Part:
    """The checks of one part's own properties."""

    def __init__(
        self,
        path: str,
        given: Mapping[str, Any],
        report: Callable[[str, str], None],
        values: Mapping[str, str],
        taken: Mapping[str, str],
    ) -> None:
        self._path = path
        self._given = given
        self._tell = report
        self._values = values
        self._set_by = dict(taken)

    def _report(self, name: str, reason: str) -> None:
        self._tell(f"{self._path}/{name}", reason)

    def check(
        self, type_: str, disposition: str | None, children: tuple[PartPlan, ...]
    ) -> tuple[PartPlan, dict[str, bytes]]:
        """The plan, without fields, and the written fields by name."""
        for name in self._given:
            if name in _FIELD_OF:
                self._set_by[_FIELD_OF[name]] = name
        written = self._header_fields()
        media = self._media(type_, written.pop("content-type", None))
        value, blob_id = self._content(media[0])
        written |= self._own_fields(disposition, has_header="content-disposition" in written)
        charset = self._given.get("charset")
        if charset is not None and not (isinstance(charset, str) and _TOKEN.fullmatch(charset)):
            self._report("charset", "the name of a charset")
            charset = None
        parameters = dict(media[2])
        if "content-disposition" not in written and isinstance(file_name := self._given.get("name"), str):
            parameters["name"] = file_name  # where it was before there was a disposition (RFC 2183 2.3)
        parameters.pop("boundary", None)
        named = parameters.pop("charset", None)
        return PartPlan(
            media[0], media[1], tuple(parameters.items()), charset or named, (), value, blob_id, children
        ), written

    def _header_fields(self) -> dict[str, bytes]:
        """The `header:` properties."""
        written: dict[str, bytes] = {}
        for name, value in self._given.items():
            if name in PART and name != "headers":
                continue
            found = header_property(name)
            if found is None:
                self._report(
                    name,
                    "each header field is set by a property of its own"
                    if name == "headers"
                    else "no property of a body part that can be set",
                )
                continue
            key = found.field.lower()
            if key == "content-transfer-encoding":
                self._report(name, "the server chooses the encoding")
            elif key in self._set_by:
                self._report(name, f"another property is the {found.field} field too")
            else:
                self._set_by[key] = name
                try:
                    written[key] = write_field(found.field, found.form, value, every=found.all)
                except BadValue as problem:
                    self._report(name, str(problem))
        return written

    def _media(self, default: str, field: bytes | None) -> tuple[str, str, Parameters]:
        """Type, subtype and parameters: of `type`, or of a Content-Type that was given as a header field."""
        if field is not None:
            media = parse_media(field.partition(b":")[2])
            if media is None:
                self._report(self._set_by["content-type"], "no media type")
                return "application", "octet-stream", ()
            return media.type, media.subtype, tuple(decoded(media.parameters).items())
        type_ = self._given.get("type", default)
        match = _TYPE.fullmatch(type_) if isinstance(type_, str) else None
        if match is None:
            self._report("type", "a media type such as text/plain")
            return "application", "octet-stream", ()
        return match[1].lower(), match[2].lower(), ()

    def _content(self, type_: str) -> tuple[str | None, str | None]:
        """The text or the blob of the part."""
        given = self._given
        part_id, blob_id = given.get("partId"), given.get("blobId")
        if type_ == "multipart" and "subParts" not in given:
            self._report("subParts", "a multipart has parts")
        elif type_ != "multipart" and "subParts" in given:
            self._report("type", "only a multipart has subParts")
        if "subParts" in given or type_ == "multipart":
            for name in ("partId", "blobId", "charset", "size"):
                if name in given:
                    self._report(name, "a multipart has no content of its own")
            return None, None
        if (part_id is None) == (blob_id is None):
            self._report("partId", "either a partId or a blobId")
            return None, None
        if isinstance(blob_id, str):
            return None, blob_id
        if blob_id is not None:
            self._report("blobId", "the id of a blob")
            return None, None
        return self._text(part_id, type_), None

    def _text(self, part_id: Any, type_: str) -> str | None:
        for name in ("charset", "size"):
            if name in self._given:
                self._report(name, "not together with a partId")
        if type_ != "text":
            self._report("type", "a part with a partId is text/*")
        if not isinstance(part_id, str) or part_id not in self._values:
            self._report("partId", "not in bodyValues")
            return None
        return self._values[part_id]

    def _own_fields(self, disposition: str | None, *, has_header: bool) -> dict[str, bytes]:
        written: dict[str, bytes] = {}
        for name, write in (("cid", _cid), ("language", _language), ("location", _location)):
            if name in self._given:
                try:
                    written[_FIELD_OF[name]] = write(self._given[name])
                except BadValue as problem:
                    self._report(name, str(problem))
        if not has_header:
            self._disposition(disposition, written)
        return written

    def _disposition(self, default: str | None, written: dict[str, bytes]) -> None:
        kind, name = self._given.get("disposition", default), self._given.get("name")
        try:
            file_name = None if name is None else fields.one_line(name, "a file's name", encoded.NAME_CHARS_MAX)
        except BadValue as problem:
            self._report("name", str(problem))
            file_name = None
        if kind is not None and not (isinstance(kind, str) and _TOKEN.fullmatch(kind)):
            self._report("disposition", "a word such as inline or attachment")
            kind = None
        if kind is not None:
            pieces = encoded.with_parameters(kind.lower(), [("filename", file_name)] if file_name else [])
            written["content-disposition"] = encoded.fold("Content-Disposition", pieces)


def _cid(value: Any) -> bytes:
    return encoded.fold("Content-ID", [f"<{fields.token(value, 'a content id')}>"])


def _language(value: Any) -> bytes:
    is_list = isinstance(value, list) and 0 < len(value) <= LANGUAGES_MAX
    if not is_list or not all(isinstance(tag, str) and _TAG.fullmatch(tag) for tag in value):
        raise BadValue(f"a list of at most {LANGUAGES_MAX} language tags")
    return encoded.fold("Content-Language", [f"{tag}," for tag in value[:-1]] + [value[-1]])


def _location(value: Any) -> bytes:
    return encoded.fold("Content-Location", [fields.token(value, "a URI")])
