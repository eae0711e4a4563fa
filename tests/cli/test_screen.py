"""What the demonstration prints on."""

from __future__ import annotations

import io

from twisted.trial.unittest import SynchronousTestCase

from txetcd.cli.screen import Screen


class Tty(io.StringIO):
    def isatty(self) -> bool:
        return True


class ScreenTests(SynchronousTestCase):
    def test_a_pipe_gets_neither_colours_nor_a_bar(self):
        stream = io.StringIO()
        terminal = Screen.of(stream, {})
        terminal.line("plain", "red")
        terminal.bar(1, 2, "half")
        terminal.end_bar()
        self.assertEqual(stream.getvalue(), "  plain\n")

    def test_no_color_and_a_dumb_terminal_are_heeded(self):
        self.assertTrue(Screen.of(Tty(), {}).colour)
        self.assertFalse(Screen.of(Tty(), {"NO_COLOR": "1"}).colour)
        self.assertFalse(Screen.of(Tty(), {"TERM": "dumb"}).live)

    def test_a_line_is_cut_to_the_width(self):
        stream = io.StringIO()
        Screen(stream, width=10).line("0123456789")
        self.assertEqual(stream.getvalue(), "  0123456…\n")

    def test_a_bar_fits_its_line_and_is_written_over(self):
        stream = io.StringIO()
        terminal = Screen(stream, live=True, width=40)
        terminal.bar(500, 1000, "written, 480 seen")
        shown = stream.getvalue()
        self.assertTrue(shown.startswith("\r\x1b[K"))
        self.assertLessEqual(len(shown.removeprefix("\r\x1b[K")), 40)
        self.assertIn("500/1000", shown)
