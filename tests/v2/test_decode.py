"""Responses as answers: strict about what is there, and never another error than ours."""

from __future__ import annotations

import json
import sys
from datetime import datetime, timedelta, timezone
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from txetcd import (
    Action,
    ApiError,
    Data,
    Dir,
    EventIndexCleared,
    KeyNotFound,
    Lease,
    NodeOp,
    State,
    TxetcdError,
    UnexpectedResponse,
)
from txetcd.errors import ApiDisabled, RaftInternal, WatchEnded
from txetcd.http import Headers, Response
from txetcd.model import Get, Node
from txetcd.v2.decode import decode

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
INDEX = st.integers(0, 2**64 - 1)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=10)
LEASES = st.none() | st.builds(
    Lease,
    st.integers(0, 9 * 10**9).map(lambda s: EPOCH + timedelta(seconds=s, microseconds=s % 10**6)),
    st.integers(-5, 10**9).map(lambda s: timedelta(seconds=s)),
)
DATA = st.builds(Data, TEXT, INDEX, INDEX, LEASES, TEXT.map(str.encode))
NODES: Any = st.recursive(
    DATA,
    lambda nodes: st.builds(
        Dir,
        TEXT.filter(lambda k: k not in ("", "/")),
        INDEX,
        INDEX,
        LEASES,
        st.lists(nodes, max_size=4).map(tuple),
    ),
    max_leaves=12,
)


def as_etcd_writes(node: Node) -> dict[str, Any]:
    """A node in etcd's JSON, written independently of what reads it."""
    fields: dict[str, Any] = {
        "key": node.key,
        "modifiedIndex": node.modified_index,
        "createdIndex": node.created_index,
    }
    if node.lease is not None:
        fields["expiration"] = node.lease.expiration.isoformat().replace("+00:00", "Z")
        fields["ttl"] = int(node.lease.ttl.total_seconds())
    if isinstance(node, Dir):
        fields["dir"] = True
        if node.nodes:
            fields["nodes"] = [as_etcd_writes(each) for each in node.nodes]
    else:
        fields["value"] = node.value.decode()
    return fields


#: Any value of JSON, halves of surrogate pairs and numbers of any size too.
JSON: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just(10**400),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(), inner, max_size=2),
    max_leaves=4,
)
FIELDS = [
    "action",
    "node",
    "prevNode",
    "key",
    "value",
    "dir",
    "nodes",
    "modifiedIndex",
    "createdIndex",
    "expiration",
    "ttl",
]


def planted(document: Any, field: str, value: Any) -> Any:
    """A document with a value in the place of a field, on every level that has it or could."""
    if not isinstance(document, dict):
        return document
    changed = {name: planted(each, field, value) for name, each in document.items()}
    if isinstance(changed.get("nodes"), list):
        changed["nodes"] = [planted(each, field, value) for each in changed["nodes"]]
    return {**changed, field: value}


def answered(document: Any, status: int = 200, **headers: str) -> NodeOp:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    fields = [(name.replace("_", "-"), value) for name, value in headers.items()]
    return decode(Response(status, Headers(fields), body), Get("/a"))


NODE = {"key": "/a", "value": "1", "modifiedIndex": 7, "createdIndex": 5}


