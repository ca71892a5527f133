"""A program of ours for Node.js that drives the official SDK against a gateway."""

import asyncio
import contextlib
import os
from pathlib import Path

from tests.sdk import test_sdk

__all__ = ["run_program"]


async def run_program(node: str, program: str, port: int, output: Path) -> tuple[int | None, str]:
    """Run it to its end, or to the limit of its time; give its status and all that it said.

    Args:
        node: path of Node.js.
        program: file in this folder.
        port: of the gateway.
        output: a file to keep what it says in.
    """
    environment = {**os.environ, "LATCHGATE_HOST": "127.0.0.1", "LATCHGATE_PORT": str(port)}
    with output.open("wb") as file:
        process = await asyncio.create_subprocess_exec(
            node, program, cwd=test_sdk.FOLDER, env=environment, stdout=file, stderr=asyncio.subprocess.STDOUT
        )
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(process.wait(), test_sdk.LIMIT_S)
    if process.returncode is None:
        process.kill()
        await process.wait()
    return process.returncode, output.read_text()  # noqa: ASYNC240 - a small file, and nobody else waits
