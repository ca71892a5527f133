"""The certificate: which pairs are taken, what is said of the others, and how TLS is spoken with one."""

import contextlib
import ssl
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from gateway.transports.tls import Certificate, TlsError
from tests.certificates import Authority

PAIR_FAULT = "server.tls_cert, server.tls_key: OpenSSL does not take them: "
NO_CERTIFICATE = "server.tls_cert: the file holds no certificate in PEM form"
NO_KEY = "server.tls_key: the file holds no private key in PEM form"

FORM = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """A pair in two files."""
    return Authority(tmp_path)


def refusal(authority: Authority) -> str:
    """Why the pair is not taken; no path is in it, which might be a key in the wrong place."""
    with pytest.raises(TlsError) as refused:
        Certificate(authority.chain, authority.key)
    assert str(authority.chain.parent) not in str(refused.value)
    return str(refused.value)


def shake_hands(client: ssl.SSLContext, server: ssl.SSLContext) -> ssl.SSLObject:
    """Agree in memory; give the client's side."""
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = server.wrap_bio(up, down, server_side=True)
    theirs = client.wrap_bio(down, up, server_hostname="localhost")
    for _ in range(3):
        for side in (theirs, ours):
            with contextlib.suppress(ssl.SSLWantReadError):
                side.do_handshake()
    return theirs


# What is taken.


def test_a_pair_speaks_tls_1_3_and_http_1_1(authority: Authority) -> None:
    """The client sees the certificate that stands in the file; of the protocols that it offers HTTP/1.1 is chosen."""
    authority.trust.set_alpn_protocols(["h2", "http/1.1"])

    agreed = shake_hands(authority.trust, Certificate(authority.chain, authority.key).context)

    assert authority.certificate == agreed.getpeercert(binary_form=True)
    assert ("TLSv1.3", "http/1.1") == (agreed.version(), agreed.selected_alpn_protocol())


def test_tls_1_2_is_the_oldest_that_is_spoken(authority: Authority) -> None:
    """A client that knows nothing newer than 1.1 is refused, one with 1.2 is not."""
    server = Certificate(authority.chain, authority.key).context
    authority.trust.maximum_version = ssl.TLSVersion.TLSv1_2
    assert "TLSv1.2" == shake_hands(authority.trust, server).version()

    authority.trust.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1_1 is deprecated"):
        authority.trust.minimum_version = authority.trust.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises(ssl.SSLError, match=r"(?i)protocol"):
        shake_hands(authority.trust, server)


def test_one_file_may_hold_both(authority: Authority) -> None:
    """If it is closed to others."""
    authority.key.write_bytes(authority.key.read_bytes() + authority.chain.read_bytes())

    agreed = shake_hands(authority.trust, Certificate(authority.key, authority.key).context)

    assert authority.certificate == agreed.getpeercert(binary_form=True)


# What is refused.


def test_a_file_that_is_not_there_is_named_by_its_setting(authority: Authority) -> None:
    """Each of the two."""
    authority.key.unlink()
    assert "server.tls_key: the file cannot be read: No such file or directory" == refusal(authority)

    authority.chain.unlink()
    authority.chain.mkdir()
    assert "server.tls_cert: the file cannot be read: Is a directory" == refusal(authority)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o601])
def test_a_key_that_others_can_get_at_is_refused(authority: Authority, mode: int) -> None:
    """As the settings have it for secrets."""
    authority.key.chmod(mode)

    assert f"server.tls_key: the file has mode {mode:04o}, which lets others at it; use 0600" == refusal(authority)


def test_an_encrypted_key_is_refused_without_asking_for_its_password(authority: Authority) -> None:
    """There may be nobody at the terminal."""
    key = serialization.load_pem_private_key(authority.key.read_bytes(), None)
    lock = serialization.BestAvailableEncryption(b"secret")
    authority.key.write_bytes(key.private_bytes(*FORM, lock))

    assert "server.tls_key: the key is encrypted; give one that is not" == refusal(authority)


def test_a_key_of_another_certificate_is_refused(authority: Authority) -> None:
    """Both are good, but not together."""
    key = authority.key.read_bytes()
    authority.issue()
    authority.key.write_bytes(key)

    assert "server.tls_key: the key is not that of the certificate" == refusal(authority)


@pytest.mark.parametrize("content", [b"", b"\0\xff" * 50, b"-----BEGIN CERTIFICATE-----\nAAAA\n"])
def test_what_is_no_pem_is_refused(authority: Authority, content: bytes) -> None:
    """In either file; the sentence names the one that is at fault."""
    key = authority.key.read_bytes()
    authority.key.write_bytes(content)
    assert NO_KEY == refusal(authority)

    authority.key.write_bytes(key)
    authority.chain.write_bytes(content)
    assert NO_CERTIFICATE == refusal(authority)


def test_exchanged_files_are_refused(authority: Authority) -> None:
    """A certificate is no key, and a key no certificate."""
    authority.chain, authority.key = authority.key, authority.chain
    authority.key.chmod(0o600)

    assert NO_CERTIFICATE == refusal(authority)


def test_a_weak_key_is_refused_with_the_librarys_word(authority: Authority) -> None:
    """OpenSSL's security level says what is weak."""
    key = rsa.generate_private_key(65_537, 1024)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2120, 1, 1, tzinfo=UTC))
        .sign(key, hashes.SHA256())
    )
    authority.chain.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    authority.key.write_bytes(key.private_bytes(*FORM, serialization.NoEncryption()))

    assert PAIR_FAULT + "EE_KEY_TOO_SMALL" == refusal(authority)


# A new pair.


def test_a_new_pair_is_for_those_who_come_later(authority: Authority) -> None:
    """Whoever has the old context keeps it."""
    certificate = Certificate(authority.chain, authority.key)
    before, old = certificate.context, authority.certificate

    new = authority.issue()
    certificate.reload()

    assert new == shake_hands(authority.trust, certificate.context).getpeercert(binary_form=True)
    assert old == shake_hands(authority.trust, before).getpeercert(binary_form=True)


def test_a_broken_pair_changes_nothing(authority: Authority) -> None:
    """The old one stays in force, although its files are gone."""
    certificate = Certificate(authority.chain, authority.key)
    authority.issue()
    authority.key.write_bytes(b"")

    with pytest.raises(TlsError):
        certificate.reload()

    assert authority.certificate == shake_hands(authority.trust, certificate.context).getpeercert(binary_form=True)
