"""Whose pages may call the gateway, and whose cookies count (http.md §5, deviation 10).

Rules of the file: pure. To admit is not to trust: a wildcard lets every page call, but a browser adds cookies to the
calls of any page, so they count only under an origin that the operator wrote down.
"""

import re
from collections.abc import Iterable

__all__ = ["Origins"]

_EVERY = "*"
_NOBODY = "null"
# A pattern that fits one of these, which nobody can have, names nobody: it is a wildcard.
_STRANGERS = tuple(
    f"{scheme}://{host}.invalid{port}"
    for scheme in ("https", "http")
    for host in ("stranger", "www.stranger")
    for port in ("", ":1234")
)
_LONGEST = 512  # scheme, the longest name of the DNS and port need 267; patterns are not held against endless texts


class Origins:
    """The configured origins.

    Args:
        allowed: origins, exactly as browsers send them (RFC 6454 §6.2), or `*` for every one.
        patterns: they are regular expressions, each of which has to fit the whole origin.
    """

    def __init__(self, allowed: Iterable[str] = (_EVERY,), *, patterns: bool = False) -> None:
        listed = set(allowed)
        self._admits_all = _EVERY in listed
        listed.discard(_EVERY)
        self._names = frozenset() if patterns else frozenset(listed)
        compiled = [re.compile(pattern) for pattern in sorted(listed)] if patterns else []
        self._patterns = [each for each in compiled if not any(map(each.fullmatch, _STRANGERS))]
        self._admits_all |= len(self._patterns) < len(compiled)

    def admit(self, origin: str) -> bool:
        """Tell whether a page of this origin may call."""
        return self._admits_all or self._lists(origin)

    def trust(self, origin: str) -> bool:
        """Tell whether a cookie counts that comes with a call of such a page: the origin is listed itself.

        That of `null` does not, listed or not: it is what every page says that was put into a sandbox.
        """
        return origin != _NOBODY and self._lists(origin)

    def _lists(self, origin: str) -> bool:
        if origin in self._names:
            return True
        return len(origin) <= _LONGEST and any(pattern.fullmatch(origin) for pattern in self._patterns)
