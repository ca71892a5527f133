"""Passwords: how they are hashed, and that nobody learns from the work whether a user exists."""

import asyncio
import threading
from collections.abc import Iterator
from typing import Literal

import pytest
from argon2 import PasswordHasher

from gateway.protocol.errors import ApiError, BadRequestError
from gateway.security import passwords as module
from gateway.security.passwords import MAX_PASSWORD_CHARS, Passwords


class CountedHasher(PasswordHasher):
    """Counts computations, and holds each in the middle while the gate is shut."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=64, parallelism=1)
        self.computations: list[str] = []
        self.started = threading.Semaphore(0)
        self.gate = threading.Event()
        self.gate.set()

    def hash(self, password: str | bytes, *, salt: bytes | None = None) -> str:
        """Hash, and count it."""
        self._begin("hash")
        return super().hash(password, salt=salt)

    def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:  # noqa: A002 - the library's name
        """Verify, and count it."""
        self._begin("verify")
        return super().verify(hash, password)

    def _begin(self, kind: str) -> None:
        self.computations.append(kind)
        self.started.release()
        self.gate.wait()


@pytest.fixture
def hasher() -> CountedHasher:
    """The hasher within `passwords`."""
    return CountedHasher()


@pytest.fixture
def passwords(hasher: CountedHasher) -> Iterator[Passwords]:
    """At most two computations at once, at a fraction of their cost."""
    passwords = Passwords(2)
    passwords._hasher = hasher
    yield passwords
    hasher.gate.set()
    passwords.close()


@pytest.fixture
def real_passwords(monkeypatch: pytest.MonkeyPatch) -> Iterator[Passwords]:
    """As the gateway makes them."""
    monkeypatch.setattr(module, "PasswordHasher", PasswordHasher)
    passwords = Passwords(2)
    yield passwords
    passwords.close()


async def test_a_hash_is_argon2id_in_phc_form(real_passwords: Passwords) -> None:
    """64 MiB, three passes, four lanes, a salt of its own (RFC 9106, second recommendation)."""
    first, second = await asyncio.gather(real_passwords.hash("correct horse"), real_passwords.hash("correct horse"))

    assert ["", "argon2id", "v=19", "m=65536,t=3,p=4"] == first.split("$")[:4]
    assert first.split("$")[4] != second.split("$")[4]
    assert "horse" not in first
    assert await real_passwords.verify(first, "correct horse")


@pytest.mark.parametrize("password", ["correct horse", "", " ", "\0", "pä\u00df\U0001f511", "x" * 4095], ids=len)
async def test_a_password_fits_its_own_hash_only(passwords: Passwords, password: str) -> None:
    """Any text up to the longest is a password, to the last character."""
    stored = await passwords.hash(password)

    assert await passwords.verify(stored, password)
    assert not await passwords.verify(stored, password + "\0")


async def test_a_text_that_is_too_long_is_no_password(passwords: Passwords) -> None:
    """It is refused before anything is computed: those in line must take no memory to speak of."""
    long = "x" * (MAX_PASSWORD_CHARS + 1)

    with pytest.raises(BadRequestError):
        await passwords.hash(long)

    assert not await passwords.verify(None, long)


async def test_a_long_line_gets_no_longer() -> None:
    """Beyond 64 computations further ones are refused at once, and those in line are done."""
    passwords = Passwords(1)
    outcomes = await asyncio.gather(*(passwords.hash("p") for _ in range(70)), return_exceptions=True)
    refused = [outcome.id for outcome in outcomes if isinstance(outcome, ApiError)]
    passwords.close()

    assert ["api.process.overloaded"] * 6 == refused
    assert 64 == len([outcome for outcome in outcomes if isinstance(outcome, str)])


@pytest.mark.parametrize("stored", ["", "plain text", "$argon2id$", "$argon2id$v=19$m=64,t=1,p=1$AAAA$AAAA"])
async def test_a_damaged_hash_fits_nothing(passwords: Passwords, stored: str) -> None:
    """Neither the empty password, nor the damaged text itself, nor an exception."""
    assert not await passwords.verify(stored, "")
    assert not await passwords.verify(stored, stored)


async def test_an_unknown_user_costs_as_much_as_a_wrong_password(passwords: Passwords, hasher: CountedHasher) -> None:
    """Exactly one argon2 computation each, so that time does not tell who exists."""
    stored = await passwords.hash("correct horse")
    await passwords.prepare()
    hasher.computations.clear()

    assert not await passwords.verify(stored, "wrong")
    assert ["verify"] == hasher.computations

    assert not await passwords.verify(None, "wrong")
    assert ["verify", "verify"] == hasher.computations


async def test_the_decoy_has_the_parameters_of_a_real_hash(real_passwords: Passwords) -> None:
    """One computation is only as much as another if memory and passes are the same."""
    await real_passwords.prepare()

    assert real_passwords._decoy is not None
    assert real_passwords._decoy.startswith("$argon2id$v=19$m=65536,t=3,p=4$")


async def test_nobody_knows_the_password_of_the_decoy(passwords: Passwords) -> None:
    """Not even the password that it was made of lets an unknown user in."""
    await passwords.prepare()

    assert not await passwords.verify(None, "")


async def test_the_decoy_is_made_when_it_was_not_prepared(passwords: Passwords, hasher: CountedHasher) -> None:
    """The first unknown user costs a hash more, all others one computation."""
    assert not await passwords.verify(None, "wrong")
    assert not await passwords.verify(None, "wrong")
    assert ["hash", "verify", "verify"] == hasher.computations


async def test_no_more_than_allowed_run_at_once(passwords: Passwords, hasher: CountedHasher) -> None:
    """Each takes 64 MiB: the others wait in line, and all of them are answered."""
    hasher.gate.clear()
    waiting = [asyncio.create_task(passwords.hash(f"{number}")) for number in range(5)]
    for _ in range(2):
        await asyncio.to_thread(hasher.started.acquire)

    assert not hasher.started.acquire(blocking=False)
    assert 2 == len(hasher.computations)

    hasher.gate.set()

    assert 5 == len(set(await asyncio.gather(*waiting)))
