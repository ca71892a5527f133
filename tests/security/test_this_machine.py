"""Who counts as this machine: the peer's address, no proxy's header, and no stranger's page."""

import pytest

from gateway.security.first_admin import is_this_machine

HOST = ("Host", "127.0.0.1:7512")


@pytest.mark.parametrize(
    ("peer", "is_local"),
    [
        ("127.0.0.1", True),
        ("127.255.255.254", True),
        ("::1", True),
        ("::1%lo", True),
        ("::ffff:127.0.0.1", True),
        ("0.0.0.0", False),
        ("::", False),
        ("10.0.0.1", False),
        ("192.168.1.2", False),
        ("203.0.113.9", False),
        ("::ffff:10.0.0.1", False),
        ("fe80::1%eth0", False),
        ("2001:db8::1", False),
        ("localhost", False),
        ("127.1", False),
        ("", False),
        ("/run/gateway.sock", False),
    ],
)
def test_only_a_loopback_address_is_this_machine(peer: str, *, is_local: bool) -> None:
    """IPv4, IPv6 and IPv4 inside IPv6; a name is no address."""
    assert is_local is is_this_machine(peer, [HOST])


@pytest.mark.parametrize(
    "name",
    [
        *("X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Whatever"),
        *("Forwarded", "X-Real-IP", "Via", "x-forwarded-for", "VIA", "fOrWaRdEd"),
    ],
)
@pytest.mark.parametrize("value", ["", "127.0.0.1", "203.0.113.9"])
def test_a_header_of_a_proxy_is_somebody_behind_it(name: str, value: str) -> None:
    """Whatever it says, even that it comes from here."""
    assert not is_this_machine("127.0.0.1", [HOST, (name, value)])


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("http://127.0.0.1:7512", "127.0.0.1:7512"),
        ("http://localhost:7512", "localhost:7512"),
        ("http://[::1]:7512", "[::1]:7512"),
        ("https://localhost:7512", "localhost:7512"),
        ("HTTP://LocalHost:7512", "localhost:7512"),
        ("http://localhost:7512", "LOCALHOST:7512"),
        ("http://127.0.0.2:80", "127.0.0.2:80"),
    ],
)
def test_a_page_of_our_own_is_this_machine(origin: str, host: str) -> None:
    """An Origin that names host and port of `Host`, on a loopback host."""
    assert is_this_machine("127.0.0.1", [("host", host), ("ORIGIN", f" {origin} ")])


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        pytest.param("http://evil.example", "127.0.0.1:7512", id="a foreign page"),
        pytest.param("http://evil.example:7512", "evil.example:7512", id="a name that was re-bound to us"),
        pytest.param("http://localhost:3000", "localhost:7512", id="a page of another server here"),
        pytest.param("http://localhost:7512", "127.0.0.1:7512", id="another name of this machine"),
        pytest.param("http://localhost.evil.example:7512", "localhost.evil.example:7512", id="begins like us"),
        pytest.param("http://evil-localhost:7512", "evil-localhost:7512", id="ends like us"),
        pytest.param("http://evil@localhost:7512", "localhost:7512", id="a user name before the host"),
        pytest.param("http://10.0.0.1:7512", "10.0.0.1:7512", id="an address of the network"),
        pytest.param("http://2130706433:7512", "2130706433:7512", id="an address as one number"),
        pytest.param("null", "127.0.0.1:7512", id="null"),
        pytest.param("", "127.0.0.1:7512", id="empty"),
        pytest.param("file://", "127.0.0.1:7512", id="a file"),
        pytest.param("chrome-extension://abcdef", "127.0.0.1:7512", id="an extension of the browser"),
        pytest.param("ws://127.0.0.1:7512", "127.0.0.1:7512", id="no scheme of pages"),
        pytest.param("127.0.0.1:7512", "127.0.0.1:7512", id="no scheme"),
        pytest.param("http://127.0.0.1:99999", "127.0.0.1:99999", id="no port of this world"),
        pytest.param("http://[::1", "[::1", id="half an address"),
        pytest.param("http://localhost:7512", "", id="empty Host"),
    ],
)
def test_any_other_page_is_a_stranger(origin: str, host: str) -> None:
    """The browser of the operator runs pages of others, and all of them come from a loopback address."""
    assert not is_this_machine("127.0.0.1", [("Host", host), ("Origin", origin)])


@pytest.mark.parametrize(
    "headers",
    [
        [("Origin", "http://127.0.0.1:7512")],
        [HOST, HOST, ("Origin", "http://127.0.0.1:7512")],
        [HOST, ("Origin", "http://127.0.0.1:7512"), ("Origin", "http://127.0.0.1:7512")],
        [HOST, ("Origin", "http://127.0.0.1:7512"), ("Origin", "http://evil.example")],
    ],
    ids=["no Host", "two Hosts", "one Origin twice", "two Origins"],
)
def test_doubt_is_a_no(headers: list[tuple[str, str]]) -> None:
    """With an Origin there must be one Host and one Origin."""
    assert not is_this_machine("127.0.0.1", headers)


def test_a_program_sends_no_origin() -> None:
    """Then the address alone counts."""
    assert is_this_machine("127.0.0.1", [])
    assert is_this_machine("127.0.0.1", [HOST, ("User-Agent", "curl"), ("Cookie", "via=1")])
