"""Bytes ⇄ messages: the only place where JSON is read or written.

Rules of the file: every decoder and encoder is built once. The common frame is decoded straight into a struct; a
frame that the struct refuses is read again field by field to name what is wrong, and texts of the JSON library
are never shown or parsed. Sources: frames.md §2, §3, §5; deviations 9 and 23.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any, Generic, NoReturn, TypeVar

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType, structs

from gateway.protocol import arguments
from gateway.protocol.errors import ApiError, api_error
from gateway.protocol.messages import BadFrame, Notification, Request, Response
from gateway.protocol.scanning import depth, find_request_id

__all__ = [
    "MAX_DEPTH",
    "PONG",
    "ArgumentsDecoder",
    "decode_json",
    "decode_list",
    "decode_request",
    "decode_sdk",
    "decode_text",
    "decode_value",
    "encode",
    "encode_envelope",
    "encode_notification",
    "encode_response",
    "indented",
    "is_ping",
    "sent_text",
]

MAX_DEPTH = 80
"""Deepest nesting of arrays and objects that is read. MongoDB stores 100; what wraps a document needs a few."""

PONG = b'{"p":2}'
"""Answer to the application's ping (frames.md §1)."""

T = TypeVar("T")

_ABSENT = Raw(b"null")
_LONGEST_PING = 64
_BRACE, _NULL = b"{n"
_BRACKET, _QUOTE = b'["'


class _Envelope(Struct, gc=False, rename="camel"):
    controller: str | None = None
    action: str | None = None
    request_id: str | None = None
    jwt: str | None = None
    volatile: Raw = _ABSENT
    body: Raw = _ABSENT
    index: Raw | UnsetType = UNSET
    collection: Raw | UnsetType = UNSET
    targets: Raw | UnsetType = UNSET


class _WireNotification(Struct, gc=False, rename="camel"):
    status: int
    info: str
    message: str
    type: str
    node: str
    request_id: str
    room: str
    expires_at: int | UnsetType = UNSET


class _Sdk(Struct, gc=False, rename="camel"):
    sdk_name: Any = None
    sdk_version: Any = UNSET


_envelope_decoder = msgspec.json.Decoder(_Envelope)
_fields_decoder = msgspec.json.Decoder(dict[str, Raw])
_sdk_decoder = msgspec.json.Decoder(_Sdk)
_any_decoder = msgspec.json.Decoder()


def _plain(value: Any) -> Any:
    """The database's 64-bit integers are a subclass of int, which the encoder does not know."""
    if isinstance(value, int):
        return int(value)
    raise NotImplementedError(f"{type(value).__name__} has no JSON form")


_encoder = msgspec.json.Encoder(enc_hook=_plain)

encode = _encoder.encode
"""Any value of JSON, structs included → bytes."""


def is_ping(frame: bytes) -> bool:
    """Tell whether a message is the application's ping: an object with the one key `p` whose value is 1."""
    if frame == b'{"p":1}':
        return True
    if len(frame) > _LONGEST_PING or b'"p"' not in frame:
        return False
    try:
        message = _any_decoder.decode(frame)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return False
    return message == {"p": 1} and not isinstance(message["p"], bool)


def decode_request(frame: bytes, new_id: Callable[[], str]) -> Request:
    """Read the envelope of a request; its arguments stay in `payload` until the action is known.

    Args:
        frame: one whole message, text or binary, UTF-8.
        new_id: makes the `requestId` that the client did not send.

    Raises:
        BadFrame: not JSON, not an object, too deep, or an attribute of the wrong type.
    """
    _check_text(frame)
    try:
        envelope = _envelope_decoder.decode(frame)
    except (msgspec.MsgspecError, RecursionError):
        envelope = _read_envelope(frame)
    volatile = None if envelope.volatile is _ABSENT else _object_or_none(envelope.volatile, envelope.request_id)
    if envelope.body is not _ABSENT and memoryview(envelope.body)[0] not in b"{[n":
        _refuse("body", "an object or an array", envelope.request_id)
    return Request(
        controller=envelope.controller or "",
        action=envelope.action or "",
        request_id=envelope.request_id or new_id(),
        payload=frame,
        jwt=envelope.jwt,
        volatile=volatile,
        index=envelope.index,
        collection=envelope.collection,
        targets=envelope.targets,
    )


