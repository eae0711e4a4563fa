"""What is made of the command line, the environment and standard input."""

from __future__ import annotations

import io

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from txetcd.cli.exit_status import BadInput
from txetcd.cli.output import Json, Simple
from txetcd.cli.settings import Settings, credentials, read_value, seconds


class Terminal(io.BytesIO):
    def isatty(self) -> bool:
        return True


ENVIRON = {
    "ETCDCTL_ENDPOINTS": "http://e:1",
    "ETCDCTL_USERNAME": "u:p",
    "ETCDCTL_TIMEOUT": "3s",
    "ETCDCTL_OUTPUT": "json",
}


class SettingsTests(SynchronousTestCase):
    def test_the_environment_says_what_the_command_line_leaves_open(self):
        self.assertEqual(
            Settings().completed(ENVIRON), Settings("http://e:1", "u:p", "3s", "json")
        )

    def test_the_command_line_wins(self):
        given = Settings("http://c:1", "v:q", "4", "simple")
        self.assertEqual(given.completed(ENVIRON), given)

    def test_an_empty_variable_says_nothing(self):
        environ = dict.fromkeys(ENVIRON, "")
        self.assertEqual(Settings().completed(environ), Settings())

    def test_a_client_of_the_default_server(self):
        self.assertIn("'http://127.0.0.1:2379'", repr(Settings().client(Clock())))

    def test_a_client_has_the_timeout_that_was_given(self):
        self.assertIn("Deadline(3)", repr(Settings(timeout="3s").client(Clock())))

    def test_what_makes_no_endpoint_is_refused_and_named(self):
        error = self.assertRaises(ValueError, Settings("127.0.0.1:2379").client, Clock())
        self.assertIn("'127.0.0.1:2379'", str(error))

    def test_credentials_in_an_endpoint_are_refused_and_not_shown(self):
        settings = Settings("http://u:s3cret@h:1")
        error = self.assertRaises(BadInput, settings.client, Clock())
        self.assertNotIn("s3cret", str(error))

    def test_a_password_is_not_in_a_repr(self):
        self.assertNotIn("s3cret", repr(Settings(username="u:s3cret")))

    def test_formats_by_name(self):
        self.assertIs(type(Settings().format), Simple)
        self.assertIs(type(Settings(output="json").format), Json)

    def test_no_such_format_is_refused_and_named(self):
        error = self.assertRaises(BadInput, lambda: Settings(output="xml").format)
        self.assertIn("'xml'", str(error))


class SecondsTests(SynchronousTestCase):
    def test_seconds_and_times_as_go_writes_them(self):
        for text, expected in (
            ("2", 2.0),
            ("0.5", 0.5),
            ("2s", 2.0),
            ("500ms", 0.5),
            ("1.5s", 1.5),
            ("1m30s", 90.0),
            ("1h", 3600.0),
        ):
            self.assertEqual(seconds(text), expected, text)

    def test_anything_else_is_refused_and_named(self):
        for text in ("", "0", "0s", "-1", "-1s", "s", "1x", "1 s", "2s3", "nan", "inf", "1e400"):
            error = self.assertRaises(BadInput, seconds, text)
            self.assertIn(repr(text), str(error))


class CredentialsTests(SynchronousTestCase):
    def test_a_user_and_a_password_which_may_hold_colons(self):
        self.assertEqual(credentials("root:a:b"), ("root", "a:b"))
        self.assertEqual(credentials("root:"), ("root", ""))

    def test_what_is_neither_is_refused_and_not_shown(self):
        for text in ("s3cret", ":s3cret"):
            error = self.assertRaises(BadInput, credentials, text)
            self.assertNotIn("s3cret", str(error))


class ValueTests(SynchronousTestCase):
    def test_a_value_that_was_given_is_taken(self):
        self.assertEqual(read_value("zoë", io.BytesIO(b"not read")), "zoë".encode())
        self.assertEqual(read_value("", io.BytesIO(b"not read")), b"")

    def test_a_dash_reads_standard_input_to_the_last_byte(self):
        self.assertEqual(read_value("-", io.BytesIO(b"one\ntwo\n")), b"one\ntwo\n")
        self.assertEqual(read_value("-", Terminal(b"typed\n")), b"typed\n")
        self.assertEqual(read_value("-", io.BytesIO(b"")), b"")

    def test_no_value_reads_standard_input(self):
        self.assertEqual(read_value(None, io.BytesIO(b"piped")), b"piped")

    def test_no_value_and_nothing_to_read_is_refused(self):
        for stdin in (None, Terminal(b"not asked"), io.BytesIO(b"")):
            self.assertRaises(BadInput, read_value, None, stdin)

    def test_a_byte_that_is_no_text_stays_what_it_was(self):
        """The library refuses it, and names it."""
        self.assertEqual(read_value("\udcff", None), b"\xff")

    def test_endless_input_is_not_read_to_the_end(self):
        class Endless(io.BytesIO):
            def read(self, size: int | None = -1) -> bytes:
                return b"y" * (size or 0)

        self.assertEqual(len(read_value("-", Endless())), 10 * 1024 * 1024 + 1)
