"""Invariant: whatever bytes arrive as a message, `Dispatcher.handle` returns exactly one answer and never raises.

The answer is JSON in UTF-8: an object with `node`, a string `room` and an integer `status` that agrees with `error`.
Where the message holds a `requestId` at its root that a client could recognise (a non-empty string of Unicode), the
answer has it, as `requestId` and as `room`. No message of a client is ever reported as a fault of the server.
"""

import json
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from gateway.actions import Context, Controller, Endpoint, action
from gateway.dispatch import Dispatcher
from gateway.protocol.arguments import Arguments, OptionalId, RequiredId
from gateway.protocol.codec import decode_text
from gateway.protocol.errors import api_error
from gateway.protocol.messages import Request
from gateway.routing import Router
from gateway.security.api_keys.arguments import CreateKey, DeleteKey, SearchKeys
from gateway.security.lifetimes import end_of_life, life_span
from gateway.security.records import check_content, check_id
from tests.driving import SilentConnection, drive
from tests.fuzz.budget import examples

STATUSES = {200, 206, 400, 401, 403, 404, 412, 413, 429, 503}
NOW = 1_700_000_000_000

VALID = (
    b'{"controller":"security","action":"createApiKey","requestId":"r-1","jwt":null,"_id":"key","userId":"alice",'
    b'"expiresIn":"30d","refresh":"wait_for","volatile":{"sdkName":"js@7.17.1","sdkInstanceId":"i"},'
    b'"body":{"description":"for the \\u00e9lan \\ud83d\\ude00 \\"sensor\\""}}'
)


class Anything(Arguments, frozen=True, kw_only=True):
    """An argument of every kind."""

    text: str = ""
    flag: bool = False
    number: int = 0
    words: list[Any] | None = None
    required: RequiredId = "x"
    optional: OptionalId = None
    body: dict[str, Any]


class Keys(Controller):
    """The real arguments and the real checks of values, without a database behind them."""

    name = "security"

    @action("createApiKey")
    async def create(self, key: CreateKey) -> Any:
        """Read everything that minting reads."""
        span = life_span(key.expires_in)
        key_id = check_id(key.id) if key.id else "made"
        return [key.user_id, key_id, key.body.description, span, end_of_life(NOW, span)]

    @action("searchApiKeys")
    def search(self, query: SearchKeys) -> Any:
        """Give back what was read."""
        return [query.user_id, query.first, query.size, query.lang, query.body]

    @action("deleteApiKey")
    def delete(self, key: DeleteKey) -> Any:
        """Give back what was read."""
        return [key.user_id, key.id, key.fingerprint, key.key]

    @action("anything")
    def anything(self, arguments: Anything) -> Any:
        """Give back what could be stored."""
        check_content(arguments.body)
        return [arguments.text, arguments.flag, arguments.number, arguments.words, arguments.optional, arguments.body]


def _rights(endpoint: Endpoint) -> Endpoint:
    async def look(request: Request, context: Context) -> object:
        """Look at the places of a request, as every check of rights does."""
        decode_text(request.index)
        decode_text(request.collection)
        return await endpoint(request, context)

    return look


ENDPOINT = _rights(Router([Keys()]))


def answers(frame: bytes) -> list[dict[str, Any]]:
    """What is answered by an idle, by an overloaded and by a stopping gateway."""
    reports: list[Exception] = []
    dispatcher = Dispatcher(
        ENDPOINT,
        node="knode-test",
        new_id=lambda: "made",
        report=lambda error, _: reports.append(error),
    )
    messages = [
        drive(dispatcher.handle(frame, SilentConnection())),
        dispatcher.turn_away(frame, api_error("api.process.overloaded")),
        dispatcher.turn_away(frame, api_error("network.entrypoint.shutting_down")),
    ]
    assert not reports, reports
    return [json.loads(message.decode()) for message in messages]


def hold(frame: bytes) -> None:
    """Check the invariant for one message."""
    wanted = readable_id(frame)
    for answer in answers(frame):
        assert "knode-test" == answer["node"]
        assert isinstance(answer["room"], str)
        assert answer["room"]
        assert answer["status"] in STATUSES, answer
        assert (answer["error"] is None) == (answer["status"] == 200)
        if answer["error"] is not None:
            assert answer["status"] == answer["error"]["status"]
            assert answer["error"]["message"]
        if isinstance(answer["requestId"], str):
            assert answer["room"] == answer["requestId"]
        if wanted is not None:
            assert (wanted, wanted) == (answer["requestId"], answer["room"])


