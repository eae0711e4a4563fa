"""What everything is simulated with: the clock, the times, the servers and the users."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from random import Random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred, fail
from twisted.internet.error import AlreadyCalled, AlreadyCancelled
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.simulation.clock import SimulatedClock
from tests.simulation.draws import constant, exponential, lognormal, now_and_then
from tests.simulation.faults import READ, Fault, Kind
from tests.simulation.servers import Server, attempt, servers
from tests.simulation.users import Sample, Samples, Users
from txetcd import NotSent, RequestTimedOut, Service, UnexpectedResponse

TENTHS = st.integers(0, 50).map(lambda n: n / 10)


class ClockTests(SynchronousTestCase):
    def setUp(self):
        self.clock = SimulatedClock()
        self.made: list[Any] = []

    @given(st.lists(st.tuples(TENTHS, st.booleans()), max_size=20))
    def test_it_makes_the_calls_of_a_clock_of_twisted_in_the_same_order(self, plan):
        made = [self.follow(clock, plan) for clock in (Clock(), SimulatedClock())]
        self.assertEqual(made[0], made[1])

    def follow(self, clock: Any, plan: list[tuple[float, bool]]) -> list[int]:
        """Make calls, each of which cancels one that may be still to come."""
        made: list[int] = []

        def call(n: int) -> None:
            made.append(n)
            if calls[-n].active():
                calls[-n].cancel()

        calls = [clock.callLater(delay, call, n) for n, (delay, _) in enumerate(plan)]
        for each, (_, cancelled) in zip(calls, plan, strict=True):
            if cancelled:
                each.cancel()
        (clock.advance if isinstance(clock, Clock) else clock.run)(10)
        self.assertEqual(clock.getDelayedCalls(), [])
        return made

    def test_the_time_is_that_of_the_call_and_in_the_end_what_was_asked_for(self):
        self.clock.callLater(2, lambda: self.made.append(self.clock.seconds()))
        self.clock.run(5)
        self.assertEqual((self.made, self.clock.seconds()), ([2], 5))

    def test_a_call_that_is_later_is_left(self):
        call = self.clock.callLater(2, self.made.append, 1)
        self.clock.run(1.9)
        self.assertEqual((self.made, call.active()), ([], True))
        self.assertEqual(self.clock.getDelayedCalls(), [call])
        self.clock.run(2)
        self.assertEqual((self.made, call.active()), ([1], False))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_call_is_cancelled_once_and_only_before_it_is_made(self):
        call, other = (self.clock.callLater(1, self.made.append, n) for n in (1, 2))
        call.cancel()
        self.assertRaises(AlreadyCancelled, call.cancel)
        self.clock.run(1)
        self.assertEqual(self.made, [2])
        self.assertRaises(AlreadyCalled, other.cancel)

    def test_its_repr_tells_the_time_and_what_is_to_come(self):
        self.clock.callLater(3, self.made.append, 1)
        self.clock.run(1)
        self.assertEqual(repr(self.clock), "<SimulatedClock 1 s, 1 calls>")


class DrawTests(SynchronousTestCase):
    def drawn(self, time: Callable[..., float], count: int = 20_000) -> list[float]:
        draw = Random(1).random
        return sorted(time(draw) for _ in range(count))

    def test_an_exponential_time_has_its_mean(self):
        times = self.drawn(exponential(2.0))
        self.assertApproximates(sum(times) / len(times), 2.0, 0.06)

    def test_a_lognormal_time_has_its_median_and_its_spread(self):
        times = self.drawn(lognormal(2.0, 0.5))
        self.assertApproximates(times[len(times) // 2], 2.0, 0.04)
        # One of a normal distribution's standard deviations above.
        self.assertApproximates(times[int(len(times) * 0.8413)], 2.0 * 1.6487, 0.08)

    def test_the_rare_time_is_taken_by_its_share(self):
        times = self.drawn(now_and_then(0.1, constant(9), constant(1)))
        self.assertApproximates(times.count(9) / len(times), 0.1, 0.01)

    def test_times_are_whole_microseconds(self):
        for time in (exponential(0.01), lognormal(0.01, 1)):
            for each in self.drawn(time, 100):
                self.assertEqual(each, round(each, 6))


class ServerTests(SynchronousTestCase):
    def setUp(self):
        self.clock = SimulatedClock()

    def server(self, **options: Any) -> Server:
        options.setdefault("workers", 1)
        options.setdefault("time", constant(1.0))
        return Server(self.clock, Random(1), **options)

    def ask(self, server: Service, count: int = 1) -> list[Deferred]:
        return [server(READ) for _ in range(count)]

    def test_it_works_on_so_many_at_a_time_the_first_to_come_first(self):
        server = self.server(workers=2)
        answers = self.ask(server, 5)
        for seconds, answered in ((0.9, 0), (1.0, 2), (2.0, 4), (3.0, 5)):
            self.clock.run(seconds)
            self.assertEqual([each.called for each in answers], [n < answered for n in range(5)])
        self.assertEqual(server.answered, [1, 1, 2, 2, 3])
        self.assertEqual((server.done, server.wasted), (5, 0))

    def test_it_works_on_what_nobody_waits_for(self):
        server = self.server()
        first, second = self.ask(server, 2)
        first.cancel()
        self.failureResultOf(first)
        self.clock.run(1.5)
        self.assertNoResult(second)
        self.clock.run(2)
        self.assertIsNone(self.successResultOf(second))
        self.assertEqual((server.done, server.wasted), (2, 1))

    def test_one_more_than_there_is_room_for_is_answered_503(self):
        server = self.server(room=2)
        answers = self.ask(server, 4)
        self.assertEqual(self.failureResultOf(answers[3], UnexpectedResponse).value.status, 503)
        self.clock.run(3)
        self.assertEqual([each.called for each in answers[:3]], [True] * 3)

    def test_the_next_request_waits_for_what_refusals_have_cost(self):
        server = self.server(room=1, refusal=0.5)
        answers = self.ask(server, 4)
        for each in answers[2:]:
            self.failureResultOf(each, UnexpectedResponse)
        self.clock.run(2.9)
        self.assertNoResult(answers[1])
        self.clock.run(3)
        self.assertIsNone(self.successResultOf(answers[1]))

    def test_a_server_that_refuses_is_not_sent_anything(self):
        server = self.server(faults=[Fault(Kind.REFUSES, 0, 5)])
        self.failureResultOf(server(READ), NotSent)
        self.assertEqual((server.during_faults, server.attempts.total()), (1, 1))

    def test_what_is_sent_to_one_that_hangs_is_lost(self):
        server = self.server(faults=[Fault(Kind.HANGS, 0, 5)])
        lost = server(READ)
        self.clock.run(5)
        answer = server(READ)
        self.clock.run(20)
        self.assertNoResult(lost)
        self.assertIsNone(self.successResultOf(answer))
        lost.cancel()
        self.failureResultOf(lost)

    def test_one_that_stalls_begins_nothing_and_then_all(self):
        server = self.server(workers=2, faults=[Fault(Kind.STALLS, 0.5, 5)])
        before = server(READ)
        self.clock.run(0.5)
        answers = self.ask(server, 3)
        self.clock.run(5.9)
        self.assertIsNone(self.successResultOf(before))
        self.assertEqual([each.called for each in answers], [False] * 3)
        self.clock.run(7)
        self.assertEqual(server.answered, [1, 6, 6, 7])

    def test_one_that_fails_answers_503(self):
        server = self.server(faults=[Fault(Kind.FAILS, 0, 5)])
        self.failureResultOf(server(READ), UnexpectedResponse)

    def test_a_slow_one_takes_ten_times_as_long(self):
        server = self.server(faults=[Fault(Kind.SLOW, 0, 5)])
        server(READ)
        self.clock.run(20)
        self.assertEqual(server.answered, [10])

    def test_it_counts_what_it_was_sent_in_each_second(self):
        server = self.server()
        for seconds in (0.1, 0.9, 1.0, 3.5):
            self.clock.run(seconds)
            server(READ)
        self.assertEqual(dict(server.attempts), {0: 2, 1: 1, 3: 1})

    def test_an_attempt_is_given_up_in_time(self):
        server = self.server(time=constant(2.0))
        answer = attempt(self.clock, 1.0, server)(READ)
        self.clock.run(1)
        self.failureResultOf(answer, RequestTimedOut)
        self.clock.run(2)
        self.assertEqual(server.wasted, 1)

    def test_several_have_faults_and_randomness_of_their_own(self):
        fault = Fault(Kind.REFUSES, 0, 5)
        there = servers(self.clock, 1, 3, {1: [fault]}, workers=1, time=exponential(1))
        self.assertEqual(list(there), ["server 0", "server 1", "server 2"])
        self.failureResultOf(there["server 1"](READ), NotSent)
        for each in ("server 0", "server 2"):
            there[each](READ)
        self.clock.run(50)
        self.assertNotEqual(there["server 0"].answered, there["server 2"].answered)

    def test_its_repr_tells_what_it_has_done(self):
        server = self.server()
        self.ask(server, 3)
        self.clock.run(1)
        self.assertEqual(repr(server), "<Server 1 done, 1 waiting>")


class UsersTests(SynchronousTestCase):
    def setUp(self):
        self.clock = SimulatedClock()

    def users(self, *services: Service, rate: float = 100, until: float = 50) -> Users:
        return Users(self.clock, Random(1), services, rate, until)

    def test_they_come_at_random_at_a_rate(self):
        """A Poisson process: of its gaps the mean and the standard deviation are the same."""
        samples = self.users(Service.mk(lambda request: None)).run()
        times = [each.began for each in samples]
        gaps = [b - a for a, b in pairwise(times)]
        mean = sum(gaps) / len(gaps)
        deviation = (sum((gap - mean) ** 2 for gap in gaps) / len(gaps)) ** 0.5
        self.assertApproximates(len(samples), 5000, 200)
        self.assertApproximates(deviation / mean, 1.0, 0.05)

    def test_they_do_not_wait_for_those_before(self):
        server = Server(self.clock, Random(1), workers=1, time=constant(1.0))
        samples = self.users(server, rate=10, until=3).run()
        self.assertGreater(len(samples), 15)
        self.assertLess(max(each.began for each in samples), 3)
        self.assertGreater(max(each.ended for each in samples), len(samples))

    def test_they_use_all_clients_alike(self):
        asked: list[int] = []

        def client(n: int) -> Service:
            return Service.mk(lambda request: asked.append(n))

        self.users(*map(client, range(4))).run()
        for n in range(4):
            self.assertApproximates(asked.count(n) / len(asked), 0.25, 0.03)

    def test_a_failure_is_counted(self):
        refusing = Service.mk(lambda request: fail(NotSent()))
        samples = self.users(refusing, rate=10, until=2).run()
        self.assertEqual(samples.failed, len(samples))

    def test_a_request_that_does_not_end_is_an_error(self):
        users = self.users(Service.mk(lambda request: Deferred()), rate=10, until=1)
        self.assertIn("have not ended", str(self.assertRaises(RuntimeError, users.run)))

    def test_the_same_seed_is_the_same_once_more(self):
        found = []
        for _ in range(2):
            clock = SimulatedClock()
            server = Server(clock, Random(2), workers=2, time=exponential(0.01))
            found.append(Users(clock, Random(1), [server], 100, 5).run())
        self.assertEqual(found[0], found[1])


class SamplesTests(SynchronousTestCase):
    samples = Samples(Sample(n, n + n / 10, n != 7) for n in range(1, 11))

    def test_a_quantile_is_that_of_the_nearest_rank(self):
        for share, seconds in ((0.5, 0.5), (0.51, 0.6), (0.9, 0.9), (0.999, 1.0), (1.0, 1.0)):
            self.assertAlmostEqual(self.samples.quantile(share), seconds)

    def test_those_between_two_times_are_those_that_began_then(self):
        self.assertEqual([each.began for each in self.samples.between(3, 6)], [3, 4, 5])

    def test_failures_are_counted_and_are_no_answers(self):
        self.assertEqual(self.samples.failed, 1)
        self.assertEqual(self.samples.answered_per_second(8), [0, 1, 1, 1, 1, 1, 1, 0])
