"""The page for a person who opens the gateway's address in a browser: what this is, is it well, what comes next.

Rules of the file: pure; a state goes in, a whole page comes out. Nothing is loaded and nothing runs: one style, which
the policy admits by its hash, and no script. Anybody may see the page, so it says nothing that a stranger cannot
learn from the protocol: no version (it tells which flaws to try), no database, no folder of the machine, no user but
the one that the quick start proposes. Every value is escaped, and the address goes into commands only if it is one.
"""

import base64
import hashlib
import re
from html import escape
from typing import NamedTuple

from msgspec import Struct

from gateway.config import Config

__all__ = ["ADMIN_COMMAND", "CONTENT_SECURITY_POLICY", "State", "render"]

ADMIN_COMMAND = ".venv/bin/latchgate admin create --username admin"
"""What makes the first administrator, as docs/quickstart.md has it; the user's id is its name."""


class State(Struct, frozen=True):
    """What the page shows.

    Attributes:
        is_ready: as `GET /_ready` tells.
        has_administrator: somebody has the profile `admin`; None if that cannot be told at the moment.
        host: the header `Host` as it came, whatever it holds; a port may be left out.
        is_secure: the browser came over TLS.
    """

    is_ready: bool
    has_administrator: bool | None
    host: str
    is_secure: bool = False


_STYLE = """
:root{color-scheme:light dark;--bg:#f4f6f7;--card:#fff;--line:#d9e0e4;--text:#14202a;--dim:#4f606d;--code:#eef3f4;
--mark:#0a6b5c;--on:#fff;--good:#0a6b5c;--wait:#8a5300;--soft:#e2f1ee;--warm:#fbf0dd}
@media (prefers-color-scheme:dark){:root{--bg:#0d1317;--card:#151d23;--line:#2a363f;--text:#e7eef2;--dim:#a0b1bd;
--code:#0b1115;--mark:#56d3bb;--on:#06211c;--good:#56d3bb;--wait:#f2b95c;--soft:#122b29;--warm:#2e2515}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--text);font:1rem/1.6 system-ui,-apple-system,"Segoe UI",sans-serif}
main,footer{max-width:49rem;margin:0 auto;padding:0 1.25rem}
header{display:flex;align-items:center;gap:1rem;padding:3.5rem 0 .75rem}
header svg{flex:none;width:3.25rem;height:3.25rem;color:var(--mark)}
h1{margin:0;font-size:2.25rem;line-height:1.1;letter-spacing:-.025em}
h2{margin:0;font-size:1.2rem;line-height:1.35;letter-spacing:-.01em}
h3{margin:1.5rem 0 0;font-size:.95rem}
p{margin:.5rem 0 0}
.lead{max-width:36rem;color:var(--dim);font-size:1.1rem}
dl{display:flex;flex-wrap:wrap;gap:.75rem;margin:1.75rem 0}
dl div,.step{background:var(--card);border:1px solid var(--line);border-radius:.75rem}
dl div{flex:1 1 9rem;min-width:0;padding:.8rem 1rem}
dl .where{flex-basis:18rem}
dt{color:var(--dim);font-size:.85rem}
dd{margin:0;font-weight:600;overflow-wrap:anywhere}
.where dd{font-weight:400;font-size:.9rem;line-height:1.45}
.good{color:var(--good)}
.wait{color:var(--wait)}
.good:before,.wait:before{content:"";display:inline-block;width:.6em;height:.6em;margin-right:.5em;border-radius:50%;
background:currentColor}
.wait:before{background:none;box-shadow:inset 0 0 0 .15em currentColor}
ol{list-style:none;margin:0;padding:0;display:grid;gap:1rem}
.step{display:grid;grid-template-columns:2rem minmax(0,1fr);column-gap:1rem;padding:1.25rem 1.25rem 1.4rem}
.step.now{border-color:var(--mark);box-shadow:0 0 0 1px var(--mark)}
.no{display:grid;place-items:center;width:2rem;height:2rem;border-radius:50%;background:var(--soft);color:var(--mark);
font-weight:700}
.now .no{background:var(--mark);color:var(--on)}
.note{padding:1rem 1.25rem;border-radius:.75rem;background:var(--warm)}
.done h2{color:var(--dim)}
pre,code{font:.875rem/1.55 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
pre{margin:.6rem 0 0;padding:.85rem 1rem;border:1px solid var(--line);border-radius:.5rem;background:var(--code);
white-space:pre-wrap;overflow-wrap:anywhere}
.all{-webkit-user-select:all;user-select:all}
a{color:var(--mark);text-underline-offset:.2em}
:focus-visible{outline:3px solid var(--mark);outline-offset:3px;border-radius:.2rem}
footer{padding-top:2rem;padding-bottom:3.5rem;color:var(--dim);font-size:.95rem}
footer ul{display:flex;flex-wrap:wrap;gap:.25rem 1.5rem;list-style:none;margin:0;padding:0}
@media (max-width:30rem){header{padding-top:2rem}h1{font-size:1.9rem}.step{display:block}.no{margin-bottom:.6rem}
pre{padding:.75rem;font-size:.8rem}}
@media print{.step,dl div{break-inside:avoid}}
"""

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; "
    f"style-src 'sha256-{base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()}'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""The page's one style and nothing else (CSP Level 3, §6.1.3 and §8.4)."""

_PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>Latchgate: {outcome}</title>
<style>{style}</style>
</head>
<body>
<main>
<header><svg viewBox="0 0 48 48" fill="none" stroke="currentColor" stroke-width="3.5" stroke-linecap="round" \
aria-hidden="true"><path d="M9 43V20a15 15 0 0 1 30 0v23M4 43h40M24 28v7"/><circle cx="24" cy="24" r="3.5"/></svg>
<h1>Latchgate</h1></header>
<p class="lead">A gateway that speaks Kuzzle's API over WebSocket and HTTP, and mints, finds and revokes API keys.
Programs talk to it; this page is for you.</p>
<dl>
<div><dt>Gateway</dt>{gateway}</div>
<div><dt>Administrator</dt>{administrator}</div>
<div class="where"><dt>Address</dt><dd>{websocket}</dd><dd>{http}</dd></div>
</dl>
{steps}</main>
<footer><nav aria-label="For programs"><ul>{links}</ul></nav></footer>
</body>
</html>
"""

_NOT_READY = "not ready"
_WAIT = """\
<p class="note" role="status">The gateway is starting, stopping, or waiting for its database.
<a href="/">Look again</a> in a moment.</p>
"""

_STEP = """\
<li class="step {place}"{current}><span class="no" aria-hidden="true">{mark}</span>
<div><h2>{title}</h2>
{text}</div></li>
"""

_CREATE = """\
<p>In a terminal on the machine where the gateway runs, in its folder; it asks for a password. When it started, the
gateway printed this line with what its settings add to it.</p>
<pre class="all">{command}</pre>
<p>Then <a href="/">look again</a>.</p>
"""

_CREATED = """\
<p>Done: there is one.</p>
"""

_MINT = """\
<p>The user <code>admin</code> makes a key for itself. It is shown this once; whoever has it acts as its user, and once
it is deleted it opens nothing any more.</p>
<h3>With the JavaScript SDK</h3>
<pre>{javascript}</pre>
<h3>With curl</h3>
<p>The first line answers with a token, <code>jwt</code>, which the second one sends.</p>
<pre>{log_in}</pre>
<pre>{create_key}</pre>
"""

_JAVASCRIPT = """\
import sdk from 'kuzzle-sdk'; // npm install kuzzle-sdk

const options = {options};
const socket = new sdk.WebSocket('{name}', options);
const kuzzle = new sdk.Kuzzle(socket);
await kuzzle.connect();

const person = {{ username: 'admin', password: '…' }};
await kuzzle.auth.login('local', person);

