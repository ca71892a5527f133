"""Sessions: who a token stands for, and login tokens from birth to logout.

Order of the file: the arguments, the service, the actions. A stored login token is
`{_id: fingerprint, userId, expiresAt, ttl, createdAt, expireOn}`; the token itself is nowhere. Source: auth.md.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from msgspec import Struct, field

from gateway.actions import ANONYMOUS_ID, Context, Controller, Principal, Session, action
from gateway.protocol.arguments import Arguments, pick
from gateway.protocol.errors import ApiError, api_error
from gateway.security.api_keys import ApiKeys
from gateway.security.credentials import LOCAL, LocalCredentials
from gateway.security.directory import Directory
from gateway.security.lifetimes import NEVER, check_policy, end_of_life, life_span
from gateway.security.records import Document, present
from gateway.security.tokens import LOGIN_PREFIX, Signer, fingerprint
from gateway.security.users import ANONYMOUS_USER, Users
from gateway.storage.mongo import Collection

__all__ = ["LoginPolicy", "Sessions", "SessionsController"]

_UNAUTHORIZED = 401
_LAST_DATE_MS = 253_402_300_799_000
"""The end of the year 9999: what lies beyond has no date in the database and is not swept there."""


class LoginPolicy(Struct, frozen=True):
    """How long login tokens live.

    Attributes:
        default_span: milliseconds, or `NEVER`, where `expiresIn` is not given.
        longest_span: milliseconds, or `NEVER` for no limit.
    """

    default_span: int
    longest_span: int = NEVER


class Login(Arguments, frozen=True):
    """Arguments of `auth:login`; the credentials stand in the body, or beside it where that has none."""

    strategy: str
    expires_in: Any = None
    cookie_auth: bool = False
    body: dict[str, Any] | None = None
    username: Any = None
    password: Any = None


class Logout(Arguments, frozen=True):
    """Arguments of `auth:logout`; `global` ends every login token of the user."""

    everywhere: bool = field(name="global", default=False)
    cookie_auth: bool = False


class CheckToken(Arguments, frozen=True):
    """Arguments of `auth:checkToken`."""

    body: dict[str, Any] | None = None


class Sessions:
    """Recognises tokens; makes and ends login tokens.

    Args:
        collection: of login tokens.
        api_keys: of the other kind.
        users: whose they are.
        directory: what they may do.
        signer: makes and verifies tokens.
        credentials: of the strategy `local`.
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
        credentials: LocalCredentials,
        policy: LoginPolicy,
        now: Callable[[], int],
        new_jti: Callable[[], str],
    ) -> None:
        self._collection = collection
        self._api_keys = api_keys
        self._users = users
        self._directory = directory
        self._signer = signer
        self._credentials = credentials
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
        record = await (self._api_keys.find(mark) if claims.is_api_key else self._collection.get(mark))
        if record is None or record["userId"] != claims.kuid:
            raise api_error("security.token.invalid")
        if record["expiresAt"] != NEVER and record["expiresAt"] <= self._now():
            raise api_error("security.token.invalid")
        return Session(claims.kuid, mark, int(record["expiresAt"]), claims.is_api_key)

    async def principal(self, session: Session) -> Principal:
        """Return the user of a session with the rights of this moment.

        Raises:
            NotFoundError: `security.user.not_found`: gone, though the token is not yet.
        """
        user = await self._users.get(session.kuid)
        return self._directory.principal(session.kuid, tuple(user["content"]["profileIds"]))

    async def login(self, credentials: Mapping[str, Any], expires_in: Any) -> tuple[Document, str]:
        """Check credentials and make a login token for their user.

        Returns:
            `{_id, expiresAt, ttl}` and the token.

        Raises:
            UnauthorizedError: `plugin.strategy.missing_user`.
            BadRequestError: `expiresIn` is not acceptable, or longer than the policy.
        """
        kuid = await self._credentials.verify(credentials)
        if await self._users.find(kuid) is None:
            raise api_error("plugin.strategy.unknown_kuid", LOCAL)
        now = self._now()
        span = life_span(expires_in, self._policy.default_span)
        check_policy(span, self._policy.longest_span, "security.auth_token_max_ttl")
        expires_at = end_of_life(now, span)
        token = self._signer.mint(LOGIN_PREFIX, kuid, now=now, expires_at=expires_at, jti=self._new_jti())
        record = {"_id": fingerprint(token), "userId": kuid, "expiresAt": expires_at, "ttl": span, "createdAt": now}
        if NEVER != expires_at <= _LAST_DATE_MS:
            record["expireOn"] = datetime.fromtimestamp(expires_at / 1000, UTC)
        await self._collection.insert_one(record)
        return {"_id": kuid, "expiresAt": expires_at, "ttl": span}, token

    async def end(self, session: Session) -> None:
        """End one login token; an API key stays (auth.md, "logout")."""
        if not session.is_api_key:
            await self._collection.delete_one({"_id": session.fingerprint})

    async def end_all(self, kuid: str) -> None:
        """End every login token of a user."""
        await self._collection.delete_many({"userId": kuid})

    async def strategies(self, kuid: str) -> list[str]:
        """The strategies that a user has credentials for."""
        return [LOCAL] if await self._credentials.exists(kuid) else []

    async def user(self, kuid: str) -> Document:
        """Show a user.

        Raises:
            NotFoundError: `security.user.not_found`.
        """
        return present(await self._users.get(kuid))


class SessionsController(Controller):
    """`auth:` actions on the session and on oneself."""

    name = "auth"

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    @action("login")
    async def login(self, arguments: Login) -> Document:
        """Make a login token; in cookie mode the answer does not show it."""
        if arguments.strategy != LOCAL:
            raise api_error("security.credentials.unknown_strategy", arguments.strategy)
        beside = {"username": arguments.username, "password": arguments.password}
        result, token = await self._sessions.login(beside | (arguments.body or {}), arguments.expires_in)
        return result if arguments.cookie_auth else result | {"jwt": token}

    @action("logout")
    async def logout(self, arguments: Logout, context: Context) -> Document:
        """End the login token in use, or all of the user's."""
        session = context.session
        if session is None and not arguments.cookie_auth:
            raise api_error("security.rights.unauthorized", "auth", "logout")
        if session is not None:
            await self._sessions.end(session)
            if arguments.everywhere:
                await self._sessions.end_all(session.kuid)
        return {"acknowledged": True}

    @action("checkToken")
    async def check_token(self, arguments: CheckToken) -> Document:
        """Tell whether a token counts; one that does not is an answer, not an error."""
        body = arguments.body or {}
        token = pick(body, "token", str) if "token" in body else ""
        if not token:
            return {"expiresAt": None, "kuid": ANONYMOUS_ID, "valid": True}
        try:
            session = await self._sessions.verify(token)
        except ApiError as error:
            if error.status != _UNAUTHORIZED:
                raise
            return {"state": error.message, "valid": False}
        return {"expiresAt": session.expires_at, "kuid": session.kuid, "valid": True}

    @action("getCurrentUser")
    async def get_current_user(self, context: Context) -> Document:
        """Show the caller."""
        kuid = context.principal.kuid
        if context.principal.is_anonymous:
            return ANONYMOUS_USER | {"strategies": []}
        return await self._sessions.user(kuid) | {"strategies": await self._sessions.strategies(kuid)}

    @action("getMyRights")
    def get_my_rights(self, context: Context) -> Document:
        """List what the caller may do."""
        hits = context.principal.rights.effective()
        return {"hits": hits, "total": len(hits)}
