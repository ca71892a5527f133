"""One HTTP request, one answer: what needs no rights, who is asking, and what becomes of a fault."""

import asyncio
import json
from typing import Any

import pytest

from gateway.actions import Context
from gateway.dispatch import Dispatcher
from gateway.protocol.messages import Request
from gateway.security.origins import Origins
from gateway.transports.peers import TrustedProxies
from gateway.transports.traffic import Limits, Traffic
from tests.transports.doubles import Workshop, opened, traffic_of, until
from tests.transports.http_wire import Answer, answers_in, http, written

HTML = "Accept: text/html"


async def answer_to(sent: bytes, traffic: Traffic | None = None, *, heads_only: bool = False) -> Answer:
    """The one answer to a request."""
    connection, notebook = opened(traffic or traffic_of(Workshop()))
    connection.data_received(sent)
    await until(lambda: notebook.writes)
    (answer,) = answers_in(b"".join(notebook.writes), heads_only=heads_only)
    return answer


class Witness:
    """An action that notes who calls it."""

    def __init__(self) -> None:
        self.seen: list[tuple[Request, Context]] = []

    async def __call__(self, request: Request, context: Context) -> object:
        """Answer with the address."""
        self.seen.append((request, context))
        return context.connection.address


def asked_by(witness: Witness, **options: Any) -> Traffic:
    """Requests that a witness sees."""
    dispatcher = Dispatcher(witness, node="knode-test", new_id=lambda: "made-up", report=lambda *_: None)
    return Traffic(dispatcher, Limits(), **options)


# What needs no rights.


@pytest.mark.parametrize("path", ["/_healthcheck", "/_healthcheck/", "/_healthcheck?a=b", "/_ready", "/_ready/"])
async def test_a_probe_is_answered_without_an_action(path: str) -> None:
    """In an envelope without controller, action and result."""
    envelope = (await answer_to(http("GET", path))).envelope

    assert (200, None, None, None) == tuple(envelope[key] for key in ("status", "controller", "action", "result"))


@pytest.mark.parametrize("path", ["/_healthCheck", "/_READY", "//_ready", "/_ready/x"])
async def test_what_is_almost_a_probe_is_none(path: str) -> None:
    """Letter case and segments count (http.md §2)."""
    assert "network.http.url_not_found" == (await answer_to(http("GET", path))).error_id


@pytest.mark.parametrize("target", ["*", "/", "/now", "/nowhere", "/_ready?x"])
async def test_options_are_answered_everywhere(target: str) -> None:
    """200 with an empty object, no action runs."""
    envelope = (await answer_to(http("OPTIONS", target))).envelope

    assert ({}, None) == (envelope["result"], envelope["action"])


async def test_the_head_of_the_root_is_that_of_an_answer() -> None:
    """200 with the length of a body that does not come; other paths have no HEAD."""
    answer = await answer_to(http("HEAD", "/"), heads_only=True)
    missing = await answer_to(http("HEAD", "/now"), heads_only=True)

    assert [(200, True), (404, True)] == [
        (each.status, int(each.headers["content-length"]) > 0) for each in (answer, missing)
    ]


@pytest.mark.parametrize(
    "accept",
    [
        "text/html",
        "TEXT/HTML",
        "text/html;q=0.1",
        "application/json;q=0.9, text/html",
        "text/html;level=1",
        "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8",
    ],
)
async def test_who_asks_for_a_page_by_name_gets_it(accept: str) -> None:
    """At the root, with the policy that goes with it; a HEAD is a probe all the same."""
    answer = await answer_to(http("GET", "/", f"Accept: {accept}", host="gate.example"))

    assert (200, "text/html; charset=utf-8") == (answer.status, answer.headers["content-type"])
    assert (b"<p>gate.example True False</p>", "default-src 'none'") == (
        answer.body,
        answer.headers["content-security-policy"],
    )
    assert ("no-store", "nosniff", "Accept") == tuple(
        answer.headers[name] for name in ("cache-control", "x-content-type-options", "vary")
    )


@pytest.mark.parametrize(
    "accept",
    ["*/*", "text/*", "application/json", "text/html;q=0", "text/html; q=0.000", "text/htmlx", "x/text/html", "", ","],
)
async def test_everybody_else_gets_the_answer_of_the_api(accept: str) -> None:
    """SDKs and curl ask for nothing in particular; the doubles have no route at the root."""
    assert "network.http.url_not_found" == (await answer_to(http("GET", "/", f"Accept: {accept}"))).error_id
    assert "network.http.url_not_found" == (await answer_to(http("GET", "/x", HTML))).error_id


