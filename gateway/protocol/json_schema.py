"""Types → JSON Schema.

Rules of the file: nothing is read or written here, which is why it stands beside the codec and not in it.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

__all__ = ["json_schemas"]


def json_schemas(types: Sequence[Any], ref_template: str) -> tuple[tuple[dict[str, Any], ...], dict[str, Any]]:
    """Describe types: one schema for each, and the named components that they refer to.

    Args:
        types: anything that can be decoded into.
        ref_template: of references, with `{name}` in it.

    Raises:
        TypeError: one of the types cannot be described.
    """
    return msgspec.json.schema_components(types, ref_template=ref_template)
