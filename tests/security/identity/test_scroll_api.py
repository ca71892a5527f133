"""Scrolls: a search whose pages are fetched one by one, for at most a minute, by whoever knows its id."""

import time
from datetime import UTC, datetime
from typing import Any

import pytest
import pytest_asyncio

from tests.security.conftest import House, refusal

pytestmark = pytest.mark.asyncio(loop_scope="module")

NUMBERS = range(5)
KINDS = ("Users", "Profiles")
UNKNOWN: tuple[int, str, list[Any]] = (404, "services.storage.unknown_scroll_id", [])


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def documents(house: House) -> None:
    """Five users and five profiles, tagged."""
    for number in NUMBERS:
        content = {"profileIds": ["default"], "tags": ["x"]}
        await house.admin.succeed("security:createUser", _id=f"d{number}", body={"content": content})
        policies = [{"roleId": "default"}]
        body = {"policies": policies, "tags": ["x"]}
        await house.admin.succeed("security:createProfile", _id=f"d{number}", body=body)


def ids(page: dict[str, Any]) -> list[str]:
    """The ids of a page."""
    return [hit["_id"] for hit in page["hits"]]


async def begin(house: House, kind: str, **arguments: Any) -> dict[str, Any]:
    """The first page of what is tagged, in order; two hits of it, unless told otherwise."""
    usual = {"scroll": "10s", "size": 2, "body": {"query": {"term": {"tags": "x"}}, "sort": ["_id"]}}
    page = await house.admin.succeed(f"security:search{kind}", **{**usual, **arguments})
    assert {"hits", "scrollId", "total"} == set(page)
    return dict(page)


@pytest.mark.parametrize("kind", KINDS)
async def test_pages_follow_each_other_until_the_end(house: House, kind: str) -> None:
    """As the SDK does it, sending `scroll` along; the page that reaches the end is the last that can be asked for."""
    page = await begin(house, kind)
    pages = [page]
    while sum(len(each["hits"]) for each in pages) < page["total"]:
        page = await house.admin.succeed(f"security:scroll{kind}", scrollId=page["scrollId"], scroll="10s")
        pages.append(page)

    assert [["d0", "d1"], ["d2", "d3"], ["d4"]] == [ids(each) for each in pages]
    assert [5, 5, 5] == [each["total"] for each in pages]
    assert UNKNOWN == await refusal(house.admin, f"security:scroll{kind}", scrollId=page["scrollId"])


@pytest.mark.parametrize("kind", KINDS)
async def test_a_first_page_with_everything_has_an_id_all_the_same(house: House, kind: str) -> None:
    """The next page is empty, and ends it."""
    page = await begin(house, kind, size=10)
    assert 5 == len(page["hits"])

    following = await house.admin.succeed(f"security:scroll{kind}", scrollId=page["scrollId"])

    assert ([], 5) == (following["hits"], following["total"])
    assert UNKNOWN == await refusal(house.admin, f"security:scroll{kind}", scrollId=page["scrollId"])


async def test_a_scroll_of_one_kind_does_not_go_on_in_another(house: House) -> None:
    """Nor is it used up by the attempt."""
    users, profiles = await begin(house, "Users"), await begin(house, "Profiles")

    assert UNKNOWN == await refusal(house.admin, "security:scrollProfiles", scrollId=users["scrollId"])
    assert UNKNOWN == await refusal(house.admin, "security:scrollUsers", scrollId=profiles["scrollId"])
    assert ["d2", "d3"] == ids(await house.admin.succeed("security:scrollUsers", scrollId=users["scrollId"]))


@pytest.mark.parametrize("scroll_id", ["", "nope", "0" * 32, "a\0b", "$where"], ids=repr)
@pytest.mark.parametrize("kind", KINDS)
async def test_an_unknown_scroll_is_not_found(house: House, kind: str, scroll_id: str) -> None:
    """404."""
    assert UNKNOWN == await refusal(house.admin, f"security:scroll{kind}", scrollId=scroll_id)


