"""The catalogue: numbers held against facts of the protocol, sentences against the values that fill them."""

import ast
import re
import string
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from gateway.protocol.catalogue import CATALOGUE
from gateway.protocol.errors import api_error

GATEWAY = Path(__file__).parents[2] / "gateway"

FACTS = {
    "core.fatal.service_unavailable": (2, 500),
    "services.storage.get_limit_exceeded": (16_842_755, 413),
    "services.storage.incomplete_delete": (16_842_761, 206),
    "services.storage.not_found": (16_842_763, 404),
    "services.storage.document_already_exists": (16_842_769, 400),
    "services.storage.unexpected_bad_request": (16_842_785, 400),
    "api.assert.invalid_type": (33_619_969, 400),
    "api.assert.invalid_argument": (33_619_970, 400),
    "api.assert.missing_argument": (33_619_971, 400),
    "api.assert.mutually_exclusive": (33_619_973, 400),
    "api.assert.body_required": (33_619_976, 400),
    "api.process.overloaded": (33_685_506, 503),
    "api.process.controller_not_found": (33_685_508, 404),
    "api.process.action_not_found": (33_685_509, 404),
    "api.process.incompatible_sdk_version": (33_685_510, 400),
    "api.process.unauthorized_origin": (33_685_516, 401),
    "api.process.too_many_logins_requests": (33_685_517, 429),
    "network.websocket.unexpected_error": (50_528_257, 400),
    "network.entrypoint.shutting_down": (50_593_795, 503),
    "plugin.runtime.unexpected_error": (67_239_938, 500),
    "plugin.strategy.unknown_kuid": (67_305_489, 500),
    "plugin.strategy.missing_user": (67_305_492, 401),
    "security.token.invalid": (117_506_049, 401),
    "security.token.ttl_exceeded": (117_506_052, 400),
    "security.token.generation_failed": (117_506_053, 500),
    "network.http.request_too_large": (50_397_185, 413),
    "network.http.unexpected_error": (50_397_186, 400),
    "network.http.too_many_encodings": (50_397_187, 400),
    "network.http.unsupported_compression": (50_397_188, 400),
    "network.http.compression_disabled": (50_397_189, 400),
    "network.http.unsupported_verb": (50_397_190, 400),
    "network.http.url_not_found": (50_397_191, 404),
    "network.http.unsupported_content": (50_397_192, 400),
    "network.http.unsupported_charset": (50_397_193, 400),
    "network.http.volatile_parse_failed": (50_397_195, 400),
    "network.http.body_parse_failed": (50_397_196, 400),
    "security.cookie.invalid": (117_899_265, 401),
    "security.rights.unauthorized": (117_637_121, 401),
    "security.rights.forbidden": (117_637_122, 403),
    "security.user.already_exists": (117_702_657, 412),
    "security.user.not_found": (117_702_658, 404),
    "security.role.unknown_action": (117_768_202, 400),
    "security.profile.in_use": (117_833_731, 412),
}
"""Id → code and status of the original, as numbers: the arithmetic that makes them is the catalogue's alone."""

BETTER_STATUSES = {
    "services.storage.not_connected": (16_842_776, 500, 503),
    "security.user.no_profile": (117_702_663, 500, 400),
    "security.token.verification_error": (117_506_055, 500, 400),
    "security.cookie.unsupported": (117_899_266, 500, 400),
}
"""Id → code, the original's status, ours: a mistake of the client, or a moment's trouble, is no fault of the server."""


class Use(NamedTuple):
    """One call of `api_error`: where, the id as a pattern, and how many props, None where they are unpacked."""

    place: str
    pattern: str
    props: int | None


@pytest.mark.parametrize(("error_id", "code", "status"), [(name, *fact) for name, fact in FACTS.items()])
def test_code_and_status_are_those_of_the_protocol(error_id: str, code: int, status: int) -> None:
    """Clients compare codes and statuses; none of them may drift."""
    entry = CATALOGUE[error_id]

    assert (code, status) == (entry.code, entry.status)


@pytest.mark.parametrize(("error_id", "fact"), list(BETTER_STATUSES.items()))
def test_a_status_that_differs_on_purpose_keeps_the_code(error_id: str, fact: tuple[int, int, int]) -> None:
    """Two statuses are better than the original's; what clients switch on is the same."""
    code, theirs, ours = fact
    entry = CATALOGUE[error_id]

    assert theirs != ours
    assert (code, ours) == (entry.code, entry.status)


