"""What the demonstration prints on: a terminal, with colour, or anything else, without."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from typing import TextIO

import attrs

__all__ = ["Screen"]

_STYLES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}


@attrs.frozen
class Screen:
    """A place for lines of text.

    Attributes:
        stream: Where they go.
        colour: Whether it shows colours.
        live: Whether a line can be written over, for a bar that grows.
        width: How many characters fit on a line.
    """

    stream: TextIO
    colour: bool = False
    live: bool = False
    width: int = 80

    @classmethod
    def of(cls, stream: TextIO, environ: Mapping[str, str]) -> Screen:
        """A stream as it is; ``NO_COLOR`` (https://no-color.org) and ``TERM=dumb`` count."""
        live = stream.isatty() and environ.get("TERM") != "dumb"
        colour = live and not environ.get("NO_COLOR")
        return cls(stream, colour, live, shutil.get_terminal_size().columns if live else 80)

    def styled(self, text: str, *styles: str) -> str:
        """A text in colours, where there are any."""
        if not (self.colour and styles):
            return text
        return f"\x1b[{';'.join(_STYLES[style] for style in styles)}m{text}\x1b[0m"

    def heading(self, text: str) -> None:
        """Begin a section."""
        self._write(f"\n{self.styled(text, 'bold')}\n")

    def line(self, text: str, *styles: str) -> None:
        """Write a line; what does not fit is cut."""
        shown = text if len(text) <= self.width - 2 else text[: self.width - 3] + "…"
        self._write(f"  {self.styled(shown, *styles)}\n")

    def bar(self, done: int, total: int, note: str) -> None:
        """Show how far something has come, on the line that it showed it on before."""
        if not self.live:
            return
        counted = f" {done:>{len(str(total))}}/{total}  {note}"
        room = max(5, self.width - len(counted) - 4)
        full = room * done // total
        bar = self.styled("━" * full, "green") + self.styled("─" * (room - full), "dim")
        self._write(f"\r\x1b[K  {bar}{counted[: self.width - room - 3]}")

    def end_bar(self) -> None:
        """Remove the bar."""
        if self.live:
            self._write("\r\x1b[K")

    def _write(self, text: str) -> None:
        self.stream.write(text)
        self.stream.flush()