class AnswerTests(SynchronousTestCase):
    def test_a_value(self):
        op = answered(
            {"action": "get", "node": NODE},
            X_Etcd_Index="9",
            X_Etcd_Cluster_Id="abc",
            X_Raft_Index="11",
            X_Raft_Term="2",
        )
        self.assertEqual(
            op, NodeOp(Action.GET, Data("/a", 7, 5, None, b"1"), State(9, "abc", 11, 2))
        )

    def test_unknown_fields_are_passed_over(self):
        op = answered({"action": "get", "node": {**NODE, "new": [1]}, "more": {}})
        self.assertEqual(op.node, Data("/a", 7, 5, None, b"1"))

    def test_the_root_has_neither_key_nor_indexes(self):
        op = answered({"action": "get", "node": {"dir": True, "nodes": [NODE]}})
        self.assertEqual(op.node, Dir("/", 0, 0, None, (Data("/a", 7, 5, None, b"1"),)))

    @settings(max_examples=60, deadline=None)
    @given(NODES, st.sampled_from(Action), st.none() | NODES)
    def test_whatever_etcd_writes_is_read(self, node, action, prev):
        document = {"action": action.value, "node": as_etcd_writes(node)}
        if prev is not None:
            document["prevNode"] = as_etcd_writes(prev)
        op = answered(document)
        self.assertEqual((op.action, op.node, op.prev_node), (action, node, prev))

    def test_a_lease_is_read_as_go_writes_it(self):
        for text, moment in [
            ("2026-11-24T01:02:03.123456789Z", (2026, 11, 24, 1, 2, 3, 123456)),
            ("2026-11-24T01:02:03Z", (2026, 11, 24, 1, 2, 3, 0)),
            ("2026-11-24T01:02:03.5Z", (2026, 11, 24, 1, 2, 3, 500000)),
            ("2026-11-24T03:02:03.5+02:00", (2026, 11, 24, 1, 2, 3, 500000)),
            ("2026-11-23T19:32:03.000000001-05:30", (2026, 11, 24, 1, 2, 3, 0)),
            ("2026-11-24T01:02:03.999999999+00:00", (2026, 11, 24, 1, 2, 3, 999999)),
            ("2024-02-29T00:00:00Z", (2024, 2, 29, 0, 0, 0, 0)),
        ]:
            node = answered({"action": "get", "node": {**NODE, "expiration": text, "ttl": 9}}).node
            expected = datetime(*moment, tzinfo=timezone.utc)
            self.assertEqual(node.lease, Lease(expected, timedelta(seconds=9)))

    def test_a_ttl_of_zero_is_left_out_by_etcd(self):
        fields = {**NODE, "expiration": "2026-11-24T01:02:03Z"}
        node = answered({"action": "get", "node": fields}).node
        assert node.lease is not None
        self.assertEqual(node.lease.ttl, timedelta(0))

    def test_an_index_that_cannot_be_read_is_0(self):
        for text in ("", "x", "-1", "1.0", "１２", "9" * 21, str(2**64)):
            received = text.encode().decode("latin-1")
            op = answered({"action": "get", "node": NODE}, X_Etcd_Index=received)
            self.assertEqual(op.etcd.index, 0)


class TimeTests(SynchronousTestCase):
    """What Pythons read as a time differs from one version to the next: RFC 3339 does not."""

    def test_what_is_no_time_of_rfc_3339_is_refused_and_its_place_named(self):
        for text in [
            "",
            "Z",
            "tomorrow",
            "2026-11-24",
            "2026-11-24Z",
            "2026-11-24T01:02Z",
            "2026-11-24T01:02:03",
            "2026-11-24 01:02:03Z",
            "20261124T010203Z",
            "2026-W48-2T01:02:03Z",
            "2026-11-24T01:02:03.Z",
            "2026-11-24T01:02:03,5Z",
            "2026-11-24T01:02:03Z and more",
            "2026-11-24T01:02:03+01:00Z",
            "2026-11-24T01:02:03ZZ",
            "2026-11-24T01:02:03+0100",
            "2026-11-24T01:02:03+24:00",
            "2026-11-24T01:02:03+01:00:00",
            "2026-13-24T01:02:03Z",
            "2026-02-29T01:02:03Z",
            "2026-11-24T25:02:03Z",
            "2026-11-24T01:02:61Z",
            "0000-11-24T01:02:03Z",
            "0001-01-01T00:00:00+01:00",
            "9999-12-31T23:59:59-01:00",
            "10000-01-01T00:00:00Z",
            "２０26-11-24T01:02:03Z",
            "2026-11-24T01:02:03\n",
            "\ud800",
            "2026-11-24T01:02:03." + "1" * 100_000,
        ]:
            document = {"action": "get", "node": {**NODE, "expiration": text, "ttl": 1}}
            error = self.assertRaises(UnexpectedResponse, answered, document)
            self.assertIn("node.expiration: ", str(error))
            self.assertLess(len(str(error)), 500)

    def test_a_ttl_that_no_timedelta_holds_is_refused_and_its_place_named(self):
        for ttl in (10**15, -(10**15), 2**64):
            fields = {**NODE, "expiration": "2026-11-24T01:02:03Z", "ttl": ttl}
            error = self.assertRaises(
                UnexpectedResponse, answered, {"action": "get", "node": fields}
            )
            self.assertIn("node.ttl: ", str(error))


