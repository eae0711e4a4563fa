"""`Pool`: who gets which connection, when, and what is left of it all."""

from __future__ import annotations

import random
import socket
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from twisted.internet import error as internet
from twisted.internet import reactor as _reactor
from twisted.internet.defer import CancelledError, Deferred, gatherResults
from twisted.internet.endpoints import UNIXClientEndpoint
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase, TestCase

from tests.http.network import OK, SERVER, URL, AtOnce, Endpoint, Transport
from txetcd import (
    NotSent,
    ReplyLost,
    RequestCancelled,
    ServiceClosed,
    Status,
    TxetcdError,
)
from txetcd.errors import QueueFull
from txetcd.http import DirectService, Pool, PoolLimits, Request, open_pool, sockets
from txetcd.http.pool import FRESH, SILENCE

reactor: Any = _reactor

GET = Request("GET", "/a")
GET_BYTES = b"GET /a HTTP/1.1\r\nHost: server:2379\r\n\r\n"
CLOSING = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"


class PoolTestCase(SynchronousTestCase):
    """A pool of two connections at most, for which two may wait, over a network in memory."""

    limits = PoolLimits(connections=2, waiting=2, idle_time=10)

    def setUp(self) -> None:
        super().setUp()
        self.clock = Clock()
        self.network: Any = Endpoint(self.clock)
        self.use(self.network)

    def use(self, endpoint: Any, **options: Any) -> None:
        options.setdefault("limits", self.limits)
        self.pool = Pool(endpoint, SERVER, self.clock, **options)
        self.service = DirectService(self.pool)

    def get(self) -> Deferred[Any]:
        return self.service(GET)

    def shown(self) -> str:
        """The counts, as the pool shows them."""
        start, _, rest = repr(self.pool).partition(": ")
        self.assertEqual(start, f"<Pool of {URL}")
        return rest.rstrip(">")

    def assertShows(self, expected: str) -> None:
        self.assertEqual(self.shown(), expected)

    def used(self) -> Transport:
        """A connection that was used once, and is idle."""
        reply = self.get()
        transport = self.network.accept()
        transport.send(OK)
        self.successResultOf(reply)
        return transport

    def used_together(self, count: int) -> list[Transport]:
        """Connections that were used at the same time, and became idle one after the other."""
        replies = [self.get() for _ in range(count)]
        transports = [self.network.accept() for _ in range(count)]
        self.clock.advance(0)
        for reply, transport in zip(replies, transports, strict=True):
            transport.take()
            transport.send(OK)
            self.successResultOf(reply)
        return transports

    def failed(self, reply: Deferred[Any], kind: type[Exception]) -> Any:
        return self.failureResultOf(reply, kind).value

    def assertNothingLeft(self) -> None:
        self.assertEqual(self.clock.getDelayedCalls(), [])


class RequestTests(PoolTestCase):
    """The life of a request, and what the pool shows after each step of it."""

    def test_a_connection_is_made_for_a_request_and_kept_after_it(self):
        self.assertShows("0 idle, 0 busy, 0 connecting, 0 waiting, of 2")
        self.assertTrue(self.pool.is_empty)
        reply = self.get()
        self.assertShows("0 idle, 0 busy, 1 connecting, 1 waiting, of 2")
        transport = self.network.accept()
        self.assertEqual(transport.received, GET_BYTES)
        self.assertShows("0 idle, 1 busy, 0 connecting, 0 waiting, of 2")
        self.assertNoResult(reply)
        transport.send(OK)
        self.assertEqual(self.successResultOf(reply).body, b"ok")
        self.assertShows("1 idle, 0 busy, 0 connecting, 0 waiting, of 2")
        self.assertFalse(self.pool.is_empty)

    def test_the_next_request_is_sent_at_once_on_the_kept_connection(self):
        transport = self.used()
        transport.take()
        self.get()
        self.assertEqual(transport.received, GET_BYTES)
        self.assertEqual(len(self.network.attempts), 1)

    def test_the_connection_that_was_used_last_is_used_next(self):
        first, second = self.used_together(2)
        self.get()
        self.assertEqual((first.received, second.received), (b"", GET_BYTES))
        second.send(OK)
        self.get()
        self.get()
        self.assertEqual((first.received, second.received), (GET_BYTES, GET_BYTES * 2))

    def test_there_are_never_more_connections_than_allowed(self):
        for _ in range(4):
            self.get()
        self.assertShows("0 idle, 0 busy, 2 connecting, 4 waiting, of 2")
        self.network.accept()
        self.assertShows("0 idle, 1 busy, 1 connecting, 3 waiting, of 2")
        self.network.accept()
        self.assertShows("0 idle, 2 busy, 0 connecting, 2 waiting, of 2")
        self.assertEqual(len(self.network.attempts), 2)

    def test_who_came_first_is_served_first(self):
        replies = [self.service(Request("GET", f"/{n}")) for n in range(4)]
        first, second = self.network.accept(), self.network.accept()
        order = []
        for transport in (first, second, first, second):
            order.append(transport.take().split()[1])
            transport.send(OK)
        self.assertEqual(order, [b"/0", b"/1", b"/2", b"/3"])
        for reply in replies:
            self.successResultOf(reply)

    def test_who_comes_later_does_not_overtake_who_waits(self):
        """Not even in the callback of a response, when a connection has just become idle."""
        self.use(self.network, limits=PoolLimits(connections=1))
        first = self.get()
        transport = self.network.accept()
        second = self.service(Request("GET", "/second"))
        third = first.addCallback(lambda _: self.service(Request("GET", "/third")))
        transport.take()
        transport.send(OK)
        self.assertIn(b"/second", transport.take())
        transport.send(OK)
        self.successResultOf(second)
        self.assertIn(b"/third", transport.take())
        transport.send(OK)
        self.successResultOf(third)

    def test_a_request_in_the_callback_of_a_response_finds_the_connection_idle(self):
        again = self.get().addCallback(lambda _: self.get())
        transport = self.network.accept()
        transport.take()
        transport.send(OK)
        self.assertEqual(transport.received, GET_BYTES)
        transport.send(OK)
        self.successResultOf(again)
        self.assertEqual(len(self.network.attempts), 1)

    def test_one_too_many_fails_and_the_others_wait_on(self):
        replies = [self.get() for _ in range(2)]
        transports = [self.network.accept() for _ in range(2)]
        waiting = [self.get() for _ in range(2)]
        self.assertShows("0 idle, 2 busy, 0 connecting, 2 waiting, of 2")
        error = self.failed(self.get(), QueueFull)
        self.assertEqual(
            str(error), f"2 requests wait for a connection already [at {URL}]"
        )
        self.assertEqual((error.retryable, error.possibly_applied), (True, False))
        self.assertShows("0 idle, 2 busy, 0 connecting, 2 waiting, of 2")
        for transport in transports * 2:
            transport.send(OK)
        for reply in replies + waiting:
            self.successResultOf(reply)

    def test_status_says_whether_a_request_would_have_to_wait(self):
        self.assertIs(self.pool.status, Status.OPEN)
        self.get()
        self.assertIs(self.pool.status, Status.OPEN)
        other = self.get()
        self.assertIs(self.pool.status, Status.BUSY)
        first, _ = self.network.accept(), self.network.accept()
        self.assertIs(self.pool.status, Status.BUSY)
        first.send(OK)
        self.assertIs(self.pool.status, Status.OPEN)
        self.pool.close()
        self.assertIs(self.pool.status, Status.CLOSED)
        self.assertIs(self.service.status, Status.CLOSED)
        self.failed(other, ServiceClosed)

    def test_a_connect_timeout_must_be_more_than_nothing(self):
        for wrong in (0, -1, float("nan")):
            with self.assertRaises(ValueError):
                Pool(self.network, SERVER, self.clock, connect_timeout=wrong)


