"""`encode`: the bytes of a request, and that nothing else gets into them."""

from __future__ import annotations

import re

from httptools import HttpRequestParser
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from txetcd.http import Headers, Request
from txetcd.http.h1 import asks_to_close, encode

HOST = "127.0.0.1:2379"

law = settings(deadline=None, max_examples=200)


class EncodeTests(SynchronousTestCase):
    def assert_encoded(self, request: Request, expected: bytes) -> None:
        self.assertEqual(encode(request, HOST), expected)

    def test_a_read_is_a_line_and_a_host(self):
        self.assert_encoded(
            Request("GET", "/v2/keys/a"), b"GET /v2/keys/a HTTP/1.1\r\nHost: 127.0.0.1:2379\r\n\r\n"
        )

    def test_the_query_follows_the_path(self):
        self.assert_encoded(
            Request("GET", "/a%20b", "c=%2B&d=?"),
            b"GET /a%20b?c=%2B&d=? HTTP/1.1\r\nHost: 127.0.0.1:2379\r\n\r\n",
        )

    def test_what_goes_before_the_path_goes_before_it(self):
        for headers in (Headers(), Headers({"A": "b"})):
            wire = encode(Request("GET", "/a", "b", headers), HOST, "/etcd")
            self.assertTrue(wire.startswith(b"GET /etcd/a?b HTTP/1.1\r\n"), wire)

    def test_a_body_comes_with_its_length(self):
        self.assert_encoded(
            Request("PUT", "/a", headers=Headers({"Content-Type": "text/plain"}), body=b"\0\r\n"),
            b"PUT /a HTTP/1.1\r\nHost: 127.0.0.1:2379\r\nContent-Type: text/plain\r\n"
            b"Content-Length: 3\r\n\r\n\0\r\n",
        )

    def test_a_write_tells_a_length_of_0_as_well(self):
        """RFC 9110, section 8.6; and Twisted's own agent leaves it out of a DELETE."""
        for method in ("PUT", "POST", "DELETE", "PATCH"):
            self.assert_encoded(
                Request(method, "/a"),
                method.encode()
                + b" /a HTTP/1.1\r\nHost: 127.0.0.1:2379\r\nContent-Length: 0\r\n\r\n",
            )

    def test_a_read_with_headers_tells_none(self):
        for method in ("GET", "HEAD", "OPTIONS", "TRACE"):
            self.assert_encoded(
                Request(method, "/a", headers=Headers({"A": "b"})),
                method.encode() + b" /a HTTP/1.1\r\nHost: 127.0.0.1:2379\r\nA: b\r\n\r\n",
            )

    def test_a_read_with_a_body_tells_its_length(self):
        self.assert_encoded(
            Request("GET", "/a", body=b"b"),
            b"GET /a HTTP/1.1\r\nHost: 127.0.0.1:2379\r\nContent-Length: 1\r\n\r\nb",
        )

    def test_fields_are_in_order_and_as_they_are_written(self):
        headers = Headers([("x-b", "1"), ("X-A", ""), ("x-B", "\xe9 2")])
        self.assert_encoded(
            Request("GET", "/a", headers=headers),
            b"GET /a HTTP/1.1\r\nHost: 127.0.0.1:2379\r\nx-b: 1\r\nX-A: \r\nx-B: \xe9 2\r\n\r\n",
        )

    def test_a_host_of_the_request_is_the_only_one(self):
        for name in ("Host", "host"):
            self.assert_encoded(
                Request("GET", "/a", headers=Headers({name: "b"})),
                b"GET /a HTTP/1.1\r\n" + name.encode() + b": b\r\n\r\n",
            )

    def test_a_true_length_of_the_request_is_told_once(self):
        for value in ("2", " 2 "):
            for count in (1, 2):
                headers = Headers([("content-length", value)] * count)
                self.assert_encoded(
                    Request("PUT", "/a", headers=headers, body=b"ok"),
                    b"PUT /a HTTP/1.1\r\nHost: 127.0.0.1:2379\r\nContent-Length: 2\r\n\r\nok",
                )

    def test_nothing_is_added_that_was_not_asked_for(self):
        """No Accept-Encoding, no User-Agent, no Connection."""
        wire = encode(Request("PUT", "/a", headers=Headers({"A": "b"}), body=b"c"), HOST)
        names = re.findall(rb"\r\n([\w-]+):", wire)
        self.assertEqual(names, [b"Host", b"A", b"Content-Length"])


