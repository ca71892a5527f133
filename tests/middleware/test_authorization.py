"""May they: the name of the action and the places of the request against the rights of the caller."""

from typing import Any, cast

import pytest

from gateway.actions import Context, Principal
from gateway.middleware.authorization import authorization
from gateway.protocol.messages import Request
from gateway.security.first_admin import FirstAdmin
from gateway.security.rights import CompiledRights, Policy, compile_restriction
from tests.driving import SilentConnection
from tests.middleware.driving import Reached, request, run, run_refused

RIGHTS = CompiledRights(
    [
        Policy({"free": {"*": True}}),
        Policy(
            {"document": {"get": True}},
            compile_restriction([{"index": "sea"}, {"index": "air", "collections": ["birds"]}, {"index": "5"}]),
        ),
    ]
)


class Doorkeeper:
    """Lets pass, or not, whoever was refused; notes whom."""

    def __init__(self, *, lets_pass: bool = False) -> None:
        self.lets_pass = lets_pass
        self.asked: list[tuple[str, str, bool]] = []

    async def may_pass(self, request: Request, principal: Principal, *, is_local: bool) -> bool:
        """Answer as was said at the beginning."""
        self.asked.append((f"{request.controller}:{request.action}", principal.kuid, is_local))
        return self.lets_pass


def ask(frame: str, *, kuid: str = "alice", door: Doorkeeper | None = None, is_local: bool = True) -> object:
    """Send a frame as a user with `RIGHTS`."""
    endpoint = authorization(cast("FirstAdmin", door or Doorkeeper()))(Reached())
    connection = SilentConnection()
    connection.is_local = is_local
    context = Context(connection, Principal(kuid, ("p",), RIGHTS))
    return run(endpoint, request(frame), context)


def refused(frame: str, **options: Any) -> tuple[int, str | None, tuple[Any, ...]]:
    """Send a frame that must be refused."""
    return run_refused(lambda: ask(frame, **options))


def get(members: str) -> str:
    """The frame of a restricted action."""
    return f'{{"controller":"document","action":"get"{members}}}'


def test_what_is_allowed_goes_through() -> None:
    """And nobody asks whether there is an administrator."""
    door = Doorkeeper()

    assert "reached" == ask('{"controller":"free","action":"no-such-action"}', door=door)
    assert [] == door.asked


@pytest.mark.parametrize(
    ("kuid", "status", "error_id"),
    [("-1", 401, "security.rights.unauthorized"), ("alice", 403, "security.rights.forbidden")],
    ids=["anonymous", "somebody"],
)
def test_what_is_not_allowed_is_named(kuid: str, status: int, error_id: str) -> None:
    """401 for the anonymous, 403 for everybody else, with controller, action and who asked."""
    frame = '{"controller":"security","action":"createApiKey"}'

    assert (status, error_id, ("security", "createApiKey", kuid)) == refused(frame, kuid=kuid)


@pytest.mark.parametrize(
    "members",
    [
        "",
        ',"index":null',
        ',"index":""',
        ',"index":"sea"',
        ',"index":"sea","collection":"fish"',
        ',"index":"air"',
        ',"index":"air","collection":null',
        ',"index":"air","collection":"birds"',
        ',"collection":"anything"',
        ',"index":5',
        ',"index":"land","index":"sea"',
        r',"index":"\u0073ea"',
    ],
)
def test_a_place_within_the_restriction_is_allowed(members: str) -> None:
    """Names are compared as texts, as the action will read them."""
    assert "reached" == ask(get(members))


@pytest.mark.parametrize(
    "members",
    [
        ',"index":"land"',
        ',"index":"SEA"',
        ',"index":"sea "',
        ',"index":"*"',
        ',"index":"air","collection":"planes"',
        ',"index":"air","collection":""',
        ',"index":"sea","index":"land"',
        ',"index":["sea"]',
        ',"index":["land"]',
        ',"index":{"sea":1}',
        ',"index":true',
        ',"index":0',
        ',"index":6',
        ',"index":1e999',
        ',"index":"air","collection":["birds"]',
        ',"index":"air","collection":5',
    ],
)
def test_a_place_outside_the_restriction_is_refused(members: str) -> None:
    """What is no text is no way around it."""
    assert (403, "security.rights.forbidden") == refused(get(members))[:2]


@pytest.mark.parametrize(
    "targets",
    [
        "null",
        "[]",
        '[{"index":"sea","collections":["fish","ships"]}]',
        '[{"index":"sea","collections":["fish"]},{"index":"air","collections":["birds"]}]',
        '[{"index":"land"}]',
        '[{"index":"land","collections":[]}]',
        '[{"collections":["fish"]}]',
        "[5,null,{}]",
    ],
)
def test_targets_that_are_all_allowed_go_through(targets: str) -> None:
    """Those that lack an index or collections name no place."""
    assert "reached" == ask(get(f',"targets":{targets}'))


@pytest.mark.parametrize(
    "targets",
    [
        '[{"index":"land","collections":["fish"]}]',
        '[{"index":"sea","collections":["fish"]},{"index":"land","collections":["fish"]}]',
        '[{"index":"air","collections":["birds","planes"]}]',
        '[{"index":"sea","collections":["*"]}]',
        '[{"index":"*","collections":["fish"]}]',
        '[{"index":"sea","collections":["fi*"]}]',
        '[{"index":["sea"],"collections":["fish"]}]',
        '[{"index":"land","collections":"fish"}]',
    ],
)
def test_one_target_that_is_not_allowed_spoils_all(targets: str) -> None:
    """Every pair must be allowed; a name with `*` never is."""
    assert (403, "security.rights.forbidden") == refused(get(f',"targets":{targets}'))[:2]


def test_a_wildcard_among_the_targets_is_refused_to_everybody() -> None:
    """Also where nothing restricts."""
    frame = '{"controller":"free","action":"x","targets":[{"index":"i","collections":["*"]}]}'

    assert (403, "security.rights.forbidden") == refused(frame)[:2]


@pytest.mark.parametrize("is_local", [True, False])
def test_the_door_is_asked_only_about_what_was_refused(*, is_local: bool) -> None:
    """It learns who asks for what, and from where."""
    frame = '{"controller":"security","action":"createFirstAdmin"}'
    door = Doorkeeper(lets_pass=True)

    assert "reached" == ask(frame, kuid="-1", door=door, is_local=is_local)
    assert [("security:createFirstAdmin", "-1", is_local)] == door.asked
