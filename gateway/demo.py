"""`python -m gateway.demo`: an API key minted, used, found and revoked on a running gateway, shown on the wire.

Rules of the file: a client like any other, which knows nothing of the gateway but its address. What it makes it takes
away again, also when something fails. Frames are shown as they went over the wire, but for two things: a password is
never shown, and of the administrator's session token only the beginning.
"""

import argparse
import contextlib
import getpass
import os
import secrets
import shlex
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from msgspec import MsgspecError, Raw
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI
from websockets.sync.client import ClientConnection, connect

from gateway.protocol.codec import decode_value, encode

__all__ = ["main"]

_PASSWORD_VARIABLE = "LATCHGATE_DEMO_PASSWORD"  # noqa: S105 - its name
_DEFAULT_URL = "ws://127.0.0.1:7512"
_PATIENCE_S = 10.0
_SHOWN_OF_A_TOKEN = 16
_UNAUTHORIZED = 401

Frame = dict[str, Any]


class _Halt(Exception):  # noqa: N818 - most often nothing is wrong with the demonstration itself
    """The demonstration cannot go on; the text tells the operator why, and what helps."""


def main(words: Sequence[str] | None = None) -> int:
    """Run the demonstration; return the exit status: 0, or 1 with the reason on standard error."""
    arguments = _parser().parse_args(words)
    try:
        _demonstrate(arguments)
    except _Halt as halt:
        print(f"latchgate demo: {halt}", file=sys.stderr)  # noqa: T201 - the programme talks by printing
        return 1
    except KeyboardInterrupt:
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m gateway.demo",
        description="Mint, use, find and revoke an API key on a running gateway.",
        epilog=f"The password is taken from {_PASSWORD_VARIABLE}, or asked for.",
    )
    parser.add_argument("--url", default=_DEFAULT_URL, help=f"where the gateway listens, {_DEFAULT_URL} if not given")
    parser.add_argument("--username", default="admin", help="an administrator's user name, admin if not given")
    parser.add_argument("--password-stdin", action="store_true", help="read the password from standard input")
    return parser


def _demonstrate(arguments: argparse.Namespace) -> None:
    url: str = arguments.url
    with _connected(url) as admin:
        _check_administrator(admin, arguments.username)
        password = _password(from_stdin=arguments.password_stdin)
        with _session(admin, arguments.username, password), _throwaway_user(admin) as kuid:
            key = _mint(admin, kuid)
            token = key["_source"]["token"]
            _use(url, token, kuid)
            _find(admin, kuid, key)
            _revoke(admin, kuid, key["_id"])
            _fail_to_use(url, token)
    _say("Done: nothing of it is left on the gateway.")


def _latchgate() -> str:
    """The command as it can be typed here: the one beside this Python, which need not be on the path."""
    beside = Path(sys.executable).with_name("latchgate")
    if not beside.exists():
        return "latchgate"
    return str(beside.relative_to(Path.cwd())) if beside.is_relative_to(Path.cwd()) else str(beside)


def _check_administrator(stranger: "_Client", username: str) -> None:
    answer = stranger.exchange({"controller": "server", "action": "adminExists"})
    # With restricted rights a stranger may ask this only while there is no administrator.
    if answer["status"] != _UNAUTHORIZED and not _result(answer)["exists"]:
        command = shlex.join([_latchgate(), "admin", "create", "--username", username])
        raise _Halt(f"there is no administrator yet. Make one, then come back:\n    {command}")


