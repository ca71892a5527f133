"""The main job from end to end, as its users go through it."""

from gateway import Gateway
from tests.client import Client
from tests.conftest import Connect


async def test_a_key_is_minted_used_found_and_revoked(gateway: Gateway, connect: Connect, admin: Client) -> None:
    """From the first administrator to a key that opens nothing any more."""
    await admin.succeed(
        "security:createUser",
        _id="sensor",
        body={"content": {"profileIds": ["default"]}},
    )
    made = await admin.succeed("security:createApiKey", userId="sensor", body={"description": "roof"}, expiresIn="1d")
    device = await connect(gateway)
    device.jwt = made["_source"]["token"]

    user = await device.succeed("auth:getCurrentUser")

    assert "sensor" == user["_id"]

    found = await admin.succeed("security:searchApiKeys", userId="sensor")

    assert [made["_id"]] == [hit["_id"] for hit in found["hits"]]
    assert 1 == found["total"]
    assert "token" not in found["hits"][0]["_source"]

    await admin.succeed("security:deleteApiKey", userId="sensor", _id=made["_id"])

    assert (401, "security.token.invalid") == await device.fail("auth:getCurrentUser")