class LostConnectionTests(PoolTestCase):
    def test_after_a_response_that_says_close_a_connection_is_made_anew(self):
        reply = self.get()
        transport = self.network.accept()
        transport.send(CLOSING)
        self.successResultOf(reply)
        self.assertTrue(transport.is_aborted)
        self.assertShows("0 idle, 0 busy, 0 connecting, 0 waiting, of 2")
        self.assertFalse(self.pool.is_empty)
        self.clock.advance(0)
        self.assertTrue(self.pool.is_empty)
        self.get()
        self.assertEqual(len(self.network.open_attempts), 1)

    def test_an_idle_connection_that_is_lost_is_forgotten(self):
        transport = self.used()
        transport.lose()
        self.assertShows("0 idle, 0 busy, 0 connecting, 0 waiting, of 2")
        self.get()
        self.assertEqual(len(self.network.attempts), 2)

    def test_an_idle_connection_on_which_the_server_speaks_is_closed(self):
        transport = self.used()
        transport.send(b"HTTP/1.1 408 Request Timeout\r\n\r\n")
        self.assertTrue(transport.is_aborted)
        self.assertShows("0 idle, 0 busy, 0 connecting, 0 waiting, of 2")

    def test_a_busy_connection_that_is_lost_takes_one_request_with_it(self):
        self.use(self.network, limits=PoolLimits(connections=1))
        lost, waiting = self.get(), self.get()
        self.network.accept().lose(ConnectionLost())
        error = self.failed(lost, ReplyLost)
        self.assertIsInstance(error.cause, ConnectionLost)
        self.assertShows("0 idle, 0 busy, 1 connecting, 1 waiting, of 1")
        self.network.accept().send(OK)
        self.successResultOf(waiting)

    def test_nothing_is_sent_twice(self):
        transport = self.used()
        reply = self.get()
        transport.lose()
        self.failed(reply, ReplyLost)
        self.assertEqual(self.network.open_attempts, [])


class StaleConnectionTests(PoolTestCase):
    """Connections of whose end the system knows, and the reactor has not told."""

    def stale(self, count: int) -> list[Transport]:
        transports = self.used_together(count)
        for transport in transports:
            self.patch(transport.protocol, "_readable", lambda: True)
        self.clock.advance(1)
        return transports

    def test_a_stale_connection_costs_no_request(self):
        (transport,) = self.stale(1)
        reply = self.get()
        self.assertTrue(transport.is_aborted)
        self.assertEqual(transport.received, b"")
        self.network.accept().send(OK)
        self.successResultOf(reply)

    def test_the_next_that_is_idle_is_taken_instead(self):
        first, second = self.used_together(2)
        self.patch(second.protocol, "_readable", lambda: True)
        self.clock.advance(1)
        self.get()
        self.assertTrue(second.is_aborted)
        self.assertEqual(first.received, GET_BYTES)
        self.assertShows("0 idle, 1 busy, 0 connecting, 0 waiting, of 2")

    def test_any_number_of_them_may_be_stale(self):
        """As when a server is restarted: Python's stack must suffice."""
        self.use(self.network, limits=PoolLimits(connections=3000))
        transports = self.stale(3000)
        self.get()
        self.assertTrue(all(transport.is_aborted for transport in transports))
        self.assertShows("0 idle, 0 busy, 1 connecting, 1 waiting, of 3000")


    def test_only_a_read_takes_a_connection_that_was_in_use_a_moment_ago_unasked(self):
        """A read can be sent again, and asking has its price."""
        transport = self.used()
        transport.take()
        self.patch(transport.protocol, "_readable", lambda: True)
        self.clock.advance(FRESH)
        self.get()
        self.assertEqual(transport.take(), GET_BYTES)
        transport.send(OK)
        self.service(Request("PUT", "/a", body=b"b"))
        self.assertTrue(transport.is_aborted)
        self.assertEqual(transport.received, b"")