def test_no_two_errors_share_a_code() -> None:
    """A code names one error."""
    codes = Counter(entry.code for entry in CATALOGUE.values())

    assert [] == [code for code, count in codes.items() if count > 1]


def test_a_code_fits_into_four_bytes_and_its_parts_into_theirs() -> None:
    """Domain and subdomain take a byte each, the number two, and none of them reaches into its neighbour."""
    for name, entry in CATALOGUE.items():
        domain, subdomain = entry.code >> 24, entry.code >> 16 & 0xFF
        family = name.rsplit(".", 1)[0]
        of_family = {CATALOGUE[other].code >> 16 for other in CATALOGUE if other.rsplit(".", 1)[0] == family}
        assert 0 <= domain <= 8
        assert {domain << 8 | subdomain} == of_family
        assert entry.code & 0xFFFF


def test_every_error_has_a_public_sentence() -> None:
    """A sentence says something, on one line; placeholders count from zero without a gap."""
    for name, entry in CATALOGUE.items():
        assert entry.template.strip() == entry.template != "", name
        assert "\n" not in entry.template, name
        numbers = placeholders(name)
        assert set(range(len(numbers))) == numbers, name


@pytest.mark.parametrize("error_id", list(CATALOGUE))
def test_every_sentence_takes_its_props(error_id: str) -> None:
    """With as many props as it has placeholders a sentence shows each of them, whatever braces they hold."""
    props = tuple(f"{{prop{number}}}%s" for number in range(len(placeholders(error_id))))

    error = api_error(error_id, *props)

    assert props == error.props
    assert all(prop in error.message for prop in props)
    assert (CATALOGUE[error_id].code, error_id) == (error.code, error.id)


def test_every_error_that_the_code_raises_is_in_the_catalogue() -> None:
    """An id that is quoted anywhere exists; one that is put together matches an id that exists."""
    unknown = [use for use in uses() if not any(re.fullmatch(use.pattern, name) for name in CATALOGUE)]

    assert [] == unknown


def test_every_error_is_raised_with_the_props_that_its_sentence_shows() -> None:
    """Too few props would turn an error into an exception of its own; more than are shown are fine."""
    short = [
        (use, name)
        for use in uses()
        for name in CATALOGUE
        if re.fullmatch(use.pattern, name) and use.props is not None and use.props < len(placeholders(name))
    ]

    assert [] == short


def test_the_reader_of_uses_sees_what_is_wrong() -> None:
    """The two tests above can fail: an unknown id and a missing prop are seen, wherever the line breaks."""
    source = "raise api_error(\n  'no.such.error',\n  1)\nerrors.api_error(f'security.rights.{name}', *props)\n"

    seen = list(uses_in(source, "here"))

    assert [Use("here:1", r"no\.such\.error", 1), Use("here:4", r"security\.rights\.\w+", None)] == seen


def test_the_code_uses_the_catalogue() -> None:
    """The search of the code finds something at all."""
    assert len(list(uses())) > 50


def placeholders(error_id: str) -> set[int]:
    """The numbers in the braces of a sentence."""
    return {int(name) for _, name, _, _ in string.Formatter().parse(CATALOGUE[error_id].template) if name is not None}


def uses() -> Iterator[Use]:
    """Every call of `api_error` in the gateway."""
    for path in sorted(GATEWAY.rglob("*.py")):
        yield from uses_in(path.read_text("utf-8"), str(path.relative_to(GATEWAY.parent)))


def uses_in(source: str, place: str) -> Iterator[Use]:
    """Every call of `api_error` in a text; its id must be a string there, plain or with holes."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call) or called(node.func) != "api_error":
            continue
        unpacked = any(isinstance(argument, ast.Starred) for argument in node.args)
        yield Use(f"{place}:{node.lineno}", pattern(node.args[0]), None if unpacked else len(node.args) - 1)


def called(function: ast.expr) -> str | None:
    """The last name of what is called."""
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else None


def pattern(argument: ast.expr) -> str:
    """A string as a regular expression; holes stand for one word."""
    if isinstance(argument, ast.JoinedStr):
        return "".join(
            re.escape(str(part.value)) if isinstance(part, ast.Constant) else r"\w+" for part in argument.values
        )
    assert isinstance(argument, ast.Constant), "an error id must be readable where it is used"
    return re.escape(str(argument.value))
