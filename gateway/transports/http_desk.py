"""One HTTP request → one HTTP response, between the connection that carries it and the dispatcher that runs it.

Rules of the file: knows no socket. Whatever is wrong with a request is answered here in the envelope of any other
answer; what needs no rights (preflights, probes, the page at `/`) is answered here too (http.md §2, "Built-in").
"""

from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Protocol

from gateway.actions import hand_over
from gateway.dispatch import Encode
from gateway.protocol.errors import ApiError, api_error
from gateway.protocol.http.cookies import auth_token
from gateway.protocol.http.requests import BodyRules, HttpRequest, check_head, read_request, request_id_of
from gateway.protocol.http.responses import Responses, Wish
from gateway.protocol.http.routing import RouteTree, parse_query
from gateway.protocol.messages import Request
from gateway.security.first_admin import is_this_machine
from gateway.transports.peers import Peer
from gateway.transports.traffic import Finished, Traffic

__all__ = ["Desk", "Site"]

_BUILT_INS = frozenset({"/", "/_healthcheck", "/_healthcheck/", "/_ready", "/_ready/"})
_UPGRADE_REQUIRED = 426  # says to what, and so has to name that header (RFC 9110 §7.8, §15.5.22)
_NO_HEADERS: Mapping[str, str] = {}

_Answer = bytes | Coroutine[Any, Any, bytes]
"""An answer, or what will make it: only what may wait is worth a coroutine."""


class Site(Protocol):
    """What strangers may know of this server."""

    async def is_ready(self) -> bool:
        """Whether requests that need the database make sense."""

    async def page(self, host: str, *, is_ready: bool, is_secure: bool) -> tuple[str, str]:
        """The page for a person with a browser, and its Content-Security-Policy.

        Args:
            host: the header, as it came.
            is_ready: as `/_ready` tells.
            is_secure: the browser's side is TLS.
        """


class Caller:
    """Who sent one HTTP request; every request is a connection of its own (see `gateway.actions.Connection`).

    Args:
        id: made for it; never what the client calls its request, by which it could pass for another one.
        peer: who it is.
        headers: of the request, names in lower case.
        end: ends the connection behind the answer in hand.
    """

    __slots__ = ("__weakref__", "_end", "_headers", "_peer", "address", "cookie", "id", "refused_origin")

    protocol = "http"

    def __init__(self, id: str, peer: Peer, headers: Mapping[str, str], end: Callable[[], None]) -> None:  # noqa: A002 - the connection's word for it
        self.id = id
        self.address = peer.address
        self.cookie: str | None = None
        self.refused_origin: str | None = None
        self._peer = peer
        self._headers = headers
        self._end = end

    @property
    def is_local(self) -> bool:
        """Worked out when somebody asks: hardly anybody does."""
        return self._peer.is_direct and is_this_machine(self.address, self._headers.items())

    def send(self, message: bytes) -> None:
        """Do nothing: an HTTP client hears only what it asked for."""

    def close(self, code: int, reason: str) -> None:  # noqa: ARG002 - the codes are WebSocket's
        """End the connection behind the answer in hand."""
        self._end()


