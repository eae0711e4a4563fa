"""The etcd in memory: what it offers a test, and how it fails."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from txetcd import (
    Action,
    AmbiguousWrite,
    Etcd,
    EventIndexCleared,
    KeyNotFound,
    NotDir,
    NotSent,
    ReplyLost,
    RequestTimedOut,
    State,
    v2,
)
from txetcd.errors import RaftInternal, RequestCancelled, WatchEnded
from txetcd.http import Headers, Request, Response
from txetcd.testing import MemoryEtcd

GET = Request("GET", "/v2/keys/a")
WAIT = Request("GET", "/v2/keys/a", "wait=true", long_poll=True)
PUT = Request(
    "PUT",
    "/v2/keys/a",
    "",
    Headers({"Content-Type": "application/x-www-form-urlencoded"}),
    b"value=1",
)

MOMENT = datetime(2031, 2, 3, 4, 5, 6, tzinfo=timezone(timedelta(hours=1)))


class Case(SynchronousTestCase):
    def setUp(self):
        self.clock = Clock()
        self.memory = MemoryEtcd(self.clock)
        # Without retries and deadlines: what is told is what the service said.
        self.etcd = Etcd(v2.Keys() >> self.memory, clock=self.clock)
        self.key = self.etcd.key("/a")
        elsewhere = Etcd(v2.Keys() >> self.memory.peer, clock=self.clock)
        self.elsewhere = elsewhere.key("/a")

    def tearDown(self):
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def ok(self, d):
        return self.successResultOf(d)

    def fails(self, d, kind):
        error = self.failureResultOf(d).value
        self.assertIs(type(error), kind, error)
        return error

    def wait(self, **options):
        return self.key.get(wait=True, **options)


class ServiceTests(Case):
    def test_the_real_codec_runs_over_it(self):
        written = self.ok(self.key.set("blue"))
        read = self.ok(self.key.get())
        self.assertEqual((read.action, read.node), (Action.GET, written.node))
        self.assertEqual(read.etcd, State(4, "cdf818194e3a8c32", 5, 2))

    def test_its_client_has_the_filters_that_connect_stacks(self):
        etcd = self.memory.client(timeout=3.0, namespace="/app")
        self.ok(etcd.key("/a").set("1"))
        self.assertEqual(self.memory.requests[-1].path, "/v2/keys/app/a")
        self.assertEqual(self.ok(etcd.version()).server, "3.5.1")
        self.memory.black_hole()
        asked = etcd.key("/a").get()
        self.clock.advance(1.5)
        self.clock.advance(1.5)
        self.fails(asked, RequestTimedOut)
        self.ok(etcd.close())

    def test_closing_a_client_leaves_the_server_to_others(self):
        etcd = self.memory.client()
        self.ok(etcd.key("/a").set("1"))
        waiting = etcd.key("/a").get(wait=True)
        self.ok(etcd.close())
        self.failureResultOf(waiting)
        self.assertEqual(self.memory.waiting, ())
        self.assertEqual(self.ok(self.key.get()).node.text, "1")

    def test_a_client_may_go_through_the_peer(self):
        etcd = self.memory.client(through=self.memory.peer)
        self.memory.refuse()
        self.ok(etcd.key("/a").set("1"))
        self.assertEqual((self.memory.requests, self.memory.index), ([], 4))
        self.ok(etcd.close())

    def test_a_client_may_say_how_long_its_watches_linger(self):
        for linger in (0, 60):
            etcd = self.memory.client(linger=linger)
            etcd.key("/a").watch().observe(lambda _: None).close()
            self.clock.advance(linger - 1 if linger else 0)
            self.assertEqual(len(self.memory.waiting), 1 if linger else 0)
            self.clock.advance(1)
            self.assertEqual(self.memory.waiting, ())
            self.ok(etcd.close())

    def test_it_can_be_like_another_version(self):
        memory = MemoryEtcd(self.clock, version="3.4.23")
        self.assertEqual(self.ok(memory.client().version()).server, "3.4.23")
        health = self.ok(memory(Request("GET", "/health")))
        self.assertEqual(health.body, b'{"health":"true"}')

    def test_bad_arguments_are_named(self):
        for arguments, says in (
            ({"version": "3.6"}, "version must be '3.5.1' or '3.4.23', not '3.6'"),
            ({"capacity": 0}, "capacity must be 1 or more, not 0"),
            ({"index": 0}, "index must be 1 or more, not 0"),
            ({"start": MOMENT.replace(tzinfo=None)}, "start must have a time zone: .*"),
        ):
            with self.subTest(**arguments):
                error = self.assertRaises(ValueError, MemoryEtcd, self.clock, **arguments)
                self.assertRegex(str(error), says)

    def test_the_same_is_answered_each_time(self):
        def answers():
            memory = MemoryEtcd(Clock())
            asked = (PUT, GET, Request("GET", "/v2/keys/", "recursive=true"))
            return [self.ok(memory(request)) for request in asked]

        self.assertEqual(answers(), answers())

    def test_an_answer_tells_which_server_gave_it(self):
        self.assertEqual(self.ok(self.memory(PUT)).endpoint, "http://memory:2379")
        self.assertEqual(self.fails(self.key.key("b").get(), NotDir).endpoint, self.memory.url)


class TimeTests(Case):
    def test_a_lease_ends_when_it_should(self):
        self.ok(self.key.set("1", ttl=30))
        waiting = self.wait()
        self.clock.advance(29.9)
        self.ok(self.key.get())
        self.clock.advance(0.1)
        self.fails(self.key.get(), KeyNotFound)
        told = self.ok(waiting)
        self.assertEqual((told.action, told.prev_node.value), (Action.EXPIRE, b"1"))

    def test_a_lease_is_reckoned_from_a_date(self):
        memory = MemoryEtcd(self.clock, start=MOMENT)
        key = memory.client().key("/a")
        self.clock.advance(1.5)
        lease = self.ok(key.set("1", ttl=10)).node.lease
        self.assertEqual(lease.expiration, MOMENT + timedelta(seconds=11.5))
        self.clock.advance(0.25)
        self.assertEqual(self.ok(key.get()).node.lease.ttl, timedelta(seconds=10))
        self.clock.advance(1)
        self.assertEqual(self.ok(key.get()).node.lease.ttl, timedelta(seconds=9))
        self.clock.advance(100)

    def test_leases_end_in_their_order_however_far_the_clock_is_advanced(self):
        for name, ttl in (("a", 30), ("b", 10), ("c", 20), ("d", 10)):
            self.ok(self.etcd.key(f"/{name}").set("1", ttl=ttl))
        self.clock.advance(1000)
        ended = [op.node.key for op in self.memory.history if op.action is Action.EXPIRE]
        self.assertEqual(ended, ["/b", "/d", "/c", "/a"])

    def test_a_lease_that_ends_before_the_others_ends_on_time(self):
        other = self.etcd.key("/b")
        self.ok(other.set("1", ttl=30))
        self.ok(self.key.set("1", ttl=10))
        self.clock.advance(10)
        self.fails(self.key.get(), KeyNotFound)
        self.ok(other.get())
        self.clock.advance(20)

    def test_an_expiration_has_no_more_digits_than_it_needs(self):
        self.clock.advance(0.5)
        self.ok(self.key.set("1", ttl=9))
        self.assertIn(
            b'"expiration":"2030-01-01T00:00:09.5Z","ttl":9', self.ok(self.memory(GET)).body
        )
        self.clock.advance(9)

    def test_many_changed_leases_leave_one_delayed_call(self):
        for _ in range(1000):
            self.ok(self.key.set("1", ttl=30))
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        self.ok(self.key.delete())
        self.assertEqual(self.clock.getDelayedCalls(), [])


class IntrospectionTests(Case):
    def test_what_was_asked_is_known(self):
        self.memory(PUT)
        self.memory(GET)
        self.assertEqual(self.memory.requests, [PUT, GET])

    def test_the_index_and_the_history_are_known(self):
        self.ok(self.key.set("1", ttl=9))
        self.ok(self.key.refresh(9))
        self.ok(self.key.delete())
        self.assertEqual(self.memory.index, 6)
        history = self.memory.history
        self.assertEqual([op.action for op in history], [Action.SET, Action.DELETE])
        self.assertEqual([op.etcd.index for op in history], [4, 6])
        self.assertEqual(history[1].prev_node.value, b"1")

    def test_the_history_holds_as_much_as_it_is_told(self):
        memory = MemoryEtcd(self.clock, capacity=2, index=100)
        key = memory.client().key("/a")
        for value in "123":
            self.ok(key.set(value))
        self.assertEqual([op.node.text for op in memory.history], ["2", "3"])
        self.failureResultOf(key.get(wait=True, wait_index=101), EventIndexCleared)
        self.assertEqual(self.ok(key.get(wait=True, wait_index=102)).node.text, "2")

    def test_the_waits_that_are_parked_are_known(self):
        first, second = self.memory(WAIT), self.memory(WAIT)
        self.assertEqual((self.memory.waiting, self.memory.in_flight), ((WAIT, WAIT), 2))
        first.cancel()
        self.failureResultOf(first, RequestCancelled)
        self.assertEqual(len(self.memory.waiting), 1)
        self.memory(PUT)
        self.assertEqual((self.memory.waiting, self.memory.in_flight), ((), 0))
        self.ok(second)

    def test_its_repr_tells_how_it_is(self):
        self.assertEqual(repr(self.memory), "<MemoryEtcd 3.5.1: running, index 3, 0 waiting>")
        self.memory.cut_after_request(times=2, method="PUT")
        self.memory.refuse()
        self.assertEqual(
            repr(self.memory),
            "<MemoryEtcd 3.5.1: running, index 3, 0 waiting, "
            "faults: cut_after_request(times=2, method=PUT), refuse>",
        )
        self.memory.heal()
        for do, says in (
            (self.memory.stop, "stopped"),
            (self.memory.start, "running"),
            (self.memory.pause, "paused"),
            (self.memory.resume, "running"),
            (self.memory.fall_behind, "behind"),
            (self.memory.catch_up, "running"),
            (self.memory.lose_quorum, "without a quorum"),
        ):
            do()
            self.assertIn(f": {says}, ", repr(self.memory))


class WaitTests(Case):
    def test_a_head_is_told_at_once(self):
        heads: list[Response] = []
        waiting = self.memory(
            Request("GET", "/v2/keys/a", "wait=true", long_poll=True, on_head=heads.append)
        )
        (head,) = heads
        self.assertEqual((head.status, head.body), (200, b""))
        self.assertEqual(head.headers["X-Etcd-Index"], "3")
        self.memory(PUT)
        self.assertEqual(self.ok(waiting).headers["X-Etcd-Index"], "3")
        self.assertEqual(len(heads), 1)

    def test_a_head_is_told_once_with_any_answer(self):
        heads: list[Response] = []
        self.ok(self.memory(Request("GET", "/v2/keys/a", on_head=heads.append)))
        self.assertEqual([head.status for head in heads], [404])

    def test_who_is_told_of_a_head_may_write_what_is_waited_for(self):
        def write(head: Response) -> None:
            self.memory(PUT)

        told = self.ok(self.memory(Request("GET", "/v2/keys/a", "wait=true", on_head=write)))
        self.assertIn(b'"action":"set"', told.body)

    def test_who_is_told_of_a_head_may_cancel(self):
        self.memory.delay(1.0)
        wait = Request("GET", "/v2/keys/a", "wait=true", on_head=lambda head: waiting.cancel())
        waiting = self.memory(wait)
        self.clock.advance(1)
        self.assertEqual(len(self.memory.waiting), 1)
        self.clock.advance(1)
        self.failureResultOf(waiting, RequestCancelled)
        self.assertEqual(self.memory.waiting, ())

    def test_who_is_told_of_the_head_of_a_whole_answer_may_cancel(self):
        self.memory.delay(1.0)
        request = Request("GET", "/v2/keys/a", on_head=lambda head: reading.cancel())
        reading = self.memory(request)
        self.clock.advance(1)
        self.clock.advance(1)
        self.failureResultOf(reading, RequestCancelled)

    def test_who_is_woken_may_write_and_wait_again(self):
        seen = []

        def woken(op):
            seen.append(op.node.value)
            if len(seen) < 500:
                self.wait(wait_index=op.node.modified_index + 1).addCallback(woken)
                self.ok(self.key.set(str(len(seen))))

        self.wait().addCallback(woken)
        self.ok(self.key.set("0"))
        self.assertEqual(seen, [str(number).encode() for number in range(500)])

    def test_a_wait_ends_with_nothing_when_its_client_will_send_no_more(self):
        heads: list[Any] = []
        wait = Request("GET", "/v2/keys/a", "wait=true", long_poll=True, on_head=heads.append)
        waiting = self.memory(wait)
        heads[0].end_sending()
        answer = self.ok(waiting)
        self.assertEqual((answer.status, answer.body), (200, b""))
        self.assertEqual(answer.headers["X-Etcd-Index"], "3")
        heads[0].end_sending()

    def test_what_a_client_ends_does_not_always_reach_the_server(self):
        heads: list[Any] = []
        wait = Request("GET", "/v2/keys/a", "wait=true", long_poll=True, on_head=heads.append)
        lost, late = self.memory(wait), self.memory(wait)
        self.memory.black_hole()
        heads[0].end_sending()
        self.memory.heal()
        self.memory.pause()
        heads[1].end_sending()
        self.assertNoResult(late)
        self.memory.resume()
        self.ok(late)
        self.assertNoResult(lost)
        lost.cancel()
        self.failureResultOf(lost)

    def test_a_stream_is_answered_when_the_server_stops(self):
        wait = Request("GET", "/v2/keys/a", "wait=true&stream=true", long_poll=True)
        streaming = self.memory(wait)
        self.memory(PUT)
        self.memory(PUT)
        self.assertNoResult(streaming)
        self.memory.stop()
        self.assertEqual(self.ok(streaming).body.count(b'"action":"set"'), 2)

    def test_a_stream_from_the_past_tells_one_event_and_then_nothing(self):
        self.memory(PUT)
        self.memory(PUT)
        wait = Request("GET", "/v2/keys/a", "wait=true&stream=true&waitIndex=4", long_poll=True)
        streaming = self.memory(wait)
        self.memory(PUT)
        self.memory.stop()
        self.assertEqual(self.ok(streaming).body.count(b'"action":"set"'), 1)


class NetworkFaultTests(Case):
    def test_refused_requests_are_not_sent(self):
        waiting = self.wait()
        self.memory.refuse()
        error = self.fails(self.key.set("1"), NotSent)
        self.assertEqual(error.endpoint, self.memory.url)
        self.assertNoResult(waiting)
        self.memory.refuse(False)
        self.ok(self.key.set("1"))

    def test_cut_before_a_request_nothing_is_done(self):
        self.memory.cut_before_request()
        error = self.fails(self.memory(PUT), ReplyLost)
        self.assertIsInstance(error.cause, ConnectionLost)
        self.assertEqual((self.memory.index, self.memory.cuts), (3, 1))
        self.ok(self.memory(PUT))

    def test_cut_after_a_request_it_is_done(self):
        self.memory.cut_after_request(method="PUT")
        self.fails(self.key.get(), KeyNotFound)
        error = self.fails(self.key.set("1"), AmbiguousWrite)
        self.assertIsInstance(error.cause, ReplyLost)
        self.assertEqual(self.ok(self.key.get()).node.value, b"1")

    def test_cut_in_a_head_or_in_a_body_it_is_done(self):
        for number, cut in enumerate((self.memory.cut_mid_header, self.memory.cut_mid_body), 4):
            cut(clean=True)
            heads: list[Response] = []
            request = Request(
                "PUT", "/v2/keys/a", "", PUT.headers, PUT.body, on_head=heads.append
            )
            error = self.fails(self.memory(request), ReplyLost)
            self.assertIsInstance(error.cause, ConnectionDone)
            self.assertEqual((self.memory.index, len(heads)), (number, number - 4))

    def test_an_answer_without_a_body_is_not_cut_in_it(self):
        self.memory.cut_mid_body()
        self.ok(self.memory(Request("OPTIONS", "/v2/keys/a")))
        self.fails(self.memory(PUT), ReplyLost)

    def test_so_many_requests_are_cut_as_it_is_told(self):
        self.memory.cut_before_request(times=2, method="get")
        outcomes = []
        for request in (PUT, GET, GET, GET):
            self.memory(request).addBoth(lambda told: outcomes.append(type(told) is Response))
        self.assertEqual(outcomes, [True, False, False, True])
        self.assertRaises(ValueError, self.memory.cut_before_request, times=0)

    def test_a_wait_is_cut_where_it_is_told(self):
        self.memory.cut_after_request()
        self.fails(self.wait(), ReplyLost)
        self.memory.cut_mid_body()
        states: list[Response] = []
        waiting = self.memory(
            Request("GET", "/v2/keys/a", "wait=true", on_head=states.append)
        )
        self.assertEqual((len(states), len(self.memory.waiting)), (1, 1))
        self.memory(PUT)
        self.fails(waiting, ReplyLost)

    def test_all_that_is_under_way_is_cut(self):
        waits = [self.wait(), self.wait()]
        self.memory.cut_all()
        for waiting in waits:
            self.fails(waiting, ReplyLost)
        self.assertEqual((self.memory.waiting, self.memory.in_flight), ((), 0))

    def test_it_is_cut_again_and_again(self):
        self.memory.cut_every(2.0)
        first = self.wait()
        self.clock.advance(2)
        self.fails(first, ReplyLost)
        second = self.wait()
        self.clock.advance(2)
        self.fails(second, ReplyLost)
        self.memory.heal()

    def test_what_is_delayed_is_late_both_ways(self):
        self.memory.delay(1.0)
        writing = self.memory(PUT)
        self.clock.advance(1)
        self.assertEqual(self.memory.index, 4)
        self.assertNoResult(writing)
        self.clock.advance(1)
        self.ok(writing)

    def test_what_is_cancelled_on_its_way_does_not_arrive(self):
        self.memory.delay(1.0)
        writing = self.memory(PUT)
        writing.cancel()
        self.fails(writing, RequestCancelled)
        self.clock.advance(5)
        self.assertEqual(self.memory.index, 3)

    def test_a_delayed_wait_tells_its_head_and_then_its_event(self):
        self.memory.delay(1.0)
        heads: list[Response] = []
        waiting = self.memory(Request("GET", "/v2/keys/a", "wait=true", on_head=heads.append))
        self.clock.advance(1)
        self.assertEqual((len(heads), len(self.memory.waiting)), (0, 1))
        self.clock.advance(1)
        self.assertEqual(len(heads), 1)
        self.ok(self.elsewhere.set("1"))
        self.assertNoResult(waiting)
        self.clock.advance(1)
        self.ok(waiting)

    def test_long_answers_come_slowly(self):
        self.memory.throttle(bytes_per_turn=10, interval=0.5)
        writing = self.memory(PUT)
        # 84 bytes.
        self.clock.advance(3.9)
        self.assertNoResult(writing)
        self.clock.advance(0.1)
        self.ok(writing)

    def test_swallowed_answers_are_never_told_and_all_is_done(self):
        self.memory.swallow_replies()
        writing, waiting = self.memory(PUT), self.memory(WAIT)
        self.memory.heal()
        self.assertNoResult(writing)
        self.assertEqual(self.memory.index, 4)
        self.memory.cut_all()
        self.fails(writing, ReplyLost)
        self.fails(waiting, ReplyLost)

    def test_a_black_hole_swallows_requests(self):
        waiting = self.wait()
        self.memory.black_hole()
        writing = self.memory(PUT)
        self.assertEqual((self.memory.index, self.memory.in_flight), (3, 2))
        self.memory.black_hole(False)
        self.assertNoResult(writing)
        writing.cancel()
        self.fails(writing, RequestCancelled)
        self.ok(self.key.set("2"))
        self.ok(waiting)

    def test_an_event_that_falls_into_a_black_hole_is_never_told(self):
        waiting = self.wait()
        self.memory.black_hole()
        self.ok(self.elsewhere.set("1"))
        self.memory.heal()
        self.ok(self.key.set("2"))
        self.assertNoResult(waiting)
        self.assertEqual(self.memory.waiting, ())
        waiting.cancel()
        self.failureResultOf(waiting)

    def test_what_is_on_its_way_on_a_half_open_connection_does_not_arrive(self):
        self.memory.delay(1.0)
        writing = self.memory(PUT)
        self.memory.half_open()
        self.clock.advance(5)
        self.assertNoResult(writing)
        self.assertEqual(self.memory.index, 3)
        writing.cancel()
        self.failureResultOf(writing)

    def test_what_is_on_its_way_falls_into_a_black_hole(self):
        self.memory.delay(1.0)
        writing = self.memory(PUT)
        self.memory.black_hole()
        self.clock.advance(5)
        self.memory.heal()
        self.assertNoResult(writing)
        self.assertEqual(self.memory.index, 3)
        writing.cancel()
        self.failureResultOf(writing)

    def test_a_half_open_connection_hears_of_nothing(self):
        waiting = self.wait()
        self.memory.half_open()
        self.assertEqual((self.memory.waiting, self.memory.in_flight), ((), 1))
        self.ok(self.key.set("1"))
        self.assertNoResult(waiting)
        self.memory.cut_all()
        self.fails(waiting, ReplyLost)

    def test_any_answer_can_be_given(self):
        self.memory.answer_with(Response(503, body=b"busy"), method="PUT", times=2)
        self.fails(self.key.get(), KeyNotFound)
        self.assertEqual(self.ok(self.memory(PUT)).status, 503)
        self.memory.answer_with(OSError("what is this"))
        self.failureResultOf(self.memory(GET), OSError)
        self.assertEqual(self.ok(self.memory(PUT)).body, b"busy")
        self.assertEqual(self.ok(self.memory(PUT)).status, 201)
        self.assertRaises(ValueError, self.memory.answer_with, Response(200), times=0)

    def test_an_answer_can_depend_on_the_request(self):
        def reply(request):
            return Response(418) if request.path == "/v2/keys/teapot" else None

        self.memory.answer_with(reply, times=None)
        self.assertEqual(self.ok(self.memory(Request("GET", "/v2/keys/teapot"))).status, 418)
        self.assertEqual(self.ok(self.memory(PUT)).status, 201)
        self.memory.heal()
        self.assertEqual(self.ok(self.memory(Request("GET", "/v2/keys/teapot"))).status, 404)

    def test_a_long_request_line_is_reset(self):
        path = "/v2/keys/" + "x" * (4096 - len("GET /v2/keys/ HTTP/1.1\r\n"))
        self.assertEqual(self.ok(self.memory(Request("GET", path))).status, 404)
        self.fails(self.memory(Request("GET", path + "x")), ReplyLost)


class ProcessFaultTests(Case):
    def test_a_server_that_stops_ends_its_waits_with_nothing(self):
        waiting, raw = self.wait(), self.memory(WAIT)
        self.memory.stop()
        self.fails(waiting, WatchEnded)
        answer = self.ok(raw)
        self.assertEqual((answer.status, answer.body), (200, b""))
        self.fails(self.key.get(), NotSent)
        self.memory.stop()

    def test_a_server_that_is_killed_resets_all(self):
        waiting = self.wait()
        self.memory.kill()
        self.fails(waiting, ReplyLost)
        self.fails(self.key.get(), NotSent)

    def test_data_and_history_survive_a_restart_and_the_index_grows(self):
        self.ok(self.key.set("1"))
        for again in (self.memory.stop, self.memory.kill):
            index = self.memory.index
            again()
            self.memory.start()
            self.assertEqual(self.memory.index, index + 1)
        self.assertEqual(self.ok(self.key.get()).node.value, b"1")
        self.assertEqual(self.ok(self.wait(wait_index=4)).node.value, b"1")

    def test_what_was_done_elsewhere_meanwhile_is_there_afterwards(self):
        self.memory.stop()
        self.ok(self.elsewhere.set("1"))
        self.memory.start()
        self.assertEqual(self.ok(self.key.get()).node.value, b"1")
        self.assertEqual(self.ok(self.wait(wait_index=4)).node.value, b"1")

    def test_data_that_are_wiped_leave_nothing_but_the_name(self):
        before = self.ok(self.key.set("1", ttl=30)).etcd
        waiting = self.wait()
        self.memory.restart(wipe=True)
        self.fails(waiting, WatchEnded)
        self.fails(self.key.get(), KeyNotFound)
        self.assertEqual((self.memory.index, self.memory.history), (3, ()))
        after = self.ok(self.key.set("2")).etcd
        self.assertEqual((after.index, after.cluster_id), (4, before.cluster_id))

    def test_a_paused_server_answers_when_it_goes_on(self):
        waiting = self.wait()
        self.memory.pause()
        reading = self.key.get()
        self.ok(self.elsewhere.set("1"))
        self.clock.advance(60)
        self.assertNoResult(reading)
        self.assertNoResult(waiting)
        self.memory.resume()
        self.assertEqual(self.ok(waiting).node.value, b"1")
        self.assertEqual(self.ok(reading).node.value, b"1")

    def test_leases_end_while_it_is_paused_or_stopped(self):
        for down, up in (
            (self.memory.pause, self.memory.resume),
            (self.memory.stop, self.memory.start),
        ):
            self.ok(self.key.set("1", ttl=10))
            down()
            self.clock.advance(20)
            up()
            self.fails(self.key.get(), KeyNotFound)

    def test_to_be_told_twice_changes_nothing(self):
        for twice in (
            self.memory.start,
            self.memory.resume,
            self.memory.catch_up,
            self.memory.heal,
            self.memory.pause,
            self.memory.stop,
        ):
            twice()
            twice()
        self.memory.start()
        self.ok(self.key.set("1"))


class ClusterFaultTests(Case):
    def test_without_a_quorum_writes_time_out_and_plain_gets_do_not(self):
        self.ok(self.key.set("1"))
        self.memory.lose_quorum()
        writing, reading = self.memory(PUT), self.key.get(quorum=True)
        self.assertEqual(self.ok(self.key.get()).node.value, b"1")
        self.clock.advance(6.9)
        self.assertNoResult(writing)
        self.clock.advance(0.1)
        answer = self.ok(writing)
        self.assertEqual(
            (answer.status, answer.body, answer.headers["X-Etcd-Index"]),
            (
                500,
                b"%s%s"
                % (
                    b'{"errorCode":300,"message":"Raft Internal Error",',
                    b'"cause":"etcdserver: request timed out","index":0}\n',
                ),
                "0",
            ),
        )
        self.failureResultOf(reading, RaftInternal)

    def test_its_health_tells_that_it_has_no_quorum(self):
        health = Request("GET", "/health")
        self.assertEqual(self.ok(self.memory(health)).status, 200)
        self.memory.lose_quorum()
        answer = self.ok(self.memory(health))
        self.assertEqual(
            (answer.status, answer.body),
            (503, b'{"health":"false","reason":"RAFT NO LEADER"}\n'),
        )
        self.memory.regain_quorum()
        self.assertEqual(self.ok(self.memory(health)).status, 200)

    def test_what_timed_out_may_be_committed_later(self):
        self.memory.lose_quorum()
        writing = self.key.set("1")
        self.clock.advance(7)
        self.fails(writing, AmbiguousWrite)
        pending, given_up = self.key.set("2"), self.key.set("3")
        given_up.cancel()
        self.failureResultOf(given_up)
        self.fails(self.key.get(), KeyNotFound)
        self.memory.regain_quorum(commit=True)
        self.ok(pending)
        self.assertEqual([op.node.text for op in self.memory.history], ["1", "2", "3"])

    def test_or_never(self):
        self.memory.lose_quorum()
        writing = self.key.set("1")
        self.memory.regain_quorum()
        self.clock.advance(7)
        self.fails(writing, AmbiguousWrite)
        self.fails(self.key.get(), KeyNotFound)
        self.ok(self.key.set("2"))

    def test_no_lease_ends_without_a_quorum(self):
        self.ok(self.key.set("1", ttl=10))
        self.memory.lose_quorum()
        self.clock.advance(20)
        self.ok(self.key.get())
        self.memory.regain_quorum()
        self.clock.advance(0)
        self.fails(self.key.get(), KeyNotFound)

    def test_nor_if_a_member_catches_up_meanwhile(self):
        self.ok(self.key.set("1", ttl=10))
        self.memory.fall_behind()
        self.memory.lose_quorum()
        self.memory.catch_up()
        self.clock.advance(20)
        self.ok(self.key.get())

    def test_a_server_that_stops_without_a_quorum_answers_what_it_was_asked(self):
        self.memory.lose_quorum()
        writing = self.memory(PUT)
        self.memory.stop()
        self.assertIn(b"etcdserver: server stopped", self.ok(writing).body)

    def test_a_member_that_is_behind_tells_what_was_true(self):
        self.ok(self.key.set("1"))
        waiting = self.wait()
        self.memory.fall_behind()
        self.ok(self.elsewhere.set("2"))
        self.assertEqual(self.ok(self.key.get()).node.value, b"1")
        self.assertEqual(self.memory.index, 4)
        writing = self.key.set("3")
        self.clock.advance(7)
        self.fails(writing, AmbiguousWrite)
        self.assertNoResult(waiting)
        self.memory.catch_up()
        self.assertEqual(self.ok(waiting).node.value, b"2")
        self.assertEqual(self.ok(self.key.get()).node.value, b"2")
        self.ok(self.key.set("4"))

    def test_a_snapshot_tells_parked_waits_of_nothing(self):
        self.ok(self.key.set("1"))
        waiting = self.wait()
        self.memory.fall_behind()
        self.ok(self.elsewhere.set("2"))
        self.memory.catch_up(from_snapshot=True)
        self.assertNoResult(waiting)
        self.assertEqual(self.ok(self.wait(wait_index=5)).node.value, b"2")
        self.ok(self.key.set("3"))
        self.assertEqual(self.ok(waiting).node.value, b"3")

    def test_a_snapshot_brings_no_older_history_than_there_is(self):
        memory = MemoryEtcd(self.clock, capacity=10)
        key = memory.client().key("/a")
        elsewhere = memory.client(through=memory.peer).key("/a")
        waiting = key.get(wait=True, wait_index=4)
        memory.fall_behind()
        for number in range(20):
            self.ok(elsewhere.set(str(number)))
        memory.catch_up(from_snapshot=True)
        self.assertNoResult(waiting)
        self.failureResultOf(key.get(wait=True, wait_index=4), EventIndexCleared)
        waiting.cancel()
        self.failureResultOf(waiting)

    def test_a_snapshot_damages_a_history_of_refreshes(self):
        self.ok(self.key.set("1", ttl=1000))
        for _ in range(1000):
            self.ok(self.key.refresh(1000))
        self.memory.fall_behind()
        for value in "23":
            self.ok(self.elsewhere.set(value))
        self.memory.catch_up(from_snapshot=True)
        self.ok(self.key.set("4"))
        told = self.ok(self.wait(wait_index=1005))
        self.assertEqual(told.node.value, b"4")
        elsewhere = self.ok(self.elsewhere.get(wait=True, wait_index=1005))
        self.assertEqual(elsewhere.node.value, b"2")

    def test_refusals_are_no_matter_when_it_catches_up(self):
        self.memory.fall_behind()
        self.failureResultOf(self.elsewhere.delete(), KeyNotFound)
        self.ok(self.elsewhere.set("1"))
        self.memory.catch_up()
        self.assertEqual(self.ok(self.key.get()).node.value, b"1")

    def test_a_deep_tree_is_copied(self):
        deep = self.etcd.key("/d" * 1900)
        self.ok(deep.set("1"))
        self.memory.fall_behind()
        self.assertEqual(self.ok(deep.get()).node.value, b"1")
        read = self.ok(self.memory(Request("GET", "/v2/keys/d", "recursive=true")))
        self.assertEqual(read.body.count(b'"key"'), 1900)
        self.memory.catch_up()
        self.ok(self.etcd.key("/d").delete(recursive=True))

    def test_the_peer_feels_no_fault_of_the_network(self):
        self.memory.black_hole()
        self.memory.refuse()
        self.ok(self.elsewhere.set("1"))
        waiting = self.elsewhere.get(wait=True)
        self.memory.heal()
        self.ok(self.key.set("2"))
        self.ok(waiting)