class DeepAndWideTests(SynchronousTestCase):
    def chain(self, depth: int) -> bytes:
        opening = b'{"key":"/d","dir":true,"modifiedIndex":1,"createdIndex":1,"nodes":['
        leaf = json.dumps(NODE).encode()
        return b'{"action":"get","node":' + opening * depth + leaf + b"]}" * depth + b"}"

    def test_a_tree_of_any_depth_is_read(self):
        for depth in (10, 1_500, 50_000):
            node: Any = answered(self.chain(depth)).node
            repr(node)
            levels = 0
            while isinstance(node, Dir):
                (node,), levels = node.nodes, levels + 1
            self.assertEqual((levels, node.value), (depth, b"1"))

    def test_an_error_in_a_deep_tree_shows_where_it_begins_and_ends(self):
        body = self.chain(5_000).replace(b'"value": "1"', b'"value": 1')
        error = self.assertRaises(UnexpectedResponse, answered, body)
        first, last = "node" + ".nodes[0]" * 9, ".nodes[0]" * 11
        self.assertIn(f"{first}.…{last}.value: text is needed, not 1", str(error))

    def test_a_tree_of_100000_nodes_costs_in_proportion_to_its_size(self):
        small, large = self.calls(5_000), self.calls(100_000)
        self.assertLess(large, small * 25)

    def calls(self, count: int) -> int:
        """How many functions are called to read so many nodes, in directories of 100."""
        folder = {"key": "/d", "dir": True, "modifiedIndex": 1, "createdIndex": 1}
        folders = [{**folder, "nodes": [NODE] * 100}] * (count // 100)
        body = json.dumps({"action": "get", "node": {**folder, "nodes": folders}}).encode()
        calls = 0

        def count_call(frame: Any, event: str, argument: Any) -> None:
            nonlocal calls
            calls += 1

        sys.setprofile(count_call)
        try:
            node = answered(body).node
        finally:
            sys.setprofile(None)
        tree: Any = node
        self.assertEqual(sum(len(each.nodes) for each in tree.nodes), count)
        return calls


class RefusalTests(SynchronousTestCase):
    def refused(self, document: Any, status: int = 200) -> UnexpectedResponse:
        error = self.assertRaises(UnexpectedResponse, answered, document, status)
        self.assertEqual(error.status, status)
        return error

    def test_a_wrong_type_is_refused_and_its_place_named(self):
        for field, value in [
            ("key", 5),
            ("value", 5),
            ("value", None),
            ("modifiedIndex", "7"),
            ("modifiedIndex", True),
            ("modifiedIndex", 1.5),
            ("modifiedIndex", -1),
            ("createdIndex", 2**64),
            ("dir", "yes"),
            ("dir", 1),
        ]:
            bad = {**NODE, field: value}
            self.assertIn(f"node.{field}", str(self.refused({"action": "get", "node": bad})))
            tree = {"dir": True, "nodes": [NODE, {**NODE, "dir": True, "nodes": [bad]}]}
            place = f"node.nodes[1].nodes[0].{field}"
            self.assertIn(place, str(self.refused({"action": "get", "node": tree})))

    def test_a_missing_field_is_refused_and_its_place_named(self):
        for field in ("key", "modifiedIndex", "createdIndex"):
            bad = {name: value for name, value in NODE.items() if name != field}
            error = self.refused({"action": "get", "node": bad})
            self.assertIn(f"node.{field}: missing", str(error))

    def test_what_is_no_answer_is_refused(self):
        for document in [
            {},
            [],
            5,
            None,
            {"action": "get"},
            {"action": "get", "node": None},
            {"action": "get", "node": []},
            {"action": "grow", "node": NODE},
            {"action": ["get"], "node": NODE},
            {"node": NODE},
            {"action": "set"},
            {"action": "get", "node": {"dir": True, "nodes": {}}},
            {"action": "get", "node": {"dir": True, "nodes": [5]}},
            {"action": "get", "node": NODE, "prevNode": 5},
            {"action": "get", "node": {**NODE, "expiration": "tomorrow"}},
            {"action": "get", "node": {**NODE, "expiration": "2026-11-24T01:02:03"}},
            {"action": "get", "node": {**NODE, "expiration": 5}},
            {"action": "get", "node": {**NODE, "expiration": "2026-11-24T01:02:03Z", "ttl": "5"}},
            b"",
            b"\xff",
            b"\xef\xbb\xbf{}",
            b"<html>502 Bad Gateway</html>",
            b'{"action":"get","node":{"key":"/a","modifiedIndex":NaN,"createdIndex":1}}',
            b'{"action":"get","node":{"key":"/a","value":"\\ud800","modifiedIndex":1,"createdIndex":1}}',
        ]:
            self.refused(document)

    def test_half_of_a_surrogate_pair_is_refused_and_its_place_named(self):
        """It could be neither encoded nor printed."""
        for field in ("key", "value"):
            for half in ("\ud800", "a\udfffb", "\udc00\ud800"):
                bad = {**NODE, field: half}
                error = self.refused({"action": "get", "node": bad})
                self.assertIn(f"node.{field}: half of a surrogate pair", str(error))
                tree = {"dir": True, "nodes": [{"dir": True, **NODE, **bad}]}
                if field == "key":
                    error = self.refused({"action": "get", "node": tree})
                    self.assertIn("node.nodes[0].key", str(error))
        whole = answered({"action": "get", "node": {**NODE, "key": "/\U0001f98a"}})
        self.assertEqual(whole.node.key, "/\U0001f98a")

    def test_a_truncated_document_is_refused_at_every_byte(self):
        body = json.dumps({"action": "get", "node": NODE}).encode()
        for length in range(len(body)):
            self.refused(body[:length])

    @settings(max_examples=200, deadline=None)
    @given(st.binary(max_size=60) | TEXT.map(str.encode))
    def test_any_bytes_are_an_answer_or_an_error_of_ours(self, body):
        for status in (200, 201, 404, 500, 301):
            try:
                answered(body, status)
            except TxetcdError:
                pass

    @settings(max_examples=200, deadline=None)
    @given(st.sampled_from(FIELDS), JSON, st.booleans())
    def test_any_value_in_any_place_is_an_answer_or_an_error_of_ours(self, field, value, deep):
        node: Any = {**NODE, "expiration": "2026-11-24T01:02:03Z", "ttl": 1}
        if deep:
            node = {**NODE, "dir": True, "nodes": [node, {**NODE, "dir": True, "nodes": [node]}]}
        for document in (
            {"action": "get", "node": planted(node, field, value)},
            planted({"action": "get", "node": node}, field, value),
            {"action": "get", "node": NODE, field: value},
        ):
            try:
                op = answered(document)
            except UnexpectedResponse as error:
                str(error).encode("utf-8")
            else:
                repr(op).encode("utf-8")

    @settings(max_examples=100, deadline=None)
    @given(st.sampled_from(["errorCode", "message", "cause", "index"]), JSON)
    def test_any_value_in_any_place_of_an_error_is_an_error_of_ours(self, field, value):
        told = {"errorCode": 100, "message": "Key not found", "cause": "/a", "index": 7}
        error = self.assertRaises(TxetcdError, answered, {**told, field: value}, 404)
        str(error).encode("utf-8")

    def test_the_error_shows_the_status_and_the_first_bytes(self):
        error = self.refused(b"<html>" + b"x" * 1000, 502)
        self.assertIn("502", str(error))
        self.assertIn("<html>", str(error))
        self.assertLess(len(str(error)), 500)


class ErrorTests(SynchronousTestCase):
    def error(self, document: Any, status: int, op: Get | None = None) -> Any:
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        return self.assertRaises(TxetcdError, decode, Response(status, body=body), op or Get("/a"))

    def test_an_error_of_etcd_is_typed_by_its_code(self):
        told = {"errorCode": 100, "message": "Key not found", "cause": "/a", "index": 7}
        error = self.error(told, 404)
        self.assertIs(type(error), KeyNotFound)
        self.assertEqual(
            (error.code, error.message, error.cause, error.index), (100, "Key not found", "/a", 7)
        )

    def test_a_cause_and_an_index_may_be_missing(self):
        error = self.error({"errorCode": 401, "message": "cleared"}, 400)
        self.assertIs(type(error), EventIndexCleared)
        self.assertEqual((error.cause, error.index), ("", 0))

    def test_an_unknown_code_is_an_api_error(self):
        self.assertIs(type(self.error({"errorCode": 999, "message": "new"}, 400)), ApiError)

    def test_an_error_of_500_may_have_been_carried_out(self):
        error = self.error({"errorCode": 300, "message": "Raft Internal Error"}, 500)
        self.assertIs(type(error), RaftInternal)
        self.assertTrue(error.possibly_applied)

    def test_an_error_that_is_not_etcds_is_unexpected(self):
        documents: tuple[Any, ...] = (
            b"<html>",
            {},
            [],
            {"errorCode": "100"},
            {"errorCode": True},
            {"errorCode": 100.0},
            {"errorCode": 100, "index": -1},
            {"errorCode": 100, "index": 2**64},
            {"errorCode": 100, "message": None},
            {"errorCode": 100, "message": "\ud800"},
            {"errorCode": 100, "cause": ["/a"]},
            {"errorCode": 100, "cause": "/\udfff"},
        )
        for document in documents:
            self.assertIs(type(self.error(document, 400)), UnexpectedResponse)

    def test_an_api_that_is_off_is_told_from_a_missing_key(self):
        self.assertIs(type(self.error(b"404 page not found\n", 404)), ApiDisabled)
        self.assertIs(type(self.error(b"<h1>404 Not Found</h1>", 404)), UnexpectedResponse)

    def test_a_wait_that_ends_without_an_event_says_so(self):
        for body in (b"", b"\n"):
            self.assertIs(type(self.error(body, 200, Get("/a", wait=True))), WatchEnded)
            self.assertIs(type(self.error(body, 200)), UnexpectedResponse)
