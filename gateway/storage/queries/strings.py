"""The languages inside of a text: `query_string` and `simple_query_string` → clauses.

Rules of the file: pure, and it makes no filter: its result is an object of the query language, translated and
counted like any other. Known are words with `*` and `?`, `"phrases"`, `field:` before a word, phrase or group,
parentheses, AND OR NOT and their signs; ranges, fuzziness, boosts and `/regexps/` are refused. How signs add up
follows Lucene's classic parser: what AND joins is required, and the rest is optional beside it.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from gateway.protocol.errors import ApiError, BadRequestError
from gateway.storage.queries.scope import Schema, refused
from gateway.storage.queries.values import Scalar, number

__all__ = ["read_simple_string", "read_string"]

Query = dict[str, Any]

_MAX_GROUPS = 20


class _Syntax(NamedTuple):
    """What tells one language from the other; `token` has one named group for each kind of token."""

    token: re.Pattern[str]
    signs: Mapping[str, str]
    does_not_exclude: bool
    """Whether `a NOT b` finds what has a, or has not b (simple_query_string), rather than a without b."""


_FULL = _Syntax(
    re.compile(
        r"""(?P<space>\s+)
        | (?P<all>\*:\*)
        | "(?P<phrase>(?:[^"\\]|\\.)*)"
        | (?P<sign>&&|\|\||[()!+-]|(?:AND|OR|NOT)(?![^\s()]))
        | (?P<field>(?:[\w.@-]|\\.)+):
        | (?P<word>(?:[^\s"()!~^/\[\]{}:<>\\&|]|\\.)+)
        """,
        re.VERBOSE | re.DOTALL,
    ),
    {"&&": "AND", "||": "OR", "!": "NOT", "-": "NOT"},
    does_not_exclude=False,
)
_SIMPLE = _Syntax(
    re.compile(
        r"""(?P<space>\s+)
        | "(?P<phrase>(?:[^"\\]|\\.)*)"
        | (?P<sign>[()+|-])
        | (?P<word>(?:[^\s"()+|~\\]|\\.)+)
        """,
        re.VERBOSE | re.DOTALL,
    ),
    {"+": "AND", "|": "OR", "-": "NOT"},
    does_not_exclude=True,
)
_NO_WORD = re.compile(r'["()+|~\\-]')
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_UNESCAPED_GLOB = re.compile(r"(?:\\.|[^*?\\])*[*?]", re.DOTALL)


class _Token(NamedTuple):
    """`kind`: AND, OR, NOT, +, (, ), or phrase, word, field, all; `""` stands for the end."""

    kind: str
    text: str


def read_string(text: str, fields: Sequence[str], *, every: bool, schema: Schema) -> Query:
    """Translate a `query_string`.

    Args:
        text: what was typed.
        fields: searched by what names no field.
        every: whether words without a sign between them must all be there.
        schema: tells analysed text.

    Raises:
        BadRequestError: it cannot be read, or uses what is not known here.
    """
    return _Parser(text, _FULL, fields, every=every, schema=schema).read()


def read_simple_string(text: str, fields: Sequence[str], *, every: bool, schema: Schema) -> Query:
    """Translate a `simple_query_string`, as `read_string` does; signs that cannot be read are left out."""
    try:
        return _Parser(text, _SIMPLE, fields, every=every, schema=schema).read()
    except BadRequestError:
        plain = _NO_WORD.sub(" ", text)
        return _Parser(plain, _SIMPLE, fields, every=every, schema=schema).read()


class _Parser:
    def __init__(self, text: str, syntax: _Syntax, fields: Sequence[str], *, every: bool, schema: Schema) -> None:
        self._tokens = _tokens(text, syntax)
        self._at = 0
        self._groups = 0
        self._syntax = syntax
        self._fields = fields
        self._every = every
        self._schema = schema

    def read(self) -> Query:
        query = self._group(self._fields)
        self._expect("")
        return query

    def _peek(self) -> str:
        return self._tokens[self._at].kind

    def _take(self) -> _Token:
        self._at += 1
        return self._tokens[self._at - 1]

    def _expect(self, *kinds: str) -> str:
        if self._peek() not in kinds:
            raise _unreadable()
        return self._take().text

    def _group(self, fields: Sequence[str]) -> Query:
        clauses: list[tuple[str, Query]] = []
        while self._peek() not in {"", ")"}:
            self._clause(clauses, fields)
        return _joined(clauses)

    def _clause(self, clauses: list[tuple[str, Query]], fields: Sequence[str]) -> None:
        joint = self._take().kind if clauses and self._peek() in {"AND", "OR"} else ""
        sign = self._take().kind if self._peek() in {"NOT", "+"} else ""
        query = self._operand(fields)
        if sign == "NOT" and self._syntax.does_not_exclude:
            sign, query = "", {"bool": {"must_not": [query]}}
        required = sign == "+" or joint == "AND" or (self._every and joint != "OR")
        if clauses and joint == "AND" and clauses[-1][0] == "should":
            clauses[-1] = ("must", clauses[-1][1])
        if clauses and joint == "OR" and clauses[-1][0] == "must" and self._every:
            clauses[-1] = ("should", clauses[-1][1])
        clauses.append(("must_not" if sign == "NOT" else "must" if required else "should", query))

    def _operand(self, fields: Sequence[str]) -> Query:
        if self._peek() == "field":
            return self._in_field(_ESCAPE.sub(r"\1", self._take().text))
        if self._peek() == "(":
            return self._parentheses(fields)
        if self._peek() == "all":
            self._take()
            return {"match_all": {}}
        kind = self._peek()
        text = self._expect("word", "phrase")
        if kind == "word" and text == "*" and fields is self._fields:
            return {"match_all": {}}
        return _either([self._leaf(field, kind, text) for field in fields])

    def _in_field(self, field: str) -> Query:
        if field == "_exists_":
            return {"exists": {"field": _ESCAPE.sub(r"\1", self._expect("word"))}}
        if self._peek() not in {"word", "phrase", "("}:
            raise _unreadable()
        return self._operand([field])

    def _parentheses(self, fields: Sequence[str]) -> Query:
        self._groups += 1
        if self._groups > _MAX_GROUPS:
            raise _unreadable()
        self._take()
        query = self._group(fields)
        self._expect(")")
        return query

    def _leaf(self, field: str, kind: str, text: str) -> Query:
        is_text = field in self._schema.text
        plain = _ESCAPE.sub(r"\1", text)
        if kind == "phrase":
            return {"match_phrase": {field: plain}}
        if text == "*":
            return {"exists": {"field": field}}
        if _UNESCAPED_GLOB.match(text):
            return {"wildcard": {field: {"value": text, "case_insensitive": is_text}}}
        if is_text:
            return {"match": {field: {"query": plain, "operator": "and" if self._every else "or"}}}
        return {"terms": {field: _readings(plain)}}


def _tokens(text: str, syntax: _Syntax) -> list[_Token]:
    tokens, at = [], 0
    while at < len(text):
        match = syntax.token.match(text, at)
        if match is None or match.lastgroup is None:
            raise _unreadable()
        at, kind, value = match.end(), match.lastgroup, match[match.lastgroup]
        if kind == "sign":
            tokens.append(_Token(syntax.signs.get(value, value), value))
        elif kind != "space":
            tokens.append(_Token(kind, value))
    return [*tokens, _Token("", "")]


def _joined(clauses: Sequence[tuple[str, Query]]) -> Query:
    if not clauses:
        return {"match_none": {}}
    if len(clauses) == 1 and clauses[0][0] != "must_not":
        return clauses[0][1]
    lists: dict[str, list[Query]] = {}
    for occurrence, query in clauses:
        lists.setdefault(occurrence, []).append(query)
    return {"bool": lists}


def _either(queries: list[Query]) -> Query:
    return queries[0] if len(queries) == 1 else {"bool": {"should": queries}}


def _readings(word: str) -> list[Scalar]:
    """What a word may mean in a field that is no text: itself, a number, a truth."""
    read = number(word)
    numbers: list[Scalar] = [] if read is None else [read]
    truths: list[Scalar] = [word == "true"] if word in ("true", "false") else []
    return [word, *numbers, *truths]


def _unreadable() -> ApiError:
    return refused("the query string cannot be read")
