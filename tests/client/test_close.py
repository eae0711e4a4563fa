"""Closing a client: what becomes of what is under way, and what is left."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.task import Clock

from tests.client.servers import NODE, A, B, Case, Servers, reply
from tests.http.wire import Peer
from txetcd import (
    AmbiguousWrite,
    Etcd,
    NotSent,
    RequestTimedOut,
    Service,
    ServiceClosed,
    Status,
    TxetcdError,
    deadline,
)
from txetcd.filters import Timeout
from txetcd.reactive import Activity, Pending, Var

UNKNOWN: Activity[Any] = Activity.of_states(Var(Pending()))


class CleanTests(Servers):
    """Whatever is under way, closing leaves nothing in the reactor."""

    def ended(self, etcd: Etcd, *asked: Deferred) -> None:
        self.end(etcd)
        for each in asked:
            error = self.failureResultOf(each, TxetcdError).value
            self.assertIsInstance(getattr(error, "cause", None) or error, ServiceClosed)
        self.after(100)
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def three(self, etcd: Etcd) -> list[Deferred]:
        return [etcd.key("/a").get(), etcd.key("/a").set("1"), etcd.version()]

    def test_before_anything_was_asked(self):
        for endpoints in (A, [A, B]):
            self.setUp()
            self.ended(self.connect(endpoints))

    def test_with_connections_under_way(self):
        for endpoints in (A, [A, B]):
            self.setUp()
            etcd = self.connect(endpoints)
            asked = self.three(etcd)
            closed = etcd.close()
            self.reactor.pump([0] * 4)
            self.assertIsNone(self.successResultOf(closed))
            for each in asked:
                self.failureResultOf(each, ServiceClosed)
            self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_with_connections_that_are_kept(self):
        for endpoints in (A, [A, B]):
            self.setUp()
            etcd = self.connect(endpoints)
            for each in self.three(etcd):
                self.answered(each)
            self.ended(etcd)

    def test_with_requests_that_are_not_answered(self):
        for endpoints in (A, [A, B]):
            self.setUp()
            self.silent = {A, B}
            etcd = self.connect(endpoints)
            asked = self.three(etcd)
            self.run_network()
            self.ended(etcd, *asked)

    def test_with_requests_that_wait_to_be_sent_again(self):
        for endpoints in (A, [A, B]):
            self.setUp()
            self.refusing = {A, B}
            etcd = self.connect(endpoints)
            asked = self.three(etcd)
            self.run_network()
            for each in asked:
                self.assertNoResult(each)
            self.ended(etcd, *asked)

    def test_with_endpoints_that_are_left_alone(self):
        self.refusing = {A, B}
        etcd = self.connect([A, B])
        for each in self.three(etcd):
            each.addErrback(lambda failure: failure.trap(NotSent))
        self.after(10)
        self.ended(etcd)

    def test_with_a_probe_under_way(self):
        self.silent = {A, B}
        etcd = self.connect([A, B])
        for each in self.three(etcd):
            each.addErrback(lambda failure: failure.trap(RequestTimedOut, AmbiguousWrite))
        self.until(13)
        self.assertEqual([line for _, line in self.requests][-1], "GET /health")
        self.ended(etcd)

    def test_with_a_watch_parked_and_a_heartbeat_to_come(self):
        etcd = self.connect([A, B])
        told: list[Any] = []
        etcd.key("/a").events().register(told.append)
        for seconds in (0, 2.5):
            self.after(seconds)
        self.assertEqual(len(self.waits), 1)
        self.ended(etcd)
        told[-1].trap(ServiceClosed)

    def test_with_a_watch_that_waits_to_go_on(self):
        self.refusing = {A, B}
        etcd = self.connect([A, B])
        told: list[Any] = []
        etcd.key("/a").events().register(told.append)
        while not told:
            self.after(0.0625)
        told[0].trap(NotSent)
        self.ended(etcd)

    def test_within_a_deadline(self):
        self.silent = {A, B}
        etcd = self.connect([A, B])
        with deadline(1, self.reactor):
            asked = self.three(etcd)
        self.run_network()
        self.ended(etcd, *asked)

    def test_cancelling_all_leaves_nothing_either(self):
        away: set[str]
        for endpoints in (A, [A, B], UNKNOWN):
            for away in (set(), {A, B}):
                self.setUp()
                self.refusing = away
                self.silent = {A, B}
                etcd = self.connect(endpoints)
                asked = self.three(etcd)
                self.run_network()
                for each in asked:
                    each.cancel()
                    self.failureResultOf(each, CancelledError)
                self.run_network()
                if not away:
                    self.assertEqual(self.reactor.getDelayedCalls(), [])
                self.end(etcd)


class CloseTests(Case):
    def test_operations_under_way_end_with_service_closed(self):
        etcd = self.connect()
        answers = [etcd.key("/a").get(), etcd.key("/a").get(wait=True)]
        self.accept()
        closed = self.closed(etcd)
        for answer in answers:
            error = self.failureResultOf(answer, ServiceClosed).value
            self.assertIn("[get /a", str(error))
        self.assertIsNone(self.successResultOf(closed))

    def test_a_write_that_may_have_been_sent_is_ambiguous(self):
        etcd = self.connect()
        answer = etcd.key("/a").set("1")
        self.accept()
        self.successResultOf(self.closed(etcd))
        error = self.failureResultOf(answer, AmbiguousWrite).value
        self.assertIsInstance(error.cause, ServiceClosed)

    def test_a_write_that_was_not_sent_yet_is_not(self):
        etcd = self.connect()
        answer = etcd.key("/a").set("1")
        self.successResultOf(self.closed(etcd))
        self.assertFalse(self.failureResultOf(answer, ServiceClosed).value.possibly_applied)

    def test_a_write_that_waits_to_be_sent_again_is_not_either(self):
        etcd = self.connect()
        answer = etcd.key("/a").set("1")
        self.refuse()
        self.successResultOf(self.closed(etcd))
        self.assertFalse(self.failureResultOf(answer, ServiceClosed).value.possibly_applied)

    def test_the_reactor_is_clean_afterwards(self):
        etcd = self.connect([A, B])
        answers: list[Deferred] = [etcd.key("/a").get()]
        self.refuse()
        answers += [etcd.key("/a").get(), etcd.key("/a").set("1"), etcd.version()]
        closed = self.closed(etcd)
        for answer in answers:
            answer.addErrback(lambda failure: failure.trap(ServiceClosed, AmbiguousWrite))
            self.successResultOf(answer)
        self.assertIsNone(self.successResultOf(closed))
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_a_kept_connection_is_closed_and_waited_for(self):
        etcd = self.connect()
        answer = etcd.key("/a").get()
        peer = self.accept()
        peer.send(reply(NODE))
        self.successResultOf(answer)
        closed = etcd.close()
        self.reactor.pump([0] * 4)
        self.assertNoResult(closed)
        self.assertTrue(peer.is_closed)
        peer.lose()
        self.reactor.pump([0] * 4)
        self.assertIsNone(self.successResultOf(closed))

    def test_closing_twice_does_no_harm(self):
        etcd = self.connect([A, B])
        self.successResultOf(self.closed(etcd))
        self.successResultOf(self.closed(etcd))

    def test_nothing_is_asked_afterwards(self):
        etcd = self.connect()
        self.assertIs(etcd.status, Status.OPEN)
        self.successResultOf(self.closed(etcd))
        self.assertIs(etcd.status, Status.CLOSED)
        for ask in (etcd.key("/a").get, lambda: etcd.key("/a").set("1"), etcd.version):
            self.assertFalse(self.failureResultOf(ask(), ServiceClosed).value.possibly_applied)
        self.assertEqual(self.asked, [])

    def test_the_service_of_versions_is_closed_too(self):
        closed: list[str] = []

        class Closing(Service):
            def __init__(self, name):
                self.name = name

            def close(self):
                closed.append(self.name)
                return succeed(None)

        etcd = Etcd(Closing("keys"), versions=Closing("versions"), clock=Clock())
        self.successResultOf(etcd.close())
        self.assertEqual(closed, ["keys", "versions"])

    def test_the_status_is_that_of_the_service_until_it_is_closed(self):
        class Busy(Service):
            @property
            def status(self):
                return Status.BUSY

        service: Service = Timeout(5, Clock()) >> Busy()
        etcd = Etcd(service, clock=Clock())
        self.assertIs(etcd.status, Status.BUSY)
        self.successResultOf(etcd.close())
        self.assertIs(etcd.status, Status.CLOSED)

    def test_cancelling_an_operation_closes_its_connection_and_no_other(self):
        etcd = self.connect()
        one, other = etcd.key("/a").get(), etcd.key("/b").get()
        first = Peer(self.reactor.tcpClients[0][2])
        second = Peer(self.reactor.tcpClients[1][2])
        one.cancel()
        self.failureResultOf(one, CancelledError)
        self.assertTrue(first.is_closed)
        self.assertFalse(second.is_closed)
        second.send(reply(NODE))
        self.assertEqual(self.successResultOf(other).node.text, "1")
        self.peers = [second]
        first.lose()
        self.successResultOf(self.closed(etcd))