def decode_json(data: bytes) -> Any:
    """Read any JSON; of two keys the last counts, and 1e999 is infinity.

    Raises:
        ValueError: not UTF-8, not JSON, or nested too deep.
        BadRequestError: infinity stands inside, where it has no form to be kept in.
    """
    try:
        _check_text(data)
        return decode_value("body", Raw(data))
    except BadFrame as fault:
        raise ValueError(fault.reason) from None
    except msgspec.DecodeError as error:
        raise ValueError("it is not JSON") from error


def decode_text(raw: Raw | UnsetType) -> str | None:
    """Read an echoed argument where rights need its value: the string, or None for anything else."""
    if raw is UNSET or memoryview(raw)[0] != _QUOTE:
        return None
    return str(_any_decoder.decode(raw))


def sent_text(request: Request, name: str) -> str | None:
    """Tell an attribute that was sent as an empty string from one that was not sent (the answer echoes it)."""
    if not isinstance(request.payload, bytes):
        return None
    raw = _fields_decoder.decode(request.payload).get(name)
    return None if raw is None else decode_text(raw)


def decode_sdk(volatile: Raw) -> tuple[Any, Any]:
    """Read what a client says of its SDK: its name, None if it says nothing; its version, UNSET likewise.

    Raises:
        BadRequestError: a number in the place of either is out of range.
    """
    try:
        sdk = _sdk_decoder.decode(volatile)
    except msgspec.ValidationError:
        fields = decode_value("volatile", volatile)
        return fields.get("sdkName"), fields.get("sdkVersion", UNSET)
    return sdk.sdk_name, sdk.sdk_version


def encode_response(response: Response) -> bytes:
    """Write one answer as JSON (frames.md §3); of a raw one, the result with its room beside it."""
    if response.content_type is not UNSET:
        result = response.result
        return _encoder.encode({**result, "room": response.room} if isinstance(result, dict) else result)
    return _encoder.encode(response if response.cookie is UNSET else structs.replace(response, cookie=UNSET))


def encode_envelope(response: Response) -> bytes:
    """Write one answer as JSON for HTTP: without `room` (http.md)."""
    return _encoder.encode(structs.replace(response, room=UNSET, cookie=UNSET))


def indented(text: bytes) -> bytes:
    """JSON for human eyes: two spaces a level."""
    return msgspec.json.format(text, indent=2)


def encode_notification(note: Notification) -> bytes:
    """Write one notification as JSON (frames.md §6)."""
    return _encoder.encode(
        _WireNotification(
            note.status, note.info, note.message, note.type, note.node, note.request_id, note.room, note.expires_at
        )
    )


class ArgumentsDecoder(Generic[T]):
    """Reads one action's arguments out of a frame.

    Args:
        shape: a subclass of `arguments.Arguments`.

    Raises:
        TypeError: a field has a type that no getter reads.
    """

    def __init__(self, shape: type[T]) -> None:
        arguments.check_shape(shape)
        self._shape = shape
        self._decoder = msgspec.json.Decoder(shape)
        self._has_integers = arguments.has_integers(shape)

    def decode(self, payload: bytes | Mapping[str, Any]) -> T:
        """Read the arguments out of the `payload` of a request.

        Raises:
            BadRequestError: the documented error of the first argument, in the order of the shape's fields,
                that is missing or of the wrong type (frames.md §2).
        """
        if not isinstance(payload, bytes):
            return arguments.read_texts(self._shape, payload, _decode_text_value)
        try:
            decoded = self._decoder.decode(payload)
        except msgspec.MsgspecError:
            return arguments.read(self._shape, _Fields(payload))
        if self._has_integers and not arguments.are_integers_safe(decoded):
            return arguments.read(self._shape, _Fields(payload))
        return decoded


class _Fields(Mapping[str, Any]):
    """The root keys of a frame, each decoded only when it is asked for."""

    def __init__(self, frame: bytes) -> None:
        self._raw = _fields_decoder.decode(frame)

    def __getitem__(self, name: str) -> Any:
        return decode_value(name, self._raw[name])

    def __iter__(self) -> Any:
        return iter(self._raw)

    def __len__(self) -> int:
        return len(self._raw)