def readable_id(frame: bytes) -> str | None:
    """The `requestId` that a reader without our limits finds; None where there is none to be held to."""
    try:
        message = json.loads(frame.decode(), parse_constant=_refuse)
        request_id = message["requestId"]
        request_id.encode()
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None
    return request_id or None if isinstance(request_id, str) else None


def _refuse(name: str) -> None:
    raise ValueError(name)


# Characters with lone surrogates among them: JSON can spell them, Unicode text cannot hold them.
texts = st.text(st.characters(exclude_categories=()), max_size=12)
odd_numbers = st.sampled_from([10**30, -(10**30), 2**53, 2**63, 2**64, 10**400, 1.5, -0.0, 1e300, 5e-324])
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | odd_numbers | texts
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4), max_leaves=12
)

names = st.sampled_from(["security", "createApiKey", "searchApiKeys", "deleteApiKey", "anything", "", "nobody"])
likely: st.SearchStrategy[Any] = st.sampled_from(
    [None, "alice", "-1", "12abc", "30d", "0", 0, -1, 5, True, {}, [], {"description": "d"}]
)
envelopes = st.fixed_dictionaries(
    {"controller": st.just("security") | names | values, "action": names | values},
    optional={
        "requestId": texts | values,
        "jwt": texts | st.none() | values,
        "volatile": st.dictionaries(st.sampled_from(["sdkName", "sdkVersion"]) | texts, texts | values, max_size=3)
        | values,
        **dict.fromkeys(["_id", "index", "collection", "userId", "expiresIn", "from", "size"], likely | values),
        **dict.fromkeys(["text", "flag", "number", "words", "required", "optional"], likely | values),
        "targets": st.lists(values, max_size=2) | values,
        "body": st.dictionaries(st.just("description") | texts, texts | values, max_size=3) | values,
    },
)


def written(value: Any) -> bytes:
    """JSON as a client might write it; infinity as the number that JavaScript reads as such."""
    return json.dumps(value).replace("Infinity", "1e999").encode()


breakers = [*(bytes([byte]) for byte in b'"\\{}[],:'), b"null", b"1e999", b"\\ud800", b"\xff", b"[" * 90]
pieces = st.binary(max_size=6) | st.sampled_from(breakers)


@st.composite
def mutations(draw: st.DrawFn) -> bytes:
    """A valid request, cut, doubled, overwritten or stuffed in up to three places."""
    frame = VALID
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(frame)))
        end = draw(st.integers(start, min(start + 40, len(frame))))
        middle = draw(st.just(b"") | pieces | st.just(frame[start:end] * 2))
        frame = frame[:start] + middle + frame[end:]
    return frame


@st.composite
def replacements(draw: st.DrawFn) -> bytes:
    """A valid request with other values under its keys, some keys twice."""
    fields: list[tuple[str, Any]] = list(json.loads(VALID).items())
    for _ in range(draw(st.integers(1, 3))):
        name = draw(st.sampled_from([key for key, _ in fields] + ["index", "targets"]))
        fields.insert(draw(st.integers(0, len(fields))), (name, draw(likely | values)))
    if draw(st.booleans()):
        del fields[draw(st.integers(0, len(fields) - 1))]
    return b"{" + b",".join(written(name) + b":" + written(value) for name, value in fields) + b"}"


@examples(150)
@given(st.binary(max_size=200))
@example(b"")
@example(b"[" * 200_000)
@example(b'{"a":"' + b'\\"' * 100_000 + b"[" * 100)
@example(b'"\\ud800"')
def test_any_bytes_are_answered(frame: bytes) -> None:
    """Noise, and what was made to be slow."""
    hold(frame)


@examples(150)
@given(values)
def test_any_json_is_answered(value: Any) -> None:
    """Objects, arrays and scalars, with numbers and text of every kind."""
    hold(written(value))


@examples(300)
@given(envelopes)
def test_any_envelope_is_answered(envelope: dict[str, Any]) -> None:
    """The keys that mean something, with values of any type."""
    hold(written(envelope))


@examples(300)
@given(mutations())
def test_a_damaged_request_is_answered(frame: bytes) -> None:
    """A frame as it comes out of a broken client or a broken proxy."""
    hold(frame)


@examples(300)
@given(replacements())
def test_a_request_with_strange_values_is_answered(frame: bytes) -> None:
    """JSON that is well formed and means nothing."""
    hold(frame)


def test_the_valid_request_is_one() -> None:
    """What the mutations start from succeeds, so that they do not all fail at the same place."""
    [answer, *_] = answers(VALID)

    assert (200, "r-1") == (answer["status"], answer["requestId"])
    assert ["alice", "key", 'for the \u00e9lan \U0001f600 "sensor"', 2_592_000_000] == answer["result"][:4]
