"""Tokens as examples: their form, their two kinds, and forgeries of every sort that a signer must see through.

Whether a signed token still counts is for its record to say; that half stands in `test_sessions.py`.
"""

import base64
import hashlib
import hmac
import json
from typing import Any

import jwt
import pytest
from hypothesis import example, given, reject
from hypothesis import strategies as st

from gateway.protocol.errors import ApiError
from gateway.security.lifetimes import NEVER
from gateway.security.tokens import API_KEY_PREFIX, LOGIN_PREFIX, Claims, Signer, WeakSecretError, fingerprint

SECRET = b"a secret of at least 32 bytes, for tests"
JTI = "0123456789abcdef0123456789abcdef"
NOW = 1_700_000_000_999
HEADER = {"alg": "HS256", "typ": "JWT"}
PAYLOAD = {"_id": "alice", "iat": 1_700_000_000, "jti": JTI}
PEM = b"-----BEGIN PUBLIC KEY-----\n" + base64.b64encode(bytes(range(44))) + b"\n-----END PUBLIC KEY-----\n"


@pytest.fixture
def signer() -> Signer:
    """A signer with the secret of these tests."""
    return Signer(SECRET)


def encoded(data: bytes) -> str:
    """Base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def compact(value: Any) -> bytes:
    """JSON as the signer writes it."""
    return json.dumps(value, separators=(",", ":")).encode()


def forged(header: Any, payload: Any = None, *, secret: bytes = SECRET, digest: str = "sha256") -> str:
    """Make a token out of any parts (bytes stand for themselves), with a signature that fits them."""
    parts = (header, PAYLOAD if payload is None else payload)
    body = ".".join(encoded(part if isinstance(part, bytes) else compact(part)) for part in parts)
    return f"{LOGIN_PREFIX}{body}.{encoded(hmac.digest(secret, body.encode(), digest))}"


def refusal(signer: Signer, token: str) -> tuple[str | None, int]:
    """Verify a token that must be refused; return id and status of the refusal."""
    with pytest.raises(ApiError) as refused:
        signer.verify(token)
    return refused.value.id, refused.value.status


INVALID = ("security.token.invalid", 401)


def mint(signer: Signer, prefix: str = LOGIN_PREFIX, kuid: str = "alice", expires_at: int = NEVER) -> str:
    """Mint a token at `NOW`."""
    return signer.mint(prefix, kuid, now=NOW, expires_at=expires_at, jti=JTI)


def payload_of(token: str) -> dict[str, Any]:
    """The payload of a token, keys in their order."""
    part = token.split(".")[1]
    decoded: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return decoded


@pytest.mark.parametrize("prefix", [LOGIN_PREFIX, API_KEY_PREFIX, ""], ids=["login", "key", "bare key"])
def test_a_token_is_its_prefix_and_a_jwt_that_the_library_accepts(signer: Signer, prefix: str) -> None:
    """Any JWT library with the secret reads it: HS256, two header fields, our claims in this order."""
    token = mint(signer, prefix, expires_at=NOW + 60_000)
    bare = token.removeprefix(prefix)

    assert token.startswith(prefix)
    assert HEADER == jwt.get_unverified_header(bare)
    assert jwt.decode(bare, SECRET, algorithms=["HS256"], options={"verify_exp": False}) == payload_of(token)
    assert ["_id", "iat", "exp", "jti"] == list(payload_of(token))


def test_an_endless_token_has_no_end(signer: Signer) -> None:
    """No `exp` at all where `expiresAt` is -1."""
    assert {"_id": "alice", "iat": 1_700_000_000, "jti": JTI} == payload_of(mint(signer))


@pytest.mark.parametrize(
    ("expires_at", "exp"),
    [(NOW, 1_700_000_001), (1_700_000_001_000, 1_700_000_001), (1_700_000_001_001, 1_700_000_002), (1, 1)],
    ids=["mid-second", "whole second", "one millisecond later", "long ago"],
)
def test_exp_is_the_end_rounded_up_to_a_second(signer: Signer, expires_at: int, exp: int) -> None:
    """The signature never refuses a token that its record accepts."""
    assert exp == payload_of(mint(signer, expires_at=expires_at))["exp"]


@pytest.mark.parametrize(
    ("prefix", "is_api_key"), [(LOGIN_PREFIX, False), (API_KEY_PREFIX, True), ("", True)], ids=["login", "key", "bare"]
)
def test_the_prefix_tells_the_kind(signer: Signer, prefix: str, *, is_api_key: bool) -> None:
    """Login tokens have theirs; an API key has its own or none."""
    assert Claims("alice", is_api_key) == signer.verify(mint(signer, prefix))


@pytest.mark.parametrize("prefix", ["kauth", "KAUTH-", "kapikey", "kapikey-kapikey-", "kauth-kapikey-", "Bearer ", " "])
def test_no_other_prefix_is_known(signer: Signer, prefix: str) -> None:
    """Neither doubled, nor mixed, nor in another letter case (J09)."""
    assert INVALID == refusal(signer, prefix + mint(signer, ""))


@pytest.mark.parametrize("kuid", [">?~", "\u00ff\u00fe", "\U0001f511", '"\\', "\x7f", "a" * 512, "\u00e9" * 256])
def test_any_user_id_survives_and_its_payload_has_no_url_alphabet(signer: Signer, kuid: str) -> None:
    """JavaScript SDKs decode the payload with the classic alphabet, which has neither `-` nor `_`."""
    token = mint(signer, kuid=kuid)

    assert kuid == signer.verify(token).kuid
    assert set("-_").isdisjoint(token.split(".")[1])


@given(
    secret=st.binary(min_size=32, max_size=200),
    kuid=st.text(min_size=1, max_size=40),
    now=st.integers(0, 2**42),
    life=st.none() | st.integers(0, 2**42),
)
@example(secret=bytes(64), kuid="\x7e?>", now=0, life=None)
@example(secret=bytes(65), kuid="\x7f\0", now=0, life=None)
def test_the_library_accepts_whatever_is_minted(secret: bytes, kuid: str, now: int, life: int | None) -> None:
    """For every secret and user: the claims are those that went in, and the signature is HMAC-SHA-256 (RFC 2104)."""
    try:
        signer = Signer(secret)
    except WeakSecretError:
        reject()
    expires_at = NEVER if life is None else now + life

    token = signer.mint("", kuid, now=now, expires_at=expires_at, jti=JTI)

    signed, _, signature = token.rpartition(".")
    assert encoded(hmac.digest(secret, signed.encode(), "sha256")) == signature
    ends = {} if life is None else {"exp": -(-expires_at // 1000)}
    claims = {"_id": kuid, "iat": now // 1000, **ends, "jti": JTI}
    options: Any = {"verify_exp": False, "verify_iat": False}
    assert claims == jwt.decode(token, secret, algorithms=["HS256"], options=options)


def test_the_fingerprint_is_sha256_of_the_whole_token(signer: Signer) -> None:
    """Prefix included, so the same JWT behind two prefixes is two tokens (K07)."""
    token = mint(signer, API_KEY_PREFIX)

    assert hashlib.sha256(token.encode()).hexdigest() == fingerprint(token)
    assert fingerprint(token) != fingerprint(token.removeprefix(API_KEY_PREFIX))


@pytest.mark.parametrize("length", [0, 1, 31])
def test_j10_a_short_secret_is_refused(length: int) -> None:
    """Fewer bytes than the hash has are too few, and the refusal says how many are needed (J10)."""
    with pytest.raises(WeakSecretError, match="at least 32"):
        Signer(b"x" * length)


def test_another_secret_verifies_nothing(signer: Signer) -> None:
    """Not even one that differs in its last byte."""
    assert INVALID == refusal(Signer(SECRET[:-1] + b"S"), mint(signer))


@pytest.mark.parametrize("alg", ["none", "None", "NONE", "nOnE", "", None, 5, [], ["HS256"], {}, True])
@pytest.mark.parametrize("signature", ["", "e30", "the right one"])
def test_j01_a_token_without_signature_algorithm_is_refused(signer: Signer, alg: Any, signature: str) -> None:
    """`alg` none in any letter case and `alg` of any type, signed or not."""
    token = forged({"alg": alg, "typ": "JWT"})
    if signature != "the right one":
        token = f"{token.rpartition('.')[0]}.{signature}"

    assert INVALID == refusal(signer, token)


def test_j01_a_header_without_algorithm_is_refused(signer: Signer) -> None:
    """Missing is not default."""
    assert INVALID == refusal(signer, forged({"typ": "JWT"}))
    assert INVALID == refusal(signer, forged({}))


@pytest.mark.parametrize("key", [b"", PEM, PEM.strip(), b"secret", base64.b64encode(SECRET), SECRET[::-1]])
def test_j02_a_token_signed_with_anything_public_is_refused(signer: Signer, key: bytes) -> None:
    """Only the secret signs; there is no public key to be confused with."""
    assert INVALID == refusal(signer, forged(HEADER, secret=key))


@pytest.mark.parametrize(("alg", "digest"), [("HS384", "sha384"), ("HS512", "sha512"), ("RS256", "sha256")])
def test_j03_other_algorithms_are_refused_even_with_the_right_secret(signer: Signer, alg: str, digest: str) -> None:
    """The algorithm is the key's, not the header's."""
    assert INVALID == refusal(signer, forged({"alg": alg, "typ": "JWT"}, digest=digest))
    assert INVALID == refusal(signer, forged(HEADER, digest=digest if digest != "sha256" else "md5"))


@pytest.mark.parametrize(
    "extra",
    [
        pytest.param({"crit": ["b64"], "b64": False}, id="J04 crit"),
        pytest.param({"crit": []}, id="J04 empty crit"),
        pytest.param({"crit": "exp"}, id="J04 crit of another type"),
        pytest.param({"jku": "http://127.0.0.1:1/keys"}, id="J05 jku"),
        pytest.param({"x5u": "http://127.0.0.1:1/keys"}, id="J05 x5u"),
        pytest.param({"jwk": {"kty": "oct", "k": encoded(SECRET)}}, id="J05 jwk"),
        pytest.param({"x5c": ["MIIB"]}, id="J05 x5c"),
        pytest.param({"kid": "../../etc/passwd"}, id="J06 path"),
        pytest.param({"kid": "' or 1=1"}, id="J06 query"),
        pytest.param({"kid": {"$ne": None}}, id="J06 operator"),
        pytest.param({"kid": "\0"}, id="J06 NUL"),
        pytest.param({"kid": [1]}, id="J06 array"),
        pytest.param({"kid": 1}, id="J06 number"),
        pytest.param({"kid": "k" * 4000}, id="J06 long"),
        pytest.param({"cty": "JWT"}, id="nested"),
        pytest.param({"zip": "DEF"}, id="compressed"),
    ],
)
def test_j04_j05_j06_a_header_that_says_more_than_ours_is_refused(signer: Signer, extra: dict[str, Any]) -> None:
    """Every header field but our two is a lie, rightly signed or not."""
    assert INVALID == refusal(signer, forged(HEADER | extra))


@pytest.mark.parametrize(
    "header", [{"typ": "JWT", "alg": "HS256"}, {"alg": "HS256"}, b'{"alg": "HS256","typ":"JWT"}', b"", b"[]", b"null"]
)
def test_a_header_in_other_bytes_is_refused(signer: Signer, header: Any) -> None:
    """Ours is always the same bytes, so what means the same is still not ours."""
    assert INVALID == refusal(signer, forged(header))


@pytest.mark.parametrize("place", range(1, 44), ids=str)
def test_j07_no_character_of_the_signature_can_be_changed(signer: Signer, place: int) -> None:
    """Every bit of the hash counts; the two unused bits of the last character are the record's business."""
    token = mint(signer)
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    changed = alphabet[(alphabet.index(token[-place]) + 32) % 64]

    assert INVALID == refusal(signer, token[: len(token) - place] + changed + token[len(token) - place + 1 :])


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda token: token[:-1], id="cut short"),
        pytest.param(lambda token: token + "A", id="longer"),
        pytest.param(lambda token: token + ".", id="a fourth part"),
        pytest.param(lambda token: token + ".e30", id="a fourth part with content"),
        pytest.param(lambda token: token.rpartition(".")[0], id="no signature"),
        pytest.param(lambda token: token.rpartition(".")[0] + ".", id="empty signature"),
        pytest.param(lambda token: token.replace(".", ""), id="no dots"),
        pytest.param(lambda token: token.replace(".", "..", 1), id="two dots"),
        pytest.param(lambda token: " " + token, id="space before"),
        pytest.param(lambda token: token.upper(), id="upper case"),
        pytest.param(lambda token: token.replace("eyJ", "\u0435yJ", 1), id="a Cyrillic letter"),
        pytest.param(lambda token: f"{token[:60]}\u00e9{token[61:]}", id="not ASCII"),
        pytest.param(lambda token: f"{token[:60]}\0{token[61:]}", id="NUL"),
        pytest.param(lambda _: "", id="empty"),
        pytest.param(lambda _: "garbage", id="garbage"),
        pytest.param(lambda _: "kauth-", id="prefix alone"),
        pytest.param(lambda _: "..", id="three empty parts"),
        pytest.param(lambda token: token.split(".")[0] + ".", id="header alone"),
    ],
)
def test_what_is_no_token_of_ours_is_refused(signer: Signer, change: Any) -> None:
    """Text of any other shape is answered with the one documented error."""
    assert INVALID == refusal(signer, change(mint(signer)))


