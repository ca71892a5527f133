"""A real mongod around a whole test session.

Both functions bring an event loop of their own, so a session's fixture may call them while each test has another loop.
"""

import asyncio
from pathlib import Path

from gateway.storage.embedded import EmbeddedMongo, uri
from gateway.storage.mongo import run_admin_command

__all__ = ["start_mongod", "stop_mongod"]


def start_mongod(data_dir: Path) -> tuple[EmbeddedMongo, str]:
    """Start a mongod in the calling thread, which must live on; return it and its connection string."""
    mongod = EmbeddedMongo(data_dir, run_admin_command)
    return mongod, uri(asyncio.run(mongod.start()))


def stop_mongod(mongod: EmbeddedMongo) -> None:
    """End what `start_mongod` started."""
    asyncio.run(mongod.stop())
