"""Messages: what is handed on, what is answered, how, and what breaks the connection."""

import asyncio
from typing import Any

import pytest

from gateway.actions import Context
from gateway.protocol.errors import Disconnect
from gateway.protocol.messages import Request
from tests.transports.conftest import Serve
from tests.transports.doubles import Workshop, shaken, traffic_of, until
from tests.transports.wire import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, Received, ask, fragments, frame

REQUEST = b'{"controller":"test","action":"now","requestId":"r1"}'


async def test_all_frames_of_one_read_are_answered_in_one_write() -> None:
    """Answers, pongs of both kinds and answers to fragments leave the transport in one call."""
    connection, notebook = shaken(traffic_of(Workshop()))

    connection.data_received(
        ask("now", 1) + frame(b"?", PING) + ask("now", 2) + frame(b'{"p":1}') + b"".join(fragments(b"", b"", REQUEST))
    )

    assert 1 == len(notebook.writes)
    pong, first, second, application_pong, third = notebook.read()
    assert ["r1", "r2", "r1"] == [received.answer["requestId"] for received in (first, second, third)]
    assert [Received(PONG, b"?"), Received(TEXT, b'{"p":2}')] == [pong, application_pong]


async def test_answers_of_one_turn_leave_in_one_write() -> None:
    """Requests that end in the same turn of the event loop share a write too."""
    workshop = Workshop()
    connection, notebook = shaken(traffic_of(workshop))
    connection.data_received(b"".join(ask("wait", number) for number in range(5)))
    assert [] == notebook.writes

    workshop.door.set()
    await until(lambda: notebook.writes)

    assert 1 == len(notebook.writes)
    assert 5 == len(notebook.read())


async def test_a_frame_may_come_byte_by_byte() -> None:
    """Nothing depends on how TCP cuts the stream."""
    connection, notebook = shaken(traffic_of(Workshop()))

    for byte in ask("now", 1) + ask("now", 2):
        connection.data_received(bytes((byte,)))

    assert ["r1", "r2"] == [received.answer["requestId"] for received in notebook.read()]


async def test_control_frames_may_stand_between_fragments() -> None:
    """A ping between the parts of a message is answered, and the message is whole (RFC 6455 §5.4)."""
    connection, notebook = shaken(traffic_of(Workshop()))
    start, middle, end = fragments(REQUEST[:5], b"", REQUEST[5:])

    connection.data_received(start + frame(b"1", PING) + middle + frame(b"2", PONG) + frame(b"3", PING) + end)

    *pongs, answer = notebook.read()
    assert [Received(PONG, b"1"), Received(PONG, b"3")] == pongs
    assert "now" == answer.answer["result"]


@pytest.mark.parametrize(
    "code", [b"", b"\x03\xe8", b"\x03\xe8bye", b"\x0f\xa1"], ids=["none", "1000", "reason", "4001"]
)
@pytest.mark.parametrize("before", [b"", frame(b"{", fin=False)], ids=["idle", "between fragments"])
async def test_a_close_frame_is_echoed_and_the_stream_ended(before: bytes, code: bytes) -> None:
    """The close handshake is clean, between the fragments of a message too (RFC 6455 §5.4, §5.5.1)."""
    connection, notebook = shaken(traffic_of(Workshop()))

    connection.data_received(before + frame(code, CLOSE))

    assert [Received(CLOSE, code)] == notebook.read()
    assert notebook.is_ended


async def test_a_request_that_came_before_the_close_frame_is_run() -> None:
    """Whoever sends a request and takes leave in one breath has sent the request."""
    workshop = Workshop()
    connection, notebook = shaken(traffic_of(workshop))

    connection.data_received(ask("now", 1) + frame(b"", CLOSE) + ask("now", 2))

    assert ["r1"] == workshop.done
    assert [Received(CLOSE, b"")] == notebook.read()


