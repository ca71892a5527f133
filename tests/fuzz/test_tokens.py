"""Invariant: a token that `Signer` mints is what PyJWT would read, and no other text counts as one.

For any user id: PyJWT verifies the token and finds the claims that were signed; the payload is ASCII JSON whose
base64url form has neither `-` nor `_`. For any change: it is refused, or it names the same user and has another
fingerprint, so that its record is not found. For any text: the answer is claims or `security.token.invalid`.
"""

import base64
import hashlib
import hmac
import json
from typing import Any

import jwt
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from jwt.types import Options

from gateway.protocol.errors import UnauthorizedError
from gateway.security.lifetimes import LATEST, NEVER
from gateway.security.tokens import API_KEY_PREFIX, LOGIN_PREFIX, Claims, Signer, fingerprint
from tests.fuzz.budget import examples

SECRET = b"fuzz-secret-of-at-least-32-bytes"
SIGNER = Signer(SECRET)
UNTIMED: Options = {"verify_exp": False, "verify_iat": False, "verify_nbf": False}
LONGEST = 8192
JTI = "0123456789abcdef" * 2

HEADERS = [
    b'{"alg":"none","typ":"JWT"}',
    b'{"alg":"HS384","typ":"JWT"}',
    b'{"alg":"RS256","typ":"JWT"}',
    b'{"alg":"HS256"}',
    b'{"typ":"JWT","alg":"HS256"}',
    b'{"alg":"HS256","typ":"JWT","kid":"../../dev/null"}',
    b'{"alg":"HS256","typ":"JWT","jku":"https://evil.example/keys"}',
    b'{"alg":"HS256","typ":"JWT","jwk":{"kty":"oct","k":""}}',
    b'{"alg":"HS256","typ":"JWT","x5u":"https://evil.example/cert"}',
    b'{"alg":"HS256","typ":"JWT","crit":["exp"]}',
    b'{"alg":"HS256","typ":"JWT","crit":["b64"],"b64":false}',
    b'{"alg":"HS256","typ":"JWT","zip":"DEF"}',
    b'{"alg":"none","alg":"HS256","typ":"JWT"}',
    b'{"alg":"HS256","alg":"none","typ":"JWT"}',
    b'{"alg":"HS256","typ":"JWT","alg":"HS256"}',
    b'{"alg": "HS256", "typ": "JWT"}',
    b'{"ALG":"HS256","typ":"JWT"}',
    b'{"alg":"hs256","typ":"JWT"}',
    b"null",
    b"",
]

# Characters whose bits give `-` and `_`, or whose JSON is an escape, stand side by side more often than by chance.
kuids = st.text(min_size=1, max_size=40) | st.text(alphabet='>?~\x7f\x80"\\\0\n/<\U0001f600', min_size=1, max_size=12)
moments = st.integers(0, LATEST)
ends = st.just(NEVER) | moments
prefixes = st.sampled_from([API_KEY_PREFIX, LOGIN_PREFIX, ""])
characters = st.characters(codec="utf-8") | st.sampled_from("AQgw-_=. \n")
pieces = st.sampled_from([API_KEY_PREFIX, LOGIN_PREFIX, "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9", ".", "e30"])
jtis = st.integers(0, 2**128 - 1).map(lambda number: f"{number:032x}")


@st.composite
def tokens(draw: st.DrawFn) -> tuple[str, str, str]:
    """A minted token, with its prefix and its user."""
    prefix, kuid = draw(prefixes), draw(kuids)
    token = SIGNER.mint(prefix, kuid, now=draw(moments), expires_at=draw(ends), jti=draw(jtis))
    return token, prefix, kuid


def encoded(data: bytes) -> str:
    """Base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def signed(header: bytes, payload: bytes, digest: Any = hashlib.sha256) -> str:
    """A JWT of any header with a signature that is right by our secret."""
    body = f"{encoded(header)}.{encoded(payload)}"
    return f"{body}.{encoded(hmac.new(SECRET, body.encode(), digest).digest())}"


def is_refused(token: str) -> bool:
    """Whether the signer refuses a token; it may do so in one way only."""
    try:
        SIGNER.verify(token)
    except UnauthorizedError as error:
        refusal = error.id, error.status, error.props
    else:
        return False
    assert ("security.token.invalid", 401, ()) == refusal
    return True


@examples(300)
@given(prefixes, kuids, moments, ends, jtis)
@example(API_KEY_PREFIX, ">>>???~~~\x7f\x7f\x7f", 0, NEVER, JTI)
@example(API_KEY_PREFIX, '"\\\0\n\u2028', 0, NEVER, JTI)
@example(LOGIN_PREFIX, "\U0001f600\U0010ffff\ufffe", 0, 1, JTI)
def test_a_minted_token_is_what_pyjwt_reads(prefix: str, kuid: str, now: int, expires_at: int, jti: str) -> None:
    """Same header, same claims in the same order, times in seconds: `iat` rounded down, `exp` rounded up."""
    token = SIGNER.mint(prefix, kuid, now=now, expires_at=expires_at, jti=jti)
    bare = token.removeprefix(prefix)

    claims = jwt.decode(bare, SECRET, algorithms=["HS256"], options=UNTIMED)

    expected = {"_id": kuid, "iat": now // 1000, "exp": -(-expires_at // 1000), "jti": jti}
    if expires_at == NEVER:
        del expected["exp"]
    assert list(expected.items()) == list(claims.items())
    assert {"alg": "HS256", "typ": "JWT"} == jwt.get_unverified_header(bare)
    assert Claims(kuid, is_api_key=prefix != LOGIN_PREFIX) == SIGNER.verify(token)


@examples(300)
@given(tokens())
def test_the_payload_is_one_that_every_decoder_can_read(minted: tuple[str, str, str]) -> None:
    """ASCII in the alphabet that classic and URL-safe base64 share: JavaScript SDKs know the classic one only."""
    token, prefix, kuid = minted
    payload = token.removeprefix(prefix).split(".")[1]

    assert {"-", "_"}.isdisjoint(payload)
    text = base64.b64decode(payload + "=" * (-len(payload) % 4), validate=True)
    assert text.isascii()
    assert kuid == json.loads(text)["_id"]


@examples(150)
@given(tokens())
def test_a_fingerprint_is_the_hash_of_the_whole_token(minted: tuple[str, str, str]) -> None:
    """Prefix included: with another prefix it is another token."""
    token, prefix, _ = minted

    assert hashlib.sha256(token.encode()).hexdigest() == fingerprint(token)
    for other in {API_KEY_PREFIX, LOGIN_PREFIX, ""} - {prefix}:
        assert fingerprint(token) != fingerprint(other + token.removeprefix(prefix))


@examples(500)
@given(tokens(), st.integers(0, 400), characters, st.sampled_from("=+-"))
def test_a_token_with_one_character_changed_is_of_no_use(
    minted: tuple[str, str, str], place: int, character: str, way: str
) -> None:
    """Replaced, put in or left out anywhere: refused, or the same user's, whose record it does not match."""
    token, _, kuid = minted
    place %= len(token)
    changed = token[:place] + ("" if way == "-" else character) + token[place + (way != "+") :]
    assume(changed != token)

    assert is_refused(changed) or SIGNER.verify(changed).kuid == kuid
    assert fingerprint(changed) != fingerprint(token)


