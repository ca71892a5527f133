"""Latchgate: a WebSocket gateway that speaks Kuzzle's API and mints, finds and revokes API keys.

This is the face: what a program that embeds or extends the gateway may import. Everything else may change.
"""

from gateway.actions import Connection, Context, Controller, Endpoint, Middleware, Principal, Session, action
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
from gateway.protocol.messages import Request
from gateway.server import Gateway

__all__ = [
    "ApiError",
    "Arguments",
    "BadRequestError",
    "Body",
    "Config",
    "Connection",
    "Context",
    "Controller",
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
    "Request",
    "RequiredId",
    "ServiceUnavailableError",
    "Session",
    "SizeLimitError",
    "TooManyRequestsError",
    "UnauthorizedError",
    "action",
    "api_error",
    "load",
]