@pytest.mark.parametrize("opcode", [TEXT, BINARY], ids=["text", "binary"])
async def test_an_empty_message_is_ignored(opcode: int) -> None:
    """Zero bytes get no answer (frames.md §2), in one frame or in three."""
    connection, notebook = shaken(traffic_of(Workshop()))

    connection.data_received(frame(b"", opcode) + b"".join(fragments(b"", b"", b"", opcode=opcode)))

    assert [] == notebook.writes


async def test_a_binary_message_is_answered_as_text() -> None:
    """Both kinds are read as UTF-8; answers are always text (frames.md §2)."""
    connection, notebook = shaken(traffic_of(Workshop()))

    connection.data_received(frame(REQUEST, BINARY) + frame(b'{"p":1}', BINARY))

    answer, pong = notebook.read()
    assert "now" == answer.answer["result"]
    assert Received(TEXT, b'{"p":2}') == pong


@pytest.mark.parametrize(
    "parts",
    [(b'{"controller":"\xff"}',), (b'{"a":"\xe2\x82', b'"}'), (b"\xed\xa0\x80",), (b"\xc0\x80",)],
    ids=["lone byte", "cut by a fragment's end", "surrogate", "overlong"],
)
async def test_w07_invalid_utf_8_in_a_text_message_closes_1007(parts: tuple[bytes, ...]) -> None:
    """Text that is no UTF-8 fails the connection and is not handed on (RFC 6455 §8.1)."""
    workshop = Workshop()
    connection, notebook = shaken(traffic_of(workshop))

    connection.data_received(b"".join(fragments(*parts)))

    (close,) = notebook.read()
    assert (1007, []) == (close.code, workshop.begun)
    assert notebook.is_ended


async def test_a_character_may_be_split_between_fragments() -> None:
    """Only the whole message must be UTF-8."""
    connection, notebook = shaken(traffic_of(Workshop()))
    text = REQUEST.replace(b"r1", "€".encode())
    cut = text.index("€".encode()) + 1

    connection.data_received(b"".join(fragments(text[:cut], text[cut:])))

    (answer,) = notebook.read()
    assert "€" == answer.answer["requestId"]


async def test_invalid_utf_8_in_a_binary_message_is_a_bad_frame() -> None:
    """It is answered, and the connection lives (deviations.md 9)."""
    connection, notebook = shaken(traffic_of(Workshop()))

    connection.data_received(frame(b'{"requestId":"\xff"}', BINARY) + ask("now", 2))

    refusal, answer = (received.answer for received in notebook.read())
    assert (400, "network.websocket.unexpected_error") == (refusal["status"], refusal["error"]["id"])
    assert (None, "made-up", "made-up") == (refusal["controller"], refusal["requestId"], refusal["room"])
    assert 200 == answer["status"]


VIOLATIONS: dict[str, tuple[int, list[bytes]]] = {
    "unmasked": (1002, [frame(REQUEST, masked=False)]),
    "unmasked ping": (1002, [frame(b"", PING, masked=False)]),
    "reserved bit 1": (1002, [frame(REQUEST, reserved=4)]),
    "reserved bit 2": (1002, [frame(REQUEST, reserved=2)]),
    "reserved bit 3": (1002, [frame(REQUEST, reserved=1)]),
    **{f"opcode {opcode}": (1002, [frame(b"", opcode)]) for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)},
    "split ping": (1002, [frame(b"", PING, fin=False)]),
    "split close": (1002, [frame(b"\x03\xe8", CLOSE, fin=False)]),
    "long ping": (1002, [frame(b"x" * 126, PING)]),
    "long close": (1002, [frame(b"\x03\xe8" + b"x" * 124, CLOSE)]),
    "end without a beginning": (1002, [frame(REQUEST, CONTINUATION)]),
    "message within a message": (1002, [frame(b"{", fin=False), frame(REQUEST)]),
    "close of one byte": (1002, [frame(b"\x03", CLOSE)]),
    **{
        f"close code {code}": (1002, [frame(code.to_bytes(2, "big"), CLOSE)])
        for code in (0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65_535)
    },
    "close reason no UTF-8": (1007, [frame(b"\x03\xe8\xff", CLOSE)]),
}