class RefusedTests(SynchronousTestCase):
    def refused(self, request: Request) -> str:
        with self.assertRaises(ValueError) as caught:
            encode(request, HOST)
        return str(caught.exception)

    def test_a_length_that_contradicts_the_body_is_refused(self):
        for value in ("3", "02", "", "-2", "+2", "2, 2", "two", "0x2"):
            headers = Headers([("content-length", value)])
            self.assertEqual(
                self.refused(Request("PUT", "/a", headers=headers, body=b"ok")),
                f"the header field Content-Length: {value} contradicts a body of 2 bytes: "
                "leave it out, the transport sets it",
            )

    def test_a_second_length_that_contradicts_the_body_is_refused(self):
        headers = Headers([("Content-Length", "2"), ("Content-Length", "3")])
        self.refused(Request("PUT", "/a", headers=headers, body=b"ok"))

    def test_a_length_without_a_body_is_refused(self):
        headers = Headers({"Content-Length": "2"})
        self.refused(Request("GET", "/a", headers=headers))
        self.refused(Request("PUT", "/a", headers=headers))

    def test_a_transfer_encoding_is_refused(self):
        for value in ("chunked", "gzip", "identity", ""):
            for body in (b"", b"ok"):
                headers = Headers({"transfer-encoding": value})
                said = self.refused(Request("PUT", "/a", headers=headers, body=body))
                self.assertIn(f"the header field Transfer-Encoding: {value} contradicts", said)

    def test_connect_is_refused(self):
        for headers in (Headers(), Headers({"A": "b"})):
            for body in (b"", b"ok"):
                said = self.refused(Request("connect", "/a", headers=headers, body=body))
                self.assertIn("CONNECT makes a tunnel", said)

    def test_a_length_that_is_given_twice_is_told_once(self):
        headers = Headers([("Content-Length", "2"), ("content-length", "2")])
        wire = encode(Request("PUT", "/a", headers=headers, body=b"ok"), HOST).lower()
        self.assertEqual(wire.count(b"content-length:"), 1)


class AsksToCloseTests(SynchronousTestCase):
    def test_close_among_the_options_of_any_field_asks_for_it(self):
        for values in (["close"], ["Close"], ["x, close"], [" close ,x"], ["x", "CLOSE"]):
            headers = Headers([("connection", value) for value in values])
            self.assertTrue(asks_to_close(headers), values)

    def test_nothing_else_does(self):
        for values in ([], [""], ["keep-alive"], ["x close"], ["closed"], ["close;x"]):
            headers = Headers([("Connection", value) for value in values])
            self.assertFalse(asks_to_close(headers), values)
        self.assertFalse(asks_to_close(Headers({"X": "close"})))


# --- laws --------------------------------------------------------------------

#: What has a meaning of its own is tested above.
SPECIAL = (
    *("host", "content-length", "transfer-encoding"),
    *("connection", "proxy-connection", "upgrade"),
)
tokens = st.text("!#$%&'*+-.^_`|~09azAZ", min_size=1, max_size=8)
names = (tokens | st.sampled_from(["Accept", "Expect", "Content-Type"])).filter(
    lambda name: name.lower() not in SPECIAL
)
#: Whatever `Headers` allows; and of that, what RFC 9110, section 5.5, does.
any_values = st.text(st.characters(max_codepoint=255, exclude_characters="\0\r\n"), max_size=20)
values = any_values.map(lambda value: re.sub(r"[\x00-\x08\x0b-\x1f\x7f]", "", value))

#: Whatever a path and a query may hold.
queries = st.text(
    st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters="#"), max_size=20
)
paths = queries.map(lambda query: "/" + query.replace("?", ""))
METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "PROPFIND")


def requests(
    methods: st.SearchStrategy[str], values: st.SearchStrategy[str]
) -> st.SearchStrategy[Request]:
    """Requests, of all that can be constructed."""
    headers = st.lists(st.tuples(names, values), max_size=5).map(Headers)
    return st.builds(Request, methods, paths, queries, headers, st.binary(max_size=40))


class LawTests(SynchronousTestCase):
    @law
    @given(requests(st.sampled_from(METHODS), values))
    def test_an_independent_server_reads_the_request_that_was_written(self, request):
        server = Server(encode(request, HOST))
        body = request.body
        lengths = [("Content-Length", str(len(body)))] if body or request.is_write else []
        fields = [("Host", HOST), *_stripped(request.headers), *lengths]
        self.assertEqual(server.method, request.method)
        self.assertEqual(server.target, request.target)
        self.assertEqual(server.fields, fields)
        self.assertEqual(server.body, body)
        self.assertEqual(server.messages, 1)

    @law
    @given(requests(st.text("abyzABYZ", min_size=1, max_size=12), any_values))
    def test_whatever_can_be_constructed_has_as_many_lines_as_fields(self, request):
        """No header field can be injected, nor a second request."""
        wire = encode(request, HOST)
        head, _, body = wire.partition(b"\r\n\r\n")
        first, *lines = head.split(b"\r\n")
        self.assertEqual(first, f"{request.method} {request.target} HTTP/1.1".encode())
        own = [f"{name}: {value}".encode("latin-1") for name, value in request.headers]
        framing = bool(request.body) or request.is_write
        self.assertEqual(lines[1 : len(own) + 1], own)
        self.assertEqual(len(lines), 1 + len(own) + framing)
        self.assertEqual(body, request.body)
        self.assertNotRegex(head.replace(b"\r\n", b""), rb"[\r\n\0]")


def _stripped(headers: Headers) -> list[tuple[str, str]]:
    # Space around a value is no part of it: RFC 9110, section 5.5.
    return [(name, value.strip(" \t")) for name, value in headers]


class Server:
    """What a server of llhttp makes of some bytes."""

    def __init__(self, wire: bytes) -> None:
        self.target = ""
        self.fields: list[tuple[str, str]] = []
        self.body = b""
        self.messages = 0
        parser = HttpRequestParser(self)
        parser.feed_data(wire)
        self.method = parser.get_method().decode()

    def on_url(self, url: bytes) -> None:
        self.target += url.decode()

    def on_header(self, name: bytes, value: bytes) -> None:
        self.fields.append((name.decode(), value.decode("latin-1").strip(" \t")))

    def on_body(self, data: bytes) -> None:
        self.body += data

    def on_message_complete(self) -> None:
        self.messages += 1
