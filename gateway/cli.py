"""Words on the command line → `Config` → `Gateway`.

Rules of the file: whatever the operator can mend ends in one line that says how, and a status that is not 0.
"""

import argparse
import asyncio
import functools
import gc
import getpass
import os
import shlex
import signal
import sys
from collections.abc import Callable, Coroutine, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from gateway import logs
from gateway.config import Config, ConfigError, load, masked
from gateway.protocol.codec import encode
from gateway.protocol.errors import ApiError
from gateway.rooms import Rooms
from gateway.routing import RegistrationError
from gateway.security.tokens import WeakSecretError
from gateway.server import Gateway, open_database
from gateway.storage.embedded import EmbeddedError
from gateway.storage.mongo import MongoUnreachable
from gateway.transports.port import PortTakenError
from gateway.transports.tls import TlsError
from gateway.workers import Duty, Started, serve_on_duty, supervise

_new_loop: Callable[[], asyncio.AbstractEventLoop]
try:
    from uvloop import new_event_loop as _new_loop
except ImportError:  # the platform has none; asyncio's own loop does the same, slower
    _new_loop = asyncio.new_event_loop

__all__ = ["main"]

_OPERATORS_ERRORS = (
    ConfigError,
    EmbeddedError,
    MongoUnreachable,
    PortTakenError,
    RegistrationError,
    TlsError,
    WeakSecretError,
)
_COLLECTED_EVERY = (20_000, 20, 20)
"""Objects, then collections of the generation before."""

_UNUSABLE = 2
_FAILED = 1

_SETTINGS = {
    "host": "server.host",
    "port": "server.port",
    "workers": "server.workers",
    "tls_cert": "server.tls_cert",
    "tls_key": "server.tls_key",
    "data_dir": "server.data_dir",
    "mongodb_uri": "mongodb.uri",
    "database": "mongodb.database",
    "log_level": "logging.level",
}
"""Flag → the setting that it sets."""

_NO_SETTINGS = frozenset({"LATCHGATE_DEMO_PASSWORD"})
"""Variables that look like a setting's but are read elsewhere, by `gateway.demo`."""


