"""The balancer: who is asked, what becomes of requests when the set changes, and of the rest."""

from __future__ import annotations

import gc
import math
import random
from collections import Counter
from contextvars import ContextVar
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, fail
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from tests.balance.servers import Ask, Network
from tests.reactive.plain import Plain
from txetcd import ApiError, NotSent, ReplyLost, Service, ServiceClosed, Status
from txetcd.balance import Balancer, LeastLoaded, PeakEwma, RoundRobin
from txetcd.errors import EndpointDown, NoEndpoints, QueueFull, RequestCancelled
from txetcd.reactive import Activity, Failed, Ok, Pending, Var

A, B, C = ADDRESSES = ["http://a:2379", "http://b:2379", "http://c:2379"]
WAIT = Ask("/key", long_poll=True)

current: ContextVar[str] = ContextVar("current", default="nobody")


class Case(SynchronousTestCase):
    def setUp(self):
        self.network = Network()
        self.set: Var[Any] = Var(Ok(ADDRESSES))

    def balancer(self, endpoints: Any = None, connect: Any = None, **options: Any) -> Balancer:
        options.setdefault("random", random.Random(1))
        endpoints = Activity.of_states(self.set) if endpoints is None else endpoints
        return Balancer(endpoints, connect or self.network, **options)

    def asked(self) -> Counter:
        """How many requests went to each address."""
        return Counter({each.address: len(each.asked) for each in self.network})

    def loads(self, balancer: Balancer) -> list[float]:
        return [each.load for each in balancer._endpoints.current]

    def tearDown(self):
        # A Deferred that nobody looks at complains when it is collected.
        gc.collect()
        self.assertEqual(self.flushLoggedErrors(), [])


class ChoosingTests(Case):
    def test_each_address_has_one_service_that_is_made_when_it_appears(self):
        self.set.update(Ok([A, A]))
        self.balancer()
        self.assertEqual([each.address for each in self.network], [A])
        self.set.update(Ok([B, A]))
        self.assertEqual([each.address for each in self.network], [A, B])

    def test_a_request_goes_to_one_endpoint_and_its_answer_comes_back(self):
        balancer = self.balancer()
        answer = balancer(Ask())
        (server,) = [each for each in self.network if each.asked]
        self.assertNoResult(answer)
        server.answer("answer")
        self.assertEqual(self.successResultOf(answer), "answer")
        self.assertEqual(self.asked().total(), 1)

    def test_requests_are_spread_by_load(self):
        balancer = self.balancer()
        for _ in range(300):
            balancer(Ask())
        for n in self.asked().values():
            self.assertLessEqual(abs(n - 100), 2)

    def test_a_slow_endpoint_is_asked_less(self):
        balancer = self.balancer()
        for server in self.network:
            if server.address != A:
                server.outcome = lambda _: "at once"
        for _ in range(300):
            balancer(Ask())
        self.assertLessEqual(self.asked()[A], 1)

    def test_the_policy_is_a_parameter(self):
        balancer = self.balancer(policy=RoundRobin())
        for _ in range(30):
            balancer(Ask())
        self.assertEqual(self.asked(), {A: 10, B: 10, C: 10})

    def test_a_fixed_set_is_enough(self):
        for endpoints in (ADDRESSES, iter(ADDRESSES), Activity.of(ADDRESSES)):
            self.network = Network()
            balancer = self.balancer(endpoints, policy=RoundRobin())
            for _ in range(6):
                balancer(Ask())
            self.assertEqual(self.asked(), {A: 2, B: 2, C: 2})

    def test_one_that_is_not_open_is_not_asked_while_another_is(self):
        balancer = self.balancer()
        for state in (Status.BUSY, Status.CLOSED):
            self.network[B].state = state
            for _ in range(100):
                balancer(Ask())
            self.assertEqual(self.asked()[B], 0)

    def test_by_default_the_one_of_three_that_is_open_is_asked(self):
        balancer = self.balancer()
        self.network[B].state = self.network[C].state = Status.BUSY
        for _ in range(30):
            balancer(Ask())
        self.assertEqual(self.asked(), {A: 30, B: 0, C: 0})

    def test_if_fewer_than_the_threshold_are_open_all_are_asked(self):
        balancer = self.balancer(panic_threshold=0.5)
        self.network[B].state = Status.BUSY
        self.network[C].state = Status.CLOSED
        for _ in range(300):
            balancer(Ask())
        for n in self.asked().values():
            self.assertLessEqual(abs(n - 100), 2)
        self.assertIn("panic", repr(balancer))

    def test_the_threshold_is_a_parameter(self):
        balancer = self.balancer(panic_threshold=0)
        self.network[B].state = Status.BUSY
        self.network[C].state = Status.CLOSED
        for _ in range(30):
            balancer(Ask())
        self.assertEqual(self.asked(), {A: 30, B: 0, C: 0})
        self.network[A].state = Status.CLOSED
        balancer(Ask())
        self.assertEqual(self.asked(), {A: 30, B: 1, C: 0})
        self.assertNotIn("panic", repr(balancer))

    def test_the_same_seed_makes_the_same_choices(self):
        chosen = []
        for _ in range(2):
            self.network = Network()
            balancer = self.balancer(random=random.Random(7))
            for _ in range(20):
                balancer(Ask())
            chosen.append(self.asked())
        self.assertEqual(*chosen)


