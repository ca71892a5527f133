"""What a registered action takes and gives: the view that describes actions without calling them.

Rules of the file: data. The router reads it off the handlers; whatever documents the API reads it here.
"""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from gateway.protocol.arguments import Arguments

__all__ = ["Signature", "Signatures"]


class Signature(Struct, frozen=True):
    """One action.

    Attributes:
        arguments: the shape of its arguments, `NoArguments` where it takes none.
        result: the handler's annotation of what it returns; `Any` where it has none.
        summary: the first line of the handler's docstring, "" where it has none.
        logged_in_only: anonymous callers are refused.
    """

    arguments: type[Arguments]
    result: Any
    summary: str
    logged_in_only: bool


Signatures = Mapping[str, Mapping[str, Signature]]
"""Controller → action → signature."""
