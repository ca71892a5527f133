"""The official JavaScript SDK against a gateway: `journey.mjs`, with both WebSocket clients that the SDK can use.

Node.js brings one of them, the package `ws` is the other; the SDK takes the platform's where there is one.
"""

import asyncio
import contextlib
import os
from pathlib import Path

import pytest

from gateway import Gateway
from tests.npm import node_with_packages

FOLDER = Path(__file__).parent
LIMIT_S = 30.0


@pytest.fixture(scope="module")
def node() -> str:
    """The path of `node`, with the SDK beside the journey in exactly the locked version."""
    return node_with_packages(FOLDER, "the journey of the official SDK")


@pytest.mark.parametrize("client", ["--no-experimental-websocket", "--experimental-websocket"], ids=["ws", "platform"])
async def test_official_sdk_completes_the_journey(gateway: Gateway, node: str, client: str, tmp_path: Path) -> None:
    """Every call of the SDK resolves or rejects in the documented shape, and the program ends by itself."""
    output = tmp_path / "output"
    with output.open("wb") as file:
        process = await asyncio.create_subprocess_exec(
            node,
            client,
            "journey.mjs",
            cwd=FOLDER,
            env={**os.environ, "LATCHGATE_HOST": "127.0.0.1", "LATCHGATE_PORT": str(gateway.port)},
            stdout=file,
            stderr=asyncio.subprocess.STDOUT,
        )
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(process.wait(), LIMIT_S)
    if process.returncode is None:
        process.kill()
        await process.wait()
    text = output.read_text()

    assert 0 == process.returncode, text
    assert ("platform's WebSocket" if client == "--experimental-websocket" else "ws package") in text, text
