"""A stream that a person reads: in colour where it has colours, with a bar that moves."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from textwrap import wrap
from typing import TextIO

import attrs
import click

__all__ = ["Terminal"]

#: Lines are not made longer than this, however wide the terminal is.
WIDEST = 88
#: Where the result of a step begins, if what was asked is not longer.
COLUMN = 42

#: What stands for a character that the stream cannot write.
_PLAIN = {"→": "->", "×": "x", "█": "#", "░": "."}

_STYLES: dict[str, dict[str, object]] = {
    "title": {"bold": True},
    "code": {"fg": "cyan"},
    "good": {"fg": "green", "bold": True},
    "bad": {"fg": "red", "bold": True},
    "refused": {"fg": "yellow"},
    "quiet": {"dim": True},
}


@attrs.define
class Terminal:
    """Where the demonstration is shown.

    Attributes:
        stream: Takes text.
        width: How many columns there are.
        colour: Whether it knows colours.
        live: Whether a line may be written over.
    """

    stream: TextIO
    width: int = 80
    colour: bool = False
    live: bool = False
    _overwritable: bool = attrs.field(default=False, init=False)

    @classmethod
    def of(cls, stream: TextIO, environ: Mapping[str, str]) -> Terminal:
        """What can be told of a stream: whether it is a terminal, and of which kind.

        ``NO_COLOR`` (https://no-color.org) turns colours off.
        """
        live = stream.isatty() and environ.get("TERM") != "dumb"
        width = shutil.get_terminal_size((80, 24)).columns if stream.isatty() else 80
        return cls(stream, min(width, WIDEST), live and not environ.get("NO_COLOR"), live)

    def say(self, *texts: tuple[str, str] | str) -> None:
        """Write a line of texts, each alone or with its style."""
        self._write("".join(self._styled(each) for each in texts) + "\n")

    def title(self, text: str) -> None:
        """Write the heading of a part."""
        self.say()
        for line in wrap(text, self.width):
            self.say((line, "title"))

    def note(self, text: str, style: str = "") -> None:
        """Write a sentence, in as many lines as it needs."""
        for line in wrap(text, self.width - 2):
            self.say("  ", (line, style))

    def step(self, code: str, result: str, style: str = "") -> None:
        """Write what was asked, and what came of it beside or below."""
        if len(code) <= COLUMN - 4 and COLUMN + 2 + len(result) <= self.width:
            self.say("  ", (f"{code:<{COLUMN - 2}}", "code"), "→ ", (result, style))
            return
        if code:
            self.say("  ", (code, "code"))
        for n, line in enumerate(wrap(result, self.width - 6)):
            self.say("    ", "  " if n else "→ ", (line, style))

    def row(self, name: str, text: str) -> None:
        """Write something by its name, quietly."""
        for n, line in enumerate(wrap(text, self.width - 15)):
            self.say((f"  {'' if n else name:<13}{line}", "quiet"))

    def progress(self, done: float, text: str) -> None:
        """Show how far something has come, where the line can be written over."""
        if not self.live:
            return
        room = max(8, min(32, self.width - len(text) - 5))
        full = round(room * min(1.0, done))
        bar = self._styled(("█" * full, "good")) + self._styled(("░" * (room - full), "quiet"))
        self._write(f"  {bar} {text[: max(0, self.width - room - 4)]}")
        self._overwritable = True

    def clear(self) -> None:
        """Take away what shows how far something has come."""
        self._write("")

    def _write(self, text: str) -> None:
        if self._overwritable:
            text = "\r\x1b[K" + text
            self._overwritable = False
        self.stream.write(self._writable(text))
        self.stream.flush()

    def _styled(self, text: tuple[str, str] | str) -> str:
        plain, style = (text, "") if isinstance(text, str) else text
        if not self.colour or not style or not plain:
            return plain
        return click.style(plain, **_STYLES[style])  # type: ignore[arg-type]

    def _writable(self, text: str) -> str:
        encoding = getattr(self.stream, "encoding", None) or "utf-8"
        try:
            text.encode(encoding)
        except UnicodeEncodeError:
            for character, plain in _PLAIN.items():
                text = text.replace(character, plain)
            return text.encode(encoding, "backslashreplace").decode(encoding)
        return text
