"""The page for a person with a browser: what it says in each state, and that nothing can get into it."""

import base64
import hashlib
import re
import shlex
from html.parser import HTMLParser
from importlib.metadata import version
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway.system.welcome import ADMIN_COMMAND, CONTENT_SECURITY_POLICY, State, render

ROOT = Path(__file__).parents[2]
FRESH = State(is_ready=True, has_administrator=False, host="localhost:7512")
SETTLED = State(is_ready=True, has_administrator=True, host="localhost:7512")
AWAY = State(is_ready=False, has_administrator=None, host="localhost:7512")
UNSURE = State(is_ready=True, has_administrator=None, host="localhost:7512")
STATES = [FRESH, SETTLED, AWAY, UNSURE]

VOID = {"meta", "path", "circle"}
"""Elements that never have an end tag here: void ones of HTML, and SVG's that end in themselves."""

states = st.builds(State, st.booleans(), st.sampled_from([True, False, None]), st.text(), st.booleans())


class Page(HTMLParser):
    """A page that has been read.

    Attributes:
        tags: every start tag with its attributes, in order.
        texts: (the elements around it, outermost first; the text), in order.
    """

    def __init__(self, source: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[tuple[str, ...], str]] = []
        self._open: list[str] = []
        self.feed(source)
        self.close()
        assert [] == self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note it; it has no attribute twice."""
        assert len(attrs) == len(dict(attrs))
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note one that ends in itself."""
        assert tag in VOID
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        """Close the innermost element, which it must be."""
        assert tag == self._open.pop()

    def handle_data(self, data: str) -> None:
        """Note a text."""
        self.texts.append((tuple(self._open), data))

    def of(self, tag: str) -> list[str]:
        """Every whole text of the elements of one name."""
        return [text for around, text in self.texts if around and around[-1] == tag and text.strip()]


@pytest.mark.parametrize("state", STATES)
def test_the_page_is_well_formed_and_small(state: State) -> None:
    """Every element is closed where it was opened; it loads at once over any line."""
    source = render(state)
    page = Page(source)

    assert source.startswith("<!doctype html>\n")
    assert len(source.encode()) < 15_000
    assert ("html", {"lang": "en"}) == page.tags[0]
    assert {"name": "viewport", "content": "width=device-width, initial-scale=1"} in [each for _, each in page.tags]
    assert ["Latchgate"] == page.of("h1")
    names = [tag for tag, _ in page.tags]
    for once in ("title", "main", "h1", "header", "footer", "nav", "style"):
        assert 1 == names.count(once), once


