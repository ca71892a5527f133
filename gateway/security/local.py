"""The `local` strategy: user name and password.

Order of the file: the policy, the record, the strategy. A stored record is `{_id: user name, kuid, password: argon2
text, updater, changedAt, history}`; the user name is exact, case-sensitive and unique. Refusals without an id are the
original's (auth.md, "local strategy").
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct

from gateway.actions import ANONYMOUS_ID
from gateway.protocol.arguments import invalid_type
from gateway.protocol.errors import ApiError, BadRequestError, ForbiddenError, PreconditionError, api_error
from gateway.security.passwords import Passwords, check_length
from gateway.security.records import Document, check_id
from gateway.security.strategies import Strategy
from gateway.storage.mongo import Collection, Transaction
from gateway.storage.queries import Schema, read_search

__all__ = ["LOCAL", "Local", "PasswordPolicy"]

LOCAL = "local"
"""The strategy's name on the wire."""

_WRONG = "wrong username or password"
_MISSING = "Missing credentials"
_OFF = -1
_SECRETS = ("password", "updater", "changedAt", "history")
"""What an update keeps unless it brings a new password."""

_IN_QUERY = frozenset(
    "bool filter must must_not should fuziness match query prefix value boost term terms username".split()
)
_IN_KONCORDE = _IN_QUERY | frozenset("and or not equals in".split())
_IN_SORT = frozenset("sort order kuid username".split())
_HIDDEN = frozenset(
    """
    kuid password history changedAt updater userPassword userSalt algorithm stretching pepper encryption
    passwordHistory archivedAt updatedAt
    """.split()
)
"""Fields of a record, ours and the original's, by which nobody may search: 403 instead of 400 (security.md §4)."""

_SCHEMA = Schema(paths={"username": "_id", "kuid": "kuid"}, prefix=None)


class PasswordPolicy(Struct, frozen=True):
    """What passwords must be like; each rule is off by default.

    Attributes:
        pattern: a regular expression that a password must contain a match of; "" for none.
        forbids_username: the password may not contain the user name, in any letter case.
        history: how many earlier passwords may not be used again.
        expires_after: milliseconds after which a password must be changed, -1 for never.
        must_change_if_set_by_others: a password that somebody else set cannot be logged in with.
    """

    pattern: str = ""
    forbids_username: bool = False
    history: int = 0
    expires_after: int = _OFF
    must_change_if_set_by_others: bool = False


class _Prepared(Struct, frozen=True):
    record: Document
    replaced: Document | None