@pytest.mark.parametrize(("code", "chunks"), VIOLATIONS.values(), ids=VIOLATIONS)
async def test_w07_a_violation_of_the_protocol_closes_without_an_answer(code: int, chunks: list[bytes]) -> None:
    """The connection is failed; neither what breaks the rules nor what follows reaches the application."""
    workshop = Workshop()
    connection, notebook = shaken(traffic_of(workshop))

    connection.data_received(b"".join(chunks) + ask("now"))
    connection.data_received(ask("now") + frame(b"?", PING))

    (close,) = notebook.read()
    assert (code, []) == (close.code, workshop.begun)
    assert notebook.is_ended


async def test_w07_a_violation_is_answered_over_tcp(serve: Serve) -> None:
    """The close frame arrives though the client goes on sending, and the stream ends."""
    wire = await (await serve()).shake_hands()

    await wire.send(frame(b"", 3), *[ask("now")] * 10_000)

    assert 1002 == await wire.close_code()


@pytest.mark.parametrize("waits", [False, True], ids=["at once", "later"])
async def test_nothing_is_run_once_an_action_ended_the_connection(*, waits: bool) -> None:
    """Requests behind the one that ended the connection are not begun, and no answer follows the close frame."""
    begun: list[Any] = []
    workshop = Workshop()

    async def leave(request: Request, context: Context) -> object:
        begun.append(request.request_id)
        if waits:
            await workshop(request, context)
        raise Disconnect(4401, "revoked")

    connection, notebook = shaken(traffic_of(leave, max_in_flight=1))
    connection.data_received(ask("wait", 1) + ask("wait", 2) + ask("wait", 3))
    workshop.door.set()
    await until(lambda: notebook.writes)
    connection.data_received(ask("now", 4) + frame(REQUEST[:9], fin=False) + frame(REQUEST[9:], CONTINUATION))

    (close,) = notebook.read()
    assert (4401, b"revoked") == (close.code, close.payload[2:])
    assert ["r1"] == begun
    assert not notebook.is_ended, "the client's close frame is awaited"


async def test_the_close_handshake_that_we_began_ends_with_the_clients_frame() -> None:
    """Then the stream ends from our side, and nothing more is written."""
    connection, notebook = shaken(traffic_of(Workshop()))

    connection.close(1012, "restart")
    await _turn()
    connection.data_received(frame(b"\x03\xf4", CLOSE))

    assert [Received(CLOSE, b"\x03\xf4restart")] == notebook.read()
    assert notebook.is_ended


async def test_a_connection_that_is_gone_takes_no_message() -> None:
    """Sending, closing, aborting and looking at the clock do nothing, and raise nothing."""
    traffic = traffic_of(Workshop())
    connection, notebook = shaken(traffic)
    connection.connection_lost(ConnectionResetError())

    connection.send(b"{}")
    connection.close(1012, "restart")
    connection.abort()
    connection.check_time(float("inf"))
    connection.pause_writing()
    connection.resume_writing()
    await _turn()

    assert ([], False, set()) == (notebook.writes, notebook.is_aborted, traffic.connections)


async def test_pushed_messages_go_between_answers() -> None:
    """A connection may be sent to at any time; what is sent in one turn leaves in one write."""
    connection, notebook = shaken(traffic_of(Workshop()))

    connection.send(b'{"a":1}')
    connection.send(b'{"b":2}')
    assert [] == notebook.writes
    await _turn()

    assert 1 == len(notebook.writes)
    assert [Received(TEXT, b'{"a":1}'), Received(TEXT, b'{"b":2}')] == notebook.read()


async def _turn() -> None:
    """Let the event loop go round once."""
    await asyncio.sleep(0)
