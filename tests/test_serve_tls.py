"""`latchgate serve` with TLS, as its operator meets it: what it tells, what it refuses, and a new certificate."""

import asyncio
import contextlib
import http.client
import signal
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from websockets.exceptions import InvalidMessage

from tests.certificates import Authority
from tests.client import ADMIN, Client, connected
from tests.serving import START_S, Served, complaint, latchgate, run, served

STAYS = " ERROR latchgate: the TLS certificate in force stays: "


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """A pair in two files."""
    return Authority(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[Served]:
    """A gateway with TLS and an administrator."""
    words = ["--tls-cert", str(authority.chain), "--tls-key", str(authority.key)]
    with served(tmp_path_factory.mktemp("serve") / "data", *words) as gateway:
        made = run([*gateway.next_step, "--password-stdin"], f"{ADMIN['password']}\n")
        assert 0 == made[0], made
        yield gateway


def certificate_of(client: Client) -> bytes:
    """What the server showed, in DER form."""
    shown: bytes = client.socket.transport.get_extra_info("ssl_object").getpeercert(binary_form=True)
    return shown


async def certificate_at(gateway: Served, trust: ssl.SSLContext) -> bytes:
    """What the server shows to a new client."""
    async with connected(gateway.port, ssl=trust) as client:
        await client.succeed("auth:checkToken", body={"token": ""})
        return certificate_of(client)


async def log_of(gateway: Served, mark: str) -> list[str]:
    """The lines of the log with a mark, once there is one."""
    deadline = time.monotonic() + START_S
    while mark not in gateway.errors.read_text():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)
    return [line for line in gateway.errors.read_text().splitlines() if mark in line]


def test_start_tells_that_the_address_is_one_of_tls(shared: Served) -> None:
    """And does not warn of anything."""
    assert f" listens on wss://127.0.0.1:{shared.port}, node " in shared.welcome[0]
    assert " WARNING " not in shared.errors.read_text()


async def test_a_key_is_made_and_used_over_tls(shared: Served, authority: Authority) -> None:
    """The whole road of a createApiKey, and the key's own login with it."""
    async with connected(shared.port, ssl=authority.trust) as client:
        await client.login(**ADMIN)
        key = await client.succeed("security:createApiKey", userId="admin", body={"description": "roof"})
        client.jwt = key["_source"]["token"]

        assert "admin" == (await client.succeed("auth:getCurrentUser"))["_id"]


async def test_w18_plain_websocket_is_refused(shared: Served) -> None:
    """The connection is closed; who speaks TLS is served."""
    with pytest.raises((InvalidMessage, ConnectionError)):
        async with connected(shared.port):
            pass
    assert (await log_of(shared, "no TLS handshake"))[0].endswith(
        " WARNING latchgate: connections refused: 1 (no TLS handshake that could be understood)"
    )


async def test_sighup_brings_a_new_certificate_and_a_broken_one_changes_nothing(
    shared: Served, authority: Authority
) -> None:
    """New connections get the new one, the old connection goes on; what cannot be used is one line of the log."""
    async with connected(shared.port, ssl=authority.trust) as old:
        await old.login(**ADMIN)
        assert authority.certificate == certificate_of(old)

        new_certificate = authority.issue()
        shared.process.send_signal(signal.SIGHUP)
        await log_of(shared, "new connections get the TLS certificate")
        assert new_certificate == await certificate_at(shared, authority.trust)
        assert "admin" == (await old.succeed("auth:getCurrentUser"))["_id"]

        authority.issue()
        authority.key.write_bytes(b"no key")
        shared.process.send_signal(signal.SIGHUP)
        (told,) = await log_of(shared, STAYS)
        assert told.endswith(f"{STAYS}server.tls_key: the file holds no private key in PEM form")
        assert new_certificate == await certificate_at(shared, authority.trust)
        assert "admin" == (await old.succeed("auth:getCurrentUser"))["_id"]
    assert shared.process.poll() is None


def certificate_over_http(gateway: Served, trust: ssl.SSLContext) -> bytes:
    """What the server shows to a short request, which must be answered."""
    connection = http.client.HTTPSConnection("127.0.0.1", gateway.port, timeout=START_S, context=trust)
    with contextlib.closing(connection):
        connection.request("GET", "/_healthcheck")
        shown = connection.sock.getpeercert(binary_form=True)
        assert 200 == connection.getresponse().status
    return shown or b""


