"""The picture of the default stacks in the guide, drawn from the stacks themselves.

``python -m tests.docs.stack_picture >docs/_static/stack.svg`` draws it anew; a test says when that
has to be done.  It has no background, and colours that can be read on a light and a dark one.
"""

from __future__ import annotations

import sys
from xml.sax.saxutils import escape

from twisted.internet.task import Clock

from txetcd import Stack, default_endpoint_stack, default_stack
from txetcd.filters import InMemoryStats

__all__ = ["draw", "picture"]

WIDTH = 760
MARGIN = 16
#: How high a box is, and how far its top is from that of the next.
BOX, STEP = 34, 46
#: Where the name of a role ends and its reason begins.
REASON = 150

TEXT = "#757c85"
LINE = "#8593a3"
OURS = "#1f9d73"
FONTS = "system-ui, -apple-system, Segoe UI, Roboto, sans-serif"


class _Drawing:
    """Boxes and words, from the top down."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.y = MARGIN

    def words(self, text: str) -> None:
        """A line of text between two boxes, beside the arrow."""
        middle = WIDTH // 2
        top, bottom = self.y - (STEP - BOX), self.y + 14
        self.parts.append(
            f'<path d="M{middle} {top}V{bottom}" stroke="{LINE}" marker-end="url(#arrow)"/>'
            f'<text x="{middle + 12}" y="{(top + bottom) // 2 + 4}" class="small">'
            f"{escape(text)}</text>"
        )
        self.y = bottom + 8

    def box(self, name: str, reason: str, inset: int = 0, colour: str = OURS) -> None:
        """A filter, or what stands at an end."""
        x, width = MARGIN + inset, WIDTH - 2 * (MARGIN + inset)
        self.parts.append(
            f'<rect x="{x}" y="{self.y}" width="{width}" height="{BOX}" rx="6" fill="{colour}" '
            f'fill-opacity="0.12" stroke="{colour}"/>'
            f'<text x="{x + 12}" y="{self.y + 22}" class="role">{escape(name)}</text>'
            f'<text x="{MARGIN + REASON}" y="{self.y + 22}">{escape(reason)}</text>'
        )
        self.y += STEP

    def frame(self, top: int, text: str) -> None:
        """Around all that was drawn from a height on."""
        height = self.y - top
        self.parts.append(
            f'<rect x="{MARGIN}" y="{top}" width="{WIDTH - 2 * MARGIN}" height="{height}" rx="8" '
            f'fill="none" stroke="{LINE}" stroke-dasharray="5 4"/>'
            f'<text x="{WIDTH - MARGIN - 12}" y="{top + 18}" text-anchor="end" class="small">'
            f"{escape(text)}</text>"
        )

    def finished(self) -> str:
        height = self.y + MARGIN
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
            f'font-family="{FONTS}" font-size="13" role="img">\n'
            "<title>The filters of the default stacks, from the top down</title>\n"
            f"<style>text{{fill:{TEXT}}}.role{{font-weight:600}}.small{{font-size:12px}}</style>\n"
            '<defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" '
            f'markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8z" fill="{LINE}"/></marker>'
            "</defs>\n"
            + "\n".join(self.parts)
            + "\n</svg>\n"
        )


def draw(stack: Stack, endpoint_stack: Stack) -> str:
    """The two stacks, with what is above, between and below them, as an SVG."""
    drawing = _Drawing()
    drawing.box("your code", "keys and events", colour=LINE)
    drawing.words("operations")
    for layer in stack:
        drawing.box(layer.role, layer.reason)
        if layer.role == "protocol":
            drawing.words("HTTP messages")
    drawing.box("balancer", "picks an endpoint that is well, the less busy of two", colour=LINE)
    top = drawing.y
    drawing.y += 28
    for layer in endpoint_stack:
        drawing.box(layer.role, layer.reason, inset=12)
    drawing.box("transport", "treq, or direct: a pool of connections", inset=12, colour=LINE)
    drawing.frame(top, "once for each endpoint")
    return drawing.finished()


def picture() -> str:
    """The stacks with all that `connect` can put there."""
    clock, stats = Clock(), InMemoryStats()
    return draw(
        default_stack(clock, auth=("user", "password"), namespace="/app", stats=stats),
        default_endpoint_stack(clock, stats=stats),
    )


if __name__ == "__main__":
    sys.stdout.write(picture())
