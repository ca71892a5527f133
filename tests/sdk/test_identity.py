"""Every method of the official SDK's `security` and `auth` controllers: `identity.mjs`."""

import asyncio
import contextlib
import os
from pathlib import Path

from gateway import Gateway
from tests.sdk import test_sdk

node = test_sdk.node


async def test_every_method_of_security_and_auth_works_and_is_refused(
    gateway: Gateway, node: str, tmp_path: Path
) -> None:
    """Each method of the two controllers resolves in the documented shape, and rejects with the documented error."""
    output = tmp_path / "output"
    environment = {**os.environ, "LATCHGATE_HOST": "127.0.0.1", "LATCHGATE_PORT": str(gateway.port)}
    with output.open("wb") as file:
        process = await asyncio.create_subprocess_exec(
            node, "identity.mjs", cwd=test_sdk.FOLDER, env=environment, stdout=file, stderr=asyncio.subprocess.STDOUT
        )
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(process.wait(), test_sdk.LIMIT_S)
    if process.returncode is None:
        process.kill()
        await process.wait()
    text = output.read_text()

    assert 0 == process.returncode, text
    assert "\ndone, " in text, text