class SilenceTests(PoolTestCase):
    """A network that was lost without a word, and with it all connections but new ones."""

    limits = PoolLimits(connections=4)

    def setUp(self) -> None:
        super().setUp()
        self.old = self.used_together(3)
        self.clock.advance(5)

    def give_up(self, reply: Deferred[Any]) -> None:
        reply.cancel()
        self.failed(reply, RequestCancelled)

    def open_ones(self) -> list[bool]:
        return [transport.is_open for transport in self.old]

    def test_one_request_that_is_given_up_takes_along_all_that_are_as_old(self):
        reply = self.get()
        self.clock.advance(SILENCE)
        self.give_up(reply)
        self.assertEqual(self.open_ones(), [False, False, False])
        self.assertShows("0 idle, 0 busy, 0 connecting, 0 waiting, of 4")
        again = self.get()
        self.network.accept().send(OK)
        self.successResultOf(again)

    def test_so_does_one_whose_connection_is_lost_after_silence(self):
        reply = self.get()
        self.clock.advance(SILENCE)
        self.old[2].lose(ConnectionLost())
        self.failed(reply, ReplyLost)
        self.assertEqual(self.open_ones(), [False, False, False])

    def test_one_that_is_given_up_sooner_closes_its_own_alone(self):
        reply = self.get()
        self.clock.advance(SILENCE - 0.001)
        self.give_up(reply)
        self.assertEqual(self.open_ones(), [True, True, False])

    def test_the_silence_counts_from_the_request_and_not_from_the_last_one(self):
        for _ in range(2):
            reply = self.get()
            self.clock.advance(0.75 * SILENCE)
            self.old[2].send(OK)
            self.successResultOf(reply)
        reply = self.get()
        self.clock.advance(0.75 * SILENCE)
        self.give_up(reply)
        self.assertEqual(self.open_ones(), [True, True, False])

    def test_one_that_has_heard_a_byte_closes_its_own_alone(self):
        """As a long-poll has, of which the head has come."""
        reply = self.get()
        self.old[2].send(OK[:1])
        self.clock.advance(30)
        self.give_up(reply)
        self.assertEqual(self.open_ones(), [True, True, False])

    def test_what_the_last_request_heard_does_not_count(self):
        reply = self.get()
        self.old[2].send(OK)
        self.successResultOf(reply)
        reply = self.get()
        self.clock.advance(SILENCE)
        self.give_up(reply)
        self.assertEqual(self.open_ones(), [False, False, False])

    def test_one_that_became_idle_later_is_kept(self):
        """It has had an answer meanwhile, so the network is there."""
        silent, answered = self.get(), self.get()
        self.clock.advance(0.5)
        self.old[1].send(OK)
        self.successResultOf(answered)
        self.clock.advance(SILENCE)
        self.give_up(silent)
        self.assertEqual(self.open_ones(), [False, True, False])
        self.assertShows("1 idle, 0 busy, 0 connecting, 0 waiting, of 4")

    def test_one_that_is_busy_is_left_to_who_uses_it(self):
        silent, other = self.get(), self.get()
        self.clock.advance(SILENCE)
        self.give_up(silent)
        self.assertEqual(self.open_ones(), [False, True, False])
        self.assertNoResult(other)

    def test_one_that_was_not_sent_says_nothing(self):
        """As when the reactor was held up, and the server can have said nothing."""
        self.patch(self.old[2].protocol, "send", lambda: None)
        reply = self.get()
        self.clock.advance(SILENCE)
        reply.cancel()
        self.assertFalse(self.failed(reply, RequestCancelled).possibly_applied)
        self.assertEqual(self.open_ones(), [True, True, False])

    def test_one_on_a_loan_says_nothing(self):
        """Its connection may have been lent for long before."""
        loan = self.successResultOf(self.pool())
        self.clock.advance(SILENCE)
        self.give_up(loan(GET))
        self.assertEqual(self.open_ones(), [True, True, False])
        loan = self.successResultOf(self.pool())
        self.clock.advance(SILENCE)
        reply = loan(GET)
        loan.close()
        self.failed(reply, ServiceClosed)
        self.assertEqual(self.open_ones(), [True, False, False])

    def test_any_number_may_go(self):
        """Python's stack must suffice."""
        self.use(self.network, limits=PoolLimits(connections=3000))
        self.old = self.used_together(3000)
        self.clock.advance(1)
        reply = self.get()
        self.clock.advance(SILENCE)
        self.give_up(reply)
        self.assertFalse(any(self.open_ones()))
        self.clock.advance(0)
        self.assertTrue(self.pool.is_empty)

    def test_closing_is_no_sign_of_anything(self):
        reply = self.get()
        self.clock.advance(SILENCE)
        closing = self.pool.close()
        self.failed(reply, ServiceClosed)
        self.clock.advance(0)
        self.successResultOf(closing)


class TogetherTests(PoolTestCase):
    """Requests that are made in one turn of the reactor, on sockets of the system."""

    def setUp(self) -> None:
        super().setUp()
        self.sent: list[bytes] = []

        def send(data: bytes) -> int:
            self.sent.append(data)
            return len(data)

        self.patch(sockets, "sender", lambda transport: send)

    def test_the_only_one_is_sent_at_once(self):
        self.get()
        self.network.accept()
        self.assertEqual(self.sent, [GET_BYTES])

    def test_others_are_sent_in_the_next_turn(self):
        self.used_together(2)
        self.sent.clear()
        self.get()
        other = self.service(Request("GET", "/other"))
        self.assertEqual(self.sent, [GET_BYTES])
        self.clock.advance(0)
        self.assertEqual([data.split()[1] for data in self.sent], [b"/a", b"/other"])
        self.assertNoResult(other)

    def test_closing_sends_nothing_more(self):
        self.used_together(2)
        first, second = self.get(), self.get()
        self.sent.clear()
        self.pool.close()
        self.clock.advance(0)
        self.assertEqual(self.sent, [])
        self.assertTrue(self.failed(first, ServiceClosed).possibly_applied)
        self.assertFalse(self.failed(second, ServiceClosed).possibly_applied)
        self.assertNothingLeft()

    def test_what_was_cancelled_meanwhile_is_not_sent(self):
        self.used_together(2)
        self.sent.clear()
        self.get()
        other = self.get()
        other.cancel()
        self.assertFalse(self.failed(other, RequestCancelled).possibly_applied)
        self.clock.advance(0)
        self.assertEqual(self.sent, [GET_BYTES])