def main(words: Sequence[str] | None = None) -> int:
    """Run the command `latchgate`; return its exit status: 0, 1 for a failure, 2 for words that make no sense."""
    arguments = _parser().parse_args(words)
    arguments.command = _own_command(words)
    try:
        flags = {setting: getattr(arguments, flag, None) for flag, setting in _SETTINGS.items()}
        environment = {name: text for name, text in os.environ.items() if name not in _NO_SETTINGS}
        config = load(arguments.config, environment, flags)
        logs.set_up(config.logging.level, config.logging.format)
        return int(arguments.run(config, arguments))
    except _OPERATORS_ERRORS as error:
        print(f"latchgate: {error}", file=sys.stderr)
    except ApiError as error:
        print(f"latchgate: {error.message}", file=sys.stderr)
    except KeyboardInterrupt:
        pass
    return _FAILED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="latchgate", description="A gateway that mints, finds and revokes API keys.")
    parser.add_argument("--version", action="version", version=f"latchgate {version('latchgate')}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    serve = commands.add_parser("serve", help="run the gateway")
    serve.add_argument("--host", help="address to listen on")
    serve.add_argument("--port", type=int, help="TCP port, 0 for a free one")
    serve.add_argument("--workers", type=int, metavar="N", help="processes on the port, 0 for one for each CPU")
    serve.add_argument("--duty", type=Duty.read, help=argparse.SUPPRESS)  # for the workers themselves
    serve.add_argument("--tls-cert", metavar="FILE.pem", help="certificate; read again on SIGHUP")
    serve.add_argument("--tls-key", metavar="FILE.pem", help="private key of the certificate")
    _add_settings(serve)
    serve.set_defaults(run=_serve)

    admin = commands.add_parser("admin", help="manage administrators").add_subparsers(required=True, metavar="COMMAND")
    create = admin.add_parser("create", help="make the first administrator")
    create.add_argument("--username", required=True, help="name to log in with")
    create.add_argument("--kuid", help="the user's id; the user name if not given")
    create.add_argument("--password-stdin", action="store_true", help="read the password from standard input")
    _add_settings(create)
    create.set_defaults(run=_create_admin)

    config = commands.add_parser("config", help="look at the settings").add_subparsers(required=True, metavar="COMMAND")
    show = config.add_parser("show", help="print the settings in force, secrets hidden")
    _add_settings(show)
    show.set_defaults(run=_show_config)
    return parser


def _add_settings(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", type=Path, metavar="FILE.toml", help="settings file")
    parser.add_argument("--data-dir", help="folder of the embedded MongoDB")
    parser.add_argument("--mongodb-uri", help="MongoDB to use instead of the embedded one")
    parser.add_argument("--database", help="name of the database")
    parser.add_argument("--log-level", choices=("debug", "info", "warning", "error"), help="least severity logged")


def _own_command(words: Sequence[str] | None) -> list[str]:
    """The words that start this very command again, from the same files."""
    return [sys.executable, *(sys.orig_argv[1:] if words is None else ("-m", "gateway", *words))]


def _spare_the_collector() -> None:
    """Let the garbage collector come seldom, and look at nothing that was there before.

    Reference counts free what a request leaves behind. But while hundreds wait for the database their objects look
    like garbage in the making: with Python's own thresholds the search for it took a fifth of the time.
    """
    gc.freeze()
    gc.set_threshold(*_COLLECTED_EVERY)


def _serve(config: Config, arguments: argparse.Namespace) -> int:
    _spare_the_collector()
    if arguments.duty is not None:
        return _completed(serve_on_duty(config, arguments.duty))
    if config.server.workers != 1:
        return _completed(supervise(config, arguments.command, functools.partial(_greet, config, arguments)))
    return _completed(_serve_until_stopped(config, arguments))


def _greet(config: Config, arguments: argparse.Namespace, started: Started) -> None:
    who = f"{started.workers} workers"
    print(_welcome(config, arguments, started.port, who, has_administrator=started.has_administrator), flush=True)


async def _serve_until_stopped(config: Config, arguments: argparse.Namespace) -> int:
    gateway = Gateway(config)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, gateway.stop_wanted.set)
    if config.server.tls_cert:  # without TLS it ends the process, as it does when a terminal closes
        loop.add_signal_handler(signal.SIGHUP, gateway.reload_tls)
    starting = asyncio.create_task(_started(gateway))
    stopping = asyncio.create_task(gateway.stop_wanted.wait())
    await asyncio.wait((starting, stopping), return_when=asyncio.FIRST_COMPLETED)
    if not starting.done():
        starting.cancel()
        await asyncio.wait((starting,))
        return 0
    await starting
    try:
        node, has_administrator = f"node {gateway.node}", gateway.has_administrator
        print(_welcome(config, arguments, gateway.port, node, has_administrator=has_administrator), flush=True)
        await stopping
    finally:
        await gateway.__aexit__(None, None, None)
    return 0


async def _started(gateway: Gateway) -> Gateway:
    return await gateway.__aenter__()


def _welcome(config: Config, arguments: argparse.Namespace, port: int, who: str, *, has_administrator: bool) -> str:
    scheme = "wss" if config.server.tls_cert else "ws"
    where = f"{scheme}://{_shown_host(config.server.host)}:{port}"
    database = "your MongoDB" if config.mongodb.uri else f"an embedded MongoDB in {config.server.data_dir}"
    if has_administrator:
        state, step = "An administrator exists.", f"make demo   (or: python -m gateway.demo --url {where})"
    else:
        state, step = "There is no administrator yet.", _admin_command(config, arguments)
    return (
        f"Latchgate {version('latchgate')} listens on {where}, {who}, with {database}.\n"
        f"{state} Next, in another terminal:\n    {step}"
    )


def _admin_command(config: Config, arguments: argparse.Namespace) -> str:
    """The words for a shell that make an administrator in the very database of this gateway."""
    is_module = Path(sys.argv[0]).name == "__main__.py"
    words = [sys.executable, "-m", "gateway"] if is_module else [sys.argv[0]]
    usual = Config()
    is_usual_place = config.mongodb.uri or config.server.data_dir == usual.server.data_dir
    is_usual_name = arguments.config or config.mongodb.database == usual.mongodb.database
    options = {
        "--config": arguments.config,
        "--data-dir": None if is_usual_place else config.server.data_dir,
        "--mongodb-uri": arguments.mongodb_uri,
        "--database": arguments.database if is_usual_name else config.mongodb.database,
    }
    given = [word for flag, value in options.items() if value is not None for word in (flag, str(value))]
    command = shlex.join([*words, "admin", "create", "--username", "admin", *given])
    # A connection string may hold a password, so it is not printed: it has to be set there as it is here.
    secret = [name for name in ("LATCHGATE_MONGODB_URI", "LATCHGATE_MONGODB_URI_FILE") if name in os.environ]
    return f"{command}    (with {secret[0]} set as here)" if secret and not arguments.mongodb_uri else command


def _shown_host(host: str) -> str:
    if host in ("0.0.0.0", "::"):  # noqa: S104 - compared, not listened on
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host


def _create_admin(config: Config, arguments: argparse.Namespace) -> int:
    password = _read_password(from_stdin=arguments.password_stdin)
    if not password:
        print("latchgate: an empty password is no password", file=sys.stderr)
        return _UNUSABLE
    return _completed(_store_admin(config, arguments.kuid or arguments.username, arguments.username, password))


def _read_password(*, from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    try:
        password = getpass.getpass("Password: ")
        again = getpass.getpass("Again: ")
    except EOFError:
        raise ConfigError("nobody typed a password; --password-stdin reads one from standard input") from None
    if again != password:
        raise ConfigError("the two passwords differ")
    return password


def _completed(work: Coroutine[Any, Any, int]) -> int:
    with asyncio.Runner(loop_factory=_new_loop) as runner:
        return runner.run(work)


async def _store_admin(config: Config, kuid: str, username: str, password: str) -> int:
    async with open_database(config, join=True) as database:
        rooms = Rooms(config, database)
        try:
            await rooms.prepare()
            await rooms.first_admin.create(kuid, {}, {"local": {"username": username, "password": password}})
        finally:
            await rooms.close()
    print(f'The administrator "{username}" can log in now. Next: make demo')
    return 0


def _show_config(config: Config, _: argparse.Namespace) -> int:
    shown: Mapping[str, Any] = masked(config)
    for section, settings in shown.items():
        print(f"[{section}]")
        for name, value in settings.items():
            print(f"{name} = {encode(value).decode()}")
    return 0
