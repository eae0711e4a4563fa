"""LoadShedding: what counts, what is shed and how much, and how it ends."""

from __future__ import annotations

import math
import random

import attrs
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import CancelledError
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from txetcd import (
    ApiError,
    Backoff,
    NotSent,
    ReplyLost,
    RequestTimedOut,
    Service,
    Status,
    UnexpectedResponse,
)
from txetcd.errors import (
    LoadShed,
    QueueFull,
    RequestCancelled,
    ServiceClosed,
    WriteForbidden,
)
from txetcd.filters import Retry
from txetcd.filters.load_shedding import LoadShedding, classify_refusals
from txetcd.model import Get, Set
from txetcd.response_class import ResponseClass
from txetcd.testing.mock import mock_service

READ, WRITE, WAIT = Get("/a"), Set("/a", b"1"), Get("/a", wait=True)
REFUSED = NotSent("refused")


class Drawn:
    """Chance that is always the same."""

    def __init__(self, value: float) -> None:
        self.value = value

    def random(self) -> float:
        return self.value


#: Chance that sheds whatever may be shed, and chance that sheds nothing.
ALWAYS, NEVER = Drawn(0.0), Drawn(1.0)


class Case(SynchronousTestCase):
    def setUp(self):
        self.clock = Clock()
        self.below, self.handle = mock_service()

    def over(self, chance=ALWAYS, **options) -> Service:
        self.shedding: LoadShedding = LoadShedding(self.clock, random=chance, **options)
        return self.shedding >> self.below

    def ask(self, service: Service, reply: object, times: int = 1, request: object = READ) -> int:
        """Ask so many times, where the service replies this; how often it was asked."""
        before = len(self.handle.requests)
        self.handle.always(reply)
        for _ in range(times):
            service(request).addErrback(lambda failure: None)
        return len(self.handle.requests) - before

    def counted(self, reply: object, request: object = READ) -> str:
        """What one request with this outcome counts as."""
        self.ask(self.over(), reply, request=request)
        return repr(self.shedding)[len("<LoadShedding ") :].partition(" requests")[0]


class SheddingTests(Case):
    def test_what_is_accepted_is_never_shed(self):
        self.assertEqual(self.ask(self.over(), "answer", 1000), 1000)
        self.assertEqual(self.shedding.probability, 0)

    def test_nothing_is_shed_while_at_least_half_is_accepted(self):
        service = self.over()
        for _ in range(500):
            self.assertEqual(self.ask(service, "answer"), 1)
            self.assertEqual(self.ask(service, REFUSED), 1)

    def test_where_less_than_half_is_accepted_some_is_shed(self):
        service = self.over()
        self.ask(service, "answer", 49)
        self.ask(service, REFUSED, 50)
        self.assertEqual(self.ask(service, REFUSED, 10), 0)

    def test_the_probability_is_that_of_the_definition(self):
        service = self.over(NEVER, ratio=1.5)
        self.ask(service, "answer", 20)
        self.ask(service, REFUSED, 80)
        self.assertAlmostEqual(self.shedding.probability, (100 - 1.5 * 20) / 101)

    def test_a_request_is_shed_if_chance_falls_below_the_probability(self):
        for drawn, sent in ((0.69, 0), (0.70, 1)):
            service = self.over(Drawn(1.0), ratio=1.5)
            self.ask(service, "answer", 20)
            self.ask(service, REFUSED, 80)
            self.shedding._draw = Drawn(drawn).random
            self.assertEqual(self.ask(service, "answer"), sent)

    def test_chance_that_is_just_the_probability_sheds_nothing(self):
        service = self.over(Drawn(0.5), floor=1)
        self.ask(service, REFUSED)
        self.assertEqual(self.shedding.probability, 0.5)
        self.assertEqual(self.ask(service, REFUSED), 1)

    def test_what_is_shed_fails_at_once_and_says_why(self):
        service = self.over()
        self.ask(service, REFUSED, 10)
        answer = service(READ)
        error = self.failureResultOf(answer, LoadShed).value
        self.assertEqual(
            str(error), "not sent: 0 of 11 requests accepted in 30 s; 91% of requests are shed"
        )
        self.assertTrue(error.retryable)
        self.assertFalse(error.possibly_applied)
        self.assertEqual(len(self.handle.requests), 10)

    def test_what_is_shed_counts_as_a_request_that_was_not_accepted(self):
        service = self.over()
        self.ask(service, "answer", 5)
        self.ask(service, REFUSED, 10)
        self.ask(service, REFUSED, 100)
        self.assertIn("5 of 115 requests", repr(self.shedding))

    def test_no_randomness_given_is_that_of_python(self):
        service: Service = LoadShedding(self.clock) >> self.below
        self.assertTrue(0 < self.ask(service, REFUSED, 1000) < 200)


