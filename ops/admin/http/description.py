"""The description of the API, as it is served: the generated document without what is not there, and a page of it.

The law: it is the document that ops/docs has, so what people read there is what programs are told.
"""

import html
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import orjson

from gateway.web.answers import JSON, Answer
from ops.admin.http.operations import PREFIX

DOCUMENT: Final = Path(__file__).resolve().parents[2] / "docs" / "openapi.json"
HTML: Final = "text/html; charset=utf-8"
_HEAD: Final = (
    '<!doctype html>\n<html lang="en">\n<head><meta charset="utf-8"><title>{title}</title>'
    '<meta name="viewport" content="width=device-width, initial-scale=1"></head>\n<body>\n<main>\n'
)


class Description:
    """What a server tells of its API. `services`: those that are there."""

    def __init__(self, services: Collection[str], version: str) -> None:
        told = orjson.loads(DOCUMENT.read_bytes())
        told["paths"] = {path: kept for path, one in told["paths"].items() if (kept := _kept(one, services))}
        told["tags"] = [tag for tag in told["tags"] if tag["name"] in services]
        told["info"]["x-server-version"] = version
        self.document = Answer(200, orjson.dumps(told), JSON)
        self.page = Answer(200, page(told).encode(), HTML)


def _kept(path: Mapping[str, Any], services: Collection[str]) -> dict[str, Any]:
    return {method: one for method, one in path.items() if one["tags"][0] in services}


def page(document: Mapping[str, Any]) -> str:
    """The operations for people, without a script or a style."""
    info = document["info"]
    title = html.escape(info["title"])
    parts = [_HEAD.format(title=title), f"<h1>{title}</h1>\n<p>{html.escape(info['description'])}</p>\n"]
    parts.append(f'<p><a href="{PREFIX}/openapi.json">The same for programs (OpenAPI {document["openapi"]})</a></p>\n')
    for tag in document["tags"]:
        name = html.escape(tag["name"])
        parts.append(f'<section aria-labelledby="{name}">\n<h2 id="{name}">{name}</h2>\n')
        parts.append(f"<p>{html.escape(tag['description'])}</p>\n<dl>\n")
        parts += _rows(document, tag["name"])
        parts.append("</dl>\n</section>\n")
    return "".join([*parts, "</main>\n</body>\n</html>\n"])


def _rows(document: Mapping[str, Any], tag: str) -> Iterator[str]:
    for path, methods in document["paths"].items():
        for method, one in methods.items():
            if one["tags"] == [tag]:
                yield f"<dt><code>{method.upper()} {html.escape(path)}</code></dt>\n<dd>{html.escape(one['summary'])}"
                yield "".join(f"<br>{html.escape(text)}" for text in _said(one))
                yield "</dd>\n"


def _said(operation: Mapping[str, Any]) -> Iterator[str]:
    """What it takes, in a line each."""
    if query := [one["name"] for one in operation.get("parameters", ()) if one.get("in") == "query"]:
        yield f"Query: {', '.join(query)}"
    if body := operation.get("requestBody"):
        yield f"Body: {', '.join(body['content'][JSON]['schema']['properties'])}"
