"""Request → answer: the one door through which every answer leaves.

Rules of the file: pure, and it never raises. It is the only place where an exception becomes an answer; what it
does not know shows the client a plain sentence and the log everything. Sources: frames.md §3, §4, §5.
"""

from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from msgspec import UNSET, Raw, structs

from gateway.actions import Connection, Context, Endpoint, Reply
from gateway.protocol.codec import decode_request, decode_text, decode_value, encode_response, sent_text
from gateway.protocol.errors import ApiError, Disconnect, api_error
from gateway.protocol.messages import BadFrame, Request, Response

__all__ = ["Dispatcher", "Encode"]

Encode = Callable[[Response], bytes]
"""Gives an answer the form of its transport; what has none raises."""


class Dispatcher:
    """Turns one message of a client into one message for it.

    Args:
        endpoint: the outermost middleware.
        node: this process's name on the wire, `knode-…`.
        new_id: makes request ids, UUIDs of version 4.
        report: told of every exception that is no `ApiError`, with the request.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        node: str,
        new_id: Callable[[], str],
        report: Callable[[Exception, Request], None],
    ) -> None:
        self._endpoint = endpoint
        self._node = node
        self._new_id = new_id
        self._report = report

    def handle(self, frame: bytes, connection: Connection) -> Coroutine[Any, Any, bytes]:
        """Answer one message.

        It waits only for what the action waits for, so a transport may run it up to there without a task.

        Raises:
            Disconnect: an action ends the connection.
        """
        try:
            request = decode_request(frame, self._new_id)
        except BadFrame as fault:
            return _done(self._refuse_frame(fault))
        return self.answer(request, connection, encode_response)

    async def answer(self, request: Request, connection: Connection, encode: Encode) -> bytes:
        """Answer one request; as `handle`, in the form that `encode` gives it.

        Raises:
            Disconnect: an action ends the connection.
        """
        try:
            try:
                _check(request, connection)
                result = await self._endpoint(request, Context(connection))
            except ApiError as error:
                return self.refuse(request, error, encode)
            return encode(self._response(request, result))
        except Disconnect:
            raise
        # What has no JSON form is a fault like any other, errors included.
        except Exception as error:  # noqa: BLE001 - the client must get an answer, whatever happened
            return self.fail(request, error, encode)

    def refuse(self, request: Request, error: ApiError, encode: Encode) -> bytes:
        """Answer a request with an error; one that could not even be read has neither controller nor action."""
        return encode(self._response(request, error.result, error))

    def fail(self, request: Request, error: Exception, encode: Encode) -> bytes:
        """Answer a request that ended in a fault of ours: the log hears everything, the client a plain sentence."""
        self._report(error, request)
        return self.refuse(request, api_error("plugin.runtime.unexpected_error", "see its log"), encode)

    def tell(self, request: Request, result: object, encode: Encode) -> bytes:
        """Answer a request with a result that no action made."""
        return encode(self._response(request, result))

    def turn_away(self, frame: bytes, error: ApiError) -> bytes:
        """Answer a message that the process does not take on at the moment."""
        try:
            request = decode_request(frame, self._new_id)
        except BadFrame as fault:
            return self._refuse_frame(fault)
        return self.refuse(request, error, encode_response)

    def _response(self, request: Request, result: object, error: ApiError | None = None) -> Response:
        response = Response(
            action=request.action or sent_text(request, "action"),
            collection=request.collection,
            controller=request.controller or sent_text(request, "controller"),
            error=None if error is None else error_body(error),
            index=request.index,
            node=self._node,
            request_id=request.request_id,
            result=result,
            status=200 if error is None else error.status,
            volatile=request.volatile,
            room=request.request_id,
        )
        return _unfolded(response, result) if isinstance(result, Reply) else response

    def _refuse_frame(self, fault: BadFrame) -> bytes:
        error = api_error("network.websocket.unexpected_error", fault.reason)
        room = fault.room or self._new_id()
        request_id: Raw | str = fault.request_id if fault.request_id is not None else room
        return encode_response(
            Response(
                action=None,
                controller=None,
                error=error_body(error),
                node=self._node,
                request_id=request_id,
                result=None,
                room=room,
                status=error.status,
            )
        )


async def _done(answer: bytes) -> bytes:
    return answer


def _unfolded(response: Response, reply: Reply) -> Response:
    """What an action has to say beyond its result has places of its own in an answer."""
    return structs.replace(
        response,
        result=reply.result,
        headers=reply.headers,
        cookie=UNSET if reply.cookie is None else reply.cookie,
        content_type=UNSET if reply.content_type is None else reply.content_type,
    )


def error_body(error: ApiError) -> Mapping[str, Any]:
    """The `error` object of an answer (frames.md §3, "Error object"); one without id has no code and no props."""
    body: dict[str, Any] = {"message": error.message, "status": error.status}
    if error.id is not None:
        body = {"code": error.code, "id": error.id, "message": error.message, "props": error.props} | body
    if error.errors:
        body |= {"count": len(error.errors), "errors": [error_body(part) for part in error.errors]}
    return body


def _check(request: Request, connection: Connection) -> None:
    """What every request must have, in the original's order (frames.md §2, §4)."""
    if not request.controller:
        raise api_error("api.assert.missing_argument", "controller")
    if not request.action:
        raise api_error("api.assert.missing_argument", "action")
    if request.targets is not UNSET:
        _check_targets(request, request.targets)
    if connection.refused_origin is not None:
        raise api_error("api.process.unauthorized_origin", connection.refused_origin)


def _check_targets(request: Request, sent: Raw) -> None:
    targets = decode_value("targets", sent)
    if targets is None:
        return
    if not isinstance(targets, list):
        raise api_error("api.assert.invalid_type", "targets", "array")
    if decode_text(request.index) or decode_text(request.collection):
        raise api_error("api.assert.mutually_exclusive", "index, collection", "targets")
