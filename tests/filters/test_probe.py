"""Probing: one question at a time, none after closing, and no answer to one that was dropped."""

from __future__ import annotations

import gc
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from txetcd import NotSent, Service
from txetcd.filters.deadline import deadline, remaining
from txetcd.filters.probe import Probing

ASKED: Service = Service.mk(succeed)


def instead(failure: object, other: Deferred) -> Deferred:
    return other


class Case(SynchronousTestCase):
    def setUp(self):
        self.clock = Clock()
        self.questions: list[Deferred] = []
        self.cancelled: list[Deferred] = []
        self.answers: list[Any] = []
        self.wanted = True
        #: The probe, which a test may replace, and what is done with an answer.
        self.asks: Any = self.ask
        self.then: Any = self.answers.append

        def asks(service):
            self.assertIs(service, ASKED)
            return self.asks(service)

        self.probing = Probing(self.clock, asks, lambda: self.wanted, self.answered)

    def tearDown(self):
        self.probing.close()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        for each in self.questions:
            each.addErrback(lambda _: None)
        self.questions.clear()
        gc.collect()
        self.assertEqual(self.flushLoggedErrors(), [])

    def ask(self, service):
        self.questions.append(Deferred(self.cancelled.append))
        return self.questions[-1]

    def answered(self, outcome, service):
        self.assertIs(service, ASKED)
        self.then(outcome.value if isinstance(outcome, Failure) else outcome)

    def ask_now(self) -> None:
        self.probing.ask_in(1, ASKED)
        self.clock.advance(1)


class ProbingTests(Case):
    def test_it_asks_when_the_time_has_come_and_tells_the_answer(self):
        self.probing.ask_in(2, ASKED)
        self.assertFalse(self.probing.idle)
        self.clock.advance(1.99)
        self.assertEqual(self.questions, [])
        self.clock.advance(0.01)
        self.assertEqual(len(self.questions), 1)
        self.assertFalse(self.probing.idle)
        self.questions[0].callback("alive")
        self.assertEqual(self.answers, ["alive"])
        self.assertTrue(self.probing.idle)

    def test_a_failure_is_an_answer_and_is_logged_by_nobody(self):
        error = NotSent("refused")
        self.ask_now()
        self.questions.pop().errback(error)
        self.assertEqual(self.answers, [error])

    def test_a_probe_may_answer_at_once_raise_or_be_a_coroutine(self):
        async def coroutine(service):
            return "alive"

        def raises(service):
            raise ValueError("a bug of the user's")

        for self.asks in (
            coroutine,
            lambda service: "alive",
            lambda service: succeed("alive"),
            lambda service: fail(ZeroDivisionError()),
            raises,
        ):
            self.ask_now()
            self.assertTrue(self.probing.idle)
        self.assertEqual(self.answers[:3], ["alive"] * 3)
        self.assertEqual([type(each) for each in self.answers[3:]], [ZeroDivisionError, ValueError])

    def test_a_question_belongs_to_no_caller_whose_deadline_is_around_when_its_time_comes(self):
        seen: list[float | None] = []

        def plain(service):
            seen.append(remaining())
            return succeed("alive")

        async def coroutine(service):
            seen.append(remaining())
            return "alive"

        for self.asks in (plain, coroutine):
            self.probing.ask_in(1, ASKED)
            with deadline(-1, self.clock):
                self.clock.advance(1)
        self.assertEqual(seen, [None, None])

    def test_what_is_not_wanted_any_more_is_not_asked(self):
        self.probing.ask_in(1, ASKED)
        self.wanted = False
        self.clock.advance(1)
        self.assertEqual(self.questions, [])
        self.assertTrue(self.probing.idle)

    def test_a_new_question_takes_the_place_of_one_that_is_planned(self):
        self.probing.ask_in(1, ASKED)
        self.probing.ask_in(3, ASKED)
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        self.clock.advance(2.9)
        self.assertEqual(self.questions, [])
        self.clock.advance(0.1)
        self.assertEqual(len(self.questions), 1)

    def test_a_new_question_takes_the_place_of_one_that_is_asked(self):
        self.ask_now()
        self.probing.ask_in(1, ASKED)
        self.assertEqual(self.cancelled, self.questions)
        self.clock.advance(1)
        self.questions[1].callback("alive")
        self.assertEqual(self.answers, ["alive"])

    def test_stopping_ends_what_is_planned_or_asked_and_tells_nothing(self):
        self.probing.ask_in(1, ASKED)
        self.probing.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.ask_now()
        self.probing.stop()
        self.assertEqual(self.cancelled, self.questions)
        self.assertTrue(self.probing.idle)
        self.probing.stop()
        self.assertEqual(self.answers, [])

    def test_the_answer_to_one_that_was_stopped_and_goes_on_is_dropped(self):
        for end in (lambda late: late.callback("late"), lambda late: late.errback(NotSent())):
            late: Deferred = Deferred()
            self.asks = lambda service: Deferred().addErrback(instead, late)  # noqa: B023
            self.ask_now()
            self.probing.stop()
            end(late)
        self.assertEqual(self.answers, [])

    def test_once_closed_it_asks_no_more(self):
        self.ask_now()
        self.probing.close()
        self.assertEqual(self.cancelled, self.questions)
        self.ask_now()
        self.assertEqual(len(self.questions), 1)
        self.assertTrue(self.probing.idle)
        self.probing.close()

    def test_closing_ends_what_is_planned(self):
        self.probing.ask_in(1, ASKED)
        self.probing.close()
        self.assertEqual(self.clock.getDelayedCalls(), [])


class ReentrancyTests(Case):
    """What is called by this may call this."""

    def test_the_answer_may_lead_to_the_next_question(self):
        self.then = lambda outcome: self.probing.ask_in(2, ASKED)
        self.ask_now()
        self.questions[0].callback("alive")
        self.clock.advance(2)
        self.assertEqual(len(self.questions), 2)
        self.assertEqual(self.cancelled, [])

    def test_cancelling_a_question_may_plan_another_and_one_is_left(self):
        self.asks = lambda service: Deferred(lambda _: self.probing.ask_in(5, ASKED))
        self.ask_now()
        self.probing.ask_in(3, ASKED)
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)

    def test_cancelling_a_question_may_close_it(self):
        self.asks = lambda service: Deferred(lambda _: self.probing.close())
        self.ask_now()
        self.probing.ask_in(3, ASKED)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertTrue(self.probing.idle)

    def test_a_question_that_stops_or_closes_while_it_is_asked_is_cancelled(self):
        for end in (self.probing.stop, self.probing.close):

            def asks(service, end=end):
                end()
                return self.ask(service)

            self.asks = asks
            self.ask_now()
            self.assertEqual(self.cancelled, self.questions)
            self.assertTrue(self.probing.idle)
        self.assertEqual(self.answers, [])

    def test_a_question_that_plans_another_while_it_is_asked_gives_way_to_it(self):
        def asks(service):
            self.probing.ask_in(2, ASKED)
            return self.ask(service)

        self.asks = asks
        self.ask_now()
        self.assertEqual(self.cancelled, self.questions)
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)

    def test_while_a_question_is_asked_it_is_not_idle(self):
        seen: list[bool] = []
        self.asks = lambda service: seen.append(self.probing.idle)
        self.ask_now()
        self.assertEqual(seen, [False])
