"""Middleware that a program hands to the gateway it embeds."""

from gateway import Config, Context, Endpoint, Gateway, Middleware, NotFoundError, Request
from tests.client import ADMIN
from tests.conftest import Connect


def remembering(seen: list[str], mark: str) -> Middleware:
    """A middleware that notes who comes by."""

    def around(endpoint: Endpoint) -> Endpoint:
        async def remember(request: Request, context: Context) -> object:
            seen.append(f"{mark} {request.controller}:{request.action} {context.principal.kuid}")
            result = await endpoint(request, context)
            seen.append(f"{mark} done")
            return result

        return remember

    return around


def replacing(endpoint: Endpoint) -> Endpoint:
    """A middleware that answers, refuses, and passes on."""

    async def replace(request: Request, context: Context) -> object:
        if request.action == "publicApi":
            return {"replaced": True}
        if request.action == "getMyRights":
            raise NotFoundError("No rights today.")
        return await endpoint(request, context)

    return replace


async def test_own_middleware_stands_between_ours_and_the_action(config: Config, connect: Connect) -> None:
    """Outermost first; who asks is known by then, and what is not allowed does not come by."""
    seen: list[str] = []
    async with Gateway(config, middleware=[remembering(seen, "outer"), remembering(seen, "inner")]) as gateway:
        client = await connect(gateway)
        await client.succeed("security:createFirstAdmin", _id="admin", body={"credentials": {"local": ADMIN}})
        await client.login(**ADMIN)
        seen.clear()

        await client.succeed("auth:getCurrentUser")
        await client.fail("security:getUser", _id="admin", jwt=None)
        await client.fail("auth:getCurrentUser", jwt="forged")

    outer, inner = (f"{mark} auth:getCurrentUser admin" for mark in ("outer", "inner"))
    assert [outer, inner, "inner done", "outer done"] == seen


async def test_own_middleware_may_answer_and_refuse(config: Config, connect: Connect) -> None:
    """What it returns is the result, what it raises the error."""
    async with Gateway(config, middleware=[replacing]) as gateway:
        client = await connect(gateway)

        assert {"replaced": True} == await client.succeed("server:publicApi")
        answer = await client.ask("auth:getMyRights")
        assert {"message": "No rights today.", "status": 404} == answer["error"]
        assert "-1" == (await client.succeed("auth:getCurrentUser"))["_id"]