class IdleTests(PoolTestCase):
    limits = PoolLimits(connections=3, idle_time=10)

    def test_an_idle_connection_is_closed_exactly_when_its_time_is_over(self):
        transport = self.used()
        self.clock.advance(9.99)
        self.assertTrue(transport.is_open)
        self.clock.advance(0.01)
        self.assertTrue(transport.is_aborted)
        self.assertShows("0 idle, 0 busy, 0 connecting, 0 waiting, of 3")
        self.assertNothingLeft()

    def test_connections_of_different_ages_go_each_at_its_time(self):
        replies = [self.get() for _ in range(3)]
        transports = [self.network.accept() for _ in range(3)]
        for transport, reply in zip(transports, replies, strict=True):
            transport.send(OK)
            self.successResultOf(reply)
            self.clock.advance(3)
        # They became idle at 0, 3 and 6; it is 9.
        for second, left in [(10, 2), (12, 2), (13, 1), (15, 1), (16, 0)]:
            self.clock.advance(second - self.clock.seconds())
            self.assertShows(f"{left} idle, 0 busy, 0 connecting, 0 waiting, of 3")
        self.assertNothingLeft()

    def test_one_delayed_call_serves_all(self):
        transports = self.used_together(3)
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        self.clock.advance(5)
        self.use_again(transports)
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)

    def use_again(self, transports: list[Transport]) -> Transport:
        """Use one of some idle connections once more."""
        reply = self.get()
        (used,) = [transport for transport in transports if transport.take()]
        used.send(OK)
        self.successResultOf(reply)
        return used

    def test_a_connection_that_is_used_again_starts_anew(self):
        first, second = self.used_together(2)
        self.clock.advance(9)
        self.assertIs(self.use_again([first, second]), second)
        self.clock.advance(1)
        self.assertEqual((first.is_open, second.is_open), (False, True))
        self.clock.advance(8)
        self.assertTrue(second.is_open)
        self.clock.advance(1)
        self.assertFalse(second.is_open)

    def test_a_busy_connection_has_no_age(self):
        self.get()
        transport = self.network.accept()
        self.clock.advance(1000)
        self.assertTrue(transport.is_open)

    def test_sums_that_are_rounded_do_no_harm(self):
        """0.3 + 55 - 55 is less than 0.3: a call that comes too early must not recur for ever."""
        for start in (0.1, 0.3, 0.7, 1.1):
            self.clock = Clock()
            self.network = Endpoint(self.clock)
            self.use(self.network, limits=PoolLimits(idle_time=55.0))
            self.clock.advance(start)
            transport = self.used()
            self.clock.advance(55)
            self.assertTrue(transport.is_aborted, start)
            self.assertNothingLeft()


class ConnectTests(PoolTestCase):
    def test_each_refused_connection_fails_exactly_one_request_the_oldest(self):
        replies = [self.get() for _ in range(3)]
        reason = internet.ConnectionRefusedError()
        self.network.refuse(reason)
        error = self.failed(replies[0], NotSent)
        self.assertIs(error.cause, reason)
        self.assertEqual((error.endpoint, error.possibly_applied), (URL, False))
        self.assertNoResult(replies[1])
        self.assertNoResult(replies[2])
        self.assertShows("0 idle, 0 busy, 2 connecting, 2 waiting, of 2")
        self.network.refuse()
        self.network.refuse()
        self.failed(replies[1], NotSent)
        self.failed(replies[2], NotSent)
        self.assertTrue(self.pool.is_empty)
        self.assertNothingLeft()

    def test_connecting_may_take_only_so_long(self):
        self.use(self.network, connect_timeout=3)
        reply = self.get()
        self.clock.advance(2.99)
        self.assertNoResult(reply)
        self.clock.advance(0.01)
        error = self.failed(reply, NotSent)
        self.assertEqual(str(error), f"no connection within 3 s [at {URL}]")
        self.assertIsNone(error.cause)
        self.assertTrue(self.network.attempts[0].is_cancelled)
        self.assertShows("0 idle, 0 busy, 0 connecting, 0 waiting, of 2")
        self.assertNothingLeft()

    def test_the_time_for_one_connection_does_not_count_for_the_next(self):
        self.use(self.network, connect_timeout=3, limits=PoolLimits(connections=1))
        first, second = self.get(), self.get()
        self.clock.advance(3)
        self.failed(first, NotSent)
        self.assertNoResult(second)
        self.clock.advance(2.99)
        self.assertNoResult(second)
        self.network.accept().send(OK)
        self.successResultOf(second)

    def test_a_new_connection_is_begun_only_when_the_old_one_is_given_up(self):
        """Else there would be one too many, if only for a moment."""
        together = []

        class Counting(Endpoint):
            def connect(self, factory):
                made = super().connect(factory)
                together.append(len(self.open_attempts))
                return made

        self.use(Counting(self.clock), connect_timeout=3, limits=PoolLimits(connections=1))
        for _ in range(3):
            self.get().addErrback(lambda _: None)
        self.clock.advance(3)
        self.clock.advance(3)
        self.assertEqual(together, [1, 1, 1])
        self.pool.close()

    def test_a_handshake_is_part_of_connecting(self):
        reply = self.get()
        transport = self.network.accept(tls=True)
        self.assertEqual(transport.received, b"")
        self.assertShows("0 idle, 0 busy, 1 connecting, 1 waiting, of 2")
        transport.shake_hands()
        self.assertEqual(transport.received, GET_BYTES)
        transport.send(OK)
        self.successResultOf(reply)

    def test_a_handshake_that_never_completes_is_given_up(self):
        self.use(self.network, connect_timeout=3)
        reply = self.get()
        transport = self.network.accept(tls=True)
        self.clock.advance(3)
        self.failed(reply, NotSent)
        self.assertTrue(transport.is_aborted)
        self.assertEqual(transport.received, b"")
        self.clock.advance(0)
        self.assertTrue(self.pool.is_empty)
        self.assertNothingLeft()

    def test_a_handshake_that_fails_fails_one_request(self):
        first, second = self.get(), self.get()
        reason = ConnectionLost()
        self.network.accept(tls=True).lose(reason)
        self.assertIs(self.failed(first, NotSent).cause, reason)
        self.assertNoResult(second)
        self.network.accept(tls=True).shake_hands()
        self.assertShows("0 idle, 1 busy, 0 connecting, 0 waiting, of 2")

    def test_a_connection_that_is_free_first_serves_who_waits_for_another(self):
        transport = self.used()
        first = self.get()
        transport.take()
        second = self.get()
        self.assertShows("0 idle, 1 busy, 1 connecting, 1 waiting, of 2")
        transport.send(OK)
        self.successResultOf(first)
        self.assertEqual(transport.received, GET_BYTES)
        # The other one is finished: the next will want it.
        self.assertFalse(self.network.attempts[1].is_cancelled)
        self.assertShows("0 idle, 1 busy, 1 connecting, 0 waiting, of 2")
        third = self.get()
        self.assertShows("0 idle, 1 busy, 1 connecting, 1 waiting, of 2")
        self.network.accept().send(OK)
        self.successResultOf(third)
        transport.send(OK)
        self.successResultOf(second)
        self.assertShows("2 idle, 0 busy, 0 connecting, 0 waiting, of 2")

    def test_the_attempt_that_was_begun_last_is_given_up_first(self):
        first, second = self.get(), self.get()
        first.cancel()
        self.failed(first, RequestCancelled)
        cancelled = [attempt.is_cancelled for attempt in self.network.attempts]
        self.assertEqual(cancelled, [False, True])
        self.network.accept().send(OK)
        self.successResultOf(second)

    def test_an_endpoint_that_raises_fails_one_request(self):
        class Raising:
            def connect(self, factory):
                raise ZeroDivisionError("an endpoint of a user's own")

        self.use(Raising())
        error = self.failed(self.get(), NotSent)
        self.assertIsInstance(error.cause, ZeroDivisionError)
        self.assertTrue(self.pool.is_empty)
        self.assertNothingLeft()

    def test_an_endpoint_may_be_a_coroutine(self):
        network = Endpoint(self.clock)

        class Coroutine:
            async def connect(self, factory):
                return await network.connect(factory)

        self.use(Coroutine())
        reply = self.get()
        network.accept().send(OK)
        self.successResultOf(reply)

    def test_an_endpoint_may_fail_at_once_for_any_number_of_requests(self):
        """One within the other, Python's stack would not suffice."""
        self.use(self.network, limits=PoolLimits(connections=1, waiting=5000))
        replies = [self.get() for _ in range(5000)]
        self.network.connect = AtOnce(self.clock, internet.ConnectionRefusedError).connect
        self.network.refuse()
        for reply in replies:
            self.failed(reply, NotSent)
        self.assertTrue(self.pool.is_empty)
        self.assertNothingLeft()

    def test_an_endpoint_may_connect_at_once(self):
        endpoint = AtOnce(self.clock)
        self.use(endpoint)
        reply = self.get()
        endpoint.transports[0].send(OK)
        self.successResultOf(reply)
        self.assertEqual(len(endpoint.transports), 1)

    def test_an_endpoint_that_does_not_stop_has_its_connection_closed(self):
        """A Deferred that cannot be cancelled is fired later, and nobody hears of it."""
        made: list[Any] = []

        class Stubborn:
            def connect(self, factory):
                made.append((factory, Deferred()))
                return made[-1][1]

        self.use(Stubborn(), connect_timeout=3)
        for give_up in (Deferred.cancel, lambda _: self.clock.advance(3)):
            reply = self.get()
            give_up(reply)
            self.failed(reply, TxetcdError)
            factory, connecting = made.pop()
            protocol = factory.buildProtocol(None)
            transport = Transport(protocol, self.clock)
            protocol.makeConnection(transport)
            connecting.callback(protocol)
            self.assertTrue(transport.is_aborted)
            self.clock.advance(0)
            self.assertTrue(transport.is_lost)
            self.assertTrue(self.pool.is_empty)

    def test_a_connection_that_comes_though_cancelling_was_swallowed_is_closed(self):
        attempts: list[Any] = []

        class Swallowing:
            def connect(self, factory):
                result: Deferred[Any] = Deferred()
                attempts.append((factory, result))
                return Deferred().addErrback(lambda _: result)

        self.use(Swallowing(), connect_timeout=3)
        reply = self.get()
        factory, result = attempts[0]
        protocol = factory.buildProtocol(None)
        transport = Transport(protocol, self.clock)
        protocol.makeConnection(transport)
        self.clock.advance(3)
        self.failed(reply, NotSent)
        self.assertShows("0 idle, 0 busy, 0 connecting, 0 waiting, of 2")
        result.callback(protocol)
        self.assertTrue(transport.is_aborted)
        self.clock.advance(0)
        self.assertTrue(self.pool.is_empty)


