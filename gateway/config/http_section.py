"""What can be set about HTTP.

Rules of the file: those of `settings.py`.
"""

import re
from typing import Annotated

from msgspec import Meta

from gateway.config.section import Count, Filled, Section, Timeout

__all__ = ["HttpSettings"]


class HttpSettings(Section, frozen=True, kw_only=True):
    """HTTP, and what the WebSocket upgrade shares with it: request heads and origins."""

    access_control_allow_origin: Annotated[
        tuple[Filled, ...],
        Meta(description="Origins that may call the gateway; under `*` alone a cookie is ignored (not in Kuzzle)."),
    ] = ("*",)
    access_control_allow_origin_use_regexp: Annotated[
        bool,
        Meta(
            description="Whether the origins are patterns, as Python's `re` reads them, that fit the whole origin; "
            "one that fits every origin counts as `*`."
        ),
    ] = False
    cookie_authentication: Annotated[
        bool, Meta(description="Whether browsers may keep their login token in a cookie.")
    ] = True
    allow_compression: Annotated[bool, Meta(description="Whether bodies may be compressed, the client's and ours.")] = (
        True
    )
    additional_content_types: Annotated[
        tuple[Filled, ...],
        Meta(description="Media types of request bodies that are taken beside the protocol's; they are read as JSON."),
    ] = ()
    max_handshake_bytes: Annotated[
        int, Meta(ge=1024, le=1_048_576, description="Longest request head.", extra={"unit": "bytes"})
    ] = 32_768
    request_timeout_ms: Annotated[
        Timeout,
        Meta(
            description="How long a request may take to arrive, from its first byte to the end of its body; "
            "`websocket.handshake_timeout_ms` bounds its head."
        ),
    ] = 30_000
    keep_alive_timeout_ms: Annotated[
        Timeout,
        Meta(description="How long a connection is kept for a next request (Kuzzle closes after each)."),
    ] = 65_000
    logins_per_second: Annotated[
        int,
        Meta(
            ge=0,
            le=1_000_000,
            description="Logins over HTTP per second and client address, of IPv6 per network of 64 bits; 0 is no limit "
            "(Kuzzle has none).",
        ),
    ] = 10
    max_half_open: Annotated[
        Count,
        Meta(
            description="Connections that may be there without having sent one whole request; one more, and the oldest "
            "of them is dropped, unless it is younger than two seconds (Kuzzle has no bound)."
        ),
    ] = 4096

    def __post_init__(self) -> None:
        """Refuse a pattern that nothing can be held against."""
        if not self.access_control_allow_origin_use_regexp:
            return
        for pattern in self.access_control_allow_origin:
            try:
                re.compile("" if pattern == "*" else pattern)
            except re.error as error:
                raise ValueError("an origin is no regular expression") from error
