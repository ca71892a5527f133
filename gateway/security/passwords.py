"""Passwords: argon2id, away from the event loop.

Rules of the file: the only one that knows argon2. At most a fixed number of hashes run at once, because each takes
64 MiB and some 50 ms of a core (RFC 9106 §4, second recommended option); the others wait in line. A hash brought
along from Kuzzle, `pbkdf2-sha512$<salt>$<hex>`, counts until its next login, which makes a new one (deviation 11).
"""

import asyncio
import hashlib
import hmac
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from gateway.protocol.errors import BadRequestError, api_error

__all__ = ["MAX_PASSWORD_CHARS", "Passwords", "check_length"]

MAX_PASSWORD_CHARS = 4096
"""Longer than any password, short enough that those in line take no memory to speak of."""

_LONGEST_LINE = 64
"""Computations that may run or wait: with two threads, the last of them waits some two seconds."""

T = TypeVar("T")

_KUZZLE = "pbkdf2-sha512$"
_KUZZLE_ROUNDS = 10_000
_KUZZLE_BYTES = 512


def check_length(password: str) -> None:
    """Refuse a text that is too long to be a password.

    Raises:
        BadRequestError: it has more than `MAX_PASSWORD_CHARS` characters.
    """
    if len(password) > MAX_PASSWORD_CHARS:
        raise BadRequestError(f"A password may have {MAX_PASSWORD_CHARS} characters at most.")


class Passwords:
    """Hashes and checks passwords.

    Args:
        at_once: most computations at a time.
    """

    def __init__(self, at_once: int) -> None:
        self._threads = ThreadPoolExecutor(at_once, thread_name_prefix="argon2")
        self._hasher = PasswordHasher()
        self._decoy: str | None = None
        self._in_line = 0

    async def hash(self, password: str) -> str:
        """Hash a password; the text carries its salt and parameters (PHC string format).

        Raises:
            BadRequestError: it is longer than a password may be.
            ServiceUnavailableError: `api.process.overloaded`: too many wait in line.
        """
        check_length(password)
        return await self._run(self._hasher.hash, password)

    async def verify(self, stored: str | None, password: str) -> bool:
        """Check a password against its hash; for None, an unknown user, it takes as long and is False.

        Raises:
            ServiceUnavailableError: `api.process.overloaded`: too many wait in line.
        """
        if len(password) > MAX_PASSWORD_CHARS:
            return False
        if stored is None:
            if self._decoy is None:
                self._decoy = await self.hash("")
            await self._run(self._matches, self._decoy, password)
            return False
        return await self._run(self._matches, stored, password)

    def is_outdated(self, stored: str) -> bool:
        """Tell whether a hash was made in another way than today's."""
        return stored.startswith(_KUZZLE) or self._hasher.check_needs_rehash(stored)

    async def prepare(self) -> None:
        """Make the decoy, so that the first login of an unknown user takes no longer than the next."""
        self._decoy = await self.hash("")

    def close(self) -> None:
        """Let the running computations end and take no more."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _run(self, compute: Callable[..., T], *arguments: str) -> T:
        """Compute on a thread; a line that is already long gets no longer, or logins would wait for minutes."""
        if self._in_line >= _LONGEST_LINE:
            raise api_error("api.process.overloaded")
        self._in_line += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, compute, *arguments)
        finally:
            self._in_line -= 1

    def _matches(self, stored: str, password: str) -> bool:
        if stored.startswith(_KUZZLE):
            return _matches_kuzzle(stored, password)
        try:
            return self._hasher.verify(stored, password)
        except (Argon2Error, InvalidHashError):
            return False


def _matches_kuzzle(stored: str, password: str) -> bool:
    """PBKDF2 as the original's login plugin does it: the salt is text, the hash 512 bytes in hex (auth.md, "Hash")."""
    _, salt, expected = stored.split("$")
    made = hashlib.pbkdf2_hmac("sha512", password.encode(), salt.encode(), _KUZZLE_ROUNDS, _KUZZLE_BYTES)
    return hmac.compare_digest(made.hex(), expected)