class CancelTests(PoolTestCase):
    def assertCancelled(self, reply: Deferred[Any], sent: bool) -> None:
        reply.cancel()
        error = self.failed(reply, RequestCancelled)
        self.assertIsInstance(error, CancelledError)
        self.assertEqual((error.possibly_applied, error.endpoint), (sent, URL))

    def test_while_a_connection_is_made(self):
        self.assertCancelled(self.get(), sent=False)
        self.assertTrue(self.network.attempts[0].is_cancelled)
        self.assertTrue(self.pool.is_empty)
        self.assertNothingLeft()

    def test_during_the_handshake(self):
        reply = self.get()
        transport = self.network.accept(tls=True)
        self.assertCancelled(reply, sent=False)
        self.assertTrue(transport.is_aborted)
        self.clock.advance(0)
        self.assertTrue(self.pool.is_empty)
        self.assertNothingLeft()

    def test_while_all_connections_are_busy(self):
        busy = [self.get(), self.get()]
        transports = [self.network.accept(), self.network.accept()]
        self.assertCancelled(self.get(), sent=False)
        self.assertShows("0 idle, 2 busy, 0 connecting, 0 waiting, of 2")
        for transport, reply in zip(transports, busy, strict=True):
            transport.send(OK)
            self.successResultOf(reply)

    def test_before_any_of_the_response(self):
        reply = self.get()
        transport = self.network.accept()
        self.assertCancelled(reply, sent=True)
        self.assertTrue(transport.is_aborted)
        self.assertShows("0 idle, 0 busy, 0 connecting, 0 waiting, of 2")

    def test_within_the_response(self):
        reply = self.get()
        transport = self.network.accept()
        transport.send(OK[:-1])
        self.assertCancelled(reply, sent=True)
        self.assertTrue(transport.is_aborted)

    def test_a_connection_is_made_for_the_next_when_one_was_cancelled(self):
        self.use(self.network, limits=PoolLimits(connections=1))
        cancelled, waiting = self.get(), self.get()
        self.network.accept()
        self.assertCancelled(cancelled, sent=True)
        self.network.accept().send(OK)
        self.successResultOf(waiting)

    def test_after_the_response_nothing_happens(self):
        reply = self.get()
        transport = self.network.accept()
        transport.send(OK)
        reply.cancel()
        self.successResultOf(reply)
        self.assertTrue(transport.is_open)

    def test_ten_thousand_who_wait_can_be_cancelled_in_any_order(self):
        """It is quick because nothing is searched for; a scan of all would take minutes."""
        self.use(self.network, limits=PoolLimits(connections=1, waiting=10_000))
        replies = [self.get() for _ in range(10_000)]
        steps = self.counted("_census")
        random.Random(1).shuffle(replies)
        for reply in replies:
            reply.addErrback(lambda failure: failure.trap(RequestCancelled)).cancel()
        self.assertTrue(self.pool.is_empty)
        self.assertNothingLeft()
        self.assertLess(len(steps), 3 * 10_000)

    def counted(self, method: str) -> list[None]:
        calls: list[None] = []
        original = getattr(self.pool, method)

        def counting(*arguments):
            calls.append(None)
            return original(*arguments)

        self.patch(self.pool, method, counting)
        return calls


