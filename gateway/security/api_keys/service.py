"""The keeper of API keys: mints, finds, revokes (security.md §1 and §2, deviations 1 to 8, 12, 16, 17)."""

from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct

from gateway.protocol.arguments import missing
from gateway.protocol.errors import api_error
from gateway.security.api_keys.arguments import DeleteKey, DeleteOwnKey, SearchOwnKeys
from gateway.security.lifetimes import NEVER, check_policy, end_of_life, life_span
from gateway.security.records import Document, check_id, history
from gateway.security.revocations import Revocations
from gateway.security.tokens import API_KEY_PREFIX, Signer, fingerprint
from gateway.security.users import Users, is_anonymous
from gateway.storage.certain_insert import CertainInsert
from gateway.storage.mongo import Collection
from gateway.storage.queries import Schema, read_query

__all__ = ["API_KEY_MARKS", "ApiKeys", "KeyPolicy"]

API_KEY_MARKS = ("_id", "fingerprint")
"""What tells our own write of a key from a stranger's."""

_SCHEMA = Schema(
    paths={name: name for name in ("description", "expiresAt", "fingerprint", "ttl", "userId")},
    text=frozenset({"description"}),
    dates=frozenset({"expiresAt"}),
)
_SHOWN = ("description", "expiresAt", "fingerprint", "ttl", "userId")
_OLDEST_FIRST = (("_kuzzle_info.createdAt", 1), ("_id", 1))


class KeyPolicy(Struct, frozen=True):
    """How keys are made.

    Attributes:
        prefix: what stands before the JWT.
        soft_span: longest life in milliseconds of a key that somebody makes for themselves; `NEVER` for no limit.
        hard_span: longest life of every key.
        most_hits: largest page of a search.
    """

    prefix: str = API_KEY_PREFIX
    soft_span: int = NEVER
    hard_span: int = NEVER
    most_hits: int = 10_000


class _Order(Struct, frozen=True):
    """A key that is asked for; see `ApiKeys.issue`."""

    owner: str
    key_id: str
    description: str
    expires_in: Any
    author: str
    own: bool


