"""Which handler answers a path: fixed ones, and templates such as `/jmap/download/{account}/{blob}/{name}`.

The law: a path is taken apart at its slashes before anything in it is decoded, so that no name leads elsewhere; a part
of a template takes one segment, which is not empty. Whatever the order of adding, more fixed segments win.
"""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple
from urllib.parse import unquote

from gateway.web.parts import Handler

SEGMENTS_MAX: Final = 20


class Route:
    """A path, and what can be done with it."""

    def __init__(self, template: str, *, cors: bool, websocket: bool) -> None:
        self.name = template  # has few values: for metrics and logs
        self.cors = cors
        self.websocket = websocket
        self.handlers: dict[str, Handler] = {}
        self.allowed: tuple[str, ...] = ()
        self.parts = template[1:].split("/")
        self.names = [part[1:-1] if part[:1] == "{" else "" for part in self.parts]

    def allow(self, methods: Sequence[str], handler: Handler) -> None:
        """GET brings HEAD with it, anything OPTIONS."""
        for method in methods:
            if method in self.handlers:
                raise ValueError(f"{method} {self.name} is answered twice")
            self.handlers[method] = handler
        if "GET" in methods:
            self.handlers.setdefault("HEAD", handler)
        self.allowed = (*sorted(self.handlers), "OPTIONS")

    def matches(self, parts: list[str]) -> dict[str, str] | None:
        """The parameters of a path of as many segments; None where it is another's."""
        found = {}
        for name, own, part in zip(self.names, self.parts, parts, strict=True):
            if name and part:
                found[name] = part
            elif own != part or name:
                return None
        return found


class Found(NamedTuple):
    """A route and its parameters."""

    route: Route
    parameters: dict[str, str]


class Router:
    """All routes of a server."""

    def __init__(self) -> None:
        self._fixed: dict[str, Route] = {}
        self._templates: dict[int, list[Route]] = {}  # by the number of segments

    def add(
        self,
        template: str,
        handler: Handler,
        *,
        methods: Sequence[str] = ("GET",),
        cors: bool = False,
        websocket: bool = False,
    ) -> None:
        """`cors`: for scripts of other origins too. `websocket`: the handler may make one of it; elsewhere the wish for
        one is refused. The flags of a path are those it was first added with."""
        if not template.startswith("/"):
            raise ValueError(f"{template!r} is no path")
        route = next((one for one in self._all() if one.name == template), None)
        if route is None:
            route = Route(template, cors=cors, websocket=websocket)
            if any(route.names):
                same = self._templates.setdefault(len(route.parts), [])
                same.append(route)
                same.sort(key=lambda one: [bool(name) for name in one.names])
            else:
                self._fixed[template] = route
        route.allow(methods, handler)

    def find(self, path: str) -> Found | None:
        """What answers a path as it was sent, without its query."""
        if route := self._fixed.get(path):
            return Found(route, {})
        parts = segments(path) if path.count("/") <= SEGMENTS_MAX else None
        if parts is None:
            return None
        if "%" in path and all("/" not in part for part in parts) and (route := self._fixed.get("/" + "/".join(parts))):
            return Found(route, {})
        for route in self._templates.get(len(parts), []):
            if (parameters := route.matches(parts)) is not None:
                return Found(route, parameters)
        return None

    def _all(self) -> Iterator[Route]:
        yield from self._fixed.values()
        for routes in self._templates.values():
            yield from routes


def segments(path: str) -> list[str] | None:
    """The parts of a path between its slashes, each decoded; None where one is no UTF-8."""
    parts = path[1:].split("/")
    if "%" not in path:
        return parts
    try:
        return [unquote(part, errors="strict") for part in parts]
    except UnicodeDecodeError:
        return None