class OutcomeTests(Case):
    """What comes of a request, and that none is counted for longer than it lasts."""

    def setUp(self):
        super().setUp()
        self.b = self.balancer([A])
        self.server = self.network[A]

    def test_a_request_counts_while_it_is_under_way(self):
        answers = [self.b(Ask()) for _ in range(3)]
        self.assertEqual(self.loads(self.b), [3])
        self.server.answer()
        self.server.answer(NotSent())
        self.failureResultOf(answers[1], NotSent)
        self.assertEqual(self.loads(self.b), [1])

    def test_it_does_not_when_it_was_answered_at_once_or_failed_or_raised(self):
        def raises(request):
            raise ValueError("a bug")

        for outcome in (lambda _: "answer", lambda _: fail(NotSent()), raises):
            self.server.outcome = outcome
            self.b(Ask()).addErrback(lambda _: None)
            self.assertEqual(self.loads(self.b), [0])

    def test_it_does_not_when_the_service_itself_breaks_its_promise(self):
        class Raises(Service):
            def __call__(self, request):
                raise ValueError("a bug")

        balancer = self.balancer([A], lambda _: Raises())
        self.failureResultOf(balancer(Ask()), ValueError)
        self.failureResultOf(balancer(WAIT), ValueError)
        self.assertEqual(self.loads(balancer), [0])

    def test_it_does_not_when_it_was_cancelled_and_the_server_hears_of_that(self):
        answer = self.b(Ask())
        answer.cancel()
        self.failureResultOf(answer, CancelledError)
        self.assertEqual(self.server.cancelled, [Ask()])
        self.assertEqual(self.loads(self.b), [0])

    def test_it_counts_on_while_a_service_goes_on_with_it_all_the_same(self):
        self.server.deaf = True
        answer = self.b(Ask())
        answer.cancel()
        self.assertEqual(self.loads(self.b), [1])
        self.server.answer()
        self.assertEqual(self.loads(self.b), [0])
        self.assertEqual(self.successResultOf(answer), "answer")

    def test_a_service_may_ask_the_balancer_while_it_is_asked(self):
        depth = iter(range(5))
        self.server.outcome = lambda request: next(depth, None) is None or self.b(request)
        self.assertTrue(self.successResultOf(self.b(Ask())))
        self.assertEqual(self.loads(self.b), [0])

    def test_an_error_passes_as_it_is_and_learns_where_it_happened(self):
        for error in (ApiError(100), ReplyLost(), ValueError()):
            answer = self.b(Ask())
            self.server.answer(error)
            self.assertIs(self.failureResultOf(answer).value, error)
            self.assertEqual(getattr(error, "endpoint", A), A)

    def test_an_error_that_knows_where_it_happened_is_left_alone(self):
        error = ReplyLost()
        error.endpoint = "http://behind:1"
        for request in (Ask(), WAIT):
            answer = self.b(request)
            self.server.answer(error)
            self.assertEqual(self.failureResultOf(answer).value.endpoint, "http://behind:1")

    def test_a_request_is_not_repeated(self):
        balancer = self.balancer()
        for server in self.network:
            server.outcome = lambda _: fail(NotSent())
        self.failureResultOf(balancer(Ask()), NotSent)
        self.assertEqual(self.asked().total(), 1)

    def test_a_measure_of_load_that_raises_is_logged_and_costs_no_answer(self):
        class Broken(LeastLoaded):
            def end(self, *args):
                raise ValueError("a bug")

        balancer = self.balancer([A], lambda _: Service.mk(lambda _: "answer"), load=Broken)
        self.assertEqual(self.successResultOf(balancer(Ask())), "answer")
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)


