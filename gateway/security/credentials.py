"""The `local` strategy: user name and password.

Order of the file: the record, the service. A record is `{_id: user name, kuid, password: argon2 text}`; the user
name is exact, case-sensitive and unique. Refusals without an id are the original's (auth.md, "local strategy").
"""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from gateway.protocol.arguments import invalid_type
from gateway.protocol.errors import ApiError, BadRequestError, PreconditionError, api_error
from gateway.security.passwords import Passwords
from gateway.security.records import check_id
from gateway.storage.mongo import Collection, Transaction

__all__ = ["LOCAL", "LocalCredentials", "PreparedCredentials"]

LOCAL = "local"
"""The strategy's name on the wire."""

_WRONG = "wrong username or password"
_MISSING = "Missing credentials"


class PreparedCredentials(Struct, frozen=True):
    """Credentials that were checked and hashed, ready to be stored."""

    username: str
    kuid: str
    password_hash: str


class LocalCredentials:
    """Keeps user names and password hashes.

    Args:
        collection: where.
        passwords: hashes them.
    """

    def __init__(self, collection: Collection, passwords: Passwords) -> None:
        self._collection = collection
        self._passwords = passwords

    async def prepare(self, kuid: str, fields: Any) -> PreparedCredentials:
        """Check new credentials for a user and hash the password; nothing is stored.

        Raises:
            BadRequestError: a field is missing or of the wrong type.
            PreconditionError: the user name is somebody else's.
        """
        if not isinstance(fields, Mapping):
            raise invalid_type(f"body.credentials.{LOCAL}", "object")
        if "kuid" in fields:
            raise BadRequestError("Credentials must not name a kuid.")
        username = check_id(_text(fields, "username", "A user name is required."), "username")
        password = _text(fields, "password", "A password is required.")
        if await self._collection.get(username) is not None:
            raise _taken()
        return PreparedCredentials(username, kuid, await self._passwords.hash(password))

    async def add(self, prepared: PreparedCredentials, transaction: Transaction) -> None:
        """Store prepared credentials.

        Raises:
            PreconditionError: the user name was taken meanwhile, or the user has local credentials already.
        """
        document = {"_id": prepared.username, "kuid": prepared.kuid, "password": prepared.password_hash}
        try:
            await self._collection.insert_one(document, transaction)
        except ApiError as error:
            raise _taken() if error.id == "services.storage.document_already_exists" else error from error

    async def verify(self, fields: Mapping[str, Any]) -> str:
        """Return the kuid that user name and password belong to.

        Raises:
            UnauthorizedError: `plugin.strategy.missing_user`, the same for an unknown user and a wrong password.
            BadRequestError: one of them is no text.
        """
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
        return str(record["kuid"])

    async def exists(self, kuid: str) -> bool:
        """Tell whether a user has local credentials."""
        return await self._collection.get(kuid, "kuid") is not None


def _text(fields: Mapping[str, Any], name: str, required: str) -> str:
    value = fields.get(name)
    if value is None or value == "":
        raise BadRequestError(required)
    if not isinstance(value, str):
        raise invalid_type(f"body.credentials.{LOCAL}.{name}", "string")
    return value


def _taken() -> ApiError:
    return PreconditionError("This user name is taken, or the user has a password already.")
