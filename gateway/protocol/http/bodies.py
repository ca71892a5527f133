"""Bodies of requests: what kind they may be, and what they stand for (http.md §1, "Body decoding").

Rules of the file: pure. JSON is the codec's business, forms are those of `forms.py`; here is decided which it is.
"""

import re
from collections.abc import Collection
from typing import Any

from gateway.protocol.codec import decode_json
from gateway.protocol.errors import api_error
from gateway.protocol.http.forms import FormError, read_multipart, read_urlencoded

__all__ = ["FORMS", "check_content", "decode_body"]

_JSON = "application/json"
_URLENCODED = "application/x-www-form-urlencoded"
_MULTIPART = "multipart/form-data"

FORMS = frozenset({_URLENCODED, _MULTIPART})
"""Media types whose bodies become an object of texts."""

_CHARSET = re.compile(r';\s*charset=\s*("[^"]*"|[^;\s]*)', re.IGNORECASE)
_SHOWN = 50


def check_content(content_type: str | None, extra_types: Collection[str] = ()) -> str:
    """Tell the media type of a body, `application/json` where nothing is said.

    Args:
        content_type: the header, None for none.
        extra_types: taken beside the protocol's three.

    Raises:
        BadRequestError: `network.http.unsupported_content`, `network.http.unsupported_charset`.
    """
    if content_type is None:
        return _JSON
    media_type = content_type.partition(";")[0].strip()
    if media_type != _JSON and media_type not in FORMS and media_type not in extra_types:
        raise api_error("network.http.unsupported_content", media_type)
    charset = _CHARSET.search(content_type)
    if charset is not None and charset[1].strip('"').lower() != "utf-8":
        raise api_error("network.http.unsupported_charset", charset[1].strip('"'))
    return media_type


def decode_body(body: bytes, content_type: str | None, media_type: str) -> Any:
    """Read a body.

    Args:
        body: inflated.
        content_type: the header, for its parameters.
        media_type: as `check_content` told.

    Returns:
        The JSON value, or the object that a form stands for; None for no body, which is also what an empty text, an
        empty array, `0`, `false` and `null` are.

    Raises:
        BadRequestError: `network.http.body_parse_failed`, with the beginning of the body.
    """
    if not body:
        return None
    try:
        if media_type == _MULTIPART:
            return read_multipart(body, content_type or "")
        if media_type == _URLENCODED:
            return read_urlencoded(body)
        value = decode_json(body)
    except (FormError, ValueError):
        raise api_error(
            "network.http.body_parse_failed", body[: 4 * _SHOWN].decode(errors="replace")[:_SHOWN]
        ) from None
    return value if value or isinstance(value, dict) else None
