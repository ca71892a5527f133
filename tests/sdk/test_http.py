"""The official SDK over HTTP: `http.mjs`."""

import asyncio
import contextlib
import os
from pathlib import Path

from gateway import Gateway
from tests.sdk import test_sdk

node = test_sdk.node


async def test_official_sdk_completes_the_journey_over_http(gateway: Gateway, node: str, tmp_path: Path) -> None:
    """It finds the routes in `server:publicApi`, every call resolves or rejects as documented, and it ends itself."""
    output = tmp_path / "output"
    environment = {**os.environ, "LATCHGATE_HOST": "127.0.0.1", "LATCHGATE_PORT": str(gateway.port)}
    with output.open("wb") as file:
        process = await asyncio.create_subprocess_exec(
            node, "http.mjs", cwd=test_sdk.FOLDER, env=environment, stdout=file, stderr=asyncio.subprocess.STDOUT
        )
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(process.wait(), test_sdk.LIMIT_S)
    if process.returncode is None:
        process.kill()
        await process.wait()
    text = output.read_text()

    assert 0 == process.returncode, text
    assert "\ndone, over HTTP" in text, text
