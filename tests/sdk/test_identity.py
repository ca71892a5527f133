"""Every method of the official SDK's `security` and `auth` controllers: `identity.mjs`."""

from pathlib import Path

from gateway import Gateway
from tests.sdk import test_sdk
from tests.sdk.program import run_program

node = test_sdk.node


async def test_every_method_of_security_and_auth_works_and_is_refused(
    gateway: Gateway, node: str, tmp_path: Path
) -> None:
    """Each method of the two controllers resolves in the documented shape, and rejects with the documented error."""
    status, text = await run_program(node, "identity.mjs", gateway.port, tmp_path / "output")

    assert 0 == status, text
    assert "\ndone, " in text, text
