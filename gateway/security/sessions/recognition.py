"""Recognising tokens: from the text of one to a session and a principal.

Rules of the file: what is remembered answers at once, without a coroutine; the database is asked where nothing is, or
where nothing may be trusted. The end of a token's life is compared with the time at each use. A reading that was
overtaken by news of what it reads is made again: whoever is refused from now on is refused here too.
"""

from collections.abc import Callable

from gateway.actions import ANONYMOUS_ID, Connection, Context, Principal, Session
from gateway.protocol.errors import api_error
from gateway.security.api_keys import ApiKeys
from gateway.security.directory import Directory
from gateway.security.lifetimes import NEVER
from gateway.security.links import Line, Links
from gateway.security.records import Document
from gateway.security.token_cache import KnownUser, LookUp, Recalled, TokenCache
from gateway.security.tokens import MAX_TOKEN_CHARS, Claims, Signer, fingerprint
from gateway.security.users import Users
from gateway.storage.mongo import Collection

__all__ = ["Recogniser"]

_TRIES = 3
"""Readings of one token; what is overtaken even then is answered as it was read, and not remembered."""


class Recogniser:
    """Knows what tokens stand for.

    Args:
        tokens: collection of login tokens.
        api_keys: of the other kind.
        users: whose they are.
        directory: what they may do.
        signer: verifies tokens.
        cache: what is remembered.
        links: what was used on which connection.
        now: milliseconds since the epoch.
    """

    def __init__(
        self,
        tokens: Collection,
        *,
        api_keys: ApiKeys,
        users: Users,
        directory: Directory,
        signer: Signer,
        cache: TokenCache,
        links: Links,
        now: Callable[[], int],
    ) -> None:
        self._tokens = tokens
        self._api_keys = api_keys
        self._users = users
        self._directory = directory
        self._signer = signer
        self._cache = cache
        self._links = links
        self._now = now

    def recall(self, token: str, connection: Connection) -> Context | None:
        """Return the context of a request with a token, with the rights of this moment; None if that is not known.

        The connection is linked to the token. One on which the same token came before spares its fingerprint, and all
        look-ups while nothing was forgotten meanwhile.

        Raises:
            UnauthorizedError: `security.token.invalid`: known, and ended.
        """
        if len(token) > MAX_TOKEN_CHARS:
            return None
        cache, line = self._cache, self._links.latest(connection, token)
        recalled: Recalled | None = None if line is None else line.recalled
        if recalled is None or not cache.still_holds(recalled, self._directory.version):
            return self._recall_anew(token, connection, line)
        cache.hits += 1
        if recalled.expires_at != NEVER:
            self._check_time(recalled.expires_at)
        return recalled.context

    def known(self, token: str, connection: Connection) -> Session | None:
        """Return what a token stands for at this moment if that is remembered, else None.

        Raises:
            UnauthorizedError: `security.token.invalid`: known, and ended.
        """
        if len(token) > MAX_TOKEN_CHARS:
            return None
        line = self._links.latest(connection, token)
        session = self._cache.session(fingerprint(token) if line is None else line.mark)
        if session is not None:
            self._check_time(session.expires_at)
        return session

    async def recognise(self, token: str, connection: Connection | None = None) -> tuple[Session, Principal]:
        """Return what a token stands for, and its user, with the rights of this moment.

        The connection is linked to the token, if there is one.

        Raises:
            UnauthorizedError, NotFoundError: as `verify` and `principal`.
        """
        for _ in range(_TRIES):
            with self._cache.look_up() as looking:
                session = await self._session(token, looking)
                principal = await self._principal(session, looking)
                if not _is_overtaken(session, looking):
                    break
        if connection is not None:
            self._links.link(connection, session, token)
        return session, principal

    async def verify(self, token: str) -> Session:
        """Return what a token stands for at this moment.

        Raises:
            UnauthorizedError: `security.token.invalid`: forged, unknown, ended, revoked, of the other kind.
        """
        for _ in range(_TRIES):
            with self._cache.look_up() as looking:
                session = await self._session(token, looking)
                if not _is_overtaken(session, looking):
                    break
        return session

    async def principal(self, session: Session) -> Principal:
        """Return the user of a session with the rights of this moment.

        Raises:
            NotFoundError: `security.user.not_found`: gone, though the token is not yet.
        """
        with self._cache.look_up() as looking:
            return await self._principal(session, looking)

    async def record(self, mark: str, *, is_api_key: bool) -> Document | None:
        """Read the record of a token, whatever is remembered."""
        return await (self._api_keys.find(mark) if is_api_key else self._tokens.get(mark))

    async def _session(self, token: str, looking: LookUp) -> Session:
        mark = fingerprint(token) if len(token) <= MAX_TOKEN_CHARS else ""
        session = self._cache.session(mark)
        if session is None:
            if self._cache.is_unknown(mark):
                raise api_error("security.token.invalid")
            return await self._read(mark, self._signer.verify(token), looking)
        self._check_time(session.expires_at)
        return session

    async def _read(self, mark: str, claims: Claims, looking: LookUp) -> Session:
        record = await self.record(mark, is_api_key=claims.is_api_key)
        if record is None:
            looking.keep_unknown(mark)
            raise api_error("security.token.invalid")
        if record["userId"] != claims.kuid:
            raise api_error("security.token.invalid")
        session = _session_of(record, mark, claims)
        self._check_time(session.expires_at)
        if not session.is_single_use:
            looking.keep_session(session)
        # Whoever deletes it first has used it; it is gone even if rights are then refused.
        elif not await self._tokens.delete_one({"_id": mark}):
            raise api_error("security.token.invalid")
        return session

    async def _principal(self, session: Session, looking: LookUp) -> Principal:
        kuid = session.kuid
        principal = self._recall_user(kuid)
        if principal is None:
            profile_ids = tuple((await self._users.get(kuid))["content"]["profileIds"])
            principal = self._directory.principal(kuid, profile_ids)
            looking.keep_user(kuid, KnownUser(profile_ids, principal, self._directory.version))
        return principal

    def _recall_anew(self, token: str, connection: Connection, line: Line | None) -> Context | None:
        cache = self._cache
        session = cache.session(fingerprint(token) if line is None else line.mark)
        principal = None if session is None else self._recall_user(session.kuid)
        if session is None or principal is None:
            cache.misses += 1
            return None
        cache.hits += 1
        self._check_time(session.expires_at)
        recalled = cache.recalled(connection, session, principal, self._directory.version)
        if line is None:
            self._links.link(connection, session, token)
        else:
            line.recalled = recalled
        return recalled.context

    def _recall_user(self, kuid: str) -> Principal | None:
        if kuid == ANONYMOUS_ID:
            return self._directory.anonymous
        user = self._cache.user(kuid)
        if user is None:
            return None
        if user.version != self._directory.version:
            user.principal = self._directory.principal(kuid, user.profile_ids)
            user.version = self._directory.version
        return user.principal

    def _check_time(self, expires_at: int) -> None:
        if expires_at != NEVER and expires_at <= self._now():
            raise api_error("security.token.invalid")


def _session_of(record: Document, mark: str, claims: Claims) -> Session:
    return Session(
        claims.kuid,
        mark,
        int(record["expiresAt"]),
        claims.is_api_key,
        is_single_use=bool(record.get("singleUse")),
        is_superseded="successor" in record,
        key_id=record["_id"] if claims.is_api_key else "",
    )


def _is_overtaken(session: Session, looking: LookUp) -> bool:
    """Tell whether what was read may have ended since; what counts once was ended by this very reading."""
    return not session.is_single_use and looking.is_overtaken(
        mark=session.fingerprint, key_id=session.key_id, kuid=session.kuid
    )
