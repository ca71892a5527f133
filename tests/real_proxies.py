"""nginx and HAProxy as docs/operations.md sets them up, in front of a port of this machine.

Skipped, with its reason, where the programs are not installed (Debian: `nginx-light`, `haproxy`); in CI a failure.
"""

import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.certificates import Authority
from tests.ending import ending
from tests.npm import do_without
from tests.serving import START_S

__all__ = ["Proxies"]

_PAGE = Path(__file__).parents[1] / "docs" / "operations.md"
_PATH = "/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin"

_NGINX = """\
daemon off;
pid {folder}/nginx.pid;
error_log stderr;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path       {folder}/proxy;
    fastcgi_temp_path     {folder}/fastcgi;
    uwsgi_temp_path       {folder}/uwsgi;
    scgi_temp_path        {folder}/scgi;
    {block}
}}
"""


def _blocks(language: str) -> list[str]:
    """The examples of the page in a language."""
    return re.findall(rf"```{language}\n(.*?)```", _PAGE.read_text("utf-8"), re.DOTALL)


def _program(name: str) -> str:
    """Where a program is."""
    found = shutil.which(name, path=_PATH)
    if found is None:
        do_without(f"the tests behind real proxies need {name}")
    return found


def _free_port() -> int:
    """A port that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@contextmanager
def _running(words: list[str], port: int, log: Path) -> Iterator[int]:
    """A proxy that listens on a port until the block ends."""
    with log.open("wb") as file:
        process = subprocess.Popen(words, stdout=file, stderr=file)
    with ending(process, log):
        for _ in range(int(START_S * 20)):
            assert process.poll() is None, log.read_text()
            try:
                socket.create_connection(("127.0.0.1", port)).close()
            except ConnectionRefusedError:
                with pytest.raises(subprocess.TimeoutExpired):
                    process.wait(0.05)
            else:
                break
        yield port


class Proxies:
    """Starts the proxies of the page, in front of a port of this machine."""

    def __init__(self, folder: Path, authority: Authority, stack: ExitStack) -> None:
        self._folder = folder
        self._authority = authority
        self._stack = stack

    def nginx(self, backend: int, **changes: str) -> int:
        """The one that speaks TLS and HTTP; with some words changed."""
        port = _free_port()
        text = _blocks("nginx")[0]
        for word, other in changes.items():
            text = text.replace(word, other)
        text = text.replace("listen 443", f"listen 127.0.0.1:{port}")
        text = text.replace("/etc/nginx/chain.pem", str(self._authority.chain))
        text = text.replace("/etc/nginx/key.pem", str(self._authority.key))
        block = text.replace("127.0.0.1:7512", f"127.0.0.1:{backend}")
        return self._start("nginx", _NGINX.format(folder=self._folder, block=block), port, "-c")

    def haproxy(self, number: int, backend: int, **changes: str) -> int:
        """The one of that number on the page: 0 speaks TLS and HTTP, 1 passes bytes on; with some words changed."""
        port = _free_port()
        both = self._folder / "chain-and-key.pem"
        both.touch(0o600)
        both.write_bytes(self._authority.chain.read_bytes() + self._authority.key.read_bytes())
        text = _blocks("haproxy")[number]
        for word, other in {
            **changes,
            ":443": f"127.0.0.1:{port}",
            "/etc/haproxy/chain-and-key.pem": str(both),
        }.items():
            text = text.replace(word, other)
        return self._start("haproxy", text.replace("127.0.0.1:7512", f"127.0.0.1:{backend}"), port, "-db", "-f")

    def _start(self, name: str, settings: str, port: int, *words: str) -> int:
        file = self._folder / f"{name}.conf"
        file.write_text(settings)
        command = [_program(name), *words, str(file)]
        return self._stack.enter_context(_running(command, port, self._folder / f"{name}.log"))
