"""Several processes, one truth: what ends on one node ends on all of them, and whoever uses it is told.

"At once" means before the answer of what ended it leaves; elsewhere it is a matter of waiting, and no longer than the
bound.
"""

import asyncio
from functools import partial

import pytest

from gateway.security.tokens import fingerprint
from gateway.storage.changes import Change
from tests.security.nodes import Node, Outcome, Socket
from tests.security.revocation.people import ENDINGS, EXPIRED, INVALID, OK, WHO, Ending, User, is_refused, used
from tests.storage.conftest import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

FORBIDDEN: Outcome = (403, "security.rights.forbidden")


@pytest.mark.parametrize(("kind", "end"), ENDINGS.values(), ids=ENDINGS)
async def test_k10_what_ends_is_refused_and_told_on_every_node(
    nodes: list[Node], user: User, kind: str, end: Ending
) -> None:
    """At once where it was ended, soon elsewhere; each connection is told once, and the tokens of others stay."""
    token, other = user.token(kind), User(nodes[0])
    await other.register()
    sockets, others = await used(nodes, token), await used(nodes, other.token(kind))

    await end(nodes[0], user)

    assert INVALID == await nodes[0].outcome(WHO, token)
    assert EXPIRED == sockets[0].told
    async with asyncio.timeout(1):
        for one in nodes[1:]:
            await until(partial(is_refused, one, token))
        await until(lambda: all(socket.told == EXPIRED for socket in sockets))
    assert [[]] * 3 == [socket.told for socket in others]
    assert [OK] * 3 == [await one.outcome(WHO, other.token(kind)) for one in nodes]
    assert [EXPIRED] * 3 == [socket.told for socket in sockets], "told twice"


@pytest.mark.parametrize("other", ["login", "key"])
async def test_what_ends_one_kind_leaves_the_other(nodes: list[Node], user: User, other: str) -> None:
    """RevokeTokens spares keys, deleting a key spares logins."""
    sockets = await used(nodes, user.token(other))
    if other == "key":
        await nodes[0].succeed("security:revokeTokens", _id=user.kuid)
    else:
        await nodes[0].succeed("security:deleteApiKey", userId=user.kuid, _id=user.key_id)
    ended = user.login if other == "key" else user.key
    await until(lambda: is_refused(nodes[2], ended))

    assert [OK] * 3 == [await one.outcome(WHO, user.token(other)) for one in nodes]
    assert [[]] * 3 == [socket.told for socket in sockets]


async def test_whoever_logs_out_is_not_told_and_the_others_are(nodes: list[Node], user: User) -> None:
    """Theirs are the only connections to which it is no news, whatever tokens of theirs they have used."""
    second = await user.log_in()
    mine = nodes[0].connect()
    sockets = await used(nodes, user.login)
    for token in (user.login, second):
        assert OK == await nodes[0].outcome(WHO, token, over=mine)

    await nodes[0].succeed("auth:logout", user.login, over=mine, **{"global": True})

    await until(lambda: all(socket.told == EXPIRED for socket in sockets))
    assert [INVALID] * 2 == [await nodes[0].outcome(WHO, token) for token in (user.login, second)]
    assert [] == mine.told


async def test_a_key_stays_in_use_after_a_logout(nodes: list[Node], user: User) -> None:
    """Nothing is removed; the next request links the connection again."""
    (socket, *_) = await used(nodes, user.key)
    await nodes[0].succeed("auth:logout", user.key, over=socket)
    assert OK == await nodes[0].outcome(WHO, user.key, over=socket)

    await nodes[0].succeed("security:deleteApiKey", userId=user.kuid, _id=user.key_id)
    assert EXPIRED == socket.told


async def test_links_move_to_a_refreshed_token_on_every_node(nodes: list[Node], user: User) -> None:
    """The end of the old one is no news to anybody, not even to a request that still uses it; that of the new is."""
    sockets = await used(nodes, user.login)
    old = user.login

    new = (await nodes[0].succeed("auth:refreshToken", old, over=sockets[0]))["jwt"]

    for one, socket in zip(nodes, sockets, strict=True):
        await until(partial(_is_linked_to, one, socket, new))
    for one, socket in zip(nodes, sockets, strict=True):  # its grace is a second
        if await one.outcome(WHO, old, over=socket) == OK:
            assert [fingerprint(new)] == _marks(one, socket)
    for one in nodes:
        await until(partial(is_refused, one, old))
    assert [[]] * 3 == [socket.told for socket in sockets]

    await nodes[1].succeed("auth:logout", new)
    await until(lambda: all(socket.told == EXPIRED for socket in sockets))


def _is_linked_to(where: Node, socket: Socket, token: str) -> bool:
    return [fingerprint(token)] == _marks(where, socket)


def _marks(where: Node, socket: Socket) -> list[str]:
    return [session.fingerprint for session in where.rooms.upkeep.links.sessions_of(socket)]


async def test_a_login_links_its_connection(nodes: list[Node], user: User) -> None:
    """Before any request with the token; createToken does not, for its token may be for somebody else."""
    socket = nodes[0].connect()
    token = await user.log_in(over=socket)
    assert [fingerprint(token)] == _marks(nodes[0], socket)

    made = (await nodes[0].succeed("auth:createToken", token, over=socket))["token"]
    await nodes[0].succeed("auth:logout", made)
    assert [] == socket.told
    await nodes[1].succeed("auth:logout", token)
    await until(lambda: socket.told == EXPIRED)