class LongPollTests(Case):
    def test_all_that_wait_for_one_key_go_to_one_endpoint(self):
        balancer = self.balancer()
        for _ in range(20):
            balancer(WAIT)
        self.assertEqual(sorted(self.asked().values()), [0, 0, 20])

    def test_keys_are_spread_and_another_balancer_spreads_them_in_another_way(self):
        placed = []
        for seed in range(2):
            self.network = Network()
            balancer = self.balancer(random=random.Random(seed))
            for n in range(600):
                balancer(Ask(f"/key-{n}", long_poll=True))
            for count in self.asked().values():
                self.assertLessEqual(abs(count - 200), 75)
            placed.append([each.asked for each in self.network])
        self.assertNotEqual(*placed)

    def test_they_move_when_their_endpoint_is_not_open_and_back_when_it_is(self):
        balancer = self.balancer()
        balancer(WAIT)
        (first,) = [each for each in self.network if each.asked]
        first.state = Status.BUSY
        balancer(WAIT)
        self.assertEqual(len(first.asked), 1)
        first.state = Status.OPEN
        balancer(WAIT)
        self.assertEqual(len(first.asked), 2)

    def test_they_do_not_panic(self):
        balancer = self.balancer()
        self.network[A].state = self.network[C].state = Status.BUSY
        for n in range(50):
            balancer(Ask(f"/key-{n}", long_poll=True))
            balancer(Ask(None, long_poll=True))  # type: ignore[arg-type]
        self.assertEqual(self.asked(), {A: 0, B: 100, C: 0})

    def test_they_are_no_load(self):
        for load in (LeastLoaded, PeakEwma(Clock())):
            balancer = self.balancer(load=load)
            for _ in range(20):
                balancer(WAIT)
            self.assertEqual(self.loads(balancer), [0, 0, 0])

    def test_one_without_a_key_goes_anywhere(self):
        class Poll:
            long_poll = True

        for request, options in (
            (Poll(), {}),
            (WAIT, {"affinity": lambda request: None}),
        ):
            self.network = Network()
            balancer = self.balancer(policy=RoundRobin(), **options)
            for _ in range(6):
                balancer(request)
            self.assertEqual(self.asked(), {A: 2, B: 2, C: 2})

    def test_the_key_is_a_parameter_and_may_be_anything_that_can_be_hashed(self):
        balancer = self.balancer(affinity=lambda request: (request.path[:2], 1))
        for n in range(20):
            balancer(Ask(f"/key-{n}", long_poll=True))
        self.assertEqual(sorted(self.asked().values()), [0, 0, 20])

    def test_a_key_that_cannot_be_hashed_is_an_error_of_the_request(self):
        balancer = self.balancer(affinity=lambda request: [])
        self.failureResultOf(balancer(WAIT), TypeError)

    def test_other_requests_have_no_key(self):
        balancer = self.balancer(affinity=lambda request: 1 / 0)
        for _ in range(30):
            balancer(Ask("/key"))
        self.assertEqual(self.asked(), {A: 10, B: 10, C: 10})

    def test_an_answer_an_error_and_cancelling_pass(self):
        balancer = self.balancer([A])
        one, two, three = (balancer(WAIT) for _ in range(3))
        self.network[A].answer("event")
        self.network[A].answer(ReplyLost())
        self.assertEqual(self.successResultOf(one), "event")
        self.assertEqual(self.failureResultOf(two, ReplyLost).value.endpoint, A)
        three.cancel()
        self.failureResultOf(three, CancelledError)
        self.assertEqual(self.network[A].cancelled, [WAIT])


