"""The page for people: plain, whole, and without what others wrote as markup."""

from html.parser import HTMLParser
from typing import Any

import orjson

from ops.admin.http.description import DOCUMENT, page
from ops.admin.http.operations import PREFIX
from ops.admin.http.table import OPERATIONS

VOID = {"meta", "br"}


class Reader(HTMLParser):
    """The elements in their order; each that opens is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.seen.append(tag)
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_it_has_every_operation_and_needs_no_script() -> None:
    reader = Reader()
    reader.feed(page(orjson.loads(DOCUMENT.read_bytes())))
    assert reader.open == []
    assert not {"script", "style", "img"} & set(reader.seen)
    assert reader.seen.count("h1") == reader.seen.count("main") == reader.seen.count("title") == 1
    for one in OPERATIONS:
        assert f"{one.method} {PREFIX}{one.path}" in reader.text
        assert one.says in reader.text


def test_what_is_no_markup_is_none() -> None:
    told = {
        "openapi": "3.1.1",
        "info": {"title": "<b>", "description": "a & b"},
        "tags": [{"name": "T", "description": "<i>"}],
        "paths": {"/<p>": {"get": {"tags": ["T"], "summary": "<script>"}}},
    }
    reader = Reader()
    reader.feed(page(told))
    assert not {"b", "i", "p>", "script"} & set(reader.seen)
    assert "<script>" in reader.text