def _password(*, from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    try:
        return os.environ.get(_PASSWORD_VARIABLE) or getpass.getpass("Administrator's password: ")
    except EOFError:
        raise _Halt(f"nobody typed a password; --password-stdin or {_PASSWORD_VARIABLE} gives one") from None


@contextlib.contextmanager
def _session(admin: "_Client", username: str, password: str) -> Iterator[None]:
    """Sign in, and out again."""
    credentials = {"username": username, "password": password}
    login = {"controller": "auth", "action": "login", "strategy": "local", "expiresIn": "10m", "body": credentials}
    admin.jwt = _result(admin.exchange(login))["jwt"]
    _say(f'Signed in as "{username}".')
    try:
        yield
    finally:
        _result(admin.exchange({"controller": "auth", "action": "logout"}))
        _say("Logged out.")


@contextlib.contextmanager
def _throwaway_user(admin: "_Client") -> Iterator[str]:
    """Make a user to own the key, and delete it, with whatever it owns."""
    kuid = f"demo-{secrets.token_hex(4)}"
    body = {"content": {"profileIds": ["default"]}}
    _result(admin.exchange({"controller": "security", "action": "createUser", "_id": kuid, "body": body}))
    _say(f'Made a user for the occasion: "{kuid}".')
    try:
        yield kuid
    finally:
        _result(admin.exchange({"controller": "security", "action": "deleteUser", "_id": kuid}))
        _say(f'Deleted the user "{kuid}".')


def _mint(admin: "_Client", kuid: str) -> Frame:
    _say("Minting an API key that never expires:")
    request = {
        "controller": "security",
        "action": "createApiKey",
        "userId": kuid,
        "expiresIn": -1,
        "refresh": "wait_for",
        "_id": f"{kuid}-key",
        "body": {"description": "Sigfox API key"},
    }
    key: Frame = _result(admin.exchange(request, shown=True))
    return key


def _use(url: str, token: str, kuid: str) -> None:
    _say("Using it on a second connection:")
    with _connected(url, token) as device:
        user = _result(device.exchange({"controller": "auth", "action": "getCurrentUser"}, shown=True))
    if user["_id"] != kuid:
        raise _Halt(f"the key opened the door to {user['_id']} instead of {kuid}")


def _find(admin: "_Client", kuid: str, key: Frame) -> None:
    mark = key["_source"]["fingerprint"]
    query = {"term": {"fingerprint": mark}}
    search = {"controller": "security", "action": "searchApiKeys", "userId": kuid, "body": query}
    found = _result(admin.exchange(search))["hits"]
    if [key["_id"]] != [hit["_id"] for hit in found]:
        raise _Halt("the key cannot be found")
    _say(f"Found it by its fingerprint, {mark[:16]}…; the token is not shown again.")


def _revoke(admin: "_Client", kuid: str, key_id: str) -> None:
    _result(admin.exchange({"controller": "security", "action": "deleteApiKey", "userId": kuid, "_id": key_id}))
    _say(f'Deleted the key "{key_id}".')


def _fail_to_use(url: str, token: str) -> None:
    _say("Using it once more:")
    with _connected(url, token) as device:
        answer = device.exchange({"controller": "auth", "action": "getCurrentUser"}, shown=True)
    if answer["status"] != _UNAUTHORIZED:
        raise _Halt("the deleted key still opens something")


class _Client:
    """One connection; `jwt` goes with every request."""

    def __init__(self, socket: ClientConnection, jwt: str | None, *, is_key: bool) -> None:
        self._socket = socket
        self._is_key = is_key
        self.jwt = jwt

    def exchange(self, request: Frame, *, shown: bool = False) -> Frame:
        """Send a request and return its answer; with `shown`, print both."""
        request_id = secrets.token_hex(8)
        request = {"requestId": request_id, **request, **({"jwt": self.jwt} if self.jwt else {})}
        try:
            self._socket.send(encode(request).decode())
            if shown:
                _show("→", request if self._is_key else request | {"jwt": _shortened(self.jwt)})
            while (answer := self._receive()).get("room") != request_id:
                pass  # a notification
        except ConnectionClosed as error:
            raise _Halt(f"the gateway closed the connection: {error}") from error
        except TimeoutError as error:
            raise _Halt(f"the gateway did not answer within {_PATIENCE_S:.0f} s") from error
        if shown:
            _show("←", answer)
        return answer

    def _receive(self) -> Frame:
        with contextlib.suppress(MsgspecError):
            answer = decode_value("answer", Raw(self._socket.recv(_PATIENCE_S, decode=False)))
            if isinstance(answer, dict):
                return answer
        raise _Halt("what answers there is no gateway")


@contextlib.contextmanager
def _connected(url: str, key: str | None = None) -> Iterator[_Client]:
    """Connect, with an API key or as a stranger."""
    with contextlib.ExitStack() as stack:
        try:
            # Straight to the gateway: a proxy of the environment rarely knows the way back to this machine.
            opening = connect(url, proxy=None, compression=None, open_timeout=_PATIENCE_S)
            socket = stack.enter_context(opening)
        except (InvalidURI, ValueError) as error:
            raise _Halt(f"{url} is no WebSocket address such as {_DEFAULT_URL}") from error
        except (OSError, TimeoutError, InvalidHandshake, EOFError) as error:
            reason = getattr(error, "strerror", None) or error
            raise _Halt(f"no gateway can be reached at {url} ({reason}); start one: latchgate serve") from error
        yield _Client(socket, key, is_key=key is not None)


def _result(answer: Frame) -> Any:
    if answer["error"] is not None:
        raise _Halt(f"{answer['controller']}:{answer['action']} was refused: {answer['error']['message']}")
    return answer["result"]


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - the programme talks by printing


def _show(direction: str, frame: Frame) -> None:
    _say("\n".join(f"  {direction} {line}" for line in _pretty(frame).splitlines()))


def _pretty(value: Any, margin: str = "") -> str:
    """Write JSON with each key of an object on a line of its own."""
    if not isinstance(value, dict) or not value:
        return encode(value).decode()
    inner = f"{margin}  "
    lines = (f"{inner}{encode(key).decode()}: {_pretty(item, inner)}" for key, item in value.items())
    return "{\n" + ",\n".join(lines) + f"\n{margin}}}"


def _shortened(token: str | None) -> str:
    return f"{(token or '')[:_SHOWN_OF_A_TOKEN]}…"


if __name__ == "__main__":
    sys.exit(main())
