"""`Server.of`, `parse_url` and `redacted`: where a server is."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from txetcd.http.url import Server, parse_url, redacted


class ServerTests(SynchronousTestCase):
    def test_a_name_and_a_port(self):
        self.assertEqual(
            Server.of("http://example.org:2379"),
            Server("http://example.org:2379", False, "example.org", 2379, "example.org:2379", ""),
        )

    def test_each_scheme_has_its_port(self):
        self.assertEqual(
            Server.of("http://example.org"),
            Server("http://example.org", False, "example.org", 80, "example.org", ""),
        )
        self.assertEqual(
            Server.of("https://example.org"),
            Server("https://example.org", True, "example.org", 443, "example.org", ""),
        )

    def test_an_address_of_ipv6_has_brackets_in_the_host_field_alone(self):
        for url, port, authority in [
            ("http://[::1]:2379", 2379, "[::1]:2379"),
            ("http://[::1]", 80, "[::1]"),
        ]:
            self.assertEqual(Server.of(url), Server(url, False, "::1", port, authority, ""))

    def test_a_path_is_where_the_servers_root_is(self):
        server = Server.of("http://example.org/a/b/")
        self.assertEqual((server.url, server.base), ("http://example.org/a/b", "/a/b"))
        self.assertEqual(Server.of("http://example.org/").base, "")

    def test_scheme_and_host_may_be_in_capitals(self):
        server = Server.of("HTTPS://EXAMPLE.org")
        self.assertEqual((server.tls, server.host), (True, "example.org"))
        self.assertEqual(server.url, "https://EXAMPLE.org")

    def test_the_errors_are_those_of_parse_url(self):
        with self.assertRaises(ValueError):
            Server.of("example.org")


class ParseTests(SynchronousTestCase):
    def refused(self, url: str) -> str:
        with self.assertRaises(ValueError) as caught:
            parse_url(url)
        return str(caught.exception)

    def test_a_url_is_given_back_without_a_slash_at_its_end(self):
        for given_, expected in [
            ("http://127.0.0.1:2379", "http://127.0.0.1:2379"),
            ("http://127.0.0.1:2379/", "http://127.0.0.1:2379"),
            ("https://example.org/etcd//", "https://example.org/etcd"),
            ("http://[fe80::1]:1", "http://[fe80::1]:1"),
            ("http://example.org:080", "http://example.org:080"),
        ]:
            self.assertEqual(parse_url(given_), expected)

    def test_a_scheme_and_a_host_are_needed(self):
        for url in ("", "a.org", "//a.org", "http://", "http:///a", "ftp://a", "http:a"):
            self.assertEqual(
                self.refused(url),
                f"{url!r} is not an endpoint: give a scheme and a host, "
                "for example 'http://127.0.0.1:2379'",
            )

    def test_nothing_but_scheme_host_port_and_path(self):
        for url in (
            "http://a?b",
            "http://a#b",
            "http://a/b c",
            "http://a/\x7f",
            "http://a:",
            "http://a/é",
        ):
            self.assertEqual(
                self.refused(url), f"{url!r} is not an endpoint: scheme, host, port and path only"
            )

    def test_a_port_must_be_one(self):
        self.assertIn("port 0 cannot be connected to", self.refused("http://a:0"))
        self.assertIn("is not a URL", self.refused("http://a:65536"))
        self.assertIn("is not a URL", self.refused("http://a:x"))
        self.assertIn("is not a URL", self.refused("http://[::1"))

    def test_a_host_that_can_be_none_is_refused(self):
        for host in ("a..b", "a" * 64):
            self.assertIn("is not an endpoint", self.refused(f"http://{host}"))

    def test_credentials_are_refused_and_not_shown(self):
        for url in (
            "http://user:hunter2@example.org",
            "http://hunter2@example.org",
            "http://user:hunter2@example.org:x",
            "http://user:hunter2@",
            "user:hunter2@example.org",
            "http://user:hunter2@[example.org",
        ):
            said = self.refused(url)
            self.assertNotIn("hunter2", said)
            self.assertIn("<secret>@", said)

    @settings(deadline=None, max_examples=300)
    @given(
        st.one_of(
            st.text(max_size=20),
            st.builds("http://{}{}".format, st.text(max_size=10), st.text(max_size=10)),
        )
    )
    def test_any_text_is_a_url_or_a_value_error(self, text):
        try:
            url = parse_url(text)
        except ValueError:
            return
        self.assertEqual(parse_url(url), url)
        server = Server.of(url)
        self.assertTrue(server.host)
        self.assertIn(server.port, range(1, 65536))
        self.assertTrue(server.base == "" or server.base.startswith("/"))
        f"Host: {server.authority}".encode("ascii")


class RedactedTests(SynchronousTestCase):
    def test_a_url_without_credentials_is_shown_as_it_is(self):
        self.assertEqual(redacted("http://a:1/b"), "'http://a:1/b'")
        self.assertEqual(redacted(""), "''")

    def test_credentials_are_not_shown(self):
        self.assertEqual(redacted("http://u:p@a:1"), "'http://<secret>@a:1'")
        self.assertEqual(redacted("u:p@a"), "'<secret>@a'")

    def test_nor_are_those_of_several_urls(self):
        self.assertEqual(redacted("http://u:p@a,http://v:q@b"), "'http://<secret>@b'")

    def test_what_stands_before_the_first_colon_may_be_a_secret_too(self):
        self.assertEqual(redacted("p4ss://x@a"), "'<secret>@a'")
