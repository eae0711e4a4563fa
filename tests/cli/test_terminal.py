"""What the demonstration is shown on: a terminal of some width, with or without colours."""

from __future__ import annotations

import io
import os

from twisted.trial.unittest import SynchronousTestCase

from txetcd.cli.terminal import Terminal


class Tty(io.StringIO):
    def isatty(self) -> bool:
        return True


class KindTests(SynchronousTestCase):
    def of(self, stream, **environ: str) -> tuple[bool, bool]:
        terminal = Terminal.of(stream, environ)
        return terminal.colour, terminal.live

    def test_a_terminal_has_colours_and_a_line_that_moves(self):
        self.assertEqual(self.of(Tty(), TERM="xterm"), (True, True))

    def test_a_pipe_has_neither(self):
        self.assertEqual(self.of(io.StringIO(), TERM="xterm"), (False, False))

    def test_no_color_leaves_the_line_that_moves(self):
        self.assertEqual(self.of(Tty(), TERM="xterm", NO_COLOR="1"), (False, True))

    def test_an_empty_no_color_says_nothing(self):
        self.assertEqual(self.of(Tty(), TERM="xterm", NO_COLOR=""), (True, True))

    def test_a_dumb_terminal_has_neither(self):
        self.assertEqual(self.of(Tty(), TERM="dumb"), (False, False))

    def test_lines_are_not_made_longer_than_is_good_to_read(self):
        self.patch(os, "environ", {**os.environ, "COLUMNS": "300"})
        self.assertEqual(Terminal.of(Tty(), {}).width, 88)
        self.patch(os, "environ", {**os.environ, "COLUMNS": "60"})
        self.assertEqual(Terminal.of(Tty(), {}).width, 60)

    def test_a_pipe_is_80_wide_whatever_the_terminal_is(self):
        self.patch(os, "environ", {**os.environ, "COLUMNS": "60"})
        self.assertEqual(Terminal.of(io.StringIO(), {}).width, 80)


class LineTests(SynchronousTestCase):
    def setUp(self):
        self.stream = io.StringIO()

    def assertShown(self, text: str) -> None:
        self.assertEqual(self.stream.getvalue(), text)

    def test_a_result_stands_beside_what_was_asked(self):
        Terminal(self.stream).step("key.get()", "'hello'")
        self.assertShown("  key.get()                               → 'hello'\n")

    def test_a_result_without_room_stands_below(self):
        Terminal(self.stream, width=50).step("key.get()", "nine or ten words that do not fit")
        self.assertShown("  key.get()\n    → nine or ten words that do not fit\n")

    def test_a_result_that_is_longer_than_a_line_is_folded(self):
        Terminal(self.stream, width=30).step("key.get()", "nine or ten words that do not fit")
        self.assertShown("  key.get()\n    → nine or ten words that\n      do not fit\n")

    def test_a_named_row_is_folded_under_itself(self):
        Terminal(self.stream, width=30).row("writer", "one two three four")
        self.assertShown("  writer       one two three\n               four\n")

    def test_a_sentence_is_folded(self):
        Terminal(self.stream, width=12).note("one two three")
        self.assertShown("  one two\n  three\n")

    def test_colours_only_where_they_are_known(self):
        Terminal(self.stream).say("plain ", ("good", "good"))
        Terminal(self.stream, colour=True).say("plain ", ("good", "good"))
        self.assertShown("plain good\nplain \x1b[32m\x1b[1mgood\x1b[0m\n")

    def test_what_the_stream_cannot_write_is_written_plainly(self):
        raw = io.BytesIO()
        stream = io.TextIOWrapper(raw, "ascii")
        terminal = Terminal(stream, live=True)
        terminal.step("key.get()", "'zoë'")
        terminal.progress(0.5, "half")
        self.assertNotIn(b"?", raw.getvalue())
        self.assertIn(rb"-> 'zo\xeb'", raw.getvalue())
        self.assertIn(b"################................", raw.getvalue())


class ProgressTests(SynchronousTestCase):
    def setUp(self):
        self.stream = io.StringIO()

    def test_nothing_moves_where_nothing_can(self):
        terminal = Terminal(self.stream)
        terminal.progress(0.5, "half")
        terminal.clear()
        self.assertEqual(self.stream.getvalue(), "")

    def test_it_is_written_over_and_taken_away(self):
        terminal = Terminal(self.stream, live=True)
        terminal.progress(0.0, "none")
        terminal.progress(1.0, "all")
        terminal.say("end")
        shown = self.stream.getvalue().split("\r\x1b[K")
        self.assertEqual(shown, [f"  {'░' * 32} none", f"  {'█' * 32} all", "end\n"])

    def test_it_is_taken_away_once(self):
        terminal = Terminal(self.stream, live=True)
        terminal.progress(0.5, "half")
        terminal.clear()
        terminal.clear()
        self.assertEqual(self.stream.getvalue().count("\r"), 1)

    def test_it_never_fills_the_last_column(self):
        for width in (20, 40, 60, 88):
            stream = io.StringIO()
            Terminal(stream, width=width, live=True).progress(0.5, "x" * 30)
            self.assertLess(len(stream.getvalue()), width, width)

    def test_more_than_all_is_all(self):
        Terminal(self.stream, live=True).progress(1.2, "all")
        self.assertEqual(self.stream.getvalue(), f"  {'█' * 32} all")
