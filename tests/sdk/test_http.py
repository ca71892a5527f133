"""The official SDK over HTTP: `http.mjs`."""

from pathlib import Path

from gateway import Gateway
from tests.sdk import test_sdk
from tests.sdk.program import run_program

node = test_sdk.node


async def test_official_sdk_completes_the_journey_over_http(gateway: Gateway, node: str, tmp_path: Path) -> None:
    """It finds the routes in `server:publicApi`, every call resolves or rejects as documented, and it ends itself."""
    status, text = await run_program(node, "http.mjs", gateway.port, tmp_path / "output")

    assert 0 == status, text
    assert "\ndone, over HTTP" in text, text