class ReentrancyTests(PoolTestCase):
    """What callbacks do while the pool is at work."""

    limits = PoolLimits(connections=1, waiting=100)

    def waiting(self, count: int) -> list[Deferred[Any]]:
        return [self.get() for _ in range(count)]

    def test_a_refused_request_may_be_sent_again_at_once(self):
        first, second = self.waiting(2)
        again = first.addErrback(lambda _: self.get())
        self.network.refuse()
        self.assertShows("0 idle, 0 busy, 1 connecting, 2 waiting, of 1")
        transport = self.network.accept()
        transport.send(OK)
        self.successResultOf(second)
        self.assertNoResult(again)
        transport.send(OK)
        self.successResultOf(again)

    def test_a_refused_request_may_cancel_all_others(self):
        first, *others = self.waiting(10)

        def cancel_others(_: object) -> None:
            for other in others:
                other.cancel()

        first.addErrback(cancel_others)
        self.network.refuse()
        for other in others:
            self.failed(other, RequestCancelled)
        self.assertTrue(self.pool.is_empty)
        self.assertNothingLeft()

    def test_a_refused_request_may_close_the_pool(self):
        first, *others = self.waiting(3)
        first.addErrback(lambda _: self.pool.close())
        self.network.refuse()
        for other in others:
            self.failed(other, ServiceClosed)
        self.successResultOf(first)
        self.assertNothingLeft()

    def test_a_response_may_close_the_pool(self):
        first, second = self.waiting(2)
        closed = first.addCallback(lambda _: self.pool.close())
        transport = self.network.accept()
        transport.send(OK)
        self.assertTrue(self.failed(second, ServiceClosed).possibly_applied)
        self.clock.advance(0)
        self.successResultOf(closed)
        self.assertNothingLeft()

    def test_a_response_may_cancel_who_was_served_a_moment_before(self):
        first, second, third = self.waiting(3)
        first.addCallback(lambda _: second.cancel())
        transport = self.network.accept()
        transport.take()
        transport.send(OK)
        self.assertTrue(self.failed(second, RequestCancelled).possibly_applied)
        self.assertTrue(transport.is_aborted)
        self.network.accept().send(OK)
        self.successResultOf(third)

    def test_closing_may_submit_and_cancel_and_close(self):
        first, second, third = self.waiting(3)
        self.network.accept()
        seen: list[Any] = []

        def react(failure):
            seen.append(failure.type)
            third.cancel()
            self.get().addErrback(lambda failure: seen.append(failure.type))
            self.pool.close()

        second.addErrback(react)
        self.pool.close()
        self.assertEqual(seen, [ServiceClosed, ServiceClosed])
        self.failed(first, ServiceClosed)
        self.failed(third, RequestCancelled)
        self.clock.advance(0)
        self.assertNothingLeft()


class LoanTests(PoolTestCase):
    """The pool as a factory of services."""

    def lent(self) -> tuple[Any, Transport]:
        loan = self.pool()
        transport = self.network.accept()
        return self.successResultOf(loan), transport

    def test_a_loan_keeps_its_connection_from_one_request_to_the_next(self):
        loan, transport = self.lent()
        for _ in range(2):
            reply = loan(GET)
            self.assertEqual(transport.take(), GET_BYTES)
            transport.send(OK)
            self.successResultOf(reply)
            self.assertShows("0 idle, 1 busy, 0 connecting, 0 waiting, of 2")
        self.get()
        self.assertEqual(transport.received, b"")

    def test_closing_a_loan_gives_the_connection_back(self):
        loan, transport = self.lent()
        self.assertIs(loan.status, Status.OPEN)
        self.assertEqual(repr(loan), f"<Lent <Connection to {URL}, idle>>")
        self.successResultOf(loan.close())
        self.assertShows("1 idle, 0 busy, 0 connecting, 0 waiting, of 2")
        self.assertIs(loan.status, Status.CLOSED)
        self.assertTrue(transport.is_open)

    def test_closing_it_twice_gives_it_back_once(self):
        loan, transport = self.lent()
        loan.close()
        self.get()
        self.successResultOf(loan.close())
        self.assertTrue(transport.is_open)
        self.assertShows("0 idle, 1 busy, 0 connecting, 0 waiting, of 2")

    def test_a_loan_that_was_closed_serves_nothing(self):
        loan, transport = self.lent()
        loan.close()
        self.failed(loan(GET), ServiceClosed)
        self.assertEqual(transport.received, b"")

    def test_what_is_given_back_goes_to_whoever_waits(self):
        self.use(self.network, limits=PoolLimits(connections=1))
        loan, transport = self.lent()
        other = self.pool()
        self.assertNoResult(other)
        loan.close()
        self.assertIs(self.successResultOf(other).status, Status.OPEN)
        self.assertTrue(transport.is_open)

    def test_a_loan_that_is_closed_with_a_request_under_way_takes_it_along(self):
        loan, transport = self.lent()
        reply = loan(GET)
        loan.close()
        self.assertTrue(self.failed(reply, ServiceClosed).possibly_applied)
        self.assertTrue(transport.is_aborted)
        self.assertShows("0 idle, 0 busy, 0 connecting, 0 waiting, of 2")
        self.clock.advance(0)
        self.assertTrue(self.pool.is_empty)

    def test_a_second_request_at_the_same_time_is_not_sent(self):
        loan, transport = self.lent()
        loan(GET)
        self.failed(loan(GET), NotSent)
        self.assertEqual(transport.received, GET_BYTES)

    def test_a_loan_whose_connection_was_lost_is_closed(self):
        loan, transport = self.lent()
        transport.lose()
        self.assertIs(loan.status, Status.CLOSED)
        self.failed(loan(GET), NotSent)
        self.successResultOf(loan.close())
        self.assertTrue(self.pool.is_empty)

    def test_cancelling_stops_waiting(self):
        loan = self.pool()
        loan.cancel()
        self.assertFalse(self.failed(loan, RequestCancelled).possibly_applied)
        self.assertTrue(self.network.attempts[0].is_cancelled)
        self.assertTrue(self.pool.is_empty)

    def test_no_connection_no_loan(self):
        loan = self.pool()
        self.network.refuse()
        self.assertEqual(self.failed(loan, NotSent).endpoint, URL)

    def test_a_closed_pool_lends_nothing(self):
        loan, transport = self.lent()
        waiting = self.pool()
        self.pool.close()
        self.failed(waiting, ServiceClosed)
        self.failed(self.pool(), ServiceClosed)
        self.assertTrue(transport.is_aborted)
        self.assertIs(loan.status, Status.CLOSED)
        self.successResultOf(loan.close())
        self.clock.advance(0)
        self.assertNothingLeft()

    def test_to_service_takes_a_connection_for_each_request(self):
        service = self.pool.to_service()
        reply = service(GET)
        transport = self.network.accept()
        transport.send(OK)
        self.assertEqual(self.successResultOf(reply).body, b"ok")
        self.assertShows("1 idle, 0 busy, 0 connecting, 0 waiting, of 2")
        transport.take()
        reply = service(GET)
        self.assertEqual(transport.take(), GET_BYTES)
        reply.cancel()
        self.failed(reply, RequestCancelled)
        self.assertTrue(transport.is_aborted)
        self.assertShows("0 idle, 0 busy, 0 connecting, 0 waiting, of 2")
        self.clock.advance(0)
        self.successResultOf(service.close())
        self.assertIs(self.pool.status, Status.CLOSED)


