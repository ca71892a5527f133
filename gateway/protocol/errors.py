"""What goes wrong on the wire, as exceptions: one class per family of statuses.

Rules of the file: an error holds plain strings and numbers only, so that every floor may raise it. An `ApiError`
answers a request and the connection lives; a `Disconnect` ends the connection. Sources: errors.md, frames.md §3.
"""

from typing import Any, ClassVar

from gateway.protocol.catalogue import CATALOGUE

__all__ = [
    "ApiError",
    "BadRequestError",
    "Disconnect",
    "ForbiddenError",
    "InternalError",
    "NotFoundError",
    "PartialError",
    "PreconditionError",
    "ServiceUnavailableError",
    "SizeLimitError",
    "TooManyRequestsError",
    "UnauthorizedError",
    "api_error",
]


class ApiError(Exception):
    """An answer to one request that says why it was not done.

    Attributes:
        message: one public sentence; shows nothing of the inside.
        status: HTTP-like status, 206 or 400 to 503.
        id: `domain.subdomain.name` of the catalogue, or None for an error of an extension.
        code: the catalogue's number, or None.
        props: the values that filled the sentence; JSON values.
        result: what was achieved all the same (status 206), else None.
        errors: what befell the parts, for an error that stands for several.
    """

    default_status: ClassVar[int] = 500

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        id: str | None = None,  # noqa: A002 - the wire's word for it
        code: int | None = None,
        props: tuple[Any, ...] = (),
        result: Any = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = self.default_status if status is None else status
        self.id = id
        self.code = code
        self.props = props
        self.result = result
        self.errors: tuple[ApiError, ...] = ()


class PartialError(ApiError):
    """206: some of it was done; `result` says what."""

    default_status = 206


class BadRequestError(ApiError):
    """400: the request cannot be meant like this."""

    default_status = 400


class UnauthorizedError(ApiError):
    """401: who is asking is not known, or no longer."""

    default_status = 401


class ForbiddenError(ApiError):
    """403: who is asking is known and may not."""

    default_status = 403


class NotFoundError(ApiError):
    """404: what was named does not exist."""

    default_status = 404


class PreconditionError(ApiError):
    """412: the state of things does not allow it."""

    default_status = 412


class SizeLimitError(ApiError):
    """413: more than the server takes at once."""

    default_status = 413


class TooManyRequestsError(ApiError):
    """429: sooner than the limits allow."""

    default_status = 429


class InternalError(ApiError):
    """500: our own fault."""

    default_status = 500


class ServiceUnavailableError(ApiError):
    """503: cannot be done at the moment; trying again makes sense."""

    default_status = 503


_FAMILIES: dict[int, type[ApiError]] = {
    family.default_status: family
    for family in (
        PartialError,
        BadRequestError,
        UnauthorizedError,
        ForbiddenError,
        NotFoundError,
        PreconditionError,
        SizeLimitError,
        TooManyRequestsError,
        InternalError,
        ServiceUnavailableError,
    )
}


def api_error(error_id: str, *props: Any, result: Any = None) -> ApiError:
    """Make the error of the catalogue that `error_id` names.

    Args:
        error_id: `domain.subdomain.name`; an unknown one is a programming error (KeyError).
        props: fill the sentence and travel beside it; there may be more than the sentence shows.
        result: what was achieved all the same (status 206).
    """
    code, status, template = CATALOGUE[error_id]
    message = template.format(*props)
    family = _FAMILIES[status]
    return family(message, status=status, id=error_id, code=code, props=props, result=result)


class Disconnect(Exception):  # noqa: N818 - an instruction rather than an error
    """End the connection.

    Attributes:
        code: WebSocket close code (RFC 6455 §7.4), 1000 to 4999.
        reason: at most 123 bytes of UTF-8, for the client's log.
    """

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"{code} {reason}")
        self.code = code
        self.reason = reason
