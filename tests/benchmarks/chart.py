"""The chart of a run: CPU per request, ours and the peers', grouped by work; SVG, written by hand. Pure.

Each group has a scale of its own, because a durable write costs fifty times what an echo costs. The background is
drawn, so the picture looks the same on a light page and on a dark one.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple
from xml.sax.saxutils import escape

from tests.benchmarks.report import Report, Result

__all__ = ["GROUPS", "LABELS", "chart", "step"]

WIDTH, MARGIN, LABELS = 920, 24, 312  # of the picture, of its edges, of the names of the bars; in pixels
BAR, GAP, HEAD, FOOT = 20, 7, 40, 42
TOP = 74
ROOM = 150  # right of the longest bar, for its number
BACKGROUND, INK, FAINT, GRID = "#ffffff", "#1f2328", "#59636e", "#d1d9e0"
OURS, PEER, DATABASE = "#0b6bcb", "#8c96a0", "#e8912d"
FONT = "font-family=\"system-ui,'Segoe UI',Helvetica,Arial,sans-serif\""


class Group(NamedTuple):
    """Bars that share a scale: entrants at one depth."""

    title: str
    names: tuple[str, ...]
    depth: int = 1


GROUPS = (
    Group("server:now, 1 in flight per connection", ("now", "picows", "sansio", "websockets")),
    Group("server:now, 8 in flight per connection", ("now", "picows", "sansio", "websockets"), 8),
    Group(
        "with an API key in every frame, 8 in flight", ("now_anonymous", "now_key", "check_token", "current_user"), 8
    ),
    Group(
        "auth:checkToken and auth:getCurrentUser",
        ("check_token_again", "fastapi_check_token", "current_user_again", "fastapi_current_user"),
    ),
    Group("durable createApiKey, 8 in flight", ("create", "insert_many", "fastapi"), 8),
    Group("connect and first request", ("connect", "sansio_connect")),
    Group("GET /_now", ("http_now", "uvicorn_now")),
)


class Bar(NamedTuple):
    """One bar; `server` and `mongod` in microseconds per request."""

    label: str
    server: float
    mongod: float
    is_ours: bool

    @property
    def total(self) -> float:
        """Its length."""
        return self.server + self.mongod


def bars(group: Group, results: Sequence[Result]) -> list[Bar]:
    """The bars of a group, as far as they were measured."""
    known = {(result.name, result.depth): result for result in results}
    found = [known[name, group.depth] for name in group.names if (name, group.depth) in known]
    return [
        Bar(each.title, each.median.server_us, each.median.mongod_us if each.durable else 0.0, is_ours(each))
        for each in found
    ]


def is_ours(result: Result) -> bool:
    """Whether it is the gateway's."""
    return result.title.startswith("latchgate")


def step(longest: float) -> float:
    """The distance of the marks on an axis: 1, 2 or 5 times a power of ten, so that there are three to eight."""
    size = 1.0
    while size * 8 < longest:
        size *= 10
    return next(size / part for part in (5, 2, 1) if size / part * 8 >= longest)


def text(x: float, y: float, words: str, look: str = "") -> str:
    """One line of text; `look` are attributes."""
    return f'<text x="{x:.1f}" y="{y:.1f}" {look}>{escape(words)}</text>'


def rectangle(x: float, y: float, width: float, colour: str) -> str:
    """A piece of a bar."""
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{BAR}" rx="2" fill="{colour}"/>'


def axis(longest: float, scale: float, top: float, bottom: float) -> Iterator[str]:
    """Lines and their numbers, and what they count."""
    distance = step(longest)
    for number in range(int(longest / distance) + 1):
        x = MARGIN + LABELS + number * distance * scale
        yield f'<line x1="{x:.1f}" y1="{top:.1f}" x2="{x:.1f}" y2="{bottom:.1f}" stroke="{GRID}"/>'
        yield text(x, bottom + 14, f"{number * distance:g}", f'text-anchor="middle" font-size="11" fill="{FAINT}"')
    look = f'text-anchor="end" font-size="11" fill="{FAINT}"'
    yield text(MARGIN + LABELS - 10, bottom + 14, "CPU µs per request", look)


def drawn(bar: Bar, y: float, scale: float) -> Iterator[str]:
    """A bar with its name and its number."""
    x, middle = MARGIN + LABELS, y + BAR * 0.72
    weight = 'font-weight="600" ' if bar.is_ours else ""
    yield text(x - 10, middle, bar.label, f'text-anchor="end" font-size="13" {weight}fill="{INK}"')
    yield rectangle(x, y, bar.server * scale, OURS if bar.is_ours else PEER)
    if bar.mongod:
        yield rectangle(x + bar.server * scale, y, bar.mongod * scale, DATABASE)
    number = f"{bar.server:.1f} + {bar.mongod:.1f} = {bar.total:.0f}" if bar.mongod else f"{bar.total:.1f}"
    halo = f'stroke="{BACKGROUND}" stroke-width="4" paint-order="stroke"'  # over the lines behind it
    yield text(x + bar.total * scale + 6, middle, number, f'font-size="12" {weight}fill="{INK}" {halo}')


def panel(title: str, found: Sequence[Bar], top: float) -> Iterator[str]:
    """A group of bars under its title, over its axis."""
    longest = max(bar.total for bar in found)
    scale = (WIDTH - 2 * MARGIN - LABELS - ROOM) / longest
    first = top + HEAD
    yield text(MARGIN, top + 24, title, f'font-size="15" font-weight="600" fill="{INK}"')
    yield from axis(longest, scale, first - 4, first + len(found) * (BAR + GAP))
    for number, bar in enumerate(found):
        yield from drawn(bar, first + number * (BAR + GAP), scale)


def legend() -> Iterator[str]:
    """What the colours mean."""
    names = ((OURS, "latchgate"), (PEER, "peer"), (DATABASE, "mongod"))
    for number, (colour, name) in enumerate(names):
        x = MARGIN + number * 120
        yield f'<rect x="{x}" y="48" width="12" height="12" rx="2" fill="{colour}"/>'
        yield text(x + 18, 58.5, name, f'font-size="12" fill="{INK}"')


def chart(report: Report) -> str:
    """The whole picture; a group of which nothing was measured is left out."""
    groups = [(group.title, found) for group in GROUPS if (found := bars(group, report.results))]
    parts = [
        text(MARGIN, 34, "CPU per request: less is better", f'font-size="18" font-weight="700" fill="{INK}"'),
        *legend(),
    ]
    top = float(TOP)
    for title, found in groups:
        parts += panel(title, found, top)
        top += HEAD + len(found) * (BAR + GAP) + FOOT
    measured = report.facts.get("measured", "")
    parts.append(text(MARGIN, top + 8, f"measured: {measured}", f'font-size="11" fill="{FAINT}"'))
    height = top + MARGIN
    frame = f'<rect width="{WIDTH}" height="{height:.0f}" rx="8" fill="{BACKGROUND}" stroke="{GRID}"/>'
    opening = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height:.0f}" '
        f'viewBox="0 0 {WIDTH} {height:.0f}" role="img" {FONT}>'
    )
    return "\n".join(
        [opening, "<title>CPU per request of Latchgate and its peers</title>", frame, *parts, "</svg>", ""]
    )
