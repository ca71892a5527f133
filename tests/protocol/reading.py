"""Reading frames in tests: what comes out of one, and what is told of one that is no request."""

import json
from typing import Any

import pytest
from msgspec import Raw, UnsetType

from gateway.protocol.codec import decode_request
from gateway.protocol.messages import BadFrame, Request

__all__ = ["MADE", "decode", "echoed", "refusal", "told"]

MADE = "made-for-it"


def decode(frame: str | bytes | dict[str, Any]) -> Request:
    """Read a frame; an id that has to be made is `MADE`."""
    if isinstance(frame, dict):
        frame = json.dumps(frame)
    return decode_request(frame.encode() if isinstance(frame, str) else frame, lambda: MADE)


def refusal(frame: str | bytes | dict[str, Any]) -> BadFrame:
    """Read a frame that is no request."""
    with pytest.raises(BadFrame) as caught:
        decode(frame)
    return caught.value


def told(fault: BadFrame) -> tuple[str, Any, str | None]:
    """Reason, echo and room of a refusal."""
    return fault.reason, None if fault.request_id is None else json.loads(bytes(fault.request_id)), fault.room


def echoed(raw: Raw | UnsetType | None) -> bytes | None:
    """The bytes of an echo; None for a value that is not there."""
    return bytes(raw) if isinstance(raw, Raw) else None