class FloorTests(Case):
    def test_a_few_refusals_shed_nothing(self):
        for floor in (0, 1, 10, 25):
            self.assertEqual(self.ask(self.over(floor=floor), REFUSED, 100), max(1, floor))

    def test_at_a_low_rate_nothing_is_ever_shed(self):
        service = self.over(window=10, floor=10)
        for _ in range(100):
            self.clock.advance(1.2)
            self.assertEqual(self.ask(service, REFUSED), 1)

    def test_the_first_request_of_each_tenth_of_the_window_is_sent_whatever_happened(self):
        service = self.over(window=10)
        self.ask(service, REFUSED, 100)
        for _ in range(30):
            self.clock.advance(1)
            self.assertEqual(self.ask(service, REFUSED, 100), 1)


class ForgettingTests(Case):
    def test_outcomes_count_for_the_window_to_within_a_tenth(self):
        self.ask(self.over(NEVER, window=10), REFUSED, 100)
        self.clock.advance(9.0)
        self.assertGreater(self.shedding.probability, 0.9)
        self.clock.advance(2.0)
        self.assertEqual(self.shedding.probability, 0)
        self.assertIn("0 of 0 requests", repr(self.shedding))

    def test_old_outcomes_go_and_new_ones_stay(self):
        service = self.over(NEVER, window=10)
        self.ask(service, REFUSED, 50)
        self.clock.advance(5)
        self.ask(service, "answer", 7)
        self.clock.advance(5)
        self.assertIn("7 of 7 requests", repr(self.shedding))
        self.clock.advance(5)
        self.assertIn("0 of 0 requests", repr(self.shedding))

    def test_memory_is_bounded_whatever_the_traffic(self):
        service = self.over(NEVER, window=10)
        for _ in range(1000):
            self.clock.advance(0.05)
            self.ask(service, REFUSED, 3)
        self.assertLessEqual(len(self.shedding._seen), 11)

    def test_after_a_clock_was_set_back_it_begins_afresh(self):
        service = self.over(window=10)
        self.clock.advance(1_000_000)
        self.ask(service, REFUSED, 100)
        self.clock.rightNow = 10.0
        self.assertEqual(self.shedding.probability, 0)
        self.assertEqual(self.ask(service, REFUSED, 100), 10)

    @settings(deadline=None, max_examples=100)
    @given(
        st.lists(
            st.tuples(st.sampled_from([0, 0.3, 1, 4.9, 7, 11]), st.booleans(), st.integers(1, 9)),
            max_size=30,
        )
    )
    def test_the_counts_are_those_of_the_window_to_within_a_tenth(self, steps):
        clock = Clock()
        shedding: LoadShedding = LoadShedding(clock, window=10, random=NEVER)
        below, handle = mock_service()
        service = shedding >> below
        seen: list[tuple[float, int, int]] = []
        for gap, accepted, times in steps:
            clock.advance(gap)
            handle.always("answer" if accepted else REFUSED)
            for _ in range(times):
                service(READ).addErrback(lambda failure: None)
            seen.append((clock.seconds(), times, times if accepted else 0))
            shedding._seen.move()
            requests, accepts, _ = shedding._seen.totals
            for which, count in ((1, requests), (2, accepts)):
                least = sum(each[which] for each in seen if each[0] > clock.seconds() - 9)
                most = sum(each[which] for each in seen if each[0] > clock.seconds() - 11)
                self.assertTrue(least <= count <= most, (least, count, most))


