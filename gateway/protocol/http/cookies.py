"""The cookie that holds a login token (http.md §7; RFC 6265).

Rules of the file: pure. Of what a browser sends the one cookie is read, and what cannot be read for sure is refused: a
second cookie of that name is how a neighbouring site would slip its own session in.
"""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from email.utils import format_datetime
from urllib.parse import quote, unquote_to_bytes

from gateway.protocol.errors import api_error

__all__ = ["auth_token", "set_cookie"]

_NAME = "authToken"
_NOTHING = frozenset({"", "null"})
_TOKEN = re.compile(r"[\x21-\x7e]*")
_SPACE = " \t"  # no other: a name that only looks like ours is another name
_LAST_SECOND = 253_402_300_799  # the end of the year 9999


def auth_token(headers: Iterable[str]) -> str | None:
    """Read the token out of the `Cookie` headers of a request.

    Returns:
        The token; None where there is no such cookie, or one that says so (`null`, or empty).

    Raises:
        UnauthorizedError: `security.cookie.invalid`: it cannot be one, or there are two that differ.
    """
    values = {
        _value(value.strip(_SPACE))
        for header in headers
        for name, _, value in (pair.partition("=") for pair in header.split(";"))
        if name.strip(_SPACE) == _NAME
    }
    if len(values) > 1:
        raise api_error("security.cookie.invalid")
    return values.pop() if values else None


def set_cookie(token: str | None, expires_at: int, *, secure: bool) -> str:
    """Give the value of `Set-Cookie`.

    Args:
        token: to keep; None ends the cookie.
        expires_at: milliseconds since the epoch; -1 for as long as the browser runs.
        secure: it is for TLS only.
    """
    parts = [f"{_NAME}={'null' if token is None else quote(token, safe='')}", "Path=/"]
    if token is not None and expires_at >= 0:
        end = datetime.fromtimestamp(min(expires_at // 1000, _LAST_SECOND), UTC)
        parts.append(f"Expires={format_datetime(end, usegmt=True)}")
    parts += ["HttpOnly", "SameSite=Strict"]
    return "; ".join([*parts, "Secure"] if secure else parts)


def _value(sent: str) -> str | None:
    """Undo quotes and percent-encoding; what is left must be what a token can be, or say that there is none."""
    if len(sent) > 1 and sent.startswith('"') and sent.endswith('"'):
        sent = sent[1:-1]
    token = unquote_to_bytes(sent).decode("latin-1")
    if not _TOKEN.fullmatch(token):
        raise api_error("security.cookie.invalid")
    return None if token in _NOTHING else token
