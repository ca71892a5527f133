"""Schemathesis against a running gateway: `python -m tests.schemathesis.run`.

A gateway starts on an empty data folder with open rights, and Schemathesis makes up requests, right and wrong ones,
from its own `/_openapi`. No answer may be a 5xx, each must have a documented status, content type and shape, and the
log must hold no traceback. What is tried and what is not: `schemathesis.toml`. Schemathesis lives in an environment of
its own, `.venv-schemathesis`, made once. Exit status 0 or 1.
"""

import asyncio
import hashlib
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

from tests.client import connected
from tests.serving import served

__all__ = ["main"]

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
ENVIRONMENT = ROOT / ".venv-schemathesis"
REQUIREMENTS = HERE / "requirements.txt"
RUN_LIMIT_S = 600.0  # a run takes two minutes


def make_environment() -> Path:
    """Path of `schemathesis`; makes the environment when it is missing, unfinished or out of date."""
    wanted = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()
    stamp, program = ENVIRONMENT / "requirements.sha256", ENVIRONMENT / "bin" / "schemathesis"
    if stamp.is_file() and stamp.read_text() == wanted and program.is_file():
        return program
    print(f"making {ENVIRONMENT.name}", flush=True)
    venv.create(ENVIRONMENT, clear=True, with_pip=True)
    python = ENVIRONMENT / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", "--requirement", REQUIREMENTS], check=True)
    stamp.write_text(wanted)
    return program


async def make_key(port: int) -> str:
    """Make a user with credentials, and an API key of theirs: actions on oneself need somebody to be."""
    credentials = {"local": {"username": "tester", "password": "correct horse"}}
    async with connected(port) as client:
        content = {"profileIds": ["admin"]}
        body = {"content": content, "credentials": credentials}
        await client.succeed("security:createUser", _id="tester", body=body)
        key = await client.succeed("security:createApiKey", userId="tester", body={"description": "tests"})
    return str(key["_source"]["token"])


def attack(program: Path, port: int, *words: str) -> bool:
    """One run of Schemathesis; it prints what it found. True if that is nothing."""
    where = f"http://127.0.0.1:{port}/_openapi"
    command = [str(program), "--config-file", str(HERE / "schemathesis.toml"), "run", where, *words]
    return subprocess.run(command, cwd=ROOT, timeout=RUN_LIMIT_S, check=False).returncode == 0


def main() -> int:
    """Exit status: 0 when nothing was found."""
    program = make_environment()
    with tempfile.TemporaryDirectory() as folder:
        environment = {"LATCHGATE_SECURITY_INITIAL_RIGHTS": "open"}
        with served(Path(folder) / "data", environment=environment) as gateway:
            key = asyncio.run(make_key(gateway.port))
            passed = [
                attack(program, gateway.port),
                attack(program, gateway.port, "--include-tag", "auth", "--header", f"Authorization: Bearer {key}"),
            ]
            is_alive = gateway.process.poll() is None
        log = gateway.errors.read_text()
    if "Traceback" in log or not is_alive:
        print(log[-10_000:])
        return 1
    return int(not all(passed))


if __name__ == "__main__":
    sys.exit(main())
