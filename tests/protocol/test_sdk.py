"""SDK versions: who is served is decided by what `volatile` says, and never breaks on what else it holds."""

import json
from typing import Any

import pytest
from msgspec import Raw

from gateway.protocol.errors import BadRequestError
from gateway.protocol.sdk import check_sdk

LOWEST = {"js": 7, "csharp": 2, "cpp": 2, "java": 3, "android": 5, "go": 3, "php": 4}
"""The first version of each SDK that speaks this protocol."""


def check(volatile: Any) -> None:
    """Check what a client says of itself."""
    check_sdk(Raw(json.dumps(volatile).encode()))


def refusal(volatile: Any) -> tuple[int, str | None, Any]:
    """Status, id and first prop of the refusal."""
    with pytest.raises(BadRequestError) as caught:
        check(volatile)
    return caught.value.status, caught.value.id, caught.value.props[0]


@pytest.mark.parametrize(("language", "lowest"), list(LOWEST.items()))
def test_the_lowest_version_is_served_and_the_one_before_is_not(language: str, lowest: int) -> None:
    """Only the major number counts."""
    check({"sdkName": f"{language}@{lowest}.0.0"})
    check({"sdkName": f"{language}@{lowest}"})

    too_old = f"{language}@{lowest - 1}.99.99"
    assert (400, "api.process.incompatible_sdk_version", too_old) == refusal({"sdkName": too_old})


@pytest.mark.parametrize("version", ["10", "10.1.0", "10-beta", "12.0.0-rc.1", "7.17.1-beta.1", "1" * 5_000, "07.1"])
def test_a_version_is_read_as_a_number(version: str) -> None:
    """Ten comes after seven, whatever follows it and however long it is."""
    check({"sdkName": f"js@{version}"})


@pytest.mark.parametrize("version", ["1", "6", "6.99", "6-beta", "0", "06"])
def test_an_old_version_is_refused_whatever_follows_it(version: str) -> None:
    """A tag does not hide the number."""
    assert (400, "api.process.incompatible_sdk_version", f"js@{version}") == refusal({"sdkName": f"js@{version}"})


@pytest.mark.parametrize("value", ["1.0.0", "99", "", None, 7, {"a": []}], ids=repr)
def test_the_sign_of_the_first_sdks_is_refused_whatever_it_says(value: Any) -> None:
    """`sdkVersion` was sent by SDKs that speak another protocol, so its mere presence tells."""
    assert (400, "api.process.incompatible_sdk_version", value) == refusal({"sdkVersion": value, "sdkName": "js@7.0.0"})


@pytest.mark.parametrize(
    "name",
    [
        "rust@0.1",
        "@1",
        "js",
        "js@",
        "js@v1",
        "js@latest",
        "js@\u0661",
        "js@\u00b2",
        "JS@1",
        "",
        "js@ 1",
        None,
        1,
        [],
        {},
    ],
    ids=ascii,
)
def test_a_name_that_says_nothing_known_passes(name: Any) -> None:
    """Other names, other forms and other types are none of our business."""
    check({"sdkName": name})


@pytest.mark.parametrize("volatile", [{}, {"a": 1}, {"note": "sdk"}, {"inner": {"sdkVersion": 1, "sdkName": "js@1"}}])
def test_a_client_that_says_nothing_of_itself_passes(volatile: dict[str, Any]) -> None:
    """Only the root of `volatile` counts."""
    check(volatile)


def test_a_long_name_is_read_like_a_short_one() -> None:
    """It is only not remembered."""
    with pytest.raises(BadRequestError) as caught:
        check({"sdkName": "js@6." + "0" * 1000})

    assert "api.process.incompatible_sdk_version" == caught.value.id


def test_a_number_beyond_doubles_beside_the_name_is_nobodys_business() -> None:
    """It is echoed as it came."""
    check_sdk(Raw(b'{"sdkName":"js@7","n":1e999}'))


@pytest.mark.parametrize("field", ["sdkName", "sdkVersion"])
def test_a_number_beyond_doubles_in_its_place_is_a_mistake_of_the_client(field: str) -> None:
    """It can be echoed but not decoded."""
    with pytest.raises(BadRequestError) as caught:
        check_sdk(Raw(f'{{"{field}":1e999}}'.encode()))

    assert ("api.assert.invalid_argument", "volatile") == (caught.value.id, caught.value.props[0])
