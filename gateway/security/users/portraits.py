"""What users look like to themselves: themselves, and the ways in which they can log in.

Rules of the file: what is remembered is the answer as JSON, so that whoever is given one may do with it what they like.
A change of a user's credentials is a change of the user (`Credentials`), so what is told of users covers both.
"""

from msgspec import Raw

from gateway.protocol.codec import decode_value, encode
from gateway.security.records import Document, present
from gateway.security.token_cache import TokenCache
from gateway.security.users.service import Users

__all__ = ["Portraits"]


class Portraits:
    """Draws users.

    Args:
        users: and their strategies.
        cache: what is remembered; None where a strategy keeps credentials of its own, of which nobody tells.
    """

    def __init__(self, users: Users, cache: TokenCache | None) -> None:
        self._users = users
        self._cache = cache

    def recall(self, kuid: str) -> Document | None:
        """Return what is remembered of a user, None if nothing is."""
        portrait = None if self._cache is None else self._cache.portrait(kuid)
        if portrait is None:
            return None
        shown: Document = decode_value("user", Raw(portrait))
        return shown

    async def draw(self, kuid: str) -> Document:
        """Read a user.

        Raises:
            NotFoundError: `security.user.not_found`.
        """
        if self._cache is None:
            return await self._read(kuid)
        with self._cache.look_up() as looking:
            shown = await self._read(kuid)
            looking.keep_portrait(kuid, encode(shown))
        return shown

    async def _read(self, kuid: str) -> Document:
        return present(await self._users.get(kuid)) | {"strategies": await self._users.strategies.of_user(kuid)}
