"""Refusals in tests: what is told of what cannot be read."""

from collections.abc import Callable
from typing import Any

import pytest

from gateway.protocol.errors import ApiError

__all__ = ["outcome", "refusal", "refused"]


def refused(call: Callable[[], object]) -> tuple[int, str | None, tuple[Any, ...]]:
    """Run what must be refused; status, id and props."""
    error = refusal(call)
    return error.status, error.id, error.props


def outcome(call: Callable[[], object]) -> object:
    """Run what may be refused; its value, or the error. Anything else that is raised fails the test."""
    try:
        return call()
    except ApiError as error:
        return error


def refusal(call: Callable[[], object]) -> ApiError:
    """Run what must be refused."""
    with pytest.raises(ApiError) as caught:
        call()
    return caught.value