class CloseTests(PoolTestCase):
    def assertCloses(self) -> None:
        """Once as twice, at once or in the next turn of the reactor; and nothing is left."""
        first, second = self.pool.close(), self.pool.close()
        self.assertShows("0 idle, 0 busy, 0 connecting, 0 waiting, closed")
        self.clock.advance(0)
        self.assertIsNone(self.successResultOf(first))
        self.assertIsNone(self.successResultOf(second))
        self.assertIsNone(self.successResultOf(self.pool.close()))
        self.assertNothingLeft()
        self.assertTrue(self.pool.is_empty)

    def test_empty(self):
        self.assertIsNone(self.successResultOf(self.pool.close()))
        self.assertCloses()

    def test_connecting(self):
        reply = self.get()
        self.assertCloses()
        self.assertFalse(self.failed(reply, ServiceClosed).possibly_applied)
        self.assertTrue(self.network.attempts[0].is_cancelled)

    def test_shaking_hands(self):
        reply = self.get()
        transport = self.network.accept(tls=True)
        self.assertCloses()
        self.failed(reply, ServiceClosed)
        self.assertTrue(transport.is_aborted)

    def test_idle(self):
        transport = self.used()
        closing = self.pool.close()
        self.assertNoResult(closing)
        self.assertTrue(transport.is_aborted)
        transport.lose()
        self.successResultOf(closing)
        self.assertCloses()

    def test_busy(self):
        reply = self.get()
        transport = self.network.accept()
        self.assertCloses()
        error = self.failed(reply, ServiceClosed)
        self.assertEqual((error.possibly_applied, error.endpoint), (True, URL))
        self.assertTrue(transport.is_aborted)

    def test_waiting(self):
        replies = [self.get() for _ in range(4)]
        self.network.accept()
        self.network.accept()
        self.assertCloses()
        sent = [self.failed(reply, ServiceClosed).possibly_applied for reply in replies]
        self.assertEqual(sent, [True, True, False, False])

    def test_leaving(self):
        """Connections that were closed before, and are not gone yet, are waited for."""
        self.get().addErrback(lambda _: None).cancel()
        reply = self.get()
        self.network.accept()
        reply.cancel()
        self.failed(reply, RequestCancelled)
        closing = self.pool.close()
        self.assertNoResult(closing)
        self.clock.advance(0)
        self.successResultOf(closing)
        self.assertCloses()

    def test_what_comes_afterwards_fails(self):
        self.pool.close()
        error = self.failed(self.get(), ServiceClosed)
        self.assertEqual((error.possibly_applied, error.endpoint), (False, URL))
        self.assertEqual(self.network.attempts, [])

    def test_the_service_over_it_closes_it(self):
        self.assertEqual(repr(self.service), f"DirectService({URL!r})")
        self.assertIs(self.service.status, Status.OPEN)
        self.successResultOf(self.service.close())
        self.assertIs(self.pool.status, Status.CLOSED)