const key = await kuzzle.security.createApiKey(
  'admin', 'My first key', {{ expiresIn: '30d' }}
);
console.log(key._source.token);
kuzzle.disconnect();"""

_LOG_IN = """\
curl -H 'Content-Type: application/json' \\
  -d '{{"username": "admin", "password": "…"}}' \\
  '{url}/_login/local'"""

_CREATE_KEY = """\
curl -H 'Authorization: Bearer kauth-…' \\
  -H 'Content-Type: application/json' \\
  -d '{{"description": "My first key"}}' \\
  '{url}/users/admin/api-keys/_create?expiresIn=30d'"""

_ADDRESS = re.compile(
    r"(?P<name>[a-z0-9](?:[a-z0-9._-]{0,252}[a-z0-9])?|\[[0-9a-f:.]{2,45}\])(?::(?P<port>[0-9]{1,5}))?",
    re.ASCII | re.IGNORECASE,
)
_PORTS = range(1, 65_536)
_LINKS = (("/_publicApi", "Actions"), ("/_openapi", "OpenAPI"), ("/_healthcheck", "Health"), ("/_ready", "Readiness"))


class _Address(NamedTuple):
    """Where the browser found the gateway; nothing in it means anything to a shell, to JavaScript or to HTML."""

    name: str
    port: int
    is_secure: bool

    def url(self, scheme: str) -> str:
        """With the port only where the scheme does not imply it."""
        implied = 443 if self.is_secure else 80
        port = "" if self.port == implied else f":{self.port}"
        return f"{scheme}{'s' if self.is_secure else ''}://{self.name}{port}"

    @property
    def options(self) -> str:
        """As the SDK wants them, in JavaScript."""
        return f"{{ port: {self.port}{', ssl: true' if self.is_secure else ''} }}"


def render(state: State) -> str:
    """Make the whole page; its bytes are its UTF-8."""
    address = _address(state)
    return _PAGE.format(
        outcome=_outcome(state),
        style=_STYLE,
        gateway=_fact("ready", is_well=True) if state.is_ready else _fact(_NOT_READY, is_well=False),
        administrator=_ADMINISTRATOR[state.has_administrator],
        websocket=escape(address.url("ws")),
        http=escape(address.url("http")),
        steps=_WAIT if _outcome(state) == _NOT_READY else _steps(state, address),
        links="".join(f'<li><a href="{escape(path)}">{escape(name)}</a></li>' for path, name in _LINKS),
    )


def _address(state: State) -> _Address:
    """What the browser's `Host` says, or the usual address where it says anything that is no host (RFC 9110 §7.2)."""
    found = _ADDRESS.fullmatch(state.host)
    port = int(found["port"] or (443 if state.is_secure else 80)) if found else 0
    if found and port in _PORTS:
        return _Address(found["name"], port, state.is_secure)
    return _Address("localhost", Config().server.port, state.is_secure)


def _outcome(state: State) -> str:
    if not state.is_ready or state.has_administrator is None:
        return _NOT_READY
    return "no administrator yet" if state.has_administrator is False else "ready"


def _fact(text: str, *, is_well: bool) -> str:
    return f'<dd class="{"good" if is_well else "wait"}">{text}</dd>'


_ADMINISTRATOR = {
    True: _fact("exists", is_well=True),
    False: _fact("none yet", is_well=False),
    None: _fact("not known", is_well=False),
}


def _steps(state: State, address: _Address) -> str:
    if state.has_administrator:
        create, places = _CREATED, ("done", "now")
    else:
        create, places = _CREATE.format(command=escape(ADMIN_COMMAND)), ("now", "later")
    mint = _MINT.format(
        javascript=escape(_JAVASCRIPT.format(name=address.name, options=address.options)),
        log_in=escape(_LOG_IN.format(url=address.url("http"))),
        create_key=escape(_CREATE_KEY.format(url=address.url("http"))),
    )
    first = _step("1", "Create the administrator", create, places[0])
    return f'<ol role="list">\n{first}{_step("2", "Log in and mint the first key", mint, places[1])}</ol>\n'


def _step(number: str, title: str, text: str, place: str) -> str:
    return _STEP.format(
        place=place,
        current=' aria-current="step"' if place == "now" else "",
        mark="✓" if place == "done" else number,
        title=title,
        text=text,
    )