def decode_value(name: str, raw: Raw) -> Any:
    """Read one value of JSON that was checked before, named `name` in errors; 1e999 is infinity."""
    try:
        return _any_decoder.decode(raw)
    except msgspec.ValidationError:
        # The one valid JSON text that cannot be decoded is a number like 1e999: infinity in JavaScript.
        if memoryview(raw)[0] in b"-0123456789":
            return math.inf
        raise api_error("api.assert.invalid_argument", name, "numbers in the range of doubles") from None


def decode_list(text: str) -> list[Any]:
    """Read a list that came as one text: a JSON array, or items with commas between them (http.md §1)."""
    value = _decode_text_value(text) if text.startswith("[") else None
    return value if isinstance(value, list) else text.split(",")


def _decode_text_value(text: str) -> Any:
    """Read the JSON that stands in an argument of a URL; a text that is none stands for itself."""
    try:
        return decode_json(text.encode())
    except (ValueError, ApiError):
        return text


def _check_text(frame: bytes) -> None:
    """Refuse what the decoder would skip unread: bad UTF-8 and bottomless nesting."""
    if not frame.isascii():
        try:
            frame.decode()
        except UnicodeDecodeError:
            raise _unreadable("it is not UTF-8", frame) from None
    # To look for a bracket is several times as fast as to count them. By its number: given one byte as bytes, `find`
    # and `in` first raise and drop an exception, which takes longer than the search.
    brackets = frame.count(_BRACE) if frame.find(_BRACE, 1) > 0 else 1
    if _BRACKET in frame:
        brackets += frame.count(_BRACKET)
    if brackets > MAX_DEPTH and depth(frame) > MAX_DEPTH:
        raise _unreadable(f"it is nested more than {MAX_DEPTH} deep", frame)


def _unreadable(reason: str, frame: bytes) -> BadFrame:
    """A frame that cannot be read as a whole may still say whose it is: the client waits for an answer."""
    echo = find_request_id(frame)
    request_id = None if echo is None else _read_scalar(Raw(echo))
    if not isinstance(request_id, str) or not request_id:
        return BadFrame(reason)
    return BadFrame(reason, Raw(_encoder.encode(request_id)), request_id)


def _object_or_none(volatile: Raw, request_id: str | None) -> Raw | None:
    kind = memoryview(volatile)[0]
    if kind == _BRACE:
        return volatile
    if kind != _NULL:
        _refuse("volatile", "an object", request_id)
    return None


def _refuse(name: str, expected: str, request_id: str | None) -> NoReturn:
    echo = Raw(_encoder.encode(request_id)) if request_id else None
    raise BadFrame(f'its attribute "{name}" must be {expected}', echo, request_id or None)


def _read_envelope(frame: bytes) -> _Envelope:
    """Read an envelope that the struct refused: find the fault, or the falsy value that is none."""
    try:
        fields = _fields_decoder.decode(frame)
    except (msgspec.ValidationError, RecursionError):
        raise BadFrame("it is not a JSON object") from None
    except msgspec.MsgspecError:
        raise _unreadable("it is not JSON", frame) from None
    request_id, echo = _read_request_id(fields.get("requestId"))
    envelope = _Envelope(request_id=request_id)
    for name in ("jwt", "controller", "action"):
        value = _read_scalar(fields.get(name, _ABSENT))
        if value is not None and not isinstance(value, str):
            raise BadFrame(f'its attribute "{name}" must be a string', echo, request_id)
        setattr(envelope, name, value)
    for name in ("volatile", "body", "index", "collection", "targets"):
        if name in fields:
            setattr(envelope, name, fields[name])
    return envelope


def _read_request_id(raw: Raw | None) -> tuple[str | None, Raw | None]:
    """A falsy `requestId` counts as absent; anything else that is no string spoils the frame."""
    if raw is None:
        return None, None
    value = _read_scalar(raw)
    if isinstance(value, str) and value:
        return value, raw
    if not value and not isinstance(value, list | dict):
        return None, None
    raise BadFrame('its attribute "requestId" must be a string', raw)


def _read_scalar(raw: Raw) -> Any:
    try:
        return _any_decoder.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return math.inf