class PoolMachine(RuleBasedStateMachine):
    """A pool to which anything happens, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.network = Endpoint(self.clock)
        self.limits = PoolLimits(connections=3, waiting=2, idle_time=10)
        self.pool = Pool(self.network, SERVER, self.clock, limits=self.limits, connect_timeout=4)
        self.service = DirectService(self.pool)
        self.transports: list[Transport] = []
        self.pending: list[Deferred[Any]] = []
        self.outcomes: dict[int, int] = {}
        self.asked = 0
        self.closing: list[Deferred[None]] = []

    # --- what happens to it -----------------------------------------------------------

    def ask(self) -> None:
        number, self.asked = self.asked, self.asked + 1
        self.outcomes[number] = 0
        reply = self.service(GET)

        def ended(_: object) -> None:
            self.outcomes[number] += 1
            if reply in self.pending:
                self.pending.remove(reply)

        self.pending.append(reply)
        reply.addBoth(ended)

    @rule(count=st.integers(1, 4))
    def submit(self, count):
        for _ in range(count):
            self.ask()

    @precondition(lambda self: self.pending)
    @rule(data=st.data())
    def cancel(self, data):
        data.draw(st.sampled_from(self.pending)).cancel()

    @precondition(lambda self: self.network.open_attempts)
    @rule(data=st.data(), tls=st.booleans())
    def accept(self, data, tls):
        attempt = data.draw(st.sampled_from(self.network.open_attempts))
        self.transports.append(attempt.accept(tls))

    @precondition(lambda self: self.network.open_attempts)
    @rule(data=st.data())
    def refuse(self, data):
        data.draw(st.sampled_from(self.network.open_attempts)).refuse()

    def live(self, state: str) -> list[Transport]:
        return [
            transport
            for transport in self.transports
            if transport.is_open and f", {state}>" in repr(transport.protocol)
        ]

    @precondition(lambda self: self.live("new"))
    @rule(data=st.data())
    def shake_hands(self, data):
        data.draw(st.sampled_from(self.live("new"))).shake_hands()

    @precondition(lambda self: self.live("busy"))
    @rule(data=st.data(), answer=st.sampled_from([OK, CLOSING, OK[:20], b"nonsense"]))
    def answer(self, data, answer):
        data.draw(st.sampled_from(self.live("busy"))).send(answer)

    @precondition(lambda self: self.live("idle"))
    @rule(data=st.data())
    def speak_unasked(self, data):
        data.draw(st.sampled_from(self.live("idle"))).send(OK)

    @precondition(lambda self: any(transport.is_open for transport in self.transports))
    @rule(data=st.data(), clean=st.booleans())
    def lose(self, data, clean):
        transports = [transport for transport in self.transports if transport.is_open]
        data.draw(st.sampled_from(transports)).lose(ConnectionDone() if clean else ConnectionLost())

    @rule(seconds=st.sampled_from([0, 1, 4, 10]))
    def wait(self, seconds):
        self.clock.advance(seconds)

    # Rarely, since little can happen afterwards.
    @rule(chance=st.integers(0, 9))
    def close(self, chance):
        if chance == 0:
            self.closing.append(self.pool.close())

    # --- what holds at all times ---------------------------------------------------------

    @invariant()
    def the_counts_are_those_of_the_network(self):
        counts = {
            "idle": len(self.live("idle")),
            "busy": len(self.live("busy")),
            "connecting": len(self.network.open_attempts) + len(self.live("new")),
            "waiting": len(self.pending) - len(self.live("busy")),
        }
        words = ", ".join(f"{count} {name}" for name, count in counts.items())
        last = "closed" if self.closing else f"of {self.limits.connections}"
        assert repr(self.pool) == f"<Pool of {URL}: {words}, {last}>", repr(self.pool)

    @invariant()
    def no_limit_is_passed(self):
        open_ones = [transport for transport in self.transports if transport.is_open]
        count = len(open_ones) + len(self.network.open_attempts)
        assert count <= self.limits.connections

    @invariant()
    def nobody_waits_while_one_is_idle(self):
        assert not (self.live("idle") and len(self.pending) > len(self.live("busy")))

    @invariant()
    def every_deferred_fires_once(self):
        assert set(self.outcomes.values()) <= {0, 1}
        assert sum(self.outcomes.values()) == self.asked - len(self.pending)

    @invariant()
    def a_closed_pool_has_nothing(self):
        if self.closing:
            assert not self.pending
            assert not self.network.open_attempts
            assert not any(transport.is_open for transport in self.transports)

    def teardown(self):
        self.closing.append(self.pool.close())
        self.clock.advance(0)
        self.a_closed_pool_has_nothing()
        assert all(closing.called for closing in self.closing)
        assert self.clock.getDelayedCalls() == []
        assert set(self.outcomes.values()) <= {1}


class AnythingTests(SynchronousTestCase):
    def test_whatever_happens_what_must_hold_holds(self):
        run_state_machine_as_test(
            PoolMachine, settings=settings(deadline=None, max_examples=60, stateful_step_count=40)
        )


class Answering(Protocol):
    """A server that answers each thing it reads."""

    #: Any: interfaces of zope.interface are not known to type checkers.
    transport: Any

    def connectionMade(self):
        self.factory.connections.append(self)

    def dataReceived(self, data):
        self.factory.requests.append(data)
        self.transport.write(OK)

    def connectionLost(self, reason=None):
        self.factory.lost.pop().callback(None)


class RealSocketTests(TestCase):
    """With sockets of the system."""

    def server(self) -> Any:
        factory: Any = Factory.forProtocol(Answering)
        factory.noisy = False
        factory.connections, factory.requests = [], []
        factory.lost = [Deferred()]
        return factory

    async def test_a_socket_in_the_file_system_serves_as_well(self):
        path = self.mktemp()
        factory = self.server()
        port = reactor.listenUNIX(path, factory)
        self.addCleanup(port.stopListening)
        lost = factory.lost[0]
        pool = Pool(UNIXClientEndpoint(reactor, path), SERVER, reactor)
        service = DirectService(pool)
        for _ in range(2):
            self.assertEqual((await service(GET)).body, b"ok")
        self.assertEqual(factory.requests, [GET_BYTES] * 2)
        self.assertEqual(len(factory.connections), 1)
        await service.close()
        await lost

    async def test_where_there_is_no_such_socket_nothing_is_sent(self):
        pool = Pool(UNIXClientEndpoint(reactor, self.mktemp()), SERVER, reactor)
        with self.assertRaises(NotSent):
            await DirectService(pool)(GET)
        await pool.close()

    async def test_small_requests_are_not_held_back_and_dead_peers_are_noticed(self):
        factory = self.server()
        port = reactor.listenTCP(0, factory, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        lost = factory.lost[0]
        pool = open_pool(reactor, f"http://127.0.0.1:{port.getHost().port}")
        loan: Any = await pool()
        handle = loan._connection.transport.getHandle()
        for level, option in [
            (socket.IPPROTO_TCP, socket.TCP_NODELAY),
            (socket.SOL_SOCKET, socket.SO_KEEPALIVE),
        ]:
            self.assertNotEqual(handle.getsockopt(level, option), 0)
        await loan(GET)
        await loan.close()
        await pool.close()
        await lost

    async def test_many_at_once_share_a_few_connections(self):
        factory = self.server()
        factory.lost = [Deferred() for _ in range(4)]
        port = reactor.listenTCP(0, factory, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        lost = gatherResults(factory.lost[:])
        url = f"http://127.0.0.1:{port.getHost().port}"
        service = DirectService(open_pool(reactor, url, limits=PoolLimits(connections=4)))
        replies = await gatherResults([service(GET) for _ in range(100)])
        self.assertEqual({reply.body for reply in replies}, {b"ok"})
        self.assertEqual((len(factory.connections), len(factory.requests)), (4, 100))
        await service.close()
        await lost
