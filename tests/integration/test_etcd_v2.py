"""What a real etcd does with the v2 API, and what this client makes of it.

One test for each statement that the client was built on.  Where a test here disagrees
with a document, the test is right.
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any
from urllib.parse import quote, urlencode

import attrs
from treq.client import HTTPClient
from twisted.internet import reactor as _reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure
from twisted.web.client import Agent

from tests.realserver import RealServerTestCase
from txetcd import (
    Action,
    AmbiguousWrite,
    ApiError,
    Dir,
    Etcd,
    EventIndexCleared,
    Filter,
    KeyNotFound,
    NodeExist,
    ReplyLost,
    TestFailed,
    TxetcdError,
    UnexpectedResponse,
    v2,
)
from txetcd.errors import ErrorCode, ResponseTooLarge, WatchEnded
from txetcd.http import Headers, Limits, Request, Response, TreqService
from txetcd.http.transports import treq_service
from txetcd.v2.encode import MAX_REQUEST_LINE

reactor: Any = _reactor
FORM = Headers({"Content-Type": "application/x-www-form-urlencoded"})


class Case(RealServerTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.url = self.etcd_url
        self.etcd = self.client()
        self.key = self.etcd.key(self.prefix) / "a"

    def transport(self) -> TreqService:
        """A transport without the protocol, and with a new connection for each request."""
        agent: Any = Agent(reactor)
        service = TreqService(HTTPClient(agent), self.url)
        self.addCleanup(service.close)
        return service

    async def raw(self, method: str, path: str, query: str = "", **form: Any) -> Response:
        """A request as it is."""
        service = self.transport()
        body = urlencode(form).encode()
        headers = FORM if method in ("PUT", "POST") else Headers()
        return await service(Request(method, f"/v2/keys{path}", query, headers, body))

    def code(self, response: Response) -> tuple[int, int]:
        return response.status, json.loads(response.body)["errorCode"]


class WatchTests(Case):
    async def test_the_head_of_a_wait_is_sent_at_once_with_the_index_when_it_began(self):
        made = await self.key.set("1")
        heads: list[Response] = []
        service = self.transport()
        waiting = service(
            Request("GET", f"/v2/keys{self.key.path}", "wait=true", on_head=heads.append)
        )
        while not heads:
            await self.pause()
        began = int(heads[0].headers["X-Etcd-Index"])
        self.assertGreaterEqual(began, made.node.modified_index)
        changed = await self.key.set("2")
        response = await waiting
        self.assertGreater(changed.node.modified_index, began)
        self.assertEqual(int(response.headers["X-Etcd-Index"]), began)

    async def test_the_index_of_history_is_at_or_above_the_index_of_the_change(self):
        made = await self.key.set("1")
        await self.key.set("2")
        found = await self.key.get(wait=True, wait_index=made.node.modified_index)
        self.assertGreater(found.etcd.index, found.node.modified_index)

    async def test_a_server_that_shuts_down_ends_a_parked_wait_with_a_typed_error(self):
        # With an empty body, or in the middle of it: both have been seen of 3.5.1.
        server = await self.server()
        key = self.client(server.url).key("/a")
        await key.set("1")
        waiting = key.get(wait=True)
        await self.pause(0.1)
        stopping = server.stop()
        error = await self.failure(waiting, TxetcdError)
        self.assertIsInstance(error, (WatchEnded, ReplyLost))
        self.assertTrue(error.retryable)
        await stopping

    async def test_a_history_that_was_cleared_is_an_error_with_the_index(self):
        server = await self.server()
        key = self.client(server.url).key("/a")
        for number in range(1_010):
            last = await key.set(str(number))
        error = await self.failure(key.get(wait=True, wait_index=1), EventIndexCleared)
        self.assertIn("the requested history has been cleared", error.cause)
        self.assertEqual(error.index, last.node.modified_index)

    async def test_a_recursive_deletion_is_one_event_on_the_directory(self):
        first = await (self.key / "b").set("1")
        await (self.key / "c").set("2")
        gone = await self.key.delete(recursive=True)
        told = await (self.key / "b").get(wait=True, wait_index=first.node.modified_index + 1)
        self.assertEqual((told.action, told.node.key), (Action.DELETE, self.key.path))
        self.assertEqual(told.node.modified_index, gone.node.modified_index)
        self.assertIsInstance(told.prev_node, Dir)
        self.assertEqual(told.prev_node.nodes, ())

    async def test_events_of_a_child_tell_the_deletion_of_its_parent(self):
        child = self.key / "b"
        await child.set("1")
        told: list[Any] = []
        registration = child.events().register(told.append)
        while not told:
            await self.pause()
        await self.key.delete(recursive=True)
        while len(told) < 2:
            await self.pause()
        self.assertEqual((told[1].action, told[1].node.key), (Action.DELETE, self.key.path))
        await registration.close()

    async def test_a_deleted_directory_matches_a_scan_for_a_longer_name_and_is_not_told(self):
        top = self.etcd.key(self.prefix)
        foo, foobar = top / "foo", top / "foobar"
        await (foo / "x").set("1")
        first = await foobar.set("1")
        gone = await foo.delete(recursive=True)
        raw = await foobar.get(wait=True, wait_index=first.node.modified_index + 1)
        self.assertEqual(raw.node.modified_index, gone.node.modified_index)
        seen = await self.seen(foobar, lambda: (foo / "x").set("2"), lambda: foobar.set("2"))
        self.assertEqual(seen, [foobar.path])

    async def test_hidden_keys_are_in_no_listing_and_are_not_told(self):
        hidden = self.key / "_hidden"
        made = await hidden.set("1")
        await (self.key / "shown").set("1")
        self.assertEqual([node.name for node in (await self.key.get()).node.nodes], ["shown"])
        raw = await self.key.get(True, wait=True, wait_index=made.node.modified_index)
        self.assertEqual(raw.node.key, hidden.path)
        shown = self.key / "shown"
        seen = await self.seen(self.key, lambda: hidden.set("2"), lambda: shown.set("2"))
        self.assertEqual(seen, [shown.path])
        seen = await self.seen(hidden, lambda: hidden.set("3"))
        self.assertEqual(seen, [hidden.path])

    async def seen(self, key: Any, *writes: Any) -> list[str]:
        """The keys of the changes that events tell of some writes, up to the last of them."""
        told: list[Any] = []
        registration = key.events(recursive=True).register(told.append)
        while not told:
            await self.pause()
        for write in writes:
            last = await write()
        while told[-1].node.modified_index < last.node.modified_index:
            await self.pause()
        await registration.close()
        return [op.node.key for op in told[1:]]

    async def test_a_refresh_tells_no_one_and_uses_an_index(self):
        first = await self.key.set("1", ttl=100)
        refreshed = await self.key.refresh(200)
        self.assertGreater(refreshed.node.modified_index, first.node.modified_index)

    async def test_a_refresh_without_ttl_or_with_a_value_is_refused(self):
        await self.key.set("1", ttl=100)
        path = quote(self.key.path)
        options = {"refresh": "true", "prevExist": "true"}
        self.assertEqual(self.code(await self.raw("PUT", path, **options)), (400, 212))
        response = await self.raw("PUT", path, ttl=5, value="x", **options)
        self.assertEqual(self.code(response), (400, 211))

    async def test_directories_made_on_the_way_to_a_key_are_no_event(self):
        first = await self.key.set("1")
        made = await self.etcd.key(f"{self.prefix}/d/e/f").set("1")
        self.assertEqual(made.node.modified_index, first.node.modified_index + 1)
        told = await self.etcd.key(self.prefix).get(
            True, wait=True, wait_index=first.node.modified_index + 1
        )
        self.assertEqual(told.node.key, f"{self.prefix}/d/e/f")

    async def test_wait_with_quorum_is_a_plain_get_so_the_two_are_refused(self):
        await self.key.set("1")
        response = await self.raw("GET", quote(self.key.path), "wait=true&quorum=true")
        self.assertEqual(json.loads(response.body)["action"], "get")
        await self.failure(self.key.get(wait=True, quorum=True), ValueError)

    async def test_history_survives_a_kill(self):
        server = await self.server()
        key = self.client(server.url).key("/a")
        first = await key.set("1")
        await server.kill()
        await server.restart()
        found = await key.get(wait=True, wait_index=first.node.modified_index)
        self.assertEqual(found.node, first.node)
        self.assertGreaterEqual(found.etcd.index, first.node.modified_index)

    async def test_a_stream_from_the_past_delivers_one_event_so_none_is_used(self):
        first = await self.key.set("1")
        await self.key.set("2")
        query = f"wait=true&stream=true&waitIndex={first.node.modified_index}"
        streamed = _Heard()
        host, port = self.url.removeprefix("http://").split(":")
        endpoint = TCP4ClientEndpoint(reactor, host, int(port))
        await connectProtocol(endpoint, streamed)
        self.addCleanup(streamed.end)
        streamed.say(f"GET /v2/keys{self.key.path}?{query} HTTP/1.1\r\nHost: etcd\r\n\r\n")
        while b'"value":"1"' not in streamed.heard:
            await self.pause()
        await self.pause(0.2)
        self.assertEqual(streamed.heard.count(b'"action"'), 1)
        self.assertFalse(streamed.ended.called)

    async def test_a_wiped_server_has_the_same_cluster_id_and_an_old_wait_waits_for_ever(self):
        server = await self.server()
        key = self.client(server.url).key("/a")
        for number in range(10):
            before = await key.set(str(number))
        await server.restart(wipe=True)
        after = await key.set("new")
        self.assertEqual(after.etcd.cluster_id, before.etcd.cluster_id)
        self.assertLess(after.etcd.index, before.etcd.index)
        waiting = key.get(wait=True, wait_index=before.node.modified_index + 1)
        await key.set("newer")
        await self.pause(0.1)
        self.assertFalse(waiting.called)
        waiting.addErrback(lambda _: None).cancel()

    async def test_each_answer_tells_the_state_of_the_store(self):
        made = await self.key.set("1")
        later = (await self.key.get()).etcd
        self.assertGreaterEqual(later.index, made.node.modified_index)
        self.assertRegex(later.cluster_id, "^[0-9a-f]+$")
        self.assertGreater(later.raft_index, 0)
        self.assertGreater(later.raft_term, 0)


class _Heard(Protocol):
    """Keeps what it hears."""

    #: Any: interfaces of zope.interface are not known to type checkers.
    transport: Any

    def __init__(self) -> None:
        self.heard = b""
        self.ended: Deferred[None] = Deferred()

    def say(self, text: str) -> None:
        self.transport.write(text.encode("ascii"))

    def dataReceived(self, data: bytes) -> None:
        self.heard += data

    def connectionLost(self, reason: Failure | None = None) -> None:
        self.ended.callback(None)

    def end(self) -> Deferred[None]:
        self.transport.abortConnection()
        return self.ended


class RequestTests(Case):
    async def test_a_form_without_its_type_stores_an_empty_value_so_it_is_always_given(self):
        service = self.transport()
        path = f"/v2/keys{self.key.path}"
        response = await service(Request("PUT", path, body=b"value=lost"))
        self.assertEqual(response.status, 201)
        self.assertEqual((await self.key.get()).node.value, b"")
        await self.key.set("kept")
        self.assertEqual((await self.key.get()).node.value, b"kept")

    async def test_a_raw_semicolon_cuts_a_value_so_it_is_escaped(self):
        path = f"/v2/keys{quote(self.key.path)}"
        response = await self.transport()(Request("PUT", path, "", FORM, b"value=a;b"))
        if response.status == 201:
            self.assertEqual((await self.key.get()).node.value, b"a")
        else:
            # An etcd that was built with Go 1.17 or newer refuses it, as Debian's 3.4.23 was.
            self.assertEqual(self.code(response), (400, ErrorCode.INVALID_FORM))
        await self.key.set("a;b")
        self.assertEqual((await self.key.get()).node.value, b"a;b")

    async def test_a_bad_escape_is_refused(self):
        path = f"/v2/keys{quote(self.key.path)}"
        response = await self.transport()(Request("PUT", path, "", FORM, b"value=%zz"))
        self.assertEqual(self.code(response), (400, ErrorCode.INVALID_FORM))
        await self.key.set("%zz")
        self.assertEqual((await self.key.get()).node.value, b"%zz")

    async def test_ttl_0_on_the_wire_expires_a_key_so_it_is_sent_empty(self):
        response = await self.raw("PUT", quote(self.key.path), value="1", ttl="0")
        made = json.loads(response.body)["node"]["modifiedIndex"]
        gone = await self.key.get(wait=True, wait_index=made + 1)
        self.assertIs(gone.action, Action.EXPIRE)
        kept = await self.key.set("1", ttl=0)
        self.assertIsNone(kept.node.lease)
        self.assertEqual((await self.key.get()).node, kept.node)

    async def test_an_over_long_ttl_is_silently_for_ever_so_it_is_refused(self):
        response = await self.raw("PUT", quote(self.key.path), value="1", ttl=8_000_000_000)
        self.assertNotIn("expiration", json.loads(response.body)["node"])
        await self.failure(self.key.set("1", ttl=8_000_000_000), ValueError)

    async def test_prev_exist_without_a_value_erases_it_and_set_sends_one(self):
        await self.key.set("1")
        await self.raw("PUT", quote(self.key.path), prevExist="true", ttl="5")
        self.assertEqual((await self.key.get()).node.value, b"")
        await self.key.set("2", ttl=5, prev_exist=True)
        self.assertEqual((await self.key.get()).node.value, b"2")

    async def test_prev_index_0_overwrites_so_it_is_refused(self):
        await self.key.set("1")
        response = await self.raw("PUT", quote(self.key.path), value="2", prevIndex="0")
        self.assertEqual((response.status, (await self.key.get()).node.value), (200, b"2"))
        await self.failure(self.key.compare_and_swap("3", prev_index=0), ValueError)

    async def test_an_empty_prev_value_is_refused_here_and_there(self):
        await self.key.set("")
        response = await self.raw("PUT", quote(self.key.path), value="2", prevValue="")
        self.assertEqual(self.code(response), (400, ErrorCode.PREV_VALUE_REQUIRED))
        response = await self.raw("DELETE", quote(self.key.path), "prevValue=")
        self.assertEqual(self.code(response), (400, ErrorCode.PREV_VALUE_REQUIRED))
        await self.failure(self.key.compare_and_swap("2", prev_value=""), ValueError)
        await self.failure(self.key.compare_and_delete(prev_value=""), ValueError)

    async def test_a_value_that_differs_is_412_and_code_101(self):
        await self.key.set("1")
        path = quote(self.key.path)
        for response in (
            await self.raw("PUT", path, value="2", prevValue="other"),
            await self.raw("DELETE", path, "prevValue=other"),
        ):
            self.assertEqual(self.code(response), (412, ErrorCode.TEST_FAILED))
        error = await self.failure(
            self.key.compare_and_swap("2", prev_value="other"), TestFailed
        )
        self.assertEqual(error.cause, "[other != 1]")

    async def test_a_directory_put_over_a_file_replaces_it(self):
        await self.key.set("1")
        self.assertIsInstance((await self.key.set(None)).node, Dir)

    async def test_a_directory_put_over_a_directory_is_refused(self):
        await self.key.set(None)
        error = await self.failure(self.key.set(None), ApiError)
        self.assertEqual(error.code, ErrorCode.NOT_FILE)

    async def test_the_lease_of_a_directory_is_a_500_that_is_not_tried_again(self):
        await (self.key / "b").set("1")
        if (await self.etcd.version()).server.startswith("3.4."):
            # It gives it one, and leaves the index of the directory as it was.
            made = (await self.key.get()).node
            given = (await self.key.set(None, ttl=60, prev_exist=True)).node
            self.assertEqual(given.lease.ttl, timedelta(seconds=60))
            self.assertGreater(given.modified_index, made.modified_index)
            self.assertEqual((await self.key.get()).node.modified_index, made.modified_index)
            return
        error = await self.failure(self.key.set(None, ttl=60, prev_exist=True), AmbiguousWrite)
        self.assertEqual(error.cause.code, ErrorCode.RAFT_INTERNAL)
        self.assertIn("Not a file", error.cause.cause)
        self.assertEqual(error.reasons, ())
        self.assertIsNone((await self.key.get()).node.lease)

    async def test_an_answer_without_a_node_is_unexpected(self):
        response = await self.raw("PUT", quote(self.key.path), value="1", noValueOnSuccess="true")
        self.assertEqual(json.loads(response.body), {"action": "set"})

        def terse(request: Any, service: Any) -> Any:
            return service(attrs.evolve(request, body=request.body + b"&noValueOnSuccess=true"))

        etcd = Etcd(v2.Keys() >> Filter.mk(terse) >> self.transport(), clock=reactor)
        error = await self.failure(etcd.key(self.key.path).set("2"), UnexpectedResponse)
        self.assertIn("node: a node is needed", str(error))
        self.assertEqual((await self.key.get()).node.value, b"2")

    async def test_errors_of_validation_tell_no_index(self):
        response = await self.raw("PUT", quote(self.key.path), value="1", ttl="soon")
        self.assertEqual(self.code(response), (400, ErrorCode.TTL_NAN))
        self.assertIn(response.headers.get("X-Etcd-Index", "0"), ("0",))
        self.assertEqual(json.loads(response.body)["index"], 0)

    async def test_bytes_that_are_not_utf_8_are_replaced_so_they_are_refused(self):
        body = b"value=%FF"
        service = self.transport()
        await service(Request("PUT", f"/v2/keys{self.key.path}", "", FORM, body))
        self.assertEqual((await self.key.get()).node.text, "\ufffd")
        error = await self.failure(self.key.set(b"\xff"), ValueError)
        self.assertIn("xff", str(error))

    async def test_a_key_that_is_not_utf_8_is_told_wrongly_so_none_can_be_named(self):
        response = await self.raw("PUT", f"{quote(self.key.path)}%FF", value="1")
        self.assertEqual(json.loads(response.body)["node"]["key"], f"{self.key.path}\ufffd")
        self.assertRaises(ValueError, self.key.key, "\udcff")

    async def test_an_escaped_slash_is_a_separator(self):
        await self.raw("PUT", f"{quote(self.key.path)}%2Fb", value="1")
        self.assertEqual((await (self.key / "b").get()).node.value, b"1")

    async def test_other_escapes_are_part_of_the_key(self):
        for escaped, name in (
            ("%25", "%"),
            ("%3F", "?"),
            ("%23", "#"),
            ("%20", " "),
            ("%0A", "\n"),
            ("a+b", "a+b"),
            ("%2Da", "-a"),
        ):
            response = await self.raw("PUT", f"{quote(self.key.path)}/{escaped}", value="1")
            told = json.loads(response.body)["node"]["key"]
            self.assertEqual(told, f"{self.key.path}/{name}")
            self.assertEqual((await (self.key / name).get()).node.key, told)

    async def test_an_escaped_nul_is_part_of_the_key_there_and_refused_here(self):
        response = await self.raw("PUT", f"{quote(self.key.path)}%00", value="1")
        self.assertEqual(json.loads(response.body)["node"]["key"], f"{self.key.path}\0")
        self.assertRaises(ValueError, self.key.key, "\0")

    async def test_a_slash_at_the_end_is_dropped(self):
        await self.raw("PUT", f"{quote(self.key.path)}/", value="1")
        self.assertEqual((await self.key.get()).node.value, b"1")
        self.assertEqual(self.etcd.key(f"{self.key.path}/"), self.key)

    async def test_a_dotted_or_empty_part_is_redirected_so_it_is_refused(self):
        for path in ("//", "/./", "/../", "/%2E%2E/"):
            response = await self.raw("PUT", f"{quote(self.key.path)}{path}b", value="1")
            self.assertEqual(response.status, 301)
        # A client that followed would have made a get of the put.
        await self.failure((self.key / "b").get(), KeyNotFound)
        for path in ("a//b", "a/./b", "a/../b"):
            self.assertRaises(ValueError, self.key.key, path)

    async def test_a_value_of_4_mb_is_taken_and_one_of_11_mb_is_refused(self):
        value = b"x" * 4_000_000
        await self.key.set(value)
        self.assertEqual((await self.key.get()).node.value, value)
        error = await self.failure(self.key.set(b"x" * 11_000_000), ValueError)
        self.assertIn("11000006", str(error))

    async def test_the_longest_request_line_that_a_new_connection_takes(self):
        prefix = len(f"GET /v2/keys{self.prefix}/ HTTP/1.1\r\n")
        fits = f"{self.prefix}/{'k' * (MAX_REQUEST_LINE - prefix)}"
        await self.failure(self.client().key(fits).get(), KeyNotFound)
        await self.failure(self.client().key(fits + "k").get(), ValueError)
        await self.failure(self.raw("GET", fits + "k"), ReplyLost)

    async def test_a_longer_request_line_works_on_a_used_connection_and_is_refused_all_the_same(
        self,
    ):
        """Nobody can tell which connection a request will have."""
        service = treq_service(reactor, self.url)
        self.addCleanup(service.close)
        await service(Request("GET", "/v2/keys/"))
        path = f"/v2/keys{self.prefix}/{'k' * MAX_REQUEST_LINE}"
        self.assertEqual(self.code(await service(Request("GET", path))), (404, 100))
        await self.failure(self.etcd.key(f"{self.prefix}/{'k' * 5000}").get(), ValueError)

    async def test_a_reply_to_a_write_carries_both_values(self):
        await self.key.set(b"x" * 100_000)
        response = await self.raw("PUT", quote(self.key.path), value="y" * 100_000)
        self.assertGreater(len(response.body), 200_000)

    async def test_a_reply_that_is_longer_than_allowed_is_given_up(self):
        """Each of its keys is told with its whole path: long paths make long replies."""
        for number in range(20):
            await (self.key / ("k" * 2_000) / str(number)).set("1")
        service = treq_service(reactor, self.url, response_limits=Limits(body=20_000))
        etcd = Etcd(v2.Keys() >> service, clock=reactor)
        self.addCleanup(etcd.close)
        error = await self.failure(
            etcd.key(self.key.path).get(recursive=True), ResponseTooLarge
        )
        self.assertIn("longer than 20000 bytes", str(error))
        self.assertEqual((await etcd.key(self.key.path).get()).node.key, self.key.path)

    async def test_a_deep_tree_is_read(self):
        deep = self.key
        for _ in range(40):
            deep = deep / "/".join("d" * 40)
            if len(deep.path) > 3_800:
                break
        await deep.set("1")
        node = (await self.key.get(recursive=True)).node
        depth = 0
        while isinstance(node, Dir):
            node, depth = node.nodes[0], depth + 1
        self.assertEqual((node.value, node.key), (b"1", deep.path))
        self.assertGreater(depth, 1_500)

    async def test_nothing_is_compressed(self):
        await self.key.set("x" * 10_000)
        service = self.transport()
        headers = Headers({"Accept-Encoding": "gzip"})
        response = await service(Request("GET", f"/v2/keys{self.key.path}", headers=headers))
        self.assertIn(b"x" * 10_000, response.body)

    async def test_codes_that_name_the_mistake(self):
        path = quote(self.key.path)
        for query, form, code in [
            ("", {"ttl": "soon"}, ErrorCode.TTL_NAN),
            ("", {"prevIndex": "soon"}, ErrorCode.INDEX_NAN),
            ("", {"dir": "perhaps"}, ErrorCode.INVALID_FIELD),
            ("", {"prevExist": "perhaps"}, ErrorCode.INVALID_FIELD),
        ]:
            response = await self.raw("PUT", path, query, **form)
            self.assertEqual(self.code(response), (400, code))


class ServerTests(Case):
    async def test_the_version(self):
        version = await self.etcd.version()
        self.assertRegex(version.server, r"^3\.[45]\.\d+$")
        self.assertRegex(version.cluster, r"^3\.[45]\.\d+$")

    async def test_a_create_is_made_once_by_many_at_a_time(self):
        attempts = [self.key.create(str(n)) for n in range(20)]
        refused = 0
        for attempt in attempts:
            try:
                await attempt
            except NodeExist:
                refused += 1
        self.assertEqual(refused, 19)