@pytest.mark.parametrize("state", STATES)
def test_the_policy_fits_the_page_exactly(state: State) -> None:
    """The hash is that of the one style; nothing else needs leave, for there is nothing else."""
    page = Page(render(state))
    (style,) = page.of("style")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()

    assert [
        "default-src 'none'",
        f"style-src 'sha256-{digest}'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    ] == CONTENT_SECURITY_POLICY.split("; ")
    assert not re.search(r"url\(|@import", style)


@pytest.mark.parametrize("state", STATES)
def test_nothing_is_loaded_and_nothing_runs(state: State) -> None:
    """No script, no handler, no inline style, no form, no resource; links stay on this very gateway."""
    for tag, attributes in Page(render(state)).tags:
        assert tag not in {"script", "link", "img", "iframe", "object", "embed", "form", "base", "use", "image"}
        for name, value in attributes.items():
            assert not name.startswith("on")
            assert name not in {"style", "src", "srcset", "action", "ping", "background", "http-equiv"}
            if name == "href":
                assert value is not None
                assert re.fullmatch(r"/[A-Za-z_]*", value)


@given(states)
@example(replace(FRESH, host='"><script>alert(1)</script>'))
@example(replace(FRESH, host="'; rm -rf ~; '"))
@example(replace(FRESH, host="</style><style>*{display:none}</style>"))
@example(replace(FRESH, host="&lt;{style}"))
def test_no_host_changes_the_page_s_structure(state: State) -> None:
    """Whatever a header holds, the elements and their attributes are those of the state."""
    plain = replace(state, host="localhost:7512", is_secure=False)

    assert Page(render(plain)).tags == Page(render(state)).tags


@given(st.one_of(st.text(), st.from_regex(r"[a-zA-Z0-9$`'\"\\;|&<>()\[\]:._ %!{}\n-]{1,40}", fullmatch=True)))
@example("$(id).example.org:7512")
@example("`id`")
@example("a'b")
@example("example.org:7512\n")
@example("example.org:99999")
@example("example.org:0")
@example("[::1]:7512:")
def test_no_host_gets_a_word_into_a_command(host: str) -> None:
    """A shell reads the same words, save the address, which holds nothing that means something to it."""
    plain = [shlex.split(text) for text in Page(render(SETTLED)).of("pre")[1:]]
    for usual, words in zip(plain, commands(replace(SETTLED, host=host)), strict=True):
        assert usual[:-1] == words[:-1]
        address = re.fullmatch(r"http://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:\d+)?(/.*)", words[-1])
        assert address is not None
        assert address[3] == usual[-1].removeprefix("http://localhost:7512")


def commands(state: State) -> list[list[str]]:
    """The words of the two curl commands, as a shell would split them."""
    return [shlex.split(text) for text in Page(render(state)).of("pre")[-2:]]


@pytest.mark.parametrize(
    ("host", "is_secure", "websocket", "http", "options"),
    [
        ("localhost:7512", False, "ws://localhost:7512", "http://localhost:7512", "{ port: 7512 }"),
        ("gate.example.org", True, "wss://gate.example.org", "https://gate.example.org", "{ port: 443, ssl: true }"),
        ("gate.example.org", False, "ws://gate.example.org", "http://gate.example.org", "{ port: 80 }"),
        ("gate.example.org:80", True, "wss://gate.example.org:80", "https://gate.example.org:80", "{ port: 80, ssl: "),
        ("[::1]:7512", False, "ws://[::1]:7512", "http://[::1]:7512", "{ port: 7512 }"),
        ("a b", False, "ws://localhost:7512", "http://localhost:7512", "{ port: 7512 }"),
        ("gate.example.org:65536", False, "ws://localhost:7512", "http://localhost:7512", "{ port: 7512 }"),
        ("gate.example.org:0007512", False, "ws://localhost:7512", "http://localhost:7512", "{ port: 7512 }"),
        ("gate.example.org:07512", False, "ws://gate.example.org:7512", "http://gate.example.org:7512", "{ port: 7512"),
        ("", False, "ws://localhost:7512", "http://localhost:7512", "{ port: 7512 }"),
    ],
)
def test_the_address_is_the_one_that_the_browser_found(
    host: str, websocket: str, http: str, options: str, *, is_secure: bool
) -> None:
    """With scheme and port as it came; a header that is no address is not shown."""
    state = replace(SETTLED, host=host, is_secure=is_secure)
    page = Page(render(state))

    assert ["ready", "exists", websocket, http] == page.of("dd")
    assert [f"{http}/_login/local", f"{http}/users/admin/api-keys/_create?expiresIn=30d"] == [
        words[-1] for words in commands(state)
    ]
    assert f"const options = {options}" in page.of("pre")[0]


@pytest.mark.parametrize(
    ("state", "title", "facts", "headings"),
    [
        (
            FRESH,
            "Latchgate: no administrator yet",
            ["ready", "none yet"],
            ["Create the administrator", "Log in and mint the first key"],
        ),
        (
            SETTLED,
            "Latchgate: ready",
            ["ready", "exists"],
            ["Create the administrator", "Log in and mint the first key"],
        ),
        (AWAY, "Latchgate: not ready", ["not ready", "not known"], []),
        (replace(AWAY, has_administrator=True), "Latchgate: not ready", ["not ready", "exists"], []),
        (UNSURE, "Latchgate: not ready", ["ready", "not known"], []),
    ],
)
def test_each_state_is_told(state: State, title: str, facts: list[str], headings: list[str]) -> None:
    """In the title of the tab, in words beside the colours, and by the next step."""
    page = Page(render(state))

    assert [title] == page.of("title")
    assert facts == page.of("dd")[:2]
    assert headings == page.of("h2")
    assert (not headings) == ("waiting for its database" in render(state))


@pytest.mark.parametrize(("state", "marks"), [(FRESH, ["1", "2"]), (SETTLED, ["✓", "2"])])
def test_one_step_is_the_next(state: State, marks: list[str]) -> None:
    """The first without an administrator, the second with one; assistive technology is told as well."""
    page = Page(render(state))
    current = [attributes.get("aria-current") for tag, attributes in page.tags if tag == "li" and "class" in attributes]

    assert (["step", None] if state is FRESH else [None, "step"]) == current
    assert marks == page.of("span")
    assert (state is FRESH) == (ADMIN_COMMAND in page.of("pre"))


def test_the_command_is_the_quick_start_s() -> None:
    """What the page tells to type is what the documentation tells to type, and no more."""
    for text in ("docs/quickstart.md", "README.md"):
        assert f"$ {ADMIN_COMMAND}" in (ROOT / text).read_text("utf-8")


@pytest.mark.parametrize("state", STATES)
def test_a_stranger_learns_nothing(state: State) -> None:
    """No version, no node, no word of the database's whereabouts, no place on the disk."""
    source = render(state)

    for secret in (version("latchgate"), "knode-", "mongodb", "/home", "/data", str(ROOT)):
        assert secret not in source.lower()


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_everything_can_be_read(scheme: int) -> None:
    """Each colour of text stands out from what it stands on: 4.5 to 1 (WCAG 2.2, 1.4.3)."""
    (style,) = Page(render(FRESH)).of("style")
    blocks = re.findall(r":root\{([^}]*)\}", style)
    light, dark = (dict(re.findall(r"--([a-z]+):(#[0-9a-f]+)", block)) for block in blocks)
    colours = (light, dark)[scheme]

    assert set(light) == set(dark)
    for text, grounds in {
        "text": ("bg", "card", "code", "warm"),
        "dim": ("bg", "card"),
        "mark": ("bg", "card", "soft", "warm"),
        "good": ("card",),
        "wait": ("card",),
        "on": ("mark",),
    }.items():
        for ground in grounds:
            assert contrast(colours[text], colours[ground]) >= 4.5, (text, ground)


def contrast(one: str, other: str) -> float:
    """The contrast ratio of two colours, 1 to 21 (WCAG 2.2, definitions)."""
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    """The relative luminance of `#rgb` or `#rrggbb`, 0 to 1."""
    digits = colour[1:] if len(colour) == 7 else "".join(digit * 2 for digit in colour[1:])
    shares = [int(digits[place : place + 2], 16) / 255 for place in (0, 2, 4)]
    red, green, blue = (share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