class Local(Strategy):
    """Keeps user names and password hashes.

    Args:
        collection: where.
        passwords: hashes them.
        policy: what they must be like.
        now: milliseconds since the epoch.
    """

    name = LOCAL
    fields = ("username", "password")

    def __init__(
        self, collection: Collection, passwords: Passwords, policy: PasswordPolicy, now: Callable[[], int]
    ) -> None:
        self._collection = collection
        self._passwords = passwords
        self._policy = policy
        self._now = now

    async def prepare(self, kuid: str, fields: Mapping[str, Any], *, updater: str, is_update: bool) -> _Prepared:
        """Check credentials and hash the password; see `Strategy`."""
        username, password = _given(fields)
        old = await self._collection.get(kuid, "kuid")
        if not is_update:
            name = _require_both(username, password)
            if old is not None:
                raise PreconditionError("The user has local credentials already.")
        elif not username and not password:
            raise BadRequestError("A user name or a password is required.")
        elif old is None:
            raise PreconditionError("The user has no local credentials.")
        else:
            name = check_id(username, "username") if username else str(old["_id"])
        await self._check_free(name, kuid)
        record = {"_id": name, "kuid": kuid, **await self._secret(name, password, old, updater)}
        return _Prepared(record, old)

    async def validate(self, kuid: str, fields: Mapping[str, Any]) -> None:
        """Check user name and password, both of them; see `Strategy`."""
        username, password = _given(fields)
        name = _require_both(username, password)
        await self._check_free(name, kuid)
        self._check_form(name, str(password))

    async def store(self, prepared: _Prepared, transaction: Transaction) -> None:
        """Store prepared credentials; see `Strategy`."""
        old = prepared.replaced
        # Only over the very record that was looked at: one that was deleted or changed since must not come back.
        if old is not None and not await self._collection.delete_one(
            {"_id": old["_id"], "kuid": old["kuid"], "password": old["password"]}, transaction
        ):
            raise PreconditionError("The credentials have changed meanwhile; try again.")
        try:
            await self._collection.insert_one(prepared.record, transaction)
        except ApiError as error:
            if error.id == "services.storage.document_already_exists":
                raise _taken() from error
            raise

    async def remove(self, kuid: str, transaction: Transaction = None) -> bool:
        """Delete the credentials of a user; see `Strategy`."""
        return await self._collection.delete_one({"kuid": kuid}, transaction)

    async def verify(self, fields: Mapping[str, Any]) -> str:
        """Return the kuid that user name and password belong to; the same for an unknown one and a wrong password."""
        username, password = fields.get("username"), fields.get("password")
        if not username or not password:
            raise api_error("plugin.strategy.missing_user", _MISSING)
        for name, value in (("username", username), ("password", password)):
            if not isinstance(value, str):
                raise invalid_type(f"body.{name}", "string")
        record = await self._collection.get(username)
        stored = None if record is None else str(record["password"])
        if not await self._passwords.verify(stored, password) or record is None:
            raise api_error("plugin.strategy.missing_user", _WRONG)
        self._check_age(record)
        if self._passwords.is_outdated(str(stored)):
            await self._collection.update_one(
                {"_id": username, "password": stored}, {"$set": {"password": await self._passwords.hash(password)}}
            )
        return str(record["kuid"])

    async def stamp(self, fields: Mapping[str, Any]) -> object:
        """Whose the user name is, and since when it has its password: a new hash of the same password is no change."""
        username = fields.get("username")
        record = await self._collection.get(username) if isinstance(username, str) else None
        return None if record is None else (record["kuid"], record.get("changedAt"))

    async def describe(self, kuid: str) -> dict[str, Any] | None:
        """Return `{username, kuid}`."""
        return _shown(await self._collection.get(kuid, "kuid"))

    async def describe_by_id(self, credentials_id: str) -> dict[str, Any] | None:
        """Return `{username, kuid}` by the user name."""
        return _shown(await self._collection.get(credentials_id))

    async def search(self, query: Any, sort: Any, *, lang: Any, skip: int, size: int) -> dict[str, Any]:
        """Find `{username, kuid}`; nothing else of a record can be asked for.

        Raises:
            ForbiddenError: the query or the sort names another field of a record.
            BadRequestError: it holds anything else that is not known here.
        """
        _check_keys(query, _IN_KONCORDE if lang == "koncorde" else _IN_QUERY)
        _check_keys(sort, _IN_SORT)
        search = read_search({"query": query, "sort": sort}, _SCHEMA, lang=lang, skip=skip, size=size)
        total = await self._collection.count(search.filter)
        hits = (
            await self._collection.find(search.page, sort=search.sort, skip=search.skip, limit=search.size)
            if search.size
            else []
        )
        return {"hits": [_shown(hit) for hit in hits], "total": total}

    async def check_password(self, kuid: str, password: str) -> bool:
        """Tell whether this is the user's password."""
        record = await self._collection.get(kuid, "kuid")
        return await self._passwords.verify(str(record["password"]) if record else None, password)

    async def _check_free(self, username: str, kuid: str) -> None:
        record = await self._collection.get(username)
        if record is not None and record["kuid"] != kuid:
            raise _taken()

    async def _secret(self, username: str, password: str | None, old: Document | None, updater: str) -> Document:
        kept: Document = {key: old[key] for key in _SECRETS if old and key in old}
        if not password:
            return kept
        self._check_form(username, password)
        earlier = [*kept.get("history", []), kept["password"]] if "password" in kept else []
        earlier = earlier[-self._policy.history :] if self._policy.history else []
        for stored in earlier:
            if await self._passwords.verify(stored, password):
                raise api_error("plugin.kuzzle-plugin-auth-passport-local.reused_password")
        hashed = await self._passwords.hash(password)
        return {"password": hashed, "updater": updater, "changedAt": self._now(), "history": earlier}

    def _check_form(self, username: str, password: str) -> None:
        check_length(password)
        if self._policy.forbids_username and username.lower() in password.lower():
            raise api_error("plugin.kuzzle-plugin-auth-passport-local.login_in_password")
        if self._policy.pattern and not re.search(self._policy.pattern, password):
            raise api_error("plugin.kuzzle-plugin-auth-passport-local.weak_password")

    def _check_age(self, record: Document) -> None:
        expires_after = self._policy.expires_after
        if expires_after != _OFF and record.get("changedAt", 0) + expires_after <= self._now():
            raise api_error("plugin.kuzzle-plugin-auth-passport-local.expired_password")
        # Where nobody was logged in, somebody came to register, such as the first administrator.
        if self._policy.must_change_if_set_by_others and record.get("updater") not in (record["kuid"], ANONYMOUS_ID):
            raise api_error("plugin.kuzzle-plugin-auth-passport-local.must_change_password")


def _given(fields: Mapping[str, Any]) -> tuple[str | None, str | None]:
    if "kuid" in fields:
        raise BadRequestError("Credentials must not name a kuid.")
    return _text(fields, "username"), _text(fields, "password")


def _require_both(username: str | None, password: str | None) -> str:
    if not username:
        raise BadRequestError("A user name is required.")
    if not password:
        raise BadRequestError("A password is required.")
    return check_id(username, "username")


def _check_keys(value: Any, allowed: frozenset[str]) -> None:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if key not in allowed:
                refusal = ForbiddenError if key in _HIDDEN else BadRequestError
                raise refusal(f'Credentials cannot be searched by "{key[:100]}".')
            _check_keys(inner, allowed)
    elif isinstance(value, list):
        for inner in value:
            _check_keys(inner, allowed)


def _text(fields: Mapping[str, Any], name: str) -> str | None:
    value = fields.get(name)
    if value is not None and not isinstance(value, str):
        raise invalid_type(name, "string")
    return value


def _taken() -> ApiError:
    return PreconditionError("This user name is taken.")


def _shown(record: Document | None) -> dict[str, Any] | None:
    return None if record is None else {"username": record["_id"], "kuid": record["kuid"]}
