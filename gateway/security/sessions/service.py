"""The keeper of sessions.

A stored login token is `{_id: fingerprint, userId, expiresAt, ttl, createdAt, singleUse, expireOn?, successor?}`; the
token itself is nowhere. Source: auth.md.
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from msgspec import Struct

from gateway.actions import ANONYMOUS_ID, Connection, Principal, Session
from gateway.protocol.errors import ApiError, api_error
from gateway.security.directory import Directory
from gateway.security.lifetimes import NEVER, check_policy, end_of_life, life_span
from gateway.security.records import Document
from gateway.security.revocations import Revocations
from gateway.security.sessions.recognition import Recogniser
from gateway.security.strategies import Strategies
from gateway.security.tokens import LOGIN_PREFIX, Signer, fingerprint
from gateway.security.users import Users
from gateway.storage.mongo import Collection

__all__ = ["LoginPolicy", "Sessions"]

_LAST_DATE_MS = 253_402_300_799_000
"""The end of the year 9999: what lies beyond has no date in the database and is not swept there."""

_BATCH = 1000
"""Tokens ended at a time when all of a user's are."""


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


class _Made(Struct, frozen=True):
    """A new token: the text, the record, and what it stands for."""

    token: str
    record: Document
    session: Session

    @property
    def shown(self) -> Document:
        """What the client is shown besides the token."""
        return {"_id": self.session.kuid, "expiresAt": self.session.expires_at, "ttl": self.record["ttl"]}


class Sessions:
    """Makes and ends login tokens; what they stand for, and API keys, its recogniser tells.

    Args:
        collection: of login tokens.
        recogniser: knows what tokens stand for.
        revocations: told of every token that ends.
        users: whose they are.
        directory: what the anonymous may do.
        signer: makes tokens.
        strategies: ways to log in.
        policy: life spans.
        now: milliseconds since the epoch.
        new_jti: 32 hex digits, never twice.
    """

    def __init__(
        self,
        collection: Collection,
        *,
        recogniser: Recogniser,
        revocations: Revocations,
        users: Users,
        directory: Directory,
        signer: Signer,
        strategies: Strategies,
        policy: LoginPolicy,
        now: Callable[[], int],
        new_jti: Callable[[], str],
    ) -> None:
        self._collection = collection
        self._recogniser = recogniser
        self._revocations = revocations
        self._users = users
        self._directory = directory
        self._signer = signer
        self._strategies = strategies
        self._policy = policy
        self._now = now
        self._new_jti = new_jti
        self.recall = recogniser.recall
        self.recognise = recogniser.recognise
        self.verify = recogniser.verify
        self.known = recogniser.known
        self.principal = recogniser.principal

    @property
    def anonymous(self) -> Principal:
        """Who sends no token."""
        return self._directory.anonymous

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

    async def begin(self, connection: Connection, made: Document, token: str) -> None:
        """Link a connection to the token of its login; `made` as `login` returned it.

        Raises:
            TooManyRequestsError: `api.process.too_many_requests`: the user is on as many connections as they may be;
                the token, which nobody was told of, is gone.
        """
        session = Session(made["_id"], fingerprint(token), made["expiresAt"], is_api_key=False)
        try:
            self._revocations.links.link(connection, session)
        except ApiError:
            await self.end(session)
            raise

    def leave(self, connection: Connection, session: Session, *, everywhere: bool) -> None:
        """Unlink a connection from a token, or from all login tokens of its user: it need not be told of their end."""
        links = self._revocations.links
        links.unlink(connection, session.fingerprint)
        for other in links.sessions_of(connection) if everywhere else ():
            if other.kuid == session.kuid and not other.is_api_key:
                links.unlink(connection, other.fingerprint)

    async def end(self, session: Session) -> None:
        """End one login token; an API key stays (auth.md, "logout")."""
        if not session.is_api_key:
            await self._collection.delete_one({"_id": session.fingerprint})
            self._revocations.token_ended(session.fingerprint)

    async def end_all(self, kuid: str) -> None:
        """End every login token of a user."""
        # What was made of one that is gone by now is seen by the next look, or sees that (`_new`).
        while found := await self._collection.find({"userId": kuid}, limit=_BATCH, fields=("_id",)):
            marks = [token["_id"] for token in found]
            await self._collection.delete_many({"_id": {"$in": marks}})
            for mark in marks:
                self._revocations.token_ended(mark)

    async def refresh(self, session: Session, expires_in: Any) -> tuple[Document, str]:
        """Make a new token in the place of one, which counts for a moment longer: requests may be on their way.

        Whatever connection is linked to the old one is linked to the new one then, on every node: the old record names
        its successor.

        Returns:
            As `login`.

        Raises:
            UnauthorizedError: `security.token.refresh_forbidden` for an API key and an endless token,
                `security.token.invalid` for one that was refreshed before.
        """
        if session.is_api_key or session.expires_at == NEVER:
            what = "an API key" if session.is_api_key else "a token without end"
            raise api_error("security.token.refresh_forbidden", what)
        made = self._make(session.kuid, self._span(expires_in))
        changes = {
            "expiresAt": min(session.expires_at, self._now() + self._policy.grace_span),
            "successor": {"fingerprint": made.session.fingerprint, "expiresAt": made.session.expires_at},
        }
        first = {"_id": session.fingerprint, "successor": {"$exists": False}}
        if not await self._collection.update_one(first, {"$set": changes}):
            raise api_error("security.token.invalid")
        self._revocations.token_changed(session.fingerprint)
        await self._store(made, lambda: self._check_still_counts(session))
        self._revocations.links.move(session.fingerprint, made.session)
        return made.shown, made.token

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

    async def _check_still_counts(self, session: Session | None) -> None:
        if session is None or session.is_single_use:
            return
        if await self._recogniser.record(session.fingerprint, is_api_key=session.is_api_key) is None:
            raise api_error("security.token.invalid")

    def _span(self, expires_in: Any) -> int:
        span = life_span(expires_in, self._policy.default_span)
        check_policy(span, self._policy.longest_span, "security.auth_token_max_ttl")
        return span

    async def _new(
        self, kuid: str, span: int, confirm: Callable[[], Awaitable[None]], *, single_use: bool = False
    ) -> tuple[Document, str]:
        made = self._make(kuid, span, single_use=single_use)
        await self._store(made, confirm)
        return made.shown, made.token

    def _make(self, kuid: str, span: int, *, single_use: bool = False) -> _Made:
        now = self._now()
        expires_at = end_of_life(now, span)
        token = self._signer.mint(LOGIN_PREFIX, kuid, now=now, expires_at=expires_at, jti=self._new_jti())
        mark = fingerprint(token)
        record = {
            "_id": mark,
            "userId": kuid,
            "expiresAt": expires_at,
            "ttl": span,
            "createdAt": now,
            "singleUse": single_use,
        }
        if NEVER != expires_at <= _LAST_DATE_MS:
            record["expireOn"] = datetime.fromtimestamp(expires_at / 1000, UTC)
        return _Made(token, record, Session(kuid, mark, expires_at, is_api_key=False, is_single_use=single_use))

    async def _store(self, made: _Made, confirm: Callable[[], Awaitable[None]]) -> None:
        """Store a token.

        Whatever ends tokens takes away what they rest on, and then the tokens. So once a token is stored, `confirm`
        looks again, and raises where its ground is gone: one of the two sees the other.
        """
        await self._collection.insert_one(made.record)
        try:
            await confirm()
            if made.session.kuid != ANONYMOUS_ID:
                await self._users.get(made.session.kuid)
        except ApiError:
            await self._collection.delete_one({"_id": made.session.fingerprint})
            raise
