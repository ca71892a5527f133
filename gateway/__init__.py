"""Latchgate: a WebSocket gateway that speaks Kuzzle's API and mints, finds and revokes API keys.

This is the face: what a program that embeds or extends the gateway may import. Everything else may change.
"""

from gateway.actions import (
    Connection,
    Context,
    Controller,
    Endpoint,
    Middleware,
    Principal,
    Reply,
    Session,
    action,
)
from gateway.config import Config, load
from gateway.protocol.arguments import Arguments, Body, NoArguments, OptionalId, RequiredId
from gateway.protocol.errors import (
    ApiError,
    BadRequestError,
    Disconnect,
    ForbiddenError,
    InternalError,
    NotFoundError,
    PartialError,
    PreconditionError,
    ServiceUnavailableError,
    SizeLimitError,
    TooManyRequestsError,
    UnauthorizedError,
    api_error,
)
from gateway.protocol.messages import Cookie, Request
from gateway.security.strategies import Strategy
from gateway.server import Gateway
from gateway.storage.mongo import Collection

__all__ = [
    "ApiError",
    "Arguments",
    "BadRequestError",
    "Body",
    "Collection",
    "Config",
    "Connection",
    "Context",
    "Controller",
    "Cookie",
    "Disconnect",
    "Endpoint",
    "ForbiddenError",
    "Gateway",
    "InternalError",
    "Middleware",
    "NoArguments",
    "NotFoundError",
    "OptionalId",
    "PartialError",
    "PreconditionError",
    "Principal",
    "Reply",
    "Request",
    "RequiredId",
    "ServiceUnavailableError",
    "Session",
    "SizeLimitError",
    "Strategy",
    "TooManyRequestsError",
    "UnauthorizedError",
    "action",
    "api_error",
    "load",
]
