"""`Request` and `Response`: what can stand in a request line, and what a repr shows."""

import attrs
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from txetcd.http import Headers, Request, Response

quick = settings(deadline=None, max_examples=100)


class RequestTests(SynchronousTestCase):
    def test_only_method_and_path_are_needed(self):
        request = Request("GET", "/a")
        self.assertEqual(request.query, "")
        self.assertEqual(request.headers, Headers())
        self.assertEqual(request.body, b"")
        self.assertFalse(request.long_poll)
        self.assertIsNone(request.on_head)

    def test_the_target_joins_path_and_query(self):
        self.assertEqual(Request("GET", "/a").target, "/a")
        self.assertEqual(Request("GET", "/a", "b=c").target, "/a?b=c")

    def test_the_method_is_put_in_capitals(self):
        self.assertEqual(Request("delete", "/a").method, "DELETE")

    def test_only_the_methods_that_rfc_9110_calls_safe_are_no_writes(self):
        for method in ("GET", "head", "OPTIONS", "TRACE"):
            self.assertFalse(Request(method, "/a").is_write, method)
        for method in ("PUT", "post", "DELETE", "PATCH", "CONNECT", "FROB"):
            self.assertTrue(Request(method, "/a").is_write, method)

    def test_it_is_immutable(self):
        request = Request("GET", "/a")
        with self.assertRaises(attrs.exceptions.FrozenInstanceError):
            request.path = "/b"  # type: ignore[misc]

    def test_requests_are_equal_whoever_is_told_of_the_head(self):
        self.assertEqual(Request("GET", "/a", on_head=print), Request("GET", "/a"))
        self.assertNotEqual(Request("GET", "/a"), Request("GET", "/a", body=b"1"))

    def test_what_is_not_a_method_is_refused(self):
        for method in ("", "G T", "GET ", "GET\r\n", "GÉT", "GET/1", "1"):
            with self.assertRaises(ValueError) as caught:
                Request(method, "/a")
            self.assertIn(repr(method), str(caught.exception))

    def test_a_path_begins_with_a_slash_and_is_percent_encoded(self):
        for path in ("", "a", "*", "http://a/b", "/a?b", "/a#b", "/a b", "/a\n", "/ä", "/a\x7f"):
            with self.assertRaises(ValueError) as caught:
                Request("GET", path)
            self.assertIn(repr(path), str(caught.exception))

    def test_a_query_is_percent_encoded(self):
        for query in ("a b", "a#b", "a\r\nHost: b", "ä", "\0"):
            with self.assertRaises(ValueError) as caught:
                Request("GET", "/a", query)
            self.assertIn(repr(query), str(caught.exception))

    def test_of_single_characters_these_can_stand_in_a_path_and_in_a_query(self):
        printable = "".join(map(chr, range(0x21, 0x7F)))
        for allowed, request in (
            (set(printable) - set("#?"), lambda character: Request("GET", "/" + character)),
            (set(printable) - set("#"), lambda character: Request("GET", "/", character)),
        ):
            for character in map(chr, range(0x180)):
                if character in allowed:
                    self.assertIn(character, request(character).target)
                else:
                    self.assertRaises(ValueError, request, character)

    def test_one_that_a_protocol_has_encoded_is_as_any_other(self):
        headers = Headers({"A": "1"})
        fields = ("PUT", "/a", "b=c", headers, b"1", True, print)
        encoded, made = Request._encoded(*fields), Request(*fields)
        self.assertEqual(attrs.astuple(encoded), attrs.astuple(made))
        self.assertEqual(repr(encoded), repr(made))
        self.assertEqual(hash(encoded), hash(made))
        self.assertEqual(
            Request._encoded("GET", "/a", "", headers, b""), Request("GET", "/a", headers=headers)
        )

    def test_a_query_may_hold_a_question_mark(self):
        """RFC 3986, section 3.4."""
        self.assertEqual(Request("GET", "/a", "b?c").target, "/a?b?c")

    @quick
    @given(st.text(max_size=6), st.text(max_size=6), st.text(max_size=6))
    def test_no_text_can_break_out_of_the_request_line(self, method, path, query):
        try:
            request = Request(method, "/" + path, query)
        except ValueError:
            return
        line = f"{request.method} {request.target} HTTP/1.1".encode("ascii")
        self.assertEqual(len(line.split()), 3)
        self.assertTrue(all(0x20 <= byte < 0x7F for byte in line))

    def test_str_is_what_the_request_line_says(self):
        self.assertEqual(str(Request("GET", "/a", "b=c")), "GET /a?b=c")

    def test_repr_shows_no_secret_and_no_body(self):
        request = Request(
            "PUT", "/a", headers=Headers({"Authorization": "hunter2", "A": "1"}), body=b"hunter2"
        )
        self.assertEqual(
            repr(request),
            "<Request PUT /a Headers([('Authorization', '<secret>'), ('A', '1')]), 7 bytes>",
        )


class ResponseTests(SynchronousTestCase):
    def test_only_the_status_is_needed(self):
        response = Response(200)
        self.assertEqual(response.headers, Headers())
        self.assertEqual(response.body, b"")
        self.assertEqual(response.endpoint, "")

    def test_responses_are_equal_whichever_server_gave_them(self):
        self.assertEqual(Response(200, endpoint="http://a"), Response(200, endpoint="http://b"))
        self.assertNotEqual(Response(200), Response(201))
        self.assertNotEqual(Response(200, body=b"a"), Response(200, body=b"b"))

    def test_repr_shows_no_body(self):
        self.assertEqual(
            repr(Response(200, Headers({"Set-Cookie": "hunter2"}), b"hunter2")),
            "<Response 200 Headers([('Set-Cookie', '<secret>')]), 7 bytes>",
        )
