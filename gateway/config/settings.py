"""What can be set: one frozen struct per section, collected in `Config`.

Rules of the file: every setting is `Annotated` with a one-sentence description, its bounds and its unit, and where
the default departs from Kuzzle's the sentence says so; nothing else in the project repeats a default. Rules that
a bound cannot say stand in `__post_init__`, and in words under `accepts`. Every default keeps every rule. Times are
whole milliseconds (`_ms`), seconds only where the name says `_s`. `section.py` lists the keys of `extra`, and the
sections `server`, `http`, `security` and `api_keys` have files of their own.
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from gateway.config.http_section import HttpSettings
from gateway.config.section import (
    Count,
    Section,
    Timeout,
    hide_passwords,
    masked_section,
)
from gateway.config.security_section import ApiKeysSettings, SecuritySettings
from gateway.config.server_section import ServerSettings

__all__ = [
    "ApiKeysSettings",
    "Config",
    "HttpSettings",
    "LimitsSettings",
    "LoggingSettings",
    "MongodbSettings",
    "SecuritySettings",
    "ServerSettings",
    "WebsocketSettings",
    "masked",
]

_DAY = 86_400_000

_DATABASE_NAME_BYTES = 63
_NOT_IN_DATABASE_NAMES = frozenset('/\\. "$*<>:|?\0')

_BYTES = {"unit": "bytes"}


class MongodbSettings(Section, frozen=True, kw_only=True):
    """The database: one that runs elsewhere, or the embedded one."""

    uri: Annotated[
        str,
        Meta(
            pattern=r"\A(mongodb(\+srv)?://\S+)?\Z",
            description="Connection string of MongoDB; empty starts the embedded server.",
            extra={"accepts": "empty or a text that begins with mongodb:// or mongodb+srv://", "hide": hide_passwords},
        ),
    ] = ""
    database: Annotated[
        str,
        Meta(
            description="Name of the database.",
            extra={"accepts": r'1 to 63 bytes with no space, no NUL and none of / \ . " $ * < > : | ?'},
        ),
    ] = "latchgate"
    binary: Annotated[str, Meta(description="Path of the embedded server's `mongod`; empty searches for one.")] = ""
    cache_gb: Annotated[
        float,
        Meta(
            ge=0.25,
            le=10_000,
            description="Largest cache of the embedded server, which takes it as its data grow.",
            extra={"unit": "GB"},
        ),
    ] = 1.0
    server_selection_timeout_ms: Annotated[
        Timeout, Meta(description="How long to look, at the start, for a database server that can be used.")
    ] = 5000
    operation_timeout_ms: Annotated[
        Timeout,
        Meta(description="How long a read or write may take before the client gets status 503."),
    ] = 10_000
    pool_size: Annotated[int, Meta(ge=1, le=10_000, description="Connections to the database, at most.")] = 32

    def __post_init__(self) -> None:
        """Refuse a database name that MongoDB would refuse at the first write."""
        if not 1 <= len(self.database.encode()) <= _DATABASE_NAME_BYTES:
            raise ValueError("the database name is empty or too long")
        if not _NOT_IN_DATABASE_NAMES.isdisjoint(self.database):
            raise ValueError("the database name has a forbidden character")


class WebsocketSettings(Section, frozen=True, kw_only=True):
    """What one WebSocket connection may take, in time and in memory."""

    idle_timeout_ms: Annotated[
        int,
        Meta(
            ge=1000,
            le=_DAY,
            description="A connection from which nothing arrives for so long is dropped "
            "(Kuzzle reads values below 1000 as 60000; here they are refused).",
            extra={"unit": "ms"},
        ),
    ] = 60_000
    handshake_timeout_ms: Annotated[
        Timeout, Meta(description="How long a new connection may take over its request head.")
    ] = 10_000
    close_timeout_ms: Annotated[Timeout, Meta(description="How long the client may take to answer a close frame.")] = (
        5000
    )
    max_fragments: Annotated[
        Count, Meta(description="Frames that one message may be split into, empty ones counted.")
    ] = 4096
    max_unsent_bytes: Annotated[
        int,
        Meta(
            ge=1024,
            le=1_073_741_824,
            description="Bytes that may wait for a slow reader before its connection is closed "
            "(Kuzzle: more than 50 messages behind 4096 bytes).",
            extra=_BYTES,
        ),
    ] = 1_048_576
    stall_timeout_ms: Annotated[
        Timeout,
        Meta(description="How long a client may read nothing of what waits before its connection is closed."),
    ] = 10_000
    max_in_flight: Annotated[
        Count, Meta(description="Requests of one connection that run at once (Kuzzle has no bound).")
    ] = 100
    on_revoked: Annotated[
        Literal["tell", "close"],
        Meta(
            description="What becomes of a connection when a token that was used on it ends: it gets the TokenExpired "
            "frame, and with `close` is closed with 4401 as well (Kuzzle tells of expiries only, and closes nothing)."
        ),
    ] = "tell"
    expiry_warning_ms: Annotated[
        int,
        Meta(
            ge=0,
            le=_DAY,
            description="How long before a token expires its connections get a TokenExpiresSoon frame; 0 is never "
            "(not in Kuzzle).",
            extra={"unit": "ms"},
        ),
    ] = 0


class LimitsSettings(Section, frozen=True, kw_only=True):
    """Bounds on what clients may ask for."""

    max_message_bytes: Annotated[
        int,
        Meta(
            ge=1024,
            le=268_435_456,
            description="Longest message and longest HTTP body (Kuzzle: `server.maxRequestSize`).",
            extra=_BYTES,
        ),
    ] = 1_048_576
    concurrent_requests: Annotated[
        Count,
        Meta(
            description="Requests that the process works on at once; more are answered "
            "`api.process.overloaded` (Kuzzle runs 100 and queues 50000)."
        ),
    ] = 10_000
    logins_per_second: Annotated[
        int, Meta(ge=0, le=1_000_000, description="Logins per second and WebSocket connection; 0 is no limit.")
    ] = 1
    password_hashers: Annotated[
        int, Meta(ge=1, le=256, description="Argon2 computations that the process runs at once.")
    ] = 2
    connections: Annotated[
        int,
        Meta(ge=0, le=10_000_000, description="WebSocket connections of the process; 0 is no limit (Kuzzle has none)."),
    ] = 0
    connections_per_address: Annotated[
        int,
        Meta(ge=0, le=10_000_000, description="WebSocket connections of one client address; 0 is no limit."),
    ] = 0
    connections_per_key: Annotated[
        int,
        Meta(
            ge=0,
            le=10_000_000,
            description="WebSocket connections of the process on which one API key may be in use at a time; a request "
            "with it on another is answered 429; 0 is no limit (Kuzzle has none).",
        ),
    ] = 0
    connections_per_user: Annotated[
        int,
        Meta(
            ge=0,
            le=10_000_000,
            description="WebSocket connections of the process on which the tokens and API keys of one user may be in "
            "use at a time, likewise, logins included; 0 is no limit.",
        ),
    ] = 0
    cached_tokens: Annotated[
        int,
        Meta(
            ge=0,
            le=10_000_000,
            description="Tokens that the process remembers, and users; 0 reads both for each request.",
        ),
    ] = 50_000
    documents_fetch_count: Annotated[Count, Meta(description="Documents that one request may ask for.")] = 10_000


class LoggingSettings(Section, frozen=True, kw_only=True):
    """What is logged and in which form."""

    level: Annotated[
        Literal["debug", "info", "warning", "error"],
        Meta(description="Least severity that is written."),
    ] = "info"
    format: Annotated[Literal["text", "json"], Meta(description="A line of text or a JSON object per event.")] = "text"


class Config(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All settings, by section; `Config()` is the defaults."""

    server: ServerSettings = ServerSettings()
    mongodb: MongodbSettings = MongodbSettings()
    websocket: WebsocketSettings = WebsocketSettings()
    http: HttpSettings = HttpSettings()
    limits: LimitsSettings = LimitsSettings()
    security: SecuritySettings = SecuritySettings()
    api_keys: ApiKeysSettings = ApiKeysSettings()
    logging: LoggingSettings = LoggingSettings()


def masked(config: Config) -> dict[str, dict[str, object]]:
    """Give section -> setting -> value for the log and `config show`.

    Secrets that are set read `***`; a connection string stays but for its password and secret options.
    """
    return {name: masked_section(getattr(config, name)) for name in Config.__struct_fields__}
