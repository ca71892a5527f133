"""Settings of TLS and proxies: what they accept, and which of them need each other."""

import pytest

from gateway.config import ConfigError, load

NETWORKS = 'must be a list of addresses and networks such as "10.0.0.0/8" or "::1"'


def refusal(**server: str) -> str:
    """The sentence about flags that are refused."""
    with pytest.raises(ConfigError) as refused:
        load(None, {}, {f"server.{name}": text for name, text in server.items()})
    return str(refused.value)


def test_addresses_and_networks_of_both_kinds_are_trusted() -> None:
    """From a variable they come separated by commas."""
    text = "10.0.0.0/8, 192.0.2.7,2001:db8::/32,::1"

    config = load(None, {"LATCHGATE_SERVER_TRUSTED_PROXIES": text}, {})

    assert ("10.0.0.0/8", "192.0.2.7", "2001:db8::/32", "::1") == config.server.trusted_proxies


@pytest.mark.parametrize("text", ["proxy.example", "10.0.0.1/8", "10.0.0.0/33", "10.0.0.1:80", "*", "::1,,::2"])
def test_what_is_no_network_is_refused(text: str) -> None:
    """A name, bits of a host behind the prefix, a port, everybody."""
    assert f"server.trusted_proxies: {NETWORKS} (command line)" == refusal(trusted_proxies=text)


def test_everybody_is_trusted_only_in_full() -> None:
    """Whoever means it can say so."""
    load(None, {}, {"server.trusted_proxies": "0.0.0.0/0,::/0"})


@pytest.mark.parametrize(("name", "other"), [("tls_cert", "tls_key"), ("tls_key", "tls_cert")])
def test_certificate_and_key_need_each_other(name: str, other: str) -> None:
    """An empty text is none."""
    assert f"server.{name}: needs server.{other} beside it (command line)" == refusal(**{name: "a.pem"})
    assert f"server.{name}: needs server.{other} beside it (command line)" == refusal(**{name: "a.pem", other: ""})
    assert "a.pem" == load(None, {}, {"server.tls_cert": "a.pem", "server.tls_key": "b.pem"}).server.tls_cert
    assert "" == load(None, {}, {"server.tls_cert": "", "server.tls_key": ""}).server.tls_key


def test_the_content_of_a_key_in_the_place_of_its_path_is_refused_unseen() -> None:
    """Several lines are no path; the sentence does not show them."""
    key = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIA\n-----END PRIVATE KEY-----\n"

    assert "server.tls_key: must be the path of a file (command line)" == refusal(tls_cert="a.pem", tls_key=key)


def test_proxy_protocol_needs_somebody_to_trust() -> None:
    """Else nobody could connect, or anybody could be anybody."""
    said = "server.proxy_protocol: needs server.trusted_proxies, which say who may connect (command line)"

    assert said == refusal(proxy_protocol="true")
    assert said == refusal(proxy_protocol="true", trusted_proxies="")
    assert load(None, {}, {"server.proxy_protocol": "1", "server.trusted_proxies": "::1"}).server.proxy_protocol
