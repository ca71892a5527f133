"""The keeper of sessions.

A stored login token is `{_id: fingerprint, userId, expiresAt, ttl, createdAt, expireOn}`; the token itself is nowhere.
Source: auth.md.
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from msgspec import Struct

from gateway.actions import ANONYMOUS_ID, Principal, Session
from gateway.protocol.errors import ApiError, api_error
from gateway.security.api_keys import ApiKeys
from gateway.security.directory import Directory
from gateway.security.lifetimes import NEVER, check_policy, end_of_life, life_span
from gateway.security.records import Document
from gateway.security.strategies import Strategies
from gateway.security.tokens import LOGIN_PREFIX, Signer, fingerprint
from gateway.security.users import Users
from gateway.storage.mongo import Collection

__all__ = ["LoginPolicy", "Sessions"]

_LAST_DATE_MS = 253_402_300_799_000
"""The end of the year 9999: what lies beyond has no date in the database and is not swept there."""


class LoginPolicy(Struct, frozen=True):
    """How long login tokens live.

    Attributes:
        default_span: milliseconds, or `NEVER`, where `expiresIn` is not given.
        longest_span: milliseconds, or `NEVER` for no limit.
        grace_span: how long a refreshed token still counts, in milliseconds.
    """

    default_span: int
    longest_span: int = NEVER
    grace_span: int = 1000


class Sessions:
    """Recognises tokens; makes and ends login tokens.

    Args:
        collection: of login tokens.
        api_keys: of the other kind.
        users: whose they are.
        directory: what they may do.
        signer: makes and verifies tokens.
        strategies: ways to log in.
        policy: life spans.
        now: milliseconds since the epoch.
        new_jti: 32 hex digits, never twice.
    """

    def __init__(
        self,
        collection: Collection,
        *,
        api_keys: ApiKeys,
        users: Users,
        directory: Directory,
        signer: Signer,
        strategies: Strategies,
        policy: LoginPolicy,
        now: Callable[[], int],
        new_jti: Callable[[], str],
    ) -> None:
        self._collection = collection
        self._api_keys = api_keys
        self._users = users
        self._directory = directory
        self._signer = signer
        self._strategies = strategies
        self._policy = policy
        self._now = now
        self._new_jti = new_jti

    @property
    def anonymous(self) -> Principal:
        """Who sends no token."""
        return self._directory.anonymous

    async def verify(self, token: str) -> Session:
        """Return what a token stands for at this moment.

        Raises:
            UnauthorizedError: `security.token.invalid`: forged, unknown, ended, revoked, of the other kind.
        """
        claims = self._signer.verify(token)
        mark = fingerprint(token)
        record = await self._record(mark, is_api_key=claims.is_api_key)
        if record is None or record["userId"] != claims.kuid:
            raise api_error("security.token.invalid")
        if record["expiresAt"] != NEVER and record["expiresAt"] <= self._now():
            raise api_error("security.token.invalid")
        # Whoever deletes it first has used it; it is gone even if rights are then refused.
        is_single_use = bool(record.get("singleUse"))
        if is_single_use and not await self._collection.delete_one({"_id": mark}):
            raise api_error("security.token.invalid")
        return Session(claims.kuid, mark, int(record["expiresAt"]), claims.is_api_key, is_single_use)

    async def principal(self, session: Session) -> Principal:
        """Return the user of a session with the rights of this moment.

        Raises:
            NotFoundError: `security.user.not_found`: gone, though the token is not yet.
        """
        if session.kuid == ANONYMOUS_ID:
            return self._directory.anonymous
        user = await self._users.get(session.kuid)
        return self._directory.principal(session.kuid, tuple(user["content"]["profileIds"]))

    async def login(self, strategy: str, credentials: Mapping[str, Any], expires_in: Any) -> tuple[Document, str]:
        """Check credentials and make a login token for their user.

        Returns:
            `{_id, expiresAt, ttl}` and the token.

        Raises:
            UnauthorizedError: `plugin.strategy.missing_user`.
            BadRequestError: the strategy is unknown, `expiresIn` is not acceptable, or longer than the policy.
        """
        chosen = self._strategies.get(strategy)
        stamp = await chosen.stamp(credentials)
        kuid = await chosen.verify(credentials)
        if await self._users.find(kuid) is None:
            raise api_error("plugin.strategy.unknown_kuid", strategy)

        async def confirm() -> None:
            if await chosen.stamp(credentials) != stamp:
                raise api_error("plugin.strategy.missing_user", "wrong username or password")

        return await self._new(kuid, self._span(expires_in), confirm)

    async def end(self, session: Session) -> None:
        """End one login token; an API key stays (auth.md, "logout")."""
        if not session.is_api_key:
            await self._collection.delete_one({"_id": session.fingerprint})

    async def end_all(self, kuid: str) -> None:
        """End every login token of a user."""
        while await self._collection.delete_many({"userId": kuid}):
            pass  # what was made of one that is gone by now is seen by the next look, or sees that (`_new`)

    async def refresh(self, session: Session, expires_in: Any) -> tuple[Document, str]:
        """Make a new token in the place of one, which counts for a moment longer: requests may be on their way.

        Returns:
            As `login`.

        Raises:
            UnauthorizedError: `security.token.refresh_forbidden` for an API key and an endless token,
                `security.token.invalid` for one that was refreshed before.
        """
        if session.is_api_key or session.expires_at == NEVER:
            what = "an API key" if session.is_api_key else "a token without end"
            raise api_error("security.token.refresh_forbidden", what)
        span = self._span(expires_in)
        end = min(session.expires_at, self._now() + self._policy.grace_span)
        first = {"_id": session.fingerprint, "refreshed": {"$exists": False}}
        if not await self._collection.update_one(first, {"$set": {"refreshed": True, "expiresAt": end}}):
            raise api_error("security.token.invalid")
        return await self._new(session.kuid, span, lambda: self._check_still_counts(session))

    async def create_token(self, session: Session | None, expires_in: Any, *, single_use: bool) -> Document:
        """Make a token for the caller beside those of logins: `{expiresAt, singleUse, token, ttl}`.

        Raises:
            BadRequestError: `security.token.invalid_expiration` for an endless one, and as `login`.
        """
        span = self._span(expires_in)
        if span == NEVER:
            raise api_error("security.token.invalid_expiration", "expiresIn", "cannot be infinite")
        kuid = ANONYMOUS_ID if session is None else session.kuid
        result, token = await self._new(kuid, span, lambda: self._check_still_counts(session), single_use=single_use)
        return {"expiresAt": result["expiresAt"], "singleUse": single_use, "token": token, "ttl": result["ttl"]}

    async def _record(self, mark: str, *, is_api_key: bool) -> Document | None:
        return await (self._api_keys.find(mark) if is_api_key else self._collection.get(mark))

    async def _check_still_counts(self, session: Session | None) -> None:
        if session is None or session.is_single_use:
            return
        if await self._record(session.fingerprint, is_api_key=session.is_api_key) is None:
            raise api_error("security.token.invalid")

    def _span(self, expires_in: Any) -> int:
        span = life_span(expires_in, self._policy.default_span)
        check_policy(span, self._policy.longest_span, "security.auth_token_max_ttl")
        return span

    async def _new(
        self, kuid: str, span: int, confirm: Callable[[], Awaitable[None]], *, single_use: bool = False
    ) -> tuple[Document, str]:
        """Make and store a token.

        Whatever ends tokens takes away what they rest on, and then the tokens. So once a token is stored, `confirm`
        looks again, and raises where its ground is gone: one of the two sees the other.
        """
        now = self._now()
        expires_at = end_of_life(now, span)
        token = self._signer.mint(LOGIN_PREFIX, kuid, now=now, expires_at=expires_at, jti=self._new_jti())
        record = {
            "_id": fingerprint(token),
            "userId": kuid,
            "expiresAt": expires_at,
            "ttl": span,
            "createdAt": now,
            "singleUse": single_use,
        }
        if NEVER != expires_at <= _LAST_DATE_MS:
            record["expireOn"] = datetime.fromtimestamp(expires_at / 1000, UTC)
        await self._collection.insert_one(record)
        try:
            await confirm()
            if kuid != ANONYMOUS_ID:
                await self._users.get(kuid)
        except ApiError:
            await self._collection.delete_one({"_id": record["_id"]})
            raise
        return {"_id": kuid, "expiresAt": expires_at, "ttl": span}, token
