"""Tokens: made, recognised, fingerprinted.

Rules of the file: the only one that knows PyJWT; pure: the time and the random part are handed in. Every token is
`kauth-` or `kapikey-` (or nothing) before a JWT (RFC 7519, HS256) whose header is always the same bytes. PyJWT
verifies; making one is a hash over a fixed header, and a property test holds it against PyJWT.
"""

import base64
import hashlib
import re
from typing import Any

import jwt
from msgspec import Struct

from gateway.protocol.codec import encode
from gateway.protocol.errors import ApiError, api_error
from gateway.security.lifetimes import NEVER

__all__ = ["API_KEY_PREFIX", "LOGIN_PREFIX", "MAX_TOKEN_CHARS", "Claims", "Signer", "WeakSecretError", "fingerprint"]

LOGIN_PREFIX = "kauth-"
API_KEY_PREFIX = "kapikey-"

MIN_SECRET_BYTES = 32
"""As long as the hash's output (RFC 7518 §3.2)."""

MAX_TOKEN_CHARS = 8192
"""Of a longer text nothing is computed (J13). A user id of 512 bytes, all of it escaped, makes about 4,200."""

# {"alg":"HS256","typ":"JWT"}: a header that differs in one byte was not made by us, so `alg`, `kid`, `crit`, `jku`
# and their kind can say nothing (RFC 8725 §3.1).
_HEADER = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9"

# JavaScript SDKs decode the payload with the classic alphabet, in which `-` and `_` do not exist: these characters
# would produce them, so they are escaped, and so is everything that is not ASCII (deviations.md, "Token format").
_UNSAFE = re.compile("[>?~\x7f-\U0010ffff]")
_SAFE = bytes(code for code in range(0x7F) if chr(code) not in ">?~")

_BLOCK_BYTES = 64  # of SHA-256
_INNER, _OUTER = (bytes(code ^ pad for code in range(256)) for pad in (0x36, 0x5C))


class WeakSecretError(Exception):
    """The secret cannot be signed with; the text is for the operator."""


class Claims(Struct, frozen=True):
    """What a verified token says of itself.

    Attributes:
        kuid: the user it was made for.
        is_api_key: by its prefix.
    """

    kuid: str
    is_api_key: bool


class _Payload(Struct):
    _id: str
    iat: int
    jti: str


class _FinitePayload(Struct):
    _id: str
    iat: int
    exp: int
    jti: str


class Signer:
    """Makes and verifies tokens with one secret.

    Args:
        secret: at least 32 bytes.

    Raises:
        WeakSecretError: the secret is too short, or looks like a public key.
    """

    def __init__(self, secret: bytes) -> None:
        if len(secret) < MIN_SECRET_BYTES:
            raise WeakSecretError(f"the token secret has {len(secret)} bytes; it needs at least {MIN_SECRET_BYTES}")
        self._secret = secret
        self._inner, self._outer = _keyed(secret, f"{_HEADER}.".encode())
        self._check_usable()

    def mint(self, prefix: str, kuid: str, *, now: int, expires_at: int, jti: str) -> str:
        """Make a token.

        Args:
            prefix: what stands before the JWT.
            kuid: the user it stands for.
            now: milliseconds since the epoch.
            expires_at: milliseconds since the epoch, or `NEVER`.
            jti: 32 lower-case hex digits, never used before.
        """
        issued = now // 1000
        payload = (
            _Payload(kuid, issued, jti)
            if expires_at == NEVER
            # Rounded up, so that the signature never refuses a token that the record still accepts (deviation 3).
            else _FinitePayload(kuid, issued, -(-expires_at // 1000), jti)
        )
        body = _base64url(_plain(encode(payload)))
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(body)
        outer.update(inner.digest())
        return f"{prefix}{_HEADER}.{body.decode()}.{_base64url(outer.digest()).decode()}"

    def verify(self, token: str) -> Claims:
        """Check that a token was signed with the secret; whether it still counts is for its record to say.

        Raises:
            UnauthorizedError: `security.token.invalid`.
        """
        if len(token) > MAX_TOKEN_CHARS:
            raise api_error("security.token.invalid")
        is_api_key = not token.startswith(LOGIN_PREFIX)
        bare = token.removeprefix(API_KEY_PREFIX) if is_api_key else token.removeprefix(LOGIN_PREFIX)
        if not bare.startswith(f"{_HEADER}."):
            raise api_error("security.token.invalid")
        kuid = self._payload(bare).get("_id")
        if not isinstance(kuid, str) or not kuid:
            raise api_error("security.token.invalid")
        return Claims(kuid, is_api_key)

    def _check_usable(self) -> None:
        """Refuse now what PyJWT would refuse with every token: a secret that reads like a public key."""
        try:
            self.verify(self.mint("", "probe", now=0, expires_at=NEVER, jti=""))
        except ApiError:
            raise WeakSecretError("the token secret looks like a public key; take random bytes") from None

    def _payload(self, bare: str) -> dict[str, Any]:
        try:
            return jwt.decode(
                bare,
                self._secret,
                algorithms=["HS256"],
                # The record's `expiresAt` decides, to the millisecond; times are compared with the clock handed in.
                options={"verify_exp": False, "verify_iat": False, "verify_nbf": False, "verify_aud": False},
            )
        except (jwt.PyJWTError, ValueError, RecursionError):
            raise api_error("security.token.invalid") from None


def fingerprint(token: str) -> str:
    """SHA-256 of the whole token, prefix included: 64 lower-case hex digits. All that is ever stored of it."""
    return hashlib.sha256(token.encode()).hexdigest()


def _keyed(secret: bytes, start: bytes) -> tuple[Any, Any]:
    """Both hashes of HMAC-SHA-256 (RFC 2104 §2), the inner one with the beginning of every text.

    Copies of the two cost half of what a copy of an object of `hmac` does.
    """
    key = (hashlib.sha256(secret).digest() if len(secret) > _BLOCK_BYTES else secret).ljust(_BLOCK_BYTES, b"\0")
    return hashlib.sha256(key.translate(_INNER) + start), hashlib.sha256(key.translate(_OUTER))


def _plain(payload: bytes) -> bytes:
    """JSON in which whatever is unsafe is escaped."""
    if not payload.translate(None, _SAFE):
        return payload
    return _UNSAFE.sub(_escape, payload.decode()).encode("ascii")


def _base64url(data: bytes) -> bytes:
    """Base64url without padding (RFC 7515 §2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def _escape(match: re.Match[str]) -> str:
    units = match[0].encode("utf-16-be")
    return "".join(f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2))