class ChangeTests(Case):
    def test_an_address_that_disappears_is_asked_no_more_and_one_that_appears_is(self):
        balancer = self.balancer()
        self.set.update(Ok([B, C, "http://d:2379"]))
        for _ in range(30):
            balancer(Ask())
        self.assertEqual(self.asked(), {A: 0, B: 10, C: 10, "http://d:2379": 10})

    def test_requests_under_way_there_are_left_to_end_and_then_it_is_closed(self):
        balancer = self.balancer(policy=RoundRobin())
        answers = [balancer(Ask()) for _ in range(6)]
        a = self.network[A]
        self.set.update(Ok([B, C]))
        self.assertEqual((a.closed, a.cancelled), (0, []))
        a.answer("one")
        self.assertEqual(a.closed, 0)
        a.answer(NotSent())
        self.assertEqual(a.closed, 1)
        self.assertEqual(self.successResultOf(answers[0]), "one")
        self.failureResultOf(answers[3], NotSent)
        self.assertEqual([each.closed for each in (self.network[B], self.network[C])], [0, 0])

    def test_one_without_requests_is_closed_at_once_and_forgotten(self):
        balancer = self.balancer()
        self.network[A].closing = Deferred()
        self.set.update(Ok([B, C]))
        self.assertEqual(self.network[A].closed, 1)
        self.assertEqual(len(balancer._endpoints._leaving), 1)
        self.network[A].closing.callback(None)
        self.assertEqual(balancer._endpoints._leaving, {})

    def test_long_polls_there_fail_at_once_and_can_be_sent_again(self):
        balancer = self.balancer()
        self.set.update(Ok([A]))
        waits = [balancer(WAIT) for _ in range(3)]
        counted = balancer(Ask())
        self.set.update(Ok([B]))
        for wait in waits:
            error = self.failureResultOf(wait, EndpointDown).value
            self.assertTrue(error.retryable)
            self.assertFalse(error.possibly_applied)
            self.assertEqual(error.endpoint, A)
            self.assertIn("none any more", str(error))
        self.assertEqual(self.network[A].cancelled, [WAIT] * 3)
        self.assertNoResult(counted)
        self.assertEqual(self.network[A].closed, 0)

    def test_one_that_asks_again_as_it_fails_is_sent_elsewhere(self):
        balancer = self.balancer()
        self.set.update(Ok([A]))
        again = balancer(WAIT).addErrback(lambda _: balancer(WAIT))
        self.set.update(Ok([B]))
        self.assertNoResult(again)
        self.network[B].answer("event")
        self.assertEqual(self.successResultOf(again), "event")

    def test_one_that_ends_with_another_is_not_cancelled_nor_what_its_user_waits_for(self):
        balancer = self.balancer()
        self.set.update(Ok([A]))
        a = self.network[A]
        cancelled: list[Any] = []

        def answer_the_other(failure):
            a.answer("event")

        for _ in range(2):
            wait = balancer(WAIT)
            wait.addCallbacks(lambda _: Deferred(cancelled.append), answer_the_other)
        self.set.update(Ok([B]))
        self.assertEqual(len(a.cancelled), 1)
        self.assertEqual(cancelled, [])

    def test_a_long_poll_that_goes_on_when_it_is_cancelled_fails_at_once_all_the_same(self):
        balancer = self.balancer()
        self.set.update(Ok([A]))
        self.network[A].deaf = True
        wait = balancer(WAIT)
        self.set.update(Ok([B]))
        self.failureResultOf(wait, EndpointDown)
        self.assertEqual(self.network[A].closed, 1)
        self.network[A].answer(ServiceClosed())
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_one_whose_service_lets_the_endpoint_leave_fails_at_once(self):
        balancer = self.balancer()
        self.set.update(Ok([A]))
        never: Deferred = Deferred()

        def leaves(request):
            self.set.update(Ok([B]))
            return never

        self.network[A].outcome = leaves
        self.failureResultOf(balancer(WAIT), EndpointDown)

    def test_one_whose_service_is_closed_by_that_hears_of_its_endpoint_all_the_same(self):
        balancer = self.balancer()
        self.set.update(Ok([A]))

        def leaves(request):
            self.set.update(Ok([B]))
            raise ServiceClosed

        self.network[A].outcome = leaves
        error = self.failureResultOf(balancer(WAIT), EndpointDown).value
        self.assertEqual(error.endpoint, A)

    def test_one_that_is_answered_as_its_endpoint_leaves_is_answered(self):
        balancer = self.balancer()
        self.set.update(Ok([A]))

        def leaves(request):
            self.set.update(Ok([B]))
            return "event"

        self.network[A].outcome = leaves
        self.assertEqual(self.successResultOf(balancer(WAIT)), "event")

    def test_one_that_its_user_cancels_is_cancelled_whatever_becomes_of_its_endpoint(self):
        balancer = self.balancer()
        self.set.update(Ok([A]))
        waits = [balancer(WAIT), balancer(WAIT)]

        def end_too(failure, other):
            other.cancel()
            return failure.type

        for each, other in (waits, waits[::-1]):
            each.addErrback(end_too, other)
        self.set.update(Ok([B]))
        outcomes = {self.successResultOf(each) for each in waits}
        self.assertEqual(outcomes, {EndpointDown, CancelledError})

    def test_an_address_that_comes_back_has_a_new_service(self):
        balancer = self.balancer()
        self.set.update(Ok([A]))
        old = self.network[A]
        under_way = balancer(Ask())
        self.set.update(Ok([B]))
        self.set.update(Ok([A]))
        new = self.network[A]
        self.assertIsNot(new, old)
        balancer(Ask())
        self.assertEqual((len(old.asked), len(new.asked)), (1, 1))
        old.answer("late")
        self.assertEqual(self.successResultOf(under_way), "late")
        self.assertEqual((old.closed, new.closed), (1, 0))

    def test_one_that_stays_keeps_its_service_and_its_load(self):
        balancer = self.balancer()
        self.set.update(Ok([A]))
        balancer(Ask())
        self.set.update(Ok([B, A]))
        self.assertEqual(self.loads(balancer), [0, 1])
        self.assertEqual(self.network[A].closed, 0)

    def test_a_closing_that_fails_is_logged(self):
        self.balancer()
        for address, closing in ((A, fail(ValueError("a"))), (B, ValueError("b"))):
            self.network[address].closing = closing
        self.set.update(Ok([C]))
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 2)

    def test_an_address_that_cannot_be_connected_is_logged_and_passed_over(self):
        def connect(address):
            if address == B:
                raise ValueError("no URL")
            return self.network(address)

        balancer = self.balancer(connect=connect, policy=RoundRobin())
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)
        for _ in range(4):
            balancer(Ask())
        self.assertEqual(self.asked(), {A: 2, C: 2})

    def test_what_is_no_set_is_logged_and_what_is_known_stays(self):
        balancer = self.balancer()
        for bad in (5, A):
            self.set.update(Ok(bad))
            self.assertEqual(len(self.flushLoggedErrors(TypeError)), 1)
        balancer(Ask())
        self.assertEqual(self.asked().total(), 1)

    def test_a_set_that_is_not_known_any_more_stays_in_use(self):
        balancer = self.balancer()
        for state in (Pending(), Failed(Failure(ValueError()))):
            self.set.update(state)
            balancer(Ask())
        self.assertEqual(self.asked().total(), 2)
        self.assertEqual([each.closed for each in self.network], [0, 0, 0])