class CountingTests(Case):
    def test_a_response_is_an_accept_and_so_is_an_answer_that_is_an_error(self):
        for reply in ("answer", None, ApiError(100), ApiError(101), UnexpectedResponse(404)):
            self.assertEqual(self.counted(reply), "1 of 1", reply)
            self.assertEqual(self.counted(reply, WRITE), "1 of 1", reply)

    def test_what_was_certainly_not_carried_out_is_a_refusal(self):
        for reply in (NotSent("refused"), RequestTimedOut(1, None, False)):
            for request in (READ, WRITE, "any request"):
                self.assertEqual(self.counted(reply, request), "0 of 1", reply)

    def test_a_read_that_failed_in_passing_is_a_refusal(self):
        for reply in (ReplyLost(), RequestTimedOut(1), UnexpectedResponse(503), ApiError(300)):
            self.assertEqual(self.counted(reply), "0 of 1", reply)

    def test_a_write_that_may_have_been_carried_out_does_not_count(self):
        for reply in (ReplyLost(), RequestTimedOut(1), UnexpectedResponse(503), ApiError(300)):
            for request in (WRITE, "any request"):
                self.assertEqual(self.counted(reply, request), "0 of 0", reply)

    def test_what_the_service_never_saw_does_not_count(self):
        for reply in (QueueFull(), LoadShed(), WriteForbidden(), ServiceClosed(), CancelledError()):
            self.assertEqual(self.counted(reply), "0 of 0", reply)

    def test_a_bug_is_no_sign_of_too_much_load(self):
        self.assertEqual(self.counted(ZeroDivisionError()), "1 of 1")

    def test_a_request_counts_when_its_outcome_is_known(self):
        service = self.over(floor=1)
        for _ in range(100):
            service(READ)
        self.assertEqual(self.handle.unanswered, 100)
        self.assertIn("0 of 0", repr(self.shedding))
        self.handle.next().reply("answer")
        self.assertIn("1 of 1", repr(self.shedding))

    def test_it_counts_for_the_window_from_then(self):
        service = self.over(window=10)
        service(READ)
        self.clock.advance(60)
        self.handle.next().reply("answer")
        self.clock.advance(8)
        self.assertIn("1 of 1", repr(self.shedding))

    def test_a_classifier_may_see_it_in_responses(self):
        def by_status(request, outcome):
            busy = outcome in (429, 503)
            return ResponseClass.RETRYABLE if busy else classify_refusals(request, outcome)

        service = self.over(classifier=by_status)
        self.ask(service, 503, 10)
        self.assertEqual(self.ask(service, 503, 100), 0)

    def test_a_classifier_that_fails_is_the_outcome(self):
        service = self.over(classifier=lambda request, outcome: 1 / 0)
        self.handle.always("answer")
        self.failureResultOf(service(READ), ZeroDivisionError)

    def test_the_default_is_a_function_of_its_own(self):
        self.assertIs(classify_refusals(READ, "answer"), ResponseClass.SUCCESS)
        self.assertIs(classify_refusals(WRITE, Failure(REFUSED)), ResponseClass.RETRYABLE)


class PassingTests(Case):
    def test_the_outcome_is_what_it_is_below(self):
        service, error = self.over(), ReplyLost("reset")
        answers = [service(READ), service(READ)]
        self.handle.next().reply("answer")
        self.handle.next().fail(error)
        self.assertEqual(self.successResultOf(answers[0]), "answer")
        self.assertIs(self.failureResultOf(answers[1]).value, error)

    def test_waits_pass_and_do_not_count(self):
        service = self.over()
        self.ask(service, REFUSED, 10)
        self.assertEqual(self.ask(service, REFUSED, 100, WAIT), 100)
        self.assertIn("0 of 10 requests", repr(self.shedding))

    def test_what_passes_is_the_users_to_choose(self):
        service = self.over(unless=lambda request: request == "vital")
        self.ask(service, REFUSED, 10)
        self.assertEqual(self.ask(service, REFUSED, 100, "vital"), 100)
        self.assertEqual(self.ask(service, REFUSED, 100, WAIT), 0)

    def test_cancelling_cancels_the_request_below_and_counts_as_nothing(self):
        service = self.over()
        for hold in (False, True):
            answer = service(READ)
            asked = self.handle.next()
            if hold:
                asked.hold_on_cancel()
            answer.cancel()
            self.assertTrue(asked.cancelled)
            if hold:
                asked.fail(RequestCancelled())
            self.failureResultOf(answer, CancelledError)
        self.assertIn("0 of 0", repr(self.shedding))

    def test_a_service_that_asks_in_turn_is_counted_right(self):
        depth = [0]

        async def below(request):
            depth[0] += 1
            return "answer" if depth[0] == 5 else await service(request)

        self.shedding = LoadShedding(self.clock)
        service: Service = self.shedding >> Service.mk(below)
        self.assertEqual(self.successResultOf(service(READ)), "answer")
        self.assertIn("5 of 5", repr(self.shedding))

    def test_it_makes_no_delayed_call(self):
        self.ask(self.over(), REFUSED, 100)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_below_a_retry_each_attempt_counts(self):
        retry: Retry = Retry(self.clock, backoff=Backoff.constant(1).take(2))
        service = retry >> self.over()
        self.handle.always(REFUSED)
        answer = service(READ)
        self.clock.pump([1, 1])
        self.failureResultOf(answer, NotSent)
        self.assertIn("0 of 3", repr(self.shedding))


