"""URL → route: the tree of the routes, and the arguments that stand in a URL.

Rules of the file: pure; nothing in a URL makes it raise. A segment is compared with the literals of its level first,
and once one fits there is no way back to the parameter of that level (http.md §2), so a look-up is one walk.
"""

from collections.abc import Iterable
from urllib.parse import parse_qsl, unquote, unquote_to_bytes

from gateway.protocol.routes import Route

__all__ = ["RouteTree", "parse_query", "shown_path"]


class _Node:
    """One level of the tree: where each literal leads, where anything else does, what ends here and its parameters."""

    __slots__ = ("anything", "literals", "parameters", "route")

    def __init__(self) -> None:
        self.literals: dict[str, _Node] = {}
        self.anything: _Node | None = None
        self.route: Route | None = None
        self.parameters: tuple[str, ...] = ()


class RouteTree:
    """Every route of a server.

    Args:
        routes: of two with the same verb and the same shape of path the later counts.
    """

    def __init__(self, routes: Iterable[Route]) -> None:
        self._roots: dict[str, _Node] = {}
        self._literal: dict[tuple[str, str], Route] = {}
        for route in routes:
            self._add(route)

    def find(self, verb: str, path: str) -> tuple[Route, dict[str, str]] | None:
        """Find the route of a request.

        Args:
            verb: in capitals.
            path: as sent, without the query.

        Returns:
            The route and its path parameters, percent-decoded; None where no route fits.
        """
        route = self._literal.get((verb, path))
        if route is not None:
            return route, {}
        node = self._roots.get(verb)
        values = []
        for segment in _segments(path):
            if node is None:
                return None
            literal = node.literals.get(segment)
            if literal is None:
                values.append(segment)
            node = literal or node.anything
        if node is None or node.route is None:
            return None
        return node.route, dict(zip(node.parameters, values, strict=True))

    def _add(self, route: Route) -> None:
        node = self._roots.setdefault(route.verb, _Node())
        for segment in _segments(route.path):
            if segment.startswith(":"):
                node.anything = node.anything or _Node()
                node = node.anything
            else:
                node = node.literals.setdefault(segment, _Node())
        node.route = route
        node.parameters = _parameters(route.path)
        if ":" not in route.path:
            self._literal[route.verb, route.path] = route


def _segments(path: str) -> list[str]:
    """Empty segments do not count; a percent sign that escapes nothing stands for itself."""
    segments = [segment for segment in path.split("/") if segment]
    return [_unquoted(segment) for segment in segments] if "%" in path else segments


def _parameters(path: str) -> tuple[str, ...]:
    return tuple(segment[1:] for segment in path.split("/") if segment.startswith(":"))


def _unquoted(text: str) -> str:
    """Undo percent-encoding, unless what comes out is no UTF-8."""
    if "%" not in text:
        return text
    try:
        return unquote_to_bytes(text).decode()
    except UnicodeDecodeError:
        return text


def parse_query(query: str) -> dict[str, str | list[str]]:
    """Read a query string: a name that stands there more than once has a list (http.md §1).

    Args:
        query: what follows the `?`; `+` is a space, a bare name has the empty text.
    """
    values: dict[str, str | list[str]] = {}
    if not query:
        return values
    for name, value in parse_qsl(query, keep_blank_values=True):
        known = values.get(name)
        if known is None:
            values[name] = value
        elif isinstance(known, list):
            known.append(value)
        else:
            values[name] = [known, value]
    return values


def shown_path(path: str) -> str:
    """A path as error messages name it: without a trailing slash, escapes undone."""
    return unquote(path[:-1] if path.endswith("/") and len(path) > 1 else path)