@pytest.mark.parametrize(("origin", "kind"), [("https://a.example", "text/html"), ("https://b.example", "application")])
async def test_the_page_is_not_for_scripts_of_foreign_sites(origin: str, kind: str) -> None:
    """They could read it, and learn that there is no administrator; they get what they get at every other path."""
    traffic = traffic_of(Workshop(), origins=["https://a.example"])

    answer = await answer_to(http("GET", "/", HTML, f"Origin: {origin}"), traffic)

    assert answer.headers["content-type"].startswith(kind)


@pytest.mark.parametrize("stops", [False, True])
async def test_the_page_tells_that_the_process_is_not_ready(*, stops: bool) -> None:
    """As `/_ready` would: 200 all the same, for a person is to read it."""
    traffic = traffic_of(Workshop())
    traffic.is_draining = stops

    answer = await answer_to(http("GET", "/", HTML), traffic)

    assert (200, b"<p>x %s False</p>" % str(not stops).encode()) == (answer.status, answer.body)


# Who is asking.


async def test_every_request_is_a_connection_of_its_own() -> None:
    """Also on one that is kept: with an id that no client chooses; its protocol is `http`."""
    witness = Witness()
    connection, notebook = opened(asked_by(witness))
    connection.data_received(http("GET", "/now", "X-Kuzzle-Request-Id: mine") + http("GET", "/now") * 2)

    connections = [context.connection for _, context in witness.seen]
    assert (200, "mine") == (written(notebook)[0].status, witness.seen[0][0].request_id)
    assert "mine" not in {each.id for each in connections}
    assert 3 == len({id(each) for each in connections}) == len({each.id for each in connections})
    assert {("http", "127.0.0.1", True)} == {(each.protocol, each.address, each.is_local) for each in connections}


@pytest.mark.parametrize(
    ("headers", "is_local"),
    [
        ((), True),
        (("X-Forwarded-For: 127.0.0.1",), False),
        (("Forwarded: for=127.0.0.1",), False),
        (("Origin: https://evil.example",), False),
    ],
)
async def test_k17_this_machine_is_nobody_who_speaks_for_others(headers: tuple[str, ...], *, is_local: bool) -> None:
    """Neither a proxy nor a page of a stranger."""
    witness = Witness()
    await answer_to(http("GET", "/now", *headers, host="localhost"), asked_by(witness))

    ((_, context),) = witness.seen
    assert is_local is context.connection.is_local


@pytest.mark.parametrize(("trusted", "address"), [((), "127.0.0.1"), (("127.0.0.1",), "192.0.2.7")])
async def test_k17_a_forwarded_address_counts_from_trusted_proxies(trusted: tuple[str, ...], address: str) -> None:
    """The last one that no trusted proxy has; from others it is not read."""
    witness = Witness()
    traffic = asked_by(witness, proxies=TrustedProxies(trusted))

    answer = await answer_to(http("GET", "/now", "X-Forwarded-For: 203.0.113.9, 192.0.2.7"), traffic)

    assert address == answer.envelope["result"]


@pytest.mark.parametrize(
    ("headers", "cookie", "refused"),
    [
        (("Cookie: authToken=a",), None, None),
        (("Origin: https://a.example", "Cookie: x=y; authToken=a"), "a", None),
        (("Origin: https://a.example", "Cookie: x=y", "Cookie: authToken=a"), "a", None),
        (("Origin: https://b.example", "Cookie: authToken=a"), None, "https://b.example"),
        (("Origin: https://a.example",), None, None),
    ],
)
async def test_p08_a_cookie_is_read_under_a_listed_origin(
    headers: tuple[str, ...], cookie: str | None, refused: str | None
) -> None:
    """Under no other; a foreign one is for the dispatcher to refuse, in the name of the action."""
    witness = Witness()
    answer = await answer_to(http("GET", "/now", *headers), asked_by(witness, origins=Origins(["https://a.example"])))

    if refused is None:
        ((_, context),) = witness.seen
        assert (cookie, None) == (context.connection.cookie, context.connection.refused_origin)
    else:
        assert ([], "api.process.unauthorized_origin") == (witness.seen, answer.error_id)
        assert ("test", "now") == (answer.envelope["controller"], answer.envelope["action"])


