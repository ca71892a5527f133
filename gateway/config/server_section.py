"""What can be set about the listening socket, those who may stand in front of it, and the process.

Rules of the file: those of `settings.py`, whose first section this is.
"""

import ipaddress
from typing import Annotated, Literal

from msgspec import Meta

from gateway.config.section import Filled, Section

__all__ = ["ServerSettings"]

_NETWORKS = 'a list of addresses and networks such as "10.0.0.0/8" or "::1"'
_PATH = Annotated[str, Meta(pattern=r"\A[^\r\n\0]*\Z")]
"""Not the content of the file: a certificate and a key have lines."""


class ServerSettings(Section, frozen=True, kw_only=True):
    """The listening socket and the process."""

    host: Annotated[
        Filled,
        Meta(description="Address to listen on; `0.0.0.0` opens the gateway to the network (Kuzzle's default)."),
    ] = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65_535, description="TCP port of WebSocket and HTTP; 0 takes a free one.")] = (
        7512
    )
    data_dir: Annotated[Filled, Meta(description="Directory for the files of the embedded MongoDB server.")] = "./data"
    workers: Annotated[
        int,
        Meta(
            ge=0,
            le=256,
            description="Processes that `latchgate serve` runs on the port, under one more that watches them; 1 is a "
            "single process, 0 is one for each CPU it may use.",
        ),
    ] = 1
    processes: Annotated[
        int,
        Meta(
            ge=0,
            le=10_000,
            description="Gateway processes that share the database, over all hosts, for `rateLimit` to hold for all of "
            "them together; 0 is the `workers` of this one.",
        ),
    ] = 0
    shutdown_grace_s: Annotated[
        float,
        Meta(
            ge=0,
            le=3600,
            description="How long requests in flight may take when the gateway stops.",
            extra={"unit": "s"},
        ),
    ] = 10.0
    node_name: Annotated[
        str,
        Meta(
            pattern=r"\A[A-Za-z0-9._-]{0,64}\Z",
            description="Name of this process in every answer; empty generates a `knode-` name.",
            extra={"accepts": "at most 64 letters, digits, dots, hyphens and underscores"},
        ),
    ] = ""
    tls_cert: Annotated[
        _PATH,
        Meta(
            description="File with the certificate and those between it and the root, in PEM form; empty speaks "
            "no TLS, else `tls_key` is needed beside it.",
            extra={"accepts": "the path of a file"},
        ),
    ] = ""
    tls_key: Annotated[
        _PATH,
        Meta(
            description="File with the certificate's private key, in PEM form, not encrypted, mode 0600 or 0400.",
            extra={"accepts": "the path of a file"},
        ),
    ] = ""
    trusted_proxies: Annotated[
        tuple[Filled, ...],
        Meta(
            description="Addresses and networks whose word on the client's address counts; empty trusts nobody.",
            extra={"accepts": _NETWORKS},
        ),
    ] = ()
    forwarded_header: Annotated[
        Literal["x-forwarded-for", "forwarded"],
        Meta(
            description="The one header that the trusted proxies write: `X-Forwarded-For`, and `X-Forwarded-Proto` "
            "beside it, or RFC 7239's `Forwarded`; the other is taken to be the client's own."
        ),
    ] = "x-forwarded-for"
    proxy_protocol: Annotated[
        bool,
        Meta(
            description="Every connection must come from one of `trusted_proxies` and begin with a PROXY protocol "
            "preamble of version 2, which alone says who the client is."
        ),
    ] = False

    @property
    def sharing(self) -> int:
        """How many processes share the database, as far as the settings tell."""
        return self.processes or self.workers or 1

    def __post_init__(self) -> None:
        """Refuse what is no network, among them one with bits of a host."""
        for text in self.trusted_proxies:
            ipaddress.ip_network(text)
