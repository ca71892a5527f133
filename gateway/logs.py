"""Logging: lines of text or of JSON on standard error.

Rules of the file: set up once, at start. No token, secret or connection string is ever handed to a logger, so there
is nothing to redact here; user text is escaped, so that one event stays one line.
"""

import logging
import sys
import traceback
from datetime import UTC, datetime

from gateway.protocol.codec import encode

__all__ = ["dump_stacks", "set_up"]

_log = logging.getLogger("latchgate")


class _TextFormatter(logging.Formatter):
    """`2026-01-31T12:00:00Z INFO latchgate: message`."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: ARG002, N802 - the library's signature
        return datetime.fromtimestamp(record.created, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def format(self, record: logging.LogRecord) -> str:
        # The whole of it: a traceback quotes the text of an exception, which may hold what a user wrote.
        return _escaped(super().format(record))


class _JsonFormatter(logging.Formatter):
    """One object a line: `time` (milliseconds since the epoch), `level`, `logger`, `message`, `error`."""

    def format(self, record: logging.LogRecord) -> str:
        event = {
            "time": int(record.created * 1000),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _encodable(record.getMessage()),
        }
        if record.exc_info:
            event["error"] = _encodable(self.formatException(record.exc_info))
        return encode(event).decode()


def _escaped(text: str) -> str:
    return text.encode("unicode_escape").decode("ascii")


def _encodable(text: str) -> str:
    """Escape half characters, which names of files may hold: they have no form in UTF-8."""
    return text.encode(errors="backslashreplace").decode()


def set_up(level: str, form: str) -> None:
    """Send the gateway's log to standard error.

    Args:
        level: `debug`, `info`, `warning` or `error`.
        form: `text` or `json`.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonFormatter() if form == "json" else _TextFormatter())
    # The event loop's complaints take the same way; below a warning it has nothing to say to an operator.
    for name, least in (("latchgate", level.upper()), ("asyncio", "WARNING")):
        logger = logging.getLogger(name)
        logger.handlers[:] = [handler]
        logger.propagate = False
        logger.setLevel(least)


def dump_stacks(suffix: str) -> None:
    """Write the stack of every thread to the log; `suffix` tells one dump from another."""
    for thread, frame in sys._current_frames().items():  # noqa: SLF001 - the documented way (docs of `sys`)
        _log.warning("dump %s of thread %s: %s", suffix[:100], thread, "".join(traceback.format_stack(frame)))