class WaitingTests(Case):
    def setUp(self):
        super().setUp()
        self.set = Var(Pending())

    def test_requests_wait_until_the_set_is_known_and_are_sent_in_order(self):
        balancer = self.balancer()
        answers = [balancer(Ask(f"/{n}")) for n in range(3)]
        for answer in answers:
            self.assertNoResult(answer)
        self.set.update(Ok([A]))
        server = self.network[A]
        self.assertEqual(server.asked, [Ask("/0"), Ask("/1"), Ask("/2")])
        for n in range(3):
            server.answer(n)
        self.assertEqual([self.successResultOf(each) for each in answers], [0, 1, 2])
        self.assertEqual(self.loads(balancer), [0])
        self.assertEqual(len(balancer._waiting), 0)

    def test_they_are_sent_in_the_context_of_their_callers(self):
        balancer = self.balancer(connect=lambda _: Service.mk(lambda _: current.get()))
        current.set("caller")
        answer = balancer(Ask())
        current.set("somebody else")
        self.set.update(Ok([A]))
        self.assertEqual(self.successResultOf(answer), "caller")

    def test_one_that_is_cancelled_leaves_and_is_not_sent(self):
        balancer = self.balancer(max_waiting=2)
        one, other = balancer(Ask("/one")), balancer(Ask("/other"))
        one.cancel()
        error = self.failureResultOf(one, RequestCancelled).value
        self.assertFalse(error.possibly_applied)
        balancer(Ask("/third"))
        self.set.update(Ok([A]))
        self.assertEqual(self.network[A].asked, [Ask("/other"), Ask("/third")])
        self.assertNoResult(other)

    def test_cancelling_one_that_was_sent_reaches_the_server(self):
        balancer = self.balancer()
        answer = balancer(Ask())
        self.set.update(Ok([A]))
        answer.cancel()
        self.failureResultOf(answer, CancelledError)
        self.assertEqual(self.network[A].cancelled, [Ask()])
        self.assertEqual(self.loads(balancer), [0])

    def test_cancelling_one_while_it_is_sent_cancels_it(self):
        cancelled: list[Any] = []

        def service(request):
            answer.cancel()
            return Deferred(cancelled.append)

        balancer = self.balancer(connect=lambda _: Service.mk(service))
        answer = balancer(Ask())
        self.set.update(Ok([A]))
        self.failureResultOf(answer, CancelledError)
        self.assertEqual(len(cancelled), 1)
        self.assertEqual(self.loads(balancer), [0])

    def test_one_that_is_cancelled_by_one_before_it_is_not_sent(self):
        server = self.network(A)
        server.outcome = lambda _: "answer"
        balancer = self.balancer(connect=lambda _: server)
        one, other = balancer(Ask("/one")), balancer(Ask("/other"))
        one.addCallback(lambda _: other.cancel())
        self.set.update(Ok([A]))
        self.failureResultOf(other, RequestCancelled)
        self.assertEqual(server.asked, [Ask("/one")])

    def test_one_more_than_may_wait_fails_and_says_so(self):
        for most in (0, 2):
            balancer = self.balancer(max_waiting=most)
            for _ in range(most):
                balancer(Ask())
            error = self.failureResultOf(balancer(Ask()), QueueFull).value
            self.assertEqual(str(error), f"{most} requests wait for an endpoint already")

    def test_a_set_that_cannot_be_had_fails_those_that_wait_and_those_to_come(self):
        balancer = self.balancer()
        waits = balancer(Ask())
        cause = ValueError("no such name")
        self.set.update(Failed(Failure(cause)))
        for answer in (waits, balancer(Ask())):
            error = self.failureResultOf(answer, NoEndpoints).value
            self.assertIn("no such name", str(error))
            self.assertIs(error.__cause__, cause)
            self.assertTrue(error.retryable)
        self.set.update(Ok([A]))
        self.assertNoResult(balancer(Ask()))

    def test_an_empty_set_fails_them_too(self):
        balancer = self.balancer()
        waits = balancer(Ask())
        self.set.update(Ok([]))
        for answer in (waits, balancer(Ask()), balancer(WAIT)):
            self.failureResultOf(answer, NoEndpoints)

    def test_so_does_a_set_that_is_none(self):
        balancer = self.balancer()
        waits = balancer(Ask())
        self.set.update(Ok(5))
        self.flushLoggedErrors(TypeError)
        self.failureResultOf(waits, NoEndpoints)

    def test_one_that_asks_again_as_it_fails_waits_if_the_set_is_not_known_again(self):
        balancer = self.balancer()

        def again(failure):
            self.set.update(Pending())
            return balancer(Ask("/again"))

        answer = balancer(Ask()).addErrback(again)
        self.set.update(Ok([]))
        self.assertNoResult(answer)
        self.set.update(Ok([A]))
        self.assertEqual(self.network[A].asked, [Ask("/again")])

    def test_ten_thousand_that_are_answered_at_once_are_no_recursion(self):
        service: Service = Service.mk(lambda request: "answer")
        balancer = self.balancer(connect=lambda _: service, max_waiting=10_000)
        answers = [balancer(Ask()) for _ in range(10_000)]
        self.set.update(Ok([A]))
        self.assertEqual({self.successResultOf(each) for each in answers}, {"answer"})