async def test_a_cookie_that_cannot_be_read_is_told_before_anything_runs() -> None:
    """401 in an envelope, and the connection lives."""
    witness = Witness()
    sent = http("GET", "/now", "Origin: https://a.example", "Cookie: authToken=a; authToken=b")

    answer = await answer_to(sent, asked_by(witness, origins=Origins(["https://a.example"])))

    assert ([], 401, "security.cookie.invalid") == (witness.seen, answer.status, answer.error_id)
    assert "connection" not in answer.headers


# Faults.


@pytest.mark.parametrize("wait", [False, True], ids=["at once", "later"])
async def test_an_action_that_fails_shows_the_client_nothing_and_the_log_everything(*, wait: bool) -> None:
    """500 in an envelope, and the connection lives; so it does where a result has no form in JSON."""
    reports: list[tuple[str, str]] = []

    async def endpoint(request: Request, _context: Context) -> object:
        if wait:
            await asyncio.sleep(0)
        if request.action == "echo":
            return object()
        raise RuntimeError("a secret of the database")

    dispatcher = Dispatcher(
        endpoint,
        node="knode-test",
        new_id=lambda: "made-up",
        report=lambda error, request: reports.append((request.action, str(error))),
    )
    connection, notebook = opened(Traffic(dispatcher, Limits()))
    connection.data_received(http("GET", "/now") + http("GET", "/echo") + http("GET", "/_healthcheck"))
    await until(lambda: b"".join(notebook.writes).count(b"HTTP/1.1") == 3)

    failed, formless, alive = written(notebook)
    for answer in (failed, formless):
        assert (500, "plugin.runtime.unexpected_error") == (answer.status, answer.error_id)
        assert b"secret" not in answer.body
    assert (["now", "echo"], 200) == ([action for action, _ in reports], alive.status)
    assert "a secret of the database" == reports[0][1]


async def test_a_refusal_goes_to_the_page_that_asked() -> None:
    """With its origin and request id, and without a body to HEAD; where no head could be read, without them."""
    headers = ("Origin: https://a.example", "X-Kuzzle-Request-Id: mine", "Content-Type: text/xml")
    refused = await answer_to(http("POST", "/now", *headers, body=b"<a/>"))
    headless = await answer_to(b"nonsense\r\n\r\n")
    bodiless = await answer_to(http("HEAD", "/", *headers), heads_only=True)

    assert ("https://a.example", "mine") == (
        refused.headers["access-control-allow-origin"],
        refused.envelope["requestId"],
    )
    assert ("made-0", None) == (headless.envelope["requestId"], headless.envelope["controller"])
    assert 400 == bodiless.status
    assert ["close"] * 2 == [each.headers["connection"] for each in (refused, headless)]


@pytest.mark.parametrize(
    ("request_", "error_id"),
    [
        (http("GET", "/now", "Content-Type: text/xml"), "unsupported_content"),
        (http("GET", "/now", "Content-Type: application/json; charset=latin1"), "unsupported_charset"),
        (http("TRACE", "/now"), "unsupported_verb"),
    ],
)
async def test_a_connection_survives_a_request_without_a_body_that_is_refused(request_: bytes, error_id: str) -> None:
    """It is known where the next one begins, so that is answered."""
    _, notebook = opened(traffic_of(Workshop()))

    notebook.receive(request_ + http("GET", "/now"))

    said = b"".join(notebook.writes)
    assert (2, 1) == (said.count(b"HTTP/1.1 "), said.count(f'"network.http.{error_id}"'.encode()))
    assert 1 == said.count(b'"result":"now"')
    assert not notebook.is_ended


async def test_an_answer_may_be_indented() -> None:
    """`?pretty`, by name only."""
    for target, is_pretty in (("/now?pretty", True), ("/now?a=b&pretty=0", True), ("/now?prettyx", False)):
        answer = await answer_to(http("GET", target))
        plain = json.dumps(answer.envelope, separators=(",", ":")).encode()
        assert is_pretty is (answer.body == json.dumps(answer.envelope, indent=2).encode())
        assert is_pretty is not (answer.body == plain)
