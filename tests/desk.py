"""A dispatcher on a desk: one action behind it, every answer held against what holds for all of them."""

import json
from collections.abc import Callable
from typing import Any

from gateway.actions import Context
from gateway.dispatch import Dispatcher
from gateway.protocol.messages import Request
from tests.driving import SilentConnection, drive

__all__ = ["NODE", "ORDINARY", "Answer", "Desk", "as_bytes", "checked", "error_of", "raising"]

NODE = "knode-test"
Answer = dict[str, Any]


class Desk:
    """A dispatcher over one action, with everything it reports.

    Args:
        action: what runs for every request; its return value is the result.
    """

    def __init__(self, action: Callable[[Request], object] = lambda request: None) -> None:
        self.reports: list[tuple[Exception, Request]] = []
        self.seen: list[tuple[Request, Context]] = []
        self.connection = SilentConnection()
        self._made = 0
        self._action = action
        self.dispatcher = Dispatcher(
            self._endpoint,
            node=NODE,
            new_id=self._new_id,
            report=lambda error, request: self.reports.append((error, request)),
        )

    def ask(self, frame: bytes | str | dict[str, Any]) -> Answer:
        """Send one message; its answer is decoded and held against what holds for all."""
        return checked(drive(self.dispatcher.handle(as_bytes(frame), self.connection)))

    async def _endpoint(self, request: Request, context: Context) -> object:
        self.seen.append((request, context))
        return self._action(request)

    def _new_id(self) -> str:
        self._made += 1
        return f"made-{self._made}"


def as_bytes(frame: bytes | str | dict[str, Any]) -> bytes:
    """A message as it comes in."""
    text = json.dumps(frame) if isinstance(frame, dict) else frame
    return text.encode() if isinstance(text, str) else text


def checked(message: bytes) -> Answer:
    """Decode an answer; whatever happened, a client can rely on this much."""
    answer: Answer = json.loads(message)
    assert NODE == answer["node"]
    assert isinstance(answer["room"], str)
    assert isinstance(answer["status"], int)
    if isinstance(answer["requestId"], str):
        assert answer["room"] == answer["requestId"]
    if answer["error"] is not None:
        assert answer["status"] == answer["error"]["status"]
        assert answer["error"]["message"]
    return answer


def raising(error: BaseException) -> Callable[[Request], object]:
    """An action that fails."""

    def action(_: Request) -> object:
        raise error

    return action


def error_of(answer: Answer) -> tuple[int, str | None, Any]:
    """Status, id and props."""
    return answer["status"], answer["error"].get("id"), answer["error"].get("props")


ORDINARY = {"controller": "server", "action": "now", "requestId": "r", "volatile": {"a": 1}}