@examples(150)
@given(tokens(), tokens())
def test_parts_of_two_tokens_make_no_third(first: tuple[str, str, str], second: tuple[str, str, str]) -> None:
    """A signature covers its own payload only."""
    assume(first[2] != second[2])
    one, other = (token.removeprefix(prefix).split(".") for token, prefix, _ in (first, second))

    assert is_refused(".".join([one[0], one[1], other[2]]))
    assert is_refused(".".join([one[0], other[1], one[2]]))


@examples(100)
@given(tokens(), st.binary(min_size=32, max_size=64))
def test_a_token_of_another_secret_is_refused(minted: tuple[str, str, str], secret: bytes) -> None:
    """Whoever does not know the secret cannot make one."""
    assume(secret != SECRET)
    _, prefix, kuid = minted

    assert is_refused(Signer(secret).mint(prefix, kuid, now=0, expires_at=NEVER, jti=JTI))


@pytest.mark.parametrize("header", HEADERS, ids=repr)
def test_a_forged_header_is_refused_even_with_a_right_signature(header: bytes) -> None:
    """One header exists; what another one says (`none`, `kid`, `crit`, a name twice …) is never read."""
    payload = b'{"_id":"admin","iat":0,"jti":"%s"}' % JTI.encode()
    body = f"{encoded(header)}.{encoded(payload)}"

    for prefix in (API_KEY_PREFIX, LOGIN_PREFIX, ""):
        assert is_refused(prefix + signed(header, payload))
        assert is_refused(prefix + signed(header, payload, hashlib.sha384))
        assert is_refused(f"{prefix}{body}.")
        assert is_refused(prefix + body)


@pytest.mark.parametrize(
    "payload",
    [b"{}", b'{"_id":5}', b'{"_id":""}', b'{"_id":null}', b'{"_id":["a"]}', b"[]", b'"_id"', b"", b"\xff", b"[" * 5000],
    ids=lambda payload: repr(payload[:12]),
)
def test_a_right_signature_over_a_payload_without_a_user_is_refused(payload: bytes) -> None:
    """A library that shares the secret may sign other things."""
    assert not is_refused(signed(b'{"alg":"HS256","typ":"JWT"}', b'{"_id":"a"}'))
    assert is_refused(signed(b'{"alg":"HS256","typ":"JWT"}', payload))


@examples(300)
@given(st.text(max_size=60) | st.lists(pieces).map("".join))
def test_any_other_text_is_refused(text: str) -> None:
    """Whatever it looks like."""
    assert is_refused(text)


class Watched(Signer):
    """A signer that tells when it begins to hash."""

    def _check_usable(self) -> None:
        """Not at the start."""

    def _payload(self, bare: str) -> dict[str, Any]:
        raise AssertionError(f"{len(bare)} characters were looked at")


def test_a_token_that_is_too_long_is_refused_before_any_hashing() -> None:
    """At the limit it still counts; beyond it its length is all that is looked at."""
    kuid = "a" * 7000
    while len(token := SIGNER.mint(API_KEY_PREFIX, kuid, now=0, expires_at=NEVER, jti=JTI)) > LONGEST:
        kuid = kuid[:-1]
    too_long = SIGNER.mint(API_KEY_PREFIX, kuid + "aaa", now=0, expires_at=NEVER, jti=JTI)

    assert (kuid, True) == (SIGNER.verify(token).kuid, LONGEST - 4 < len(token) <= LONGEST < len(too_long))
    for text in (too_long, token + "=" * 5, "x" * 1_000_000):
        assert is_refused(text)
        with pytest.raises(UnauthorizedError):
            Watched(SECRET).verify(text)
    with pytest.raises(AssertionError, match="characters were looked at"):
        Watched(SECRET).verify(token)