class ClosingTests(Case):
    def test_it_closes_each_service_and_waits_for_all(self):
        balancer = self.balancer()
        self.network[B].closing = Deferred()
        closed = balancer.close()
        self.assertEqual([each.closed for each in self.network], [1, 1, 1])
        self.assertNoResult(closed)
        self.network[B].closing.callback(None)
        self.assertIsNone(self.successResultOf(closed))

    def test_it_closes_those_that_are_leaving(self):
        balancer = self.balancer()
        self.set.update(Ok([A]))
        answer = balancer(Ask())
        self.set.update(Ok([B]))
        self.network[A].closing = Deferred()
        closed = balancer.close()
        self.assertEqual([each.closed for each in self.network], [1] * 4)
        self.assertNoResult(closed)
        # As a transport does that is closed.
        self.network[A].answer(ServiceClosed())
        self.failureResultOf(answer, ServiceClosed)
        self.network[A].closing.callback(None)
        self.successResultOf(closed)
        self.assertEqual(self.network[A].closed, 1)

    def test_it_waits_for_those_that_are_closing_already(self):
        balancer = self.balancer()
        self.network[A].closing = Deferred()
        self.set.update(Ok([B]))
        closed = balancer.close()
        self.assertNoResult(closed)
        self.network[A].closing.callback(None)
        self.successResultOf(closed)
        self.assertEqual(self.network[A].closed, 1)

    def test_one_that_answers_as_it_is_closed_does_no_harm(self):
        balancer = self.balancer(policy=RoundRobin())
        for _ in range(6):
            balancer(Ask())
        self.set.update(Ok([B]))
        for address in (A, C):
            self.network[address].answers_at_last = True
        self.successResultOf(balancer.close())
        self.assertEqual([each.closed for each in self.network], [1, 1, 1])

    def test_it_fails_with_the_first_failure_after_all_have_ended(self):
        balancer = self.balancer()
        first = ValueError("first")
        self.network[A].closing = fail(first)
        self.network[B].closing = ValueError("second")
        self.network[C].closing = Deferred()
        closed = balancer.close()
        self.assertNoResult(closed)
        self.network[C].closing.callback(None)
        self.assertIs(self.failureResultOf(closed).value, first)

    def test_closing_twice_closes_each_once_and_both_wait(self):
        balancer = self.balancer()
        self.network[B].closing = Deferred()
        closed = [balancer.close(), balancer.close()]
        self.network[B].closing.callback(None)
        for each in (*closed, balancer.close()):
            self.successResultOf(each)
        self.assertEqual([each.closed for each in self.network], [1, 1, 1])

    def test_giving_up_to_wait_does_no_harm(self):
        balancer = self.balancer()
        self.network[B].closing = Deferred()
        closed = balancer.close()
        closed.cancel()
        self.failureResultOf(closed)
        self.network[B].closing.callback(None)
        self.successResultOf(balancer.close())

    def test_it_observes_no_more(self):
        balancer = self.balancer()
        self.successResultOf(balancer.close())
        self.set.update(Ok(["http://d:2379"]))
        self.assertEqual(len(self.network.made), 3)
        self.assertEqual(self.set.observers, 0)

    def test_an_activity_that_tells_of_changes_all_the_same_is_not_heard(self):
        activity = Plain(Ok([A]))
        balancer = self.balancer(activity)
        (tell,) = activity.told
        self.successResultOf(balancer.close())
        tell(Ok([B]))
        self.assertEqual(len(self.network.made), 1)

    def test_requests_that_wait_and_those_to_come_fail(self):
        self.set = Var(Pending())
        balancer = self.balancer()
        waits = balancer(Ask())
        self.successResultOf(balancer.close())
        for answer in (waits, balancer(Ask()), balancer(WAIT)):
            self.failureResultOf(answer, ServiceClosed)

    def test_what_is_under_way_ends_as_the_service_decides(self):
        balancer = self.balancer()
        self.set.update(Ok([A]))
        answers = [balancer(Ask()), balancer(WAIT)]
        self.successResultOf(balancer.close())
        for answer in answers:
            self.assertNoResult(answer)
            self.network[A].answer(ServiceClosed())
            self.failureResultOf(answer, ServiceClosed)

    def test_it_may_be_closed_by_one_that_fails_as_its_endpoint_leaves(self):
        balancer = self.balancer()
        self.set.update(Ok([A]))
        closed: list[Any] = []
        balancer(WAIT).addErrback(lambda _: closed.append(balancer.close()))
        balancer(Ask())
        self.set.update(Ok([B]))
        self.successResultOf(closed[0])
        self.assertEqual([each.closed for each in self.network], [1] * 4)