class Desk:
    """Answers the HTTP requests of a process.

    Args:
        traffic: what all connections share.
        responses: writes the answers.
        tree: the routes.
        rules: of bodies.
        site: what strangers may know.
        new_id: makes request ids.
    """

    def __init__(
        self,
        traffic: Traffic,
        responses: Responses,
        tree: RouteTree,
        rules: BodyRules,
        *,
        site: Site,
        new_id: Callable[[], str],
    ) -> None:
        self._traffic = traffic
        self._dispatcher = traffic.dispatcher
        self._responses = responses
        self._tree = tree
        self.rules = rules
        self._site = site
        self._new_id = new_id

    def begin(
        self, http: HttpRequest, peer: Peer, connection: str, end: Callable[[], None], finished: Finished
    ) -> bytes | None:
        """Begin one request, as `Traffic.run`.

        Args:
            http: the request, whole.
            peer: the other end of the transport, or whom a preamble told of.
            connection: value of that header of the answer.
            end: ends the connection.
            finished: told of the task if the request has to wait.

        Raises:
            Disconnect: the request ends the connection.
        """
        answer = self._answer(http, peer, connection, end)
        return answer if isinstance(answer, bytes) else self._traffic.start(answer, finished)

    def refuse(self, error: ApiError, http: HttpRequest | None = None) -> bytes:
        """Answer what does not become a request, and announce the end of the connection.

        Args:
            error: what is wrong.
            http: the head, as far as it could be read.
        """
        headers = _NO_HEADERS if http is None else http.headers
        request_id = request_id_of(headers, self._new_id())
        wish = Wish(
            request_id,
            origin=headers.get("origin"),
            has_body=http is None or http.method != "HEAD",
            connection="close, upgrade" if error.status == _UPGRADE_REQUIRED else "close",
        )
        return self._dispatcher.refuse(_blank(request_id), error, self._responses.encoder(wish))

    def _answer(self, http: HttpRequest, peer: Peer, connection: str, end: Callable[[], None]) -> _Answer:
        own_id = self._new_id()
        headers = http.headers
        request_id = request_id_of(headers, own_id)
        peer = self._traffic.client(peer, headers.items())
        wish = self._wish(http, peer, connection, request_id)
        encode = self._responses.encoder(wish)
        try:
            check_head(http, self.rules)
            if _may_be_built_in(http) and (answer := self._built_in(http, wish, encode)) is not None:
                return answer
            caller = self._caller(headers, peer, own_id, end)
            request = read_request(http, self._tree, self.rules, request_id)
        except Exception as error:  # noqa: BLE001 - the client must get an answer, whatever happened
            return self._failed(error, request_id, encode)
        if (refusal := self._traffic.refusal()) is not None:
            return self._dispatcher.refuse(request, refusal, encode)
        return self._dispatcher.answer(request, caller, encode)

    def _failed(self, error: Exception, request_id: str, encode: Encode) -> bytes:
        dispatcher = self._dispatcher
        if isinstance(error, ApiError):
            return dispatcher.refuse(_blank(request_id), error, encode)
        return dispatcher.fail(_blank(request_id), error, encode)

    def _wish(self, http: HttpRequest, peer: Peer, connection: str, request_id: str) -> Wish:
        headers = http.headers
        return Wish(
            request_id,
            origin=headers.get("origin"),
            accept_encoding=headers.get("accept-encoding"),
            is_pretty="pretty" in http.query and "pretty" in parse_query(http.query),
            has_body=http.method != "HEAD",
            is_secure=peer.is_secure,
            connection=connection,
        )

    def _caller(self, headers: Mapping[str, str], peer: Peer, own_id: str, end: Callable[[], None]) -> Caller:
        caller = Caller(own_id, peer, headers, end)
        origin = headers.get("origin")
        if origin is not None:
            origins = self._traffic.origins
            caller.refused_origin = None if origins.admit(origin) else origin
            if "cookie" in headers and origins.trust(origin):
                caller.cookie = auth_token([headers["cookie"]])
        return caller

    def _built_in(self, http: HttpRequest, wish: Wish, encode: Encode) -> _Answer | None:
        """Answer what is no action; None for everything else."""
        path = http.path if len(http.path) == 1 else http.path.removesuffix("/")
        if http.method == "OPTIONS":
            return self._dispatcher.tell(_blank(wish.request_id), {}, encode)
        if (http.method, path) in (("HEAD", "/"), ("GET", "/_healthcheck")):
            return self._dispatcher.tell(_blank(wish.request_id), None, encode)
        if http.method != "GET" or path not in ("/", "/_ready"):
            return None
        if path == "/_ready":
            return self._later(self._readiness(wish, encode), wish, encode)
        return self._later(self._page(http.headers, wish), wish, encode) if self._shows_page(http.headers) else None

    async def _later(self, answer: Coroutine[Any, Any, bytes], wish: Wish, encode: Encode) -> bytes:
        try:
            return await answer
        except Exception as error:  # noqa: BLE001 - as above
            return self._failed(error, wish.request_id, encode)

    async def _readiness(self, wish: Wish, encode: Encode) -> bytes:
        error = await self._unreadiness()
        blank = _blank(wish.request_id)
        if error is None:
            return self._dispatcher.tell(blank, None, encode)
        return self._dispatcher.refuse(blank, error, encode)

    def _shows_page(self, headers: Mapping[str, str]) -> bool:
        """Tell whether the page is asked for; the script of a foreign site, which could read it, is refused as ever."""
        origin = headers.get("origin")
        return _names_html(headers.get("accept", "")) and (origin is None or self._traffic.origins.admit(origin))

    async def _page(self, headers: Mapping[str, str], wish: Wish) -> bytes:
        is_ready = await self._unreadiness() is None
        page = await self._site.page(headers.get("host", ""), is_ready=is_ready, is_secure=wish.is_secure)
        return self._responses.page(*page, wish)

    async def _unreadiness(self) -> ApiError | None:
        refusal = self._traffic.refusal()
        if refusal is not None:
            return refusal
        if self._traffic.is_leaving:
            return api_error("network.entrypoint.shutting_down")
        await hand_over()  # the database's driver wants a task around it
        return None if await self._site.is_ready() else api_error("services.storage.not_connected")


def _may_be_built_in(http: HttpRequest) -> bool:
    return http.path in _BUILT_INS or http.method == "OPTIONS"


def _blank(request_id: str) -> Request:
    return Request("", "", request_id, {})


def _names_html(accept: str) -> bool:
    """Tell whether somebody asks for a page by name; `*/*` asks for nothing in particular."""
    for media_range in accept.split(","):
        kind, *parameters = (part.strip().lower() for part in media_range.split(";"))
        if kind == "text/html":
            return not any(part.replace(" ", "") in ("q=0", "q=0.0", "q=0.00", "q=0.000") for part in parameters)
    return False