@pytest.mark.parametrize("user", [None, "", 5, True, [], ["alice"], {"$ne": None}], ids=str)
def test_j08_a_payload_that_names_no_user_is_refused(signer: Signer, user: Any) -> None:
    """`_id` must be a text that is not empty, whoever signed it."""
    assert INVALID == refusal(signer, forged(HEADER, PAYLOAD | {"_id": user}))


@pytest.mark.parametrize("payload", [{"iat": 1}, b"[]", b'"alice"', b"null", b"{", b"", b"\xff", b"[" * 5000])
def test_j08_a_payload_without_user_or_sense_is_refused(signer: Signer, payload: Any) -> None:
    """What is signed and still no object with `_id` is answered like any forgery."""
    assert INVALID == refusal(signer, forged(HEADER, payload))


def test_j15_of_two_names_in_the_payload_the_last_counts_for_everybody(signer: Signer) -> None:
    """One reading only: that of the library, which clients share."""
    token = forged(HEADER, b'{"_id":"a","_id":"b","iat":1,"jti":"x"}')

    assert payload_of(token)["_id"] == signer.verify(token).kuid


@pytest.mark.parametrize("length", [8193, 1_048_576])
@pytest.mark.parametrize("prefix", [LOGIN_PREFIX, API_KEY_PREFIX, ""])
def test_j13_a_long_token_is_refused_before_any_computation(
    signer: Signer, monkeypatch: pytest.MonkeyPatch, length: int, prefix: str
) -> None:
    """Nothing of ours is longer than 8192 characters."""
    computed: list[str] = []
    monkeypatch.setattr(jwt, "decode", lambda bare, *_, **__: computed.append(bare))
    token = (prefix + mint(signer, "")).ljust(length, "A")

    assert INVALID == refusal(signer, token)
    assert [] == computed


@pytest.mark.parametrize("secret", [PEM, b"ssh-rsa " + b"A" * 64], ids=["pem", "ssh"])
def test_a_secret_that_looks_like_a_public_key_is_refused(secret: bytes) -> None:
    """PyJWT would refuse every token signed with it; better no start than that."""
    with pytest.raises(WeakSecretError):
        Signer(secret)