class TransparencyTests(Case):
    def test_the_status_is_the_best_of_the_endpoints(self):
        balancer = self.balancer()
        for states, expected in (
            ((Status.CLOSED, Status.BUSY, Status.OPEN), Status.OPEN),
            ((Status.CLOSED, Status.BUSY, Status.BUSY), Status.BUSY),
            ((Status.CLOSED,) * 3, Status.CLOSED),
        ):
            for server, state in zip(self.network, states, strict=True):
                server.state = state
            self.assertIs(balancer.status, expected)

    def test_without_endpoints_it_is_busy_and_closed_it_is_closed(self):
        states: list[Any] = [Pending(), Ok([]), Failed(Failure(ValueError()))]
        for state in states:
            balancer = self.balancer(Activity.of_states(Var(state)))
            self.assertIs(balancer.status, Status.BUSY)
            balancer.close()
            self.assertIs(balancer.status, Status.CLOSED)

    def test_the_repr_tells_each_endpoint_with_its_status_and_load(self):
        self.set.update(Ok([A, B]))
        balancer = self.balancer()
        balancer(Ask())
        self.network[B].state = Status.BUSY
        busy = self.asked()[B]
        self.assertEqual(
            repr(balancer),
            f"<Balancer PowerOfTwoChoices(), <{A} OPEN, load {1 - busy}>, "
            f"<{B} BUSY, load {busy}>>",
        )
        self.network[A].state = Status.CLOSED
        self.assertTrue(repr(balancer).endswith(", panic>"))
        balancer.close()
        self.assertEqual(repr(balancer), "<Balancer PowerOfTwoChoices(), closed>")

    def test_the_repr_tells_that_there_is_none_and_how_many_wait(self):
        balancer = self.balancer(Activity.of_states(Var(Pending())))
        balancer(Ask())
        self.assertEqual(
            repr(balancer), "<Balancer PowerOfTwoChoices(), no endpoint, 1 waiting>"
        )


