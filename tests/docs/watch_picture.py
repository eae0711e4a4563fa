"""The picture of what etcd alone loses in the guide: what is told is drawn as it was told.

``python -m tests.docs.watch_picture >docs/_static/watching.svg`` draws it anew; a test says when
that has to be done.  It has no background, and colours that can be read on a light and a dark one.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from xml.sax.saxutils import escape

from tests.docs.watch_cases import CASES, Case, Play

__all__ = ["draw", "picture"]

WIDTH = 760
MARGIN = 16
#: Where the first change stands, how far one is from the next, and half its size.
FIRST, STEP, WIDE, HIGH = 160, 62, 25, 12
#: How far a line is from the next, and a case from the next.
LANE, CASE = 36, 22

TEXT = "#757c85"
LINE = "#8593a3"
OURS = "#1f9d73"
LOST = "#d1495b"
#: How much of its colour is seen within what was told.
FILLED = 0.25
FONTS = "system-ui, -apple-system, Segoe UI, Roboto, sans-serif"


class _Drawing:
    """Cases, from the top down."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.y = MARGIN

    def case(self, case: Case, play: Play) -> None:
        """What happened, what a client of etcd alone is told of it, and what we tell."""
        self._text(MARGIN, self.y + 12, case.title, "role")
        self.y += 44
        for place, words in play.marks:
            self._mark(place, words)
        places = range(len(play.changes))
        self._lane("happened")
        self._dots(places, play.changes, LINE, 0)
        self._lane("etcd alone tells")
        self._dots(case.alone, play.changes, LINE, FILLED)
        self._crosses(each for each in places if each not in case.alone)
        self._lane("txetcd tells")
        self._dots(play.told, play.changes, OURS, FILLED)
        for first, last in play.snapshots:
            self._snapshot(first, last)
        self.y += CASE

    def finished(self) -> str:
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {self.y}" '
            f'font-family="{FONTS}" font-size="13" role="img">\n'
            "<title>What happened, what etcd alone tells of it, and what txetcd tells</title>\n"
            f"<style>text{{fill:{TEXT}}}.role{{font-weight:600}}.small{{font-size:12px}}"
            ".in{font-size:11px;text-anchor:middle}</style>\n"
            + "\n".join(self.parts)
            + "\n</svg>\n"
        )

    def _lane(self, name: str) -> None:
        self.y += LANE
        self._text(MARGIN, self._middle + 4, name, "small")

    @property
    def _middle(self) -> int:
        """The height of the line that is drawn."""
        return self.y - LANE // 2

    def _dots(
        self, places: Iterable[int], labels: Sequence[str], colour: str, opacity: float
    ) -> None:
        y = self._middle
        for place in sorted(places):
            x, label = _x(place), labels[place]
            self.parts.append(
                f'<rect x="{x - WIDE}" y="{y - HIGH}" width="{2 * WIDE}" height="{2 * HIGH}" '
                f'rx="{HIGH}" fill="{colour}" fill-opacity="{opacity}" stroke="{colour}"/>'
            )
            self._text(x, y + 4, label, "in")

    def _crosses(self, places: Iterable[int]) -> None:
        y, arm = self._middle, 5
        for place in places:
            x = _x(place)
            self.parts.append(
                f'<path d="M{x - arm} {y - arm}l{2 * arm} {2 * arm}m{-2 * arm} 0l{2 * arm} '
                f'{-2 * arm}" stroke="{LOST}" stroke-width="2"/>'
            )

    def _snapshot(self, first: int, last: int) -> None:
        x, y = _x(first) - WIDE, self._middle - HIGH
        width = _x(last) + WIDE - x
        self.parts.append(
            f'<rect x="{x}" y="{y}" width="{width}" height="{2 * HIGH}" fill="{OURS}" '
            f'fill-opacity="{FILLED}" stroke="{OURS}"/>'
        )
        self._text(x + width // 2, y + HIGH + 4, "snapshot", "in")

    def _mark(self, place: int, words: str) -> None:
        x = _x(place) - STEP // 2
        self.parts.append(
            f'<path d="M{x} {self.y - 8}V{self.y + 3 * LANE - 4}" stroke="{LINE}" '
            f'stroke-dasharray="3 4"/>'
        )
        self._text(x + 4, self.y - 12, words, "small", anchor="start")

    def _text(self, x: int, y: int, words: str, kind: str, anchor: str = "") -> None:
        placed = f' text-anchor="{anchor}"' if anchor else ""
        self.parts.append(
            f'<text x="{x}" y="{y}" class="{kind}"{placed}>{escape(words)}</text>'
        )


def _x(place: int) -> int:
    return FIRST + place * STEP


def draw(cases: Iterable[Case]) -> str:
    """Cases as an SVG."""
    drawing = _Drawing()
    for case in cases:
        drawing.case(case, case.play())
    return drawing.finished()


def picture() -> str:
    """All four."""
    return draw(CASES)


if __name__ == "__main__":
    sys.stdout.write(picture())