async def test_a_scroll_remembers_its_search(house: House) -> None:
    """Koncorde, roles, `from` and order hold for the pages to come; what joins later may join in."""
    query = {"and": [{"equals": {"tags": "x"}}, {"not": {"equals": {"_id": "d1"}}}]}
    body = {"query": query, "sort": [{"_id": "desc"}]}

    page = await begin(house, "Users", lang="koncorde", body=body, **{"from": 1})
    following = await house.admin.succeed("security:scrollUsers", scrollId=page["scrollId"])

    assert (["d3", "d2"], ["d0"], 4) == (ids(page), ids(following), following["total"])

    page = await begin(house, "Profiles", body={"roles": ["default"], "sort": ["_id"]}, size=5)
    following = await house.admin.succeed("security:scrollProfiles", scrollId=page["scrollId"])
    assert ["d0", "d1", "d2", "d3", "d4", "default"] == sorted(ids(page) + ids(following))


@pytest.mark.parametrize("scroll", ["1m", "60s", "60000", "1 minute", "1"])
async def test_a_scroll_lives_a_minute_at_most(house: House, scroll: str) -> None:
    """Up to exactly a minute, in any way of writing it."""
    await begin(house, "Users", scroll=scroll)


@pytest.mark.parametrize("scroll", ["61s", "60001", "1h", "1y"])
@pytest.mark.parametrize("action", ["searchUsers", "searchProfiles", "scrollUsers", "scrollProfiles"])
async def test_a_scroll_does_not_live_longer(house: House, action: str, scroll: str) -> None:
    """400, where one is begun and where it is to go on."""
    assert (400, "services.storage.scroll_duration_too_great", [scroll]) == await refusal(
        house.admin, f"security:{action}", scroll=scroll, scrollId="x"
    )


@pytest.mark.parametrize("scroll", ["x", "0", "-1m", "1m 1s", "1e3"])
async def test_a_scroll_that_is_no_duration_is_refused(house: House, scroll: str) -> None:
    """400."""
    status, error_id, props = await refusal(house.admin, "security:searchUsers", scroll=scroll)

    assert (400, "api.assert.invalid_argument", "scroll") == (status, error_id, (props or [None])[0])


@pytest.mark.parametrize("scroll", [5, True, ["1m"], {"a": 1}], ids=repr)
@pytest.mark.parametrize("action", ["searchUsers", "searchProfiles", "scrollUsers", "scrollProfiles"])
async def test_a_scroll_is_a_text(house: House, action: str, scroll: Any) -> None:
    """400."""
    assert (400, "api.assert.invalid_type", ["scroll", "string"]) == await refusal(
        house.admin, f"security:{action}", scroll=scroll, scrollId="x"
    )


@pytest.mark.parametrize("scroll", [None, "", False, 0], ids=repr)
async def test_a_falsy_scroll_is_none(house: House, scroll: Any) -> None:
    """No id comes back."""
    page = await house.admin.succeed("security:searchUsers", scroll=scroll)

    assert {"hits", "total"} == set(page)


@pytest.mark.parametrize("arguments", [{"size": 0}, {"body": {"sort": ["_id"], "search_after": ["a"]}}], ids=str)
async def test_a_scroll_that_would_not_move_is_refused(house: House, arguments: dict[str, Any]) -> None:
    """Pages of nothing, and pages that always start after the same hit."""
    status, error_id, _ = await refusal(house.admin, "security:searchUsers", scroll="1m", **arguments)

    assert (400, "services.storage.unexpected_bad_request") == (status, error_id)


async def test_a_scroll_ends_with_its_time_and_every_page_puts_it_off(house: House) -> None:
    """By the stored date, whether or not the database has swept; 15 seconds where a page does not say."""
    scrolls = house.database.collection("scrolls")

    def remaining(record: dict[str, Any]) -> float:
        return float(record["expireOn"].timestamp() - time.time())

    page = await begin(house, "Users", scroll="50s", size=1)
    (record,) = await scrolls.find({"_id": page["scrollId"]})
    assert 45 < remaining(record) <= 50
    for arguments, least, most in (({}, 10, 15), ({"scroll": "30s"}, 25, 30)):
        await house.admin.succeed("security:scrollUsers", scrollId=page["scrollId"], **arguments)
        (record,) = await scrolls.find({"_id": page["scrollId"]})
        assert least < remaining(record) <= most

    await scrolls.update_one({"_id": page["scrollId"]}, {"$set": {"expireOn": datetime.now(UTC)}})

    assert UNKNOWN == await refusal(house.admin, "security:scrollUsers", scrollId=page["scrollId"])