class StatusTests(Case):
    def test_it_is_busy_while_something_may_be_shed(self):
        service = self.over(window=10)
        self.assertIs(service.status, Status.OPEN)
        self.ask(service, REFUSED, 9)
        self.assertIs(service.status, Status.OPEN)
        self.ask(service, REFUSED, 1)
        self.assertIs(service.status, Status.BUSY)
        self.clock.advance(10)
        self.assertIs(service.status, Status.OPEN)

    def test_it_is_never_better_than_that_of_the_service(self):
        service = self.over()
        for busy in (False, True):
            for status in (Status.BUSY, Status.CLOSED):
                self.handle.status = status
                self.assertIs(service.status, status, busy)
            self.ask(service, REFUSED, 10)

    def test_closing_closes_the_service(self):
        self.successResultOf(self.over().close())
        self.assertTrue(self.handle.closed)

    def test_the_repr_tells_what_was_counted_and_what_follows(self):
        service = self.over(NEVER)
        self.ask(service, "answer", 12)
        self.ask(service, REFUSED, 38)
        self.assertEqual(
            repr(self.shedding),
            "<LoadShedding 12 of 50 requests accepted in 30 s; sheds 51%>",
        )


class ArgumentTests(Case):
    def test_what_is_out_of_range_is_refused_and_named(self):
        for name, wrongs in {
            "ratio": (0.99, 0, -1, math.nan, math.inf),
            "window": (0, -1, math.nan, math.inf),
            "floor": (-1, math.nan, math.inf),
        }.items():
            for wrong in wrongs:
                error = self.assertRaises(ValueError, LoadShedding, self.clock, **{name: wrong})
                self.assertIn(name, str(error))
                self.assertIn(f"not {wrong!r}", str(error))

    def test_the_least_of_each_is_in_range(self):
        service = self.over(ratio=1, window=5e-324, floor=0)
        self.assertEqual(self.ask(service, "answer", 10), 10)


@attrs.define
class Server:
    """Accepts so many requests a second, and refuses what is more."""

    clock: Clock
    capacity: int
    second: int = -1
    taken: int = 0
    seen: int = 0
    accepted: int = 0

    def __call__(self, request):
        self.seen += 1
        if self.second != int(self.clock.seconds()):
            self.second, self.taken = int(self.clock.seconds()), 0
        if self.taken >= self.capacity:
            raise NotSent("too busy")
        self.taken += 1
        self.accepted += 1
        return "answer"


class DistributionTests(SynchronousTestCase):
    """A server that can take 100 requests a second, and is asked for 1000."""

    def setUp(self):
        self.clock = Clock()
        self.server = Server(self.clock, 100)
        chance = random.Random(7)
        self.shedding: LoadShedding = LoadShedding(self.clock, window=10, random=chance)
        self.service = self.shedding >> Service.mk(self.server)

    def assert_near(self, value: float, expected: float, distance: float) -> None:
        self.assertTrue(abs(value - expected) <= distance, (value, expected))

    def run_for(self, seconds: int, rate: int = 1000) -> tuple[float, float]:
        """How many requests the server saw, and accepted, a second."""
        seen, accepted = self.server.seen, self.server.accepted
        for _ in range(seconds * rate):
            self.clock.advance(1 / rate)
            self.service(READ).addErrback(lambda failure: None)
        return (self.server.seen - seen) / seconds, (self.server.accepted - accepted) / seconds

    def test_the_server_sees_about_twice_what_it_accepts_and_goes_on_accepting(self):
        self.run_for(20)
        seen, accepted = self.run_for(30)
        self.assert_near(accepted, 100, 5)
        self.assert_near(seen, 200, 20)

    def test_with_another_ratio_it_sees_as_much_more(self):
        self.shedding._ratio = 1.2
        self.run_for(20)
        seen, accepted = self.run_for(30)
        self.assert_near(seen / accepted, 1.2, 0.12)

    def test_a_server_that_is_down_is_left_alone_but_for_a_few(self):
        self.server.capacity = 0
        self.run_for(20)
        seen, _ = self.run_for(30)
        # The first of each tenth of the window, and one for each window by chance.
        self.assert_near(seen, 1.1, 0.4)

    def test_when_it_recovers_the_accepts_grow_e_fold_in_each_window_divided_by_the_ratio(self):
        self.server.capacity = 0
        self.run_for(20)
        self.server.capacity = 1000
        self.run_for(10)
        rates = [self.run_for(5)[1] for _ in range(2)]
        self.assert_near(math.log(rates[1] / rates[0]), 1, 0.35)
        self.run_for(30)
        self.assertEqual(self.run_for(1)[1], 1000)
        self.assertEqual(self.shedding.probability, 0)
