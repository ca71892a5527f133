"""A mongod and nothing before it: the place where the bare loops of `insert_load.py` insert.

It is of the same binary and settings as the gateway's, and holds `--keys` records from the start. Whoever connects to
`--port` is told where it is, one line, and is hung up on.
"""

import argparse
import asyncio
import signal
from pathlib import Path

from gateway.storage.embedded import EmbeddedMongo, uri
from gateway.storage.mongo import run_admin_command
from tests.benchmarks.insert_load import collection, insert

__all__ = ["main"]

BATCH = 1_000


async def main(port: int, data_dir: Path, keys: int) -> None:
    """Serve until the process is stopped."""
    mongod = EmbeddedMongo(data_dir, run_admin_command)
    where = uri(await mongod.start())
    held = await collection(where)
    for first in range(0, keys, BATCH):
        await insert(held, min(BATCH, keys - first), grouped=True)
    held.database.client.close()

    async def tell(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(where.encode() + b"\n")
        writer.close()

    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    try:
        async with await asyncio.start_server(tell, "127.0.0.1", port):
            await stopped.wait()
    finally:
        await mongod.stop()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--keys", type=int, default=0)
    given = parser.parse_args()
    asyncio.run(main(given.port, given.data_dir, given.keys))
