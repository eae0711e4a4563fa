"""Operations as requests: what is sent for each, and what is refused before it is."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, unquote

import attrs
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from txetcd.http.message import Response
from txetcd.model import (
    CompareAndDelete,
    CompareAndSwap,
    Create,
    CreateInOrder,
    Delete,
    Get,
    Op,
    Refresh,
    Set,
    State,
)
from txetcd.v2.encode import encode

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
PARTS = TEXT.filter(lambda t: t not in ("", ".", "..") and "/" not in t and "\0" not in t)


class EncodeTests(SynchronousTestCase):
    def assertSends(self, op: Op, method: str, query: str, body: bytes) -> None:
        request = encode(op)
        self.assertEqual(
            (request.method, request.path, request.query, request.body),
            (method, "/v2/keys/a", query, body),
        )

    def test_each_operation(self):
        for op, method, query, body in [
            (Get("/a"), "GET", "", b""),
            (Get("/a", True, quorum=True, sorted=True), "GET",
             "recursive=true&quorum=true&sorted=true", b""),
            (Get("/a", wait=True, wait_index=7), "GET", "wait=true&waitIndex=7", b""),
            (Set("/a", "1"), "PUT", "", b"value=1"),
            (Set("/a", "1", 5, True), "PUT", "", b"value=1&ttl=5&prevExist=true"),
            (Set("/a", "", 0), "PUT", "", b"value=&ttl="),
            (Set("/a", None), "PUT", "", b"dir=true"),
            (Create("/a", "1"), "PUT", "", b"value=1&prevExist=false"),
            (Create("/a", None, 5), "PUT", "", b"dir=true&ttl=5&prevExist=false"),
            (CreateInOrder("/a", "1", 5), "POST", "", b"value=1&ttl=5"),
            (CompareAndSwap("/a", "2", 7, "1"), "PUT", "",
             b"value=2&prevExist=true&prevIndex=7&prevValue=1"),
            (CompareAndSwap("/a", "2", prev_exist=False), "PUT", "", b"value=2&prevExist=false"),
            (CompareAndDelete("/a", 7, "a b"), "DELETE", "prevIndex=7&prevValue=a%20b", b""),
            (Delete("/a"), "DELETE", "", b""),
            (Delete("/a", True, True), "DELETE", "dir=true&recursive=true", b""),
            (Refresh("/a", 5), "PUT", "", b"ttl=5&refresh=true&prevExist=true"),
        ]:  # fmt: skip
            self.assertSends(op, method, query, body)

    def test_a_form_has_its_type_and_a_query_has_none(self):
        kind = "application/x-www-form-urlencoded"
        self.assertEqual(encode(Set("/a", "1")).headers.get("Content-Type"), kind)
        self.assertNotIn("Content-Type", encode(Delete("/a")).headers)

    @settings(max_examples=80, deadline=None)
    @given(st.lists(PARTS, min_size=1, max_size=4))
    def test_any_path_is_escaped_and_comes_back(self, parts):
        request = encode(Get("/" + "/".join(parts)))
        self.assertTrue(request.path.isascii())
        self.assertEqual(
            [unquote(part) for part in request.path.split("/")], ["", "v2", "keys", *parts]
        )

    @settings(max_examples=80, deadline=None)
    @given(TEXT, TEXT.filter(bool))
    def test_any_value_is_escaped_and_comes_back(self, value, prev):
        request = encode(CompareAndSwap("/a", value, prev_value=prev))
        form = parse_qsl(request.body.decode("ascii"), keep_blank_values=True, strict_parsing=True)
        self.assertEqual(form, [("value", value), ("prevExist", "true"), ("prevValue", prev)])

    def test_a_value_that_is_not_utf_8_is_refused_and_named(self):
        for op in (Set("/a", b"ok\xff"), CompareAndSwap("/a", "1", prev_value=b"ok\xff")):
            error = self.assertRaises(ValueError, encode, op)
            self.assertIn("b'ok\\xff'", str(error))
            self.assertIn("/a", str(error))

    def test_an_empty_value_to_compare_with_is_refused(self):
        for op in (CompareAndSwap("/a", "1", prev_value=""), CompareAndDelete("/a", None, "")):
            self.assertRaises(ValueError, encode, op)

    def test_a_request_line_that_etcd_would_reset_is_refused(self):
        longest = "/" + "k" * (4096 - len("GET /v2/keys/ HTTP/1.1\r\n"))
        self.assertEqual(len(encode(Get(longest)).target) + len("GET  HTTP/1.1\r\n"), 4096)
        self.assertRaises(ValueError, encode, Get(longest + "k"))
        self.assertRaises(ValueError, encode, CompareAndDelete("/a", None, "v" * 5000))

    def test_a_form_that_is_too_long_is_refused(self):
        self.assertRaises(ValueError, encode, Set("/a", "x" * (10 * 1024 * 1024)))

    def test_an_unknown_operation_is_refused(self):
        self.assertRaises(TypeError, encode, Op("/a"))

    def test_the_head_of_a_wait_tells_its_state(self):
        told: list[Any] = []
        request = encode(Get("/a", wait=True, on_state=told.append))
        self.assertTrue(request.long_poll)
        assert request.on_head is not None
        request.on_head(Response(200, headers_of(("X-Etcd-Index", "7"))))
        request.on_head(Response(400, headers_of(("X-Etcd-Index", "8"))))
        self.assertEqual(told, [State(7)])

    def test_the_head_of_a_wait_tells_after_its_state_how_it_can_be_ended(self):
        told: list[Any] = []
        op = Get("/a", wait=True, on_state=told.append, on_endable=told.append)
        request = encode(op)
        assert request.on_head is not None
        head = Response(200, headers_of(("X-Etcd-Index", "7")), end_sending=print)
        request.on_head(head)
        request.on_head(attrs.evolve(head, status=400))
        request.on_head(attrs.evolve(head, end_sending=None))
        self.assertEqual(told, [State(7), print, State(7)])

    def test_who_wants_to_know_only_how_it_can_be_ended_is_told_that(self):
        told: list[Any] = []
        request = encode(Get("/a", on_endable=told.append))
        assert request.on_head is not None
        request.on_head(Response(200, end_sending=print))
        self.assertEqual(told, [print])

    def test_plain_gets_of_one_key_are_one_request(self):
        self.assertIs(encode(Get("/a")), encode(Get("/a")))
        self.assertNotEqual(encode(Get("/b")), encode(Get("/a")))

    def test_what_is_kept_of_a_plain_get_is_told_to_no_other(self):
        told: list[Any] = []
        encode(Get("/a"))
        for op, query in [
            (Get("/a", recursive=True), "recursive=true"),
            (Get("/a", wait=True), "wait=true"),
            (Get("/a", quorum=True), "quorum=true"),
            (Get("/a", sorted=True), "sorted=true"),
            (Get("/a", on_state=told.append), ""),
        ]:
            self.assertEqual(encode(op).query, query)
            self.assertEqual(encode(op).on_head is not None, op.on_state is not None)
            self.assertEqual(encode(op).long_poll, op.wait)
        self.assertEqual(encode(Get("/a")).query, "")

    def test_a_key_that_is_too_long_is_refused_each_time(self):
        for _ in range(2):
            error = self.assertRaises(ValueError, encode, Get("/" + "k" * 5000))
            self.assertIn("get /kkk", str(error))

    def test_a_plain_get_is_no_long_poll(self):
        self.assertFalse(encode(Get("/a")).long_poll)
        self.assertIsNone(encode(Get("/a")).on_head)


def headers_of(*fields: tuple[str, str]) -> Any:
    from txetcd.http import Headers

    return Headers(fields)
