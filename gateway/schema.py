"""Every collection of the database, and its indexes."""

from gateway.storage.mongo import Database

__all__ = ["Collections"]


class Collections:
    """Every collection of the database.

    Args:
        database: where they are.
    """

    def __init__(self, database: Database) -> None:
        self.roles = database.collection("roles")
        self.profiles = database.collection("profiles")
        self.users = database.collection("users")
        self.credentials = database.collection("credentials")
        self.tokens = database.collection("tokens")
        self.keys = database.collection("api-keys")
        self.places = database.collection("places")
        self.scrolls = database.collection("scrolls")
        self.guards = database.collection("guards")
        self.internals = database.collection("internals")
        self.permits = database.collection("permits")

    async def index(self) -> None:
        """Make sure of every index."""
        await self.users.index("content.profileIds")
        await self.users.index("_kuzzle_info.createdAt", "_id")
        await self.profiles.index("content.policies.roleId")
        await self.credentials.index("kuid", unique=True)
        await self.tokens.index("userId")
        await self.tokens.index("expireOn", expire=True)
        await self.scrolls.index("expireOn", expire=True)
        await self.keys.index("fingerprint", unique=True)
        await self.keys.index("userId", "_kuzzle_info.createdAt", "_id")