class ApiKeys:
    """Keeps the API keys.

    Args:
        collection: where.
        inserts: the way in.
        revocations: told of every key that ends, and of new ones.
        users: who may own one.
        signer: mints tokens.
        policy: how keys are made.
        now: milliseconds since the epoch.
        new_id: makes UUIDs; those that grow with time are stored at half the cost.
        new_jti: 32 hex digits, never twice.
    """

    def __init__(
        self,
        collection: Collection,
        inserts: CertainInsert,
        revocations: Revocations,
        users: Users,
        signer: Signer,
        *,
        policy: KeyPolicy,
        now: Callable[[], int],
        new_id: Callable[[], str],
        new_jti: Callable[[], str],
    ) -> None:
        self._collection = collection
        self._inserts = inserts
        self._revocations = revocations
        self._users = users
        self._signer = signer
        self._policy = policy
        self._now = now
        self._new_id = new_id
        self._new_jti = new_jti

    async def issue(
        self, owner: str, key_id: str | None, description: str, expires_in: Any, *, author: str, own: bool = False
    ) -> Document:
        """Mint a key for a user and store it; it is durable and can be found when this returns.

        Args:
            owner: kuid.
            key_id: the key's `_id`, or None for a new one.
            description: any text.
            expires_in: as sent.
            author: kuid of whoever asks.
            own: the owner asks, so the soft maximum holds too.

        Returns:
            The key as on the wire, `_source.token` included: the only time that anybody sees it.

        Raises:
            BadRequestError: `_id`, `userId` or `expiresIn` not acceptable, `_id` taken, a policy's maximum.
            NotFoundError: `security.user.not_found`.
            ServiceUnavailableError: the database is silent; no key of this call remains.
        """
        key_id = check_id(key_id) if key_id else self._new_id()
        if is_anonymous(owner):
            raise api_error("api.assert.invalid_argument", "userId", "somebody who can own a key")
        order = _Order(owner, key_id, description, expires_in, author, own)
        # The look after the write decides. So it is enough to remember the owner before it; what is remembered wrongly
        # costs a second try.
        born = self._revocations.cache.birth(owner)
        made = None if born is None else await self._make(order, born)
        if made is None:
            made = await self._make(order, await self._birth(owner))
        if made is None:
            raise api_error("security.user.not_found", owner)
        return made

    async def find(self, mark: str) -> Document | None:
        """Return the key with this fingerprint, or None."""
        return await self._collection.get(mark, "fingerprint")

    async def search(self, owner: str, arguments: SearchOwnKeys) -> Document:
        """Find keys of a user, oldest first: `{hits, total}`, the total that of all pages (deviation 7).

        Raises:
            BadRequestError: the query or the page cannot be meant.
            SizeLimitError: `services.storage.get_limit_exceeded`.
        """
        for name, value in (("from", arguments.first), ("size", arguments.size)):
            if value < 0:
                raise api_error("api.assert.invalid_argument", name, "a positive integer, or zero")
        if arguments.size > self._policy.most_hits:
            raise api_error("services.storage.get_limit_exceeded")
        # The owner's filter comes last and is and-ed: nothing in the query can reach another user's keys.
        found = {"$and": [_filter(arguments.body or {}, arguments.lang), {"userId": owner}]}
        total = await self._collection.count(found)
        hits: list[Document] = []
        if arguments.size:
            hits = await self._collection.find(found, sort=_OLDEST_FIRST, skip=arguments.first, limit=arguments.size)
        return {"hits": [_present(hit) for hit in hits], "total": total}

    async def revoke(self, owner: str, arguments: DeleteOwnKey | DeleteKey) -> str:
        """Delete a key of a user; return its `_id`.

        Raises:
            BadRequestError: nothing names a key.
            NotFoundError: `services.storage.not_found`: no such key, or somebody else's.
        """
        named = _naming(arguments)
        key = await self._collection.find_one(named)
        (shown,) = named.values()  # what the caller knows already, never the `_id` of somebody else's key
        if key is None:
            raise api_error("services.storage.not_found", shown, "kuzzle", "api-keys")
        if key["userId"] != owner or not await self._collection.delete_one({"_id": key["_id"], "userId": owner}):
            raise api_error("services.storage.not_found", shown)
        self._revocations.token_ended(key["fingerprint"])
        return str(key["_id"])

    def _span(self, expires_in: Any, *, own: bool) -> int:
        span = life_span(expires_in)
        check_policy(span, self._policy.hard_span, "api_keys.hard_max_ttl")
        if own:
            check_policy(span, self._policy.soft_span, "api_keys.soft_max_ttl")
        return span

    async def _birth(self, owner: str) -> int:
        """When a user was made, as the database says."""
        cache = self._revocations.cache
        with cache.look_up() as looking:
            born = _birth_of(await self._users.get(owner))
            looking.keep_birth(owner, born)
        return born

    async def _make(self, order: _Order, born: int) -> Document | None:
        """Mint and store a key; None, and no key, if its owner is not the user who was made at `born`."""
        now = self._now()
        span = self._span(order.expires_in, own=order.own)
        expires_at = end_of_life(now, span)
        token = self._signer.mint(self._policy.prefix, order.owner, now=now, expires_at=expires_at, jti=self._new_jti())
        source: Document = {
            "description": order.description,
            "expiresAt": expires_at,
            "fingerprint": fingerprint(token),
            "ttl": span,
            "userId": order.owner,
            "_kuzzle_info": history(order.author, now),
        }
        if not await self._store({"_id": order.key_id, **source}, born):
            return None
        self._revocations.token_changed(source["fingerprint"])
        source["token"] = token
        return {"_id": order.key_id, "_source": source}

    async def _store(self, key: Document, born: int) -> bool:
        owner = key["userId"]
        look = await self._inserts.insert(key, self._users.place(owner))
        # A deletion of the user removes the user first and the keys after, so one of the two sees the other. Another
        # user who has the id by now was made at another time.
        try:
            user = _there(owner, look.found) if look is not None else await self._users.get(owner)
            is_same = _birth_of(user) == born
        except Exception:  # gone, or nobody can tell for whatever reason: whoever is refused must have no key
            await self._take_back(key)
            raise
        except BaseException:  # cancelled: nobody will hear of this key
            self._inserts.abandon(key)
            raise
        if not is_same:
            await self._take_back(key)
        return is_same

    async def _take_back(self, key: Document) -> None:
        self._revocations.cache.forget_user(key["userId"])
        await self._inserts.take_back(key, is_stored=True)


def _there(kuid: str, user: Document | None) -> Document:
    if user is None:
        raise api_error("security.user.not_found", kuid)
    return user


def _birth_of(user: Document) -> int:
    return int(user["_kuzzle_info"]["createdAt"])


def _present(key: Document) -> Document:
    return {"_id": key["_id"], "_source": {name: key[name] for name in _SHOWN}}


def _filter(query: Mapping[str, Any], lang: Any) -> Document:
    if "query" in query:
        if not isinstance(query["query"], Mapping):
            raise api_error("api.assert.invalid_type", "body.query", "object")
        query = query["query"]
    return read_query(query, _SCHEMA, "elasticsearch" if lang is None else lang)


def _naming(arguments: DeleteOwnKey | DeleteKey) -> Document:
    if arguments.id:
        return {"_id": arguments.id}
    if arguments.fingerprint:
        return {"fingerprint": arguments.fingerprint}
    if arguments.key:
        return {"fingerprint": fingerprint(arguments.key)}
    raise missing("_id")