class BadArgumentTests(Case):
    def test_a_number_out_of_its_range_is_named(self):
        for name, values in (
            ("panic_threshold", (-0.1, 1.1, math.nan)),
            ("max_waiting", (-1, math.nan)),
        ):
            for value in values:
                error = self.assertRaises(ValueError, self.balancer, **{name: value})
                self.assertIn(name, str(error))
                self.assertIn(repr(value), str(error))
        self.assertEqual(self.set.observers, 0)

    def test_a_fixed_set_must_not_be_empty(self):
        self.assertRaises(ValueError, self.balancer, [])

    def test_one_address_is_no_set(self):
        self.assertIn(A, str(self.assertRaises(TypeError, self.balancer, A)))

    def test_an_address_of_a_fixed_set_that_cannot_be_connected_closes_the_others(self):
        def connect(address):
            if address == C:
                raise ValueError("no URL")
            return self.network(address)

        self.assertRaises(ValueError, self.balancer, ADDRESSES, connect)
        self.assertEqual([each.closed for each in self.network], [1, 1])


class SimulationTests(Case):
    """Servers of different speed, in simulated time."""

    def served(self, speeds: list[float], load: Any, rate: float = 50.0) -> list[int]:
        """How many requests each server of some speeds has had, of 6000 at a rate a second."""
        clock = self.clock
        counts = [0] * len(speeds)

        def connect(address):
            n = int(address)

            def serve(request):
                counts[n] += 1
                answer: Deferred = Deferred()
                clock.callLater(speeds[n] * (0.5 + draw.random()), answer.callback, n)
                return answer

            return Service.mk(serve)

        draw = random.Random(3)
        addresses = [str(n) for n in range(len(speeds))]
        balancer = self.balancer(addresses, connect, load=load, random=draw)
        for _ in range(6000):
            balancer(Ask())
            clock.advance(1 / rate)
        clock.advance(100)
        self.assertEqual(clock.getDelayedCalls(), [])
        return counts

    def setUp(self):
        super().setUp()
        self.clock = Clock()

    def test_by_latency_a_server_ten_times_as_slow_has_less_than_a_fiftieth(self):
        slow, *fast = self.served([0.1, 0.01, 0.01], PeakEwma(self.clock))
        self.assertLess(slow, 6000 / 50)
        for each in fast:
            self.assertLess(abs(each - 3000), 300)

    def test_by_requests_under_way_it_has_far_more_while_there_is_little_to_do(self):
        slow, *_ = self.served([0.1, 0.01, 0.01], LeastLoaded)
        self.assertGreater(slow, 6000 / 50)
        self.assertLess(slow, 6000 / 3)

    def test_servers_that_are_alike_have_alike(self):
        for load in (LeastLoaded, PeakEwma(self.clock)):
            for each in self.served([0.02] * 3, load):
                self.assertLess(abs(each - 2000), 250)

    def test_a_server_that_fails_at_once_is_not_preferred(self):
        def connect(address):
            def serve(request):
                counts[address] += 1
                answer: Deferred = fail(NotSent()) if address == "bad" else Deferred()
                if address != "bad":
                    self.clock.callLater(0.01, answer.callback, None)
                return answer

            return Service.mk(serve)

        counts: Counter = Counter()
        balancer = self.balancer(["bad", "good", "fine"], connect, load=PeakEwma(self.clock))
        for _ in range(1000):
            balancer(Ask()).addErrback(lambda _: None)
            self.clock.advance(0.02)
        self.assertLess(counts["bad"], 20)
        self.clock.advance(1)
