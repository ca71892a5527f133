"""Passwords: argon2id, away from the event loop.

Rules of the file: the only one that knows argon2. At most a fixed number of hashes run at once, because each takes
64 MiB and some 50 ms of a core (RFC 9106 §4, second recommended option); the others wait in line.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

__all__ = ["Passwords"]


class Passwords:
    """Hashes and checks passwords.

    Args:
        at_once: most computations at a time.
    """

    def __init__(self, at_once: int) -> None:
        self._threads = ThreadPoolExecutor(at_once, thread_name_prefix="argon2")
        self._hasher = PasswordHasher()
        self._decoy: str | None = None

    async def hash(self, password: str) -> str:
        """Hash a password; the text carries its salt and parameters (PHC string format)."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._hasher.hash, password)

    async def verify(self, stored: str | None, password: str) -> bool:
        """Check a password against its hash; for None, an unknown user, it takes as long and is False."""
        if stored is None:
            if self._decoy is None:
                self._decoy = await self.hash("")
            await asyncio.get_running_loop().run_in_executor(self._threads, self._matches, self._decoy, password)
            return False
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._matches, stored, password)

    async def prepare(self) -> None:
        """Make the decoy, so that the first login of an unknown user takes no longer than the next."""
        self._decoy = await self.hash("")

    def close(self) -> None:
        """Let the running computations end and take no more."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _matches(self, stored: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except (Argon2Error, InvalidHashError):
            return False
