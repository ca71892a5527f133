"""Errors: one class per status, plain values inside, and the line between an answer and the end of a connection."""

import pytest

from gateway.protocol import errors
from gateway.protocol.errors import ApiError, BadRequestError, Disconnect, PartialError, api_error

STATUSES = {
    "PartialError": 206,
    "BadRequestError": 400,
    "UnauthorizedError": 401,
    "ForbiddenError": 403,
    "NotFoundError": 404,
    "PreconditionError": 412,
    "SizeLimitError": 413,
    "TooManyRequestsError": 429,
    "InternalError": 500,
    "ServiceUnavailableError": 503,
}

ONE_ERROR_PER_STATUS = {
    206: "services.storage.incomplete_delete",
    400: "api.assert.invalid_argument",
    401: "security.token.invalid",
    403: "security.rights.forbidden",
    404: "security.user.not_found",
    412: "api.process.admin_exists",
    413: "services.storage.get_limit_exceeded",
    429: "api.process.too_many_requests",
    500: "plugin.runtime.unexpected_error",
    503: "api.process.overloaded",
}


@pytest.mark.parametrize(("name", "status"), list(STATUSES.items()))
def test_a_class_stands_for_its_status(name: str, status: int) -> None:
    """An extension that raises a class gets its status without saying it, and no id that it did not give."""
    error = getattr(errors, name)("a sentence")

    assert isinstance(error, ApiError)
    assert ("a sentence", status, None, None, (), None) == (
        error.message,
        error.status,
        error.id,
        error.code,
        error.props,
        error.result,
    )
    assert "a sentence" == str(error)


def test_every_class_of_error_is_covered_here() -> None:
    """No family is left out of the table above."""
    families = {name for name in errors.__all__ if name.endswith("Error") and name != "ApiError"}

    assert set(STATUSES) == families


def test_an_error_without_a_family_is_a_fault_of_the_server() -> None:
    """The bare class answers 500; a status of its own may be given."""
    assert 500 == ApiError("it broke").status
    assert 418 == ApiError("it is a teapot", status=418).status


@pytest.mark.parametrize(("status", "error_id"), list(ONE_ERROR_PER_STATUS.items()))
def test_an_error_of_the_catalogue_has_the_class_of_its_status(status: int, error_id: str) -> None:
    """`except NotFoundError` catches every 404, whoever raised it."""
    error = api_error(error_id, "a", "b", "c")

    assert [status] == [STATUSES[type(error).__name__]]
    assert (status, error_id, ("a", "b", "c")) == (error.status, error.id, error.props)


def test_props_fill_the_sentence_and_travel_beside_it() -> None:
    """More props than the sentence shows are kept: clients read them by position."""
    error = api_error("security.rights.unauthorized", "server", "now", "-1")

    assert 'Log in first: anonymous callers may not use "server:now".' == error.message
    assert ("server", "now", "-1") == error.props


def test_props_may_be_any_json_value() -> None:
    """A value that is no text is shown as it is written and travels unchanged."""
    error = api_error("api.assert.invalid_type", ["a"], None)

    assert (["a"], None) == error.props


def test_what_was_achieved_travels_with_a_partial_error() -> None:
    """A 206 says what failed and what did not."""
    error = api_error("services.storage.incomplete_delete", "two of three", result=["a"])

    assert isinstance(error, PartialError)
    assert ["a"] == error.result


def test_an_unknown_id_is_a_mistake_of_the_programmer() -> None:
    """It is not turned into an answer that looks planned."""
    with pytest.raises(KeyError):
        api_error("no.such.error")


def test_a_sentence_with_braces_from_a_client_is_shown_and_not_filled_again() -> None:
    """Text of a client is never a template."""
    error = api_error("security.user.not_found", "{0}{1}{__class__}")

    assert 'There is no user "{0}{1}{__class__}".' == error.message


def test_a_disconnect_is_no_answer() -> None:
    """Whoever catches errors of the API does not swallow the end of a connection, and the other way round."""
    assert not issubclass(Disconnect, ApiError)
    assert not issubclass(ApiError, Disconnect)
    assert (4401, "revoked") == (Disconnect(4401, "revoked").code, Disconnect(4401, "revoked").reason)
    assert "4401 revoked" == str(Disconnect(4401, "revoked"))


def test_an_extension_may_add_an_id_of_its_own() -> None:
    """What is given is kept as it is."""
    error = BadRequestError("no", id="plugin.mine.no", code=67_108_865, props=("x",))

    assert ("plugin.mine.no", 67_108_865, ("x",)) == (error.id, error.code, error.props)