def go_on(gateway: Served, trust: ssl.SSLContext, enough: threading.Event) -> tuple[int, set[bytes]]:
    """Ask again and again, on a connection that is kept and on new ones; each request must be answered."""
    kept = http.client.HTTPSConnection("127.0.0.1", gateway.port, timeout=START_S, context=trust)
    seen, rounds = set(), 0
    with contextlib.closing(kept):
        kept.connect()
        kept.auto_open = 0  # it has to be the one connection for all the time
        while not enough.is_set():
            kept.request("GET", "/_ready")
            answer = kept.getresponse()
            assert (200, True) == (answer.status, b'"status":200' in answer.read())
            seen.add(certificate_over_http(gateway, trust))
            rounds += 1
    return rounds, seen


async def test_sighup_under_load_loses_neither_a_request_nor_a_connection(tmp_path: Path) -> None:
    """Five new certificates of one process in a row; whoever comes gets one of them, in the end the last one."""
    pair = Authority(tmp_path)
    enough = threading.Event()
    shown = [pair.certificate]
    with served(tmp_path / "data", "--tls-cert", str(pair.chain), "--tls-key", str(pair.key)) as gateway:
        loads = [asyncio.create_task(asyncio.to_thread(go_on, gateway, pair.trust, enough)) for _ in range(3)]
        for number in range(1, 6):
            shown.append(pair.issue())
            gateway.process.send_signal(signal.SIGHUP)
            while len(await log_of(gateway, "new connections get the TLS certificate")) < number:  # noqa: ASYNC110 - a file
                await asyncio.sleep(0.01)
            assert shown[-1] == await asyncio.to_thread(certificate_over_http, gateway, pair.trust)
        enough.set()
        told = [await load for load in loads]
        assert 0 == gateway.stop()

    assert all(rounds for rounds, _ in told)
    assert set.union(*(seen for _, seen in told)) <= set(shown)
    assert " ERROR " not in gateway.errors.read_text()


async def test_sighup_brings_every_worker_the_new_certificate_and_loses_no_handshake(tmp_path: Path) -> None:
    """Connections that come all the while are all let in; a broken certificate leaves the workers as they are."""
    pair = Authority(tmp_path)
    words = ["--workers", "2", "--tls-cert", str(pair.chain), "--tls-key", str(pair.key)]
    with served(tmp_path / "data", *words) as gateway:
        shown = [pair.certificate, pair.issue()]
        seen = []
        gateway.process.send_signal(signal.SIGHUP)
        while "all workers have been replaced" not in gateway.errors.read_text():
            seen.append(await asyncio.to_thread(certificate_over_http, gateway, pair.trust))
        after = {certificate_over_http(gateway, pair.trust) for _ in range(20)}

        pair.key.write_bytes(b"no key")
        gateway.process.send_signal(signal.SIGHUP)
        await log_of(gateway, "a new worker did not become ready: those that run stay")
        still = {certificate_over_http(gateway, pair.trust) for _ in range(5)}

    assert set(seen) <= set(shown)
    assert len(seen) > 5
    assert {shown[1]} == after == still
    assert "latchgate: server.tls_key: the file holds no private key in PEM form" in gateway.errors.read_text()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--tls-cert", "chain"], "server.tls_cert: needs server.tls_key beside it (command line)"),
        (["--tls-cert", "chain", "--tls-key", "chain"], "server.tls_key: the file has mode 0644, which lets others"),
        (["--tls-cert", "none", "--tls-key", "key"], "server.tls_cert: the file cannot be read: No such file"),
        (["--tls-cert", "chain", "--tls-key", "other"], "server.tls_key: the key is not that of the certificate"),
    ],
    ids=["no key", "open key", "no certificate", "another key"],
)
def test_what_cannot_be_used_is_one_line_before_anything_starts(tmp_path: Path, words: list[str], said: str) -> None:
    """Status 1, and not even a data folder."""
    pair = Authority(tmp_path)
    pair.key.rename(tmp_path / "other")
    pair.issue()
    files = {"chain": pair.chain, "key": pair.key, "other": tmp_path / "other", "none": tmp_path / "none"}
    pair.chain.chmod(0o644)

    given = [str(files.get(word, word)) for word in words]
    status, output, errors = run(latchgate("serve", "--port", "0", "--data-dir", str(tmp_path / "data"), *given))

    assert (1, "") == (status, output)
    assert complaint(errors).startswith(f"latchgate: {said}")
    assert not (tmp_path / "data").exists()
