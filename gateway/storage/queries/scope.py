"""Where a clause stands: which fields it may name and how much the query may still ask.

Rules of the file: pure. A field's name comes from the wire and becomes the key of a filter, so this is the only
place that turns one into the other, and it refuses whatever MongoDB could take for an operator (P01, P02).
"""

from collections.abc import Mapping

from msgspec import Struct, structs

from gateway.protocol.errors import ApiError, api_error

__all__ = ["MAX_CLAUSES", "MAX_COPIES", "MAX_DEPTH", "Budget", "Schema", "Scope", "is_unicode", "refused", "shown"]

MAX_DEPTH = 32
"""How deep clauses may stand inside clauses."""

MAX_CLAUSES = 1024
"""Clauses of one query, where a word or a value of its own counts as one."""

MAX_COPIES = 50
"""How often one clause may be repeated in the filter, for "at least n of these"."""

_MAX_NAME = 512
_MAX_SEGMENTS = 32
_MAX_SHOWN = 100


def refused(reason: str) -> ApiError:
    """The error for a query that cannot be translated; `reason` is public and becomes `props[0]`."""
    return api_error("services.storage.unexpected_bad_request", reason)


def shown(text: str) -> str:
    """Text of a caller as it may stand in a sentence: cut where it is long, and free of half characters."""
    whole = text if len(text) <= _MAX_SHOWN else text[:_MAX_SHOWN] + "…"
    return whole.encode(errors="replace").decode()


def is_unicode(text: str) -> bool:
    """Tell text from what holds half a character (a lone surrogate), which the database cannot store."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


class Schema(Struct, frozen=True):
    """What a collection lets one search.

    Attributes:
        paths: search field → path in the stored document; holds for the fields below it too. `_id` need not be
            named. These fields are the ones searched where a query names none.
        prefix: where any other field lives, such as `content.`, or `""` for the root; None makes every other field
            an error. Whatever lives there can be found by its value, letter by letter: never a secret.
        text: fields that are analysed text, matched by their lower-cased words; all others are exact.
        dates: fields with milliseconds since the epoch, for which a range may use ISO dates.
    """

    paths: Mapping[str, str]
    prefix: str | None = ""
    text: frozenset[str] = frozenset()
    dates: frozenset[str] = frozenset()

    def path(self, field: str) -> str:
        """The path of a search field in the stored document.

        Raises:
            BadRequestError: the name is not fit for a path, or the field is closed.
        """
        _check_name(field)
        if field == "_id":
            return field
        parent, rest = field, ""
        while parent:
            if parent in self.paths:
                return self.paths[parent] + rest
            parent, dot, segment = parent.rpartition(".")
            rest = dot + segment + rest
        if self.prefix is None:
            raise refused(f"[{shown(field)}] is no field to search by")
        return self.prefix + field


class Budget:
    """What one query may still ask."""

    def __init__(self) -> None:
        self._clauses = MAX_CLAUSES

    def spend(self, clauses: int) -> None:
        """Count clauses.

        Raises:
            BadRequestError: there are too many.
        """
        self._clauses -= clauses
        if self._clauses < 0:
            raise refused(f"more than {MAX_CLAUSES} clauses")


class Scope(Struct, frozen=True):
    """The place of one clause.

    Attributes:
        schema: of the collection.
        budget: shared by all clauses of the query.
        depth: how many clauses stand around this one.
        inside: path of the `nested` clause around this one, with its final dot, or `""`.
        copies: how often the filter of this clause will stand in the whole.
    """

    schema: Schema
    budget: Budget
    depth: int = 0
    inside: str = ""
    copies: int = 1

    def path(self, field: str) -> str:
        """The key of a field in the filter; raises as `Schema.path` does."""
        if not self.inside:
            return self.schema.path(field)
        _check_name(field)
        if not field.startswith(self.inside):
            raise refused(f"[{shown(field)}] is not below the nested path")
        return field.removeprefix(self.inside)

    def spend(self, clauses: int = 1) -> None:
        """Count clauses of this place; raises as `Budget.spend` does."""
        self.budget.spend(clauses * self.copies)

    def deeper(self) -> "Scope":
        """The place inside of a clause at this one.

        Raises:
            BadRequestError: that is too deep.
        """
        if self.depth >= MAX_DEPTH:
            raise refused(f"clauses stand more than {MAX_DEPTH} deep")
        return structs.replace(self, depth=self.depth + 1)

    def below(self, field: str) -> "Scope":
        """The place inside of `nested` with that path."""
        return structs.replace(self, inside=f"{field}.")

    def copied(self, times: int) -> "Scope":
        """The place of clauses whose filters are repeated.

        Raises:
            BadRequestError: the filter would grow too large.
        """
        if self.copies * times > MAX_COPIES:
            raise refused("minimum_should_match leaves too many combinations")
        return structs.replace(self, copies=self.copies * times)


def _check_name(field: str) -> None:
    segments = field.split(".")
    fits = len(field) <= _MAX_NAME and len(segments) <= _MAX_SEGMENTS and "\0" not in field and is_unicode(field)
    if not fits or any(not segment or segment.startswith("$") for segment in segments):
        raise refused(f"[{shown(field)}] cannot be the name of a field")