async def test_a_single_use_token_is_never_remembered(nodes: list[Node], user: User) -> None:
    """It counts once, on whatever node, and its end is no news."""
    for order in ([0, 1, 2], [2, 0, 0]):
        token = (await nodes[0].succeed("auth:createToken", user.login, singleUse=True))["token"]
        sockets = [nodes[number].connect() for number in order]
        outcomes = [
            await nodes[number].outcome(WHO, token, over=socket) for number, socket in zip(order, sockets, strict=True)
        ]
        assert [OK, INVALID, INVALID] == outcomes
        assert [[]] * 3 == [socket.told for socket in sockets]


async def test_k04_rights_are_those_of_this_moment(nodes: list[Node], user: User) -> None:
    """Another profile, a profile taken off, another role: at once where it was changed, soon elsewhere."""
    sockets = await used(nodes, user.key)
    nothing = {"controllers": {"auth": {"actions": {"logout": True}}}}
    names = {"_id": f"less-{user.kuid}"}
    await nodes[0].succeed("security:createRole", **names, body=nothing)
    await nodes[0].succeed("security:createProfile", **names, body={"policies": [{"roleId": names["_id"]}]})

    await nodes[0].succeed("security:updateUser", _id=user.kuid, body={"profileIds": [names["_id"]]})
    await _become(nodes, user.key, FORBIDDEN)
    everything = {"controllers": {"*": {"actions": {"*": True}}}}
    await nodes[0].succeed("security:createOrReplaceRole", **names, body=everything)
    await _become(nodes, user.key, OK)
    await nodes[0].succeed("security:createOrReplaceRole", **names, body=nothing)
    await _become(nodes, user.key, FORBIDDEN)
    await nodes[0].succeed("security:deleteProfile", **names, onAssignedUsers="remove")
    await _become(nodes, user.key, OK)  # as the anonymous, who may do everything in this house
    assert [[]] * 3 == [socket.told for socket in sockets]


async def _become(nodes: list[Node], token: str, outcome: Outcome) -> None:
    assert outcome == await nodes[0].outcome(WHO, token)
    async with asyncio.timeout(2):
        for one in nodes[1:]:

            async def has_become(one: Node = one) -> bool:
                return outcome == await one.outcome(WHO, token)

            await until(has_become)


async def test_a_profile_that_is_made_again_gives_nothing_to_those_who_had_it(nodes: list[Node], user: User) -> None:
    """What is remembered of a user does not outlive the profile."""
    names = {"_id": f"again-{user.kuid}"}
    policies = {"policies": [{"roleId": "admin"}]}
    await nodes[0].succeed("security:createProfile", **names, body=policies)
    await nodes[0].succeed("security:updateUser", _id=user.kuid, body={"profileIds": [names["_id"]]})
    await used(nodes, user.key)

    await nodes[0].succeed("security:deleteProfile", **names, onAssignedUsers="remove")
    await nodes[0].succeed("security:createProfile", **names, body=policies)

    for one in nodes:

        async def is_anonymous(one: Node = one) -> bool:
            return "-1" != user.kuid and ("anonymous",) == (await one.rooms.sessions.recognise(user.key))[1].profile_ids

        await until(is_anonymous)


async def test_a_record_that_is_changed_by_hand_counts_as_it_is(nodes: list[Node], user: User) -> None:
    """An operator who shortens a key's life in the database is heard of; the end is told when it comes."""
    sockets = await used(nodes, user.key)
    end = nodes[0].rooms._now() + 300
    await nodes[0].rooms.collections.keys.update_one({"_id": user.key_id}, {"$set": {"expiresAt": end}})

    await until(lambda: all(socket.told == EXPIRED for socket in sockets))

    assert nodes[0].rooms._now() >= end
    assert [INVALID] * 3 == [await one.outcome(WHO, user.key) for one in nodes]


async def test_a_key_whose_id_was_used_before_is_not_taken_for_the_dead_one(nodes: list[Node], user: User) -> None:
    """News of the old key may come when the new one is in use already."""
    await used(nodes, user.key)
    await nodes[0].succeed("security:deleteApiKey", userId=user.kuid, _id=user.key_id)
    body = {"description": ""}
    again = await nodes[0].succeed("security:createApiKey", userId=user.kuid, _id=user.key_id, body=body)
    token = again["_source"]["token"]
    sockets = await used(nodes, token)
    for one in nodes:
        one.rooms.upkeep.revocations.changed(Change("api-keys", user.key_id, "delete"))
        await one.rooms.upkeep.revocations.settle()

    assert [OK] * 3 == [await one.outcome(WHO, token) for one in nodes]
    assert [[]] * 3 == [socket.told for socket in sockets]


async def test_a_history_that_is_lost_is_made_up_for(nodes: list[Node], user: User) -> None:
    """Everything is forgotten, every token in use is looked up, and those that ended meanwhile are told of."""
    where = nodes[2]
    other = User(nodes[0])
    await other.register()
    (ended, stays) = [(await used([where], token))[0] for token in (user.key, other.key)]
    await where.stop()
    await nodes[0].succeed("security:deleteApiKey", userId=user.kuid, _id=user.key_id)
    where.rooms.upkeep.follower._position = {"_data": "of a history that nobody has"}

    await where.follow()
    await until(lambda: ended.told == EXPIRED)

    assert INVALID == await where.outcome(WHO, user.key)
    assert OK == await where.outcome(WHO, other.key)
    assert [] == stays.told


async def test_what_ends_while_the_stream_is_broken_is_told_when_it_is_back(nodes: list[Node], user: User) -> None:
    """From where it stopped."""
    where = nodes[2]
    (socket,) = await used([where], user.key)
    await where.stop()
    await nodes[0].succeed("security:deleteApiKey", userId=user.kuid, _id=user.key_id)

    await where.follow()

    await until(lambda: socket.told == EXPIRED)
    assert INVALID == await where.outcome(WHO, user.key)
