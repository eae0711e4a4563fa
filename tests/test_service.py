"""The algebra of services and filters, and the three rules that hold everywhere in it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import attrs
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.trial.unittest import SynchronousTestCase

from txetcd import Filter, Service, ServiceFactory, Status

# --- the laws, on filters made up by hypothesis --------------------------------


class Refused(Exception):
    """What some of the generated filters and services fail with."""


Below = Callable[[Any], Awaitable[Any]]
Behaviour = Callable[[Any, Below, int], Awaitable[Any]]


async def asks_for_more(request, service, n):
    return await service((*request, n))


async def answers_more(request, service, n):
    return (*await service(request), -n)


async def asks_twice(request, service, n):
    return (*await service((*request, n)), *await service(request))


async def answers_itself(request, service, n):
    return (n,)


async def refuses(request, service, n):
    raise Refused(n)


async def rescues(request, service, n):
    try:
        return await service(request)
    except Refused as error:
        return (n, *error.args)


BEHAVIOURS: list[Behaviour] = [
    asks_for_more,
    answers_more,
    asks_twice,
    answers_itself,
    refuses,
    rescues,
]


@attrs.frozen
class Link:
    """A filter twice: as a behaviour of plain coroutines, and as a filter of txetcd."""

    name: str
    behaviour: Behaviour
    n: int
    filter: Filter

    def over(self, below: Below) -> Below:
        """The behaviour on top of another, with no txetcd in it."""
        return lambda request: self.behaviour(request, below, self.n)


def made_async(behaviour: Behaviour, n: int, name: str) -> Filter:
    async def function(request, service):
        return await behaviour(request, service, n)

    function.__qualname__ = name
    return Filter.mk(function)


def made_of_a_deferred(behaviour: Behaviour, n: int, name: str) -> Filter:
    def function(request, service):
        return Deferred.fromCoroutine(behaviour(request, service, n))  # type: ignore[arg-type]

    function.__qualname__ = name
    return Filter.mk(function)


def made_to_answer_at_once(behaviour: Behaviour, n: int, name: str) -> Filter:
    """A plain function, which returns or raises before anything waits, where it can."""

    def function(request, service):
        if behaviour is refuses:
            raise Refused(n)
        if behaviour is answers_itself:
            return (n,)
        if behaviour is asks_for_more:
            return service((*request, n))
        return Deferred.fromCoroutine(behaviour(request, service, n))  # type: ignore[arg-type]

    function.__qualname__ = name
    return Filter.mk(function)


def made_a_subclass(behaviour: Behaviour, n: int, name: str) -> Filter:
    class Subclass(Filter):
        async def apply(self, request, service):
            return await behaviour(request, service, n)

        def __repr__(self):
            return f"Filter.mk({name})"

    return Subclass()


MAKERS = [made_async, made_of_a_deferred, made_to_answer_at_once, made_a_subclass]


@st.composite
def links(draw) -> Link:
    behaviour, n = draw(st.sampled_from(BEHAVIOURS)), draw(st.integers(1, 9))
    name = f"{behaviour.__name__}_{n}"
    return Link(name, behaviour, n, draw(st.sampled_from(MAKERS))(behaviour, n, name))


def composed(draw, filters: list[Filter]) -> Filter:
    """Some filters in order, with parentheses put at random."""
    if not filters:
        return Filter.identity
    if len(filters) == 1:
        return filters[0]
    cut = draw(st.integers(0, len(filters)))
    if cut in (0, len(filters)):
        # One side is empty, so is the identity.
        cut = draw(st.integers(1, len(filters) - 1))
        left, right = composed(draw, filters[:cut]), composed(draw, filters[cut:])
        return Filter.identity >> left >> Filter.identity >> right
    return composed(draw, filters[:cut]) >> composed(draw, filters[cut:])


async def bottom(request):
    if len(request) > 3:
        raise Refused("too much")
    return ("bottom", *request)


BOTTOM = Service.mk(bottom)


def outcome(case: SynchronousTestCase, answer: Deferred) -> Any:
    results: list = []
    answer.addBoth(results.append)
    case.assertEqual(len(results), 1)
    value = getattr(results[0], "value", None)
    if value is None:
        return results[0]
    case.assertIsInstance(value, Refused)
    return ("refused", *value.args)


class LawTests(SynchronousTestCase):
    @settings(deadline=None, max_examples=150)
    @given(st.data(), st.lists(links(), max_size=5), st.lists(st.integers(1, 9), max_size=3))
    def test_a_composition_is_the_nesting_of_its_filters_however_it_was_put_together(
        self, data, chosen, request
    ):
        stack = composed(data.draw, [link.filter for link in chosen]) >> BOTTOM
        nested: Below = bottom
        for link in reversed(chosen):
            nested = link.over(nested)
        expected = outcome(self, Deferred.fromCoroutine(nested(tuple(request))))  # type: ignore[arg-type]
        self.assertEqual(outcome(self, stack(tuple(request))), expected)

    @settings(deadline=None, max_examples=60)
    @given(links(), links(), links(), st.lists(st.integers(1, 9), max_size=3))
    def test_composition_is_associative(self, first, second, third, request):
        a, b, c = first.filter, second.filter, third.filter
        ways = [
            ((a >> b) >> c) >> BOTTOM,
            (a >> (b >> c)) >> BOTTOM,
            (a >> b) >> (c >> BOTTOM),
            a >> ((b >> c) >> BOTTOM),
            a >> (b >> (c >> BOTTOM)),
            a.and_then(b).and_then(c).and_then(BOTTOM),
        ]
        outcomes = [outcome(self, way(tuple(request))) for way in ways]
        self.assertEqual(outcomes, outcomes[:1] * len(ways))
        self.assertEqual({repr(way) for way in ways}, {repr(ways[0])})

    @settings(deadline=None, max_examples=30)
    @given(st.data(), st.lists(links(), min_size=1, max_size=5))
    def test_the_repr_reads_as_it_was_written_whatever_the_parentheses(self, data, chosen):
        filters = composed(data.draw, [link.filter for link in chosen])
        written = " >> ".join(f"Filter.mk({link.name})" for link in chosen)
        self.assertEqual(repr(filters), written)
        self.assertEqual(repr(filters >> BOTTOM), f"{written} >> Service.mk(bottom)")
        factory = ServiceFactory.mk(opened)
        self.assertEqual(repr(filters >> factory), f"{written} >> ServiceFactory.mk(opened)")

    @settings(deadline=None, max_examples=30)
    @given(st.lists(links(), min_size=2, max_size=4), st.lists(st.integers(1, 9), max_size=3))
    def test_a_composed_filter_can_be_applied_as_a_simple_one_can(self, chosen, request):
        filters: Filter = Filter.identity
        for link in chosen:
            filters = filters >> link.filter
        applied: Any = filters.apply(tuple(request), BOTTOM)
        self.assertEqual(
            outcome(self, applied), outcome(self, (filters >> BOTTOM)(tuple(request)))
        )

    def test_the_identity_leaves_no_trace_in_a_composition(self):
        identity = Filter.identity
        simple, factory = Filter.mk(passing), ServiceFactory.mk(opened)
        self.assertIs(identity >> BOTTOM, BOTTOM)
        self.assertIs(identity >> simple, simple)
        self.assertIs(simple >> identity, simple)
        self.assertIs(identity >> factory, factory)
        self.assertIs(identity >> identity, identity)
        chain = simple >> simple
        self.assertIs(chain >> identity, chain)

    def test_the_identity_is_a_filter_like_any_other(self):
        applied: Any = Filter.identity.apply((1,), BOTTOM)
        self.assertEqual(self.successResultOf(applied), ("bottom", 1))
        self.assertEqual(repr(Filter.identity), "Filter.identity")


def passing(request, service):
    return service(request)


async def passing_async(request, service):
    return await service(request)


def opened():
    return BOTTOM


# --- services ------------------------------------------------------------------


class Awaited:
    """Awaitable, and neither a coroutine nor a Deferred."""

    def __init__(self, value):
        self.value = value

    def __await__(self):
        return (yield from succeed(self.value).__await__())


class SpecialDeferred(Deferred):
    pass


class ServiceTests(SynchronousTestCase):
    def test_a_function_may_be_plain_return_a_deferred_or_be_async(self):
        async def coroutine(request):
            return request + 1

        class Called:
            def __call__(self, request):
                return request + 1

        for function in (
            lambda request: request + 1,
            lambda request: succeed(request + 1),
            coroutine,
            lambda request: Awaited(request + 1),
            Called(),
        ):
            answer = Service.mk(function)(1)
            self.assertIs(type(answer), Deferred)
            self.assertEqual(self.successResultOf(answer), 2)

    def test_a_deferred_of_a_subclass_is_passed_on_as_it_is(self):
        special: Deferred = SpecialDeferred()
        self.assertIs(Service.mk(lambda request: special)(1), special)

    def test_none_is_a_response_like_any_other(self):
        service: Service = Service.mk(lambda request: None)
        self.assertIsNone(self.successResultOf(service(1)))

    def test_an_error_in_a_function_fails_the_deferred(self):
        error = Refused("at once")

        def at_once(request):
            raise error

        async def coroutine(request):
            raise error

        for function in (at_once, coroutine, lambda request: fail(error)):
            self.assertIs(self.failureResultOf(Service.mk(function)(1), Refused).value, error)

    def test_a_subclass_overrides_apply_plain_or_async(self):
        class Plain(Service):
            def apply(self, request):
                return request + 1

        class Async(Service):
            async def apply(self, request):
                return request + 1

        class Raises(Service):
            def apply(self, request):
                raise Refused(request)

        self.assertEqual(self.successResultOf(Plain()(1)), 2)
        self.assertEqual(self.successResultOf(Async()(1)), 2)
        self.assertEqual(self.failureResultOf(Raises()(1), Refused).value.args, (1,))
        self.assertEqual(repr(Plain()), "Plain()")

    def test_a_subclass_that_overrides_nothing_says_what_is_missing(self):
        class Empty(Service):
            pass

        class EmptyFactory(ServiceFactory):
            pass

        class EmptyFilter(Filter):
            pass

        for asked, name in (
            (Empty()(1), "Empty"),
            (EmptyFactory()(), "EmptyFactory"),
            ((EmptyFilter() >> BOTTOM)(1), "EmptyFilter"),
        ):
            self.assertIn(f"{name} ", str(self.failureResultOf(asked, TypeError).value))

    def test_a_service_is_open_and_closing_it_does_nothing_unless_it_says_otherwise(self):
        service = Service.mk(bottom)
        self.assertIs(service.status, Status.OPEN)
        self.assertIsNone(self.successResultOf(service.close()))
        self.assertIsNone(self.successResultOf(service.close()))

    def test_a_function_without_a_name_is_shown_as_it_shows_itself(self):
        class Called:
            def __call__(self, request):
                return request

            def __repr__(self):
                return "<called>"

        self.assertEqual(repr(Service.mk(Called())), "Service.mk(<called>)")


class RaisesWhenCalled(Service):
    """Breaks the rule that calling a service never raises."""

    def __init__(self):
        self.closed = 0

    def __call__(self, request):
        raise Refused(request)

    def close(self):
        self.closed += 1
        return succeed(None)

    @property
    def status(self):
        return Status.CLOSED if self.closed else Status.BUSY


class ErrorTests(SynchronousTestCase):
    """Errors are values, at every level of a composition."""

    def test_what_any_level_raises_at_once_becomes_a_failed_deferred(self):
        def raises(request, service):
            raise Refused(request)

        for level in range(4):
            filters = [Filter.mk(passing)] * 3
            filters.insert(level, Filter.mk(raises))
            stack: Service = BOTTOM
            for above in reversed(filters):
                stack = above >> stack
            self.assertEqual(self.failureResultOf(stack((1,)), Refused).value.args, ((1,),))

    def test_a_filter_is_given_a_failed_deferred_where_the_level_below_raises(self):
        def raises(request, service):
            raise Refused(request)

        def rescuing(request, service):
            return service(request).addErrback(lambda failure: ("rescued", failure.value.args))

        def raising(request):
            raise Refused(request)

        for below in (
            Service.mk(raising),
            Filter.mk(raises) >> BOTTOM,
            Filter.mk(passing) >> Service.mk(raising),
            Filter.mk(passing) >> Filter.mk(raises) >> BOTTOM,
            RaisesWhenCalled(),
            Filter.mk(passing) >> RaisesWhenCalled(),
        ):
            self.assertEqual(
                self.successResultOf((Filter.mk(rescuing) >> below)(1)), ("rescued", (1,))
            )

    def test_a_service_that_raises_when_called_is_held_to_the_rule_below_any_filter(self):
        for above in (
            Filter.mk(passing),
            Filter.mk(passing_async),
            Filter.mk(passing) >> Filter.mk(passing),
        ):
            stack = above >> RaisesWhenCalled()
            self.assertEqual(self.failureResultOf(stack(1), Refused).value.args, (1,))

    def test_a_filter_sees_the_status_of_a_service_that_overrides_call_and_can_close_it(self):
        seen: list = []

        def looks(request, service):
            seen.extend([service.status, repr(service), service.close(), service.status])

        service = RaisesWhenCalled()
        self.successResultOf((Filter.mk(looks) >> service)(1))
        self.successResultOf(seen.pop(2))
        self.assertEqual(seen, [Status.BUSY, "RaisesWhenCalled()", Status.CLOSED])

    def test_an_exit_of_the_process_is_no_error_of_a_request(self):
        def exits(*args):
            raise SystemExit(3)

        self.assertRaises(SystemExit, Service.mk(exits), 1)
        self.assertRaises(SystemExit, Filter.mk(exits) >> BOTTOM, 1)


# --- filters -------------------------------------------------------------------


class FilterTests(SynchronousTestCase):
    def test_requests_flow_from_left_to_right_and_responses_back(self):
        seen: list = []

        def named(name):
            async def function(request, service):
                seen.append(f"{name} asked")
                response = await service(request)
                seen.append(f"{name} answered")
                return response

            return Filter.mk(function)

        stack = named("a") >> named("b") >> Service.mk(lambda request: seen.append("served"))
        self.successResultOf(stack(1))
        self.assertEqual(
            seen, ["a asked", "b asked", "served", "b answered", "a answered"]
        )

    def test_a_subclass_overrides_apply_plain_deferred_or_async(self):
        class Plain(Filter):
            def apply(self, request, service):
                return "plain"

        class Chained(Filter):
            def apply(self, request, service):
                return service(request).addCallback(str.upper)

        class Async(Filter):
            async def apply(self, request, service):
                return (await service(request)).upper()

        service = Service.mk(lambda request: request)
        self.assertEqual(self.successResultOf((Plain() >> service)("a")), "plain")
        self.assertEqual(self.successResultOf((Chained() >> service)("a")), "A")
        self.assertEqual(self.successResultOf((Async() >> service)("a")), "A")
        self.assertEqual(repr(Plain() >> Async() >> service).count("() >> "), 2)

    def test_one_filter_may_stand_in_many_compositions(self):
        shared = Filter.mk(passing)
        one, other = shared >> Service.mk(lambda _: 1), shared >> Service.mk(lambda _: 2)
        self.assertEqual(self.successResultOf(one(None)), 1)
        self.assertEqual(self.successResultOf(other(None)), 2)

    def test_what_cannot_stand_behind_a_filter_is_refused_with_a_hint(self):
        simple = Filter.mk(passing)
        for above in (simple, Filter.identity, simple >> simple):
            for wrong in (passing, None, Service, 5):
                with self.assertRaises(TypeError) as caught:
                    above >> wrong  # type: ignore[operator]
                self.assertIn(repr(above), str(caught.exception))
                self.assertIn(repr(wrong), str(caught.exception))
                self.assertIn("Service.mk makes a service of a function", str(caught.exception))

    def test_a_service_stands_at_the_end_only(self):
        with self.assertRaises(TypeError):
            BOTTOM >> Filter.mk(passing)  # type: ignore[operator]


class CountingService(Service):
    def __init__(self, status=Status.OPEN):
        self.closed = 0
        self.state = status

    def apply(self, request):
        return request

    def close(self):
        self.closed += 1
        return succeed(None)

    @property
    def status(self):
        return self.state


class CountingFactory(ServiceFactory):
    def __init__(self, service):
        self.service = service
        self.closed = 0
        self.state = Status.OPEN

    def apply(self):
        return self.service

    def close(self):
        self.closed += 1
        return succeed(None)

    @property
    def status(self):
        return self.state


class TransparencyTests(SynchronousTestCase):
    def test_closing_a_composition_closes_the_service_at_its_end(self):
        end = CountingService()
        stack = Filter.mk(passing) >> Filter.identity >> (Filter.mk(passing_async) >> end)
        self.assertIsNone(self.successResultOf(stack.close()))
        self.assertEqual(end.closed, 1)

    def test_closing_waits_for_the_service_at_the_end(self):
        closing: Deferred = Deferred()

        class Slow(Service):
            def close(self):
                return closing

        closed = (Filter.mk(passing) >> Slow()).close()
        self.assertNoResult(closed)
        closing.callback(None)
        self.assertIsNone(self.successResultOf(closed))

    def test_the_status_of_a_composition_is_that_of_the_service_at_its_end_now(self):
        end = CountingService()
        stack = Filter.mk(passing) >> Filter.mk(passing) >> end
        for status in (Status.BUSY, Status.CLOSED, Status.OPEN):
            end.state = status
            self.assertIs(stack.status, status)

    def test_a_factory_is_reached_through_a_filter_too(self):
        factory = CountingFactory(BOTTOM)
        for stack in (
            Filter.mk(passing) >> factory,
            Filter.mk(passing) >> Filter.mk(passing) >> factory,
            factory.to_service(),
            (Filter.mk(passing) >> factory).to_service(),
            Filter.mk(passing) >> factory.to_service(),
        ):
            factory.state, factory.closed = Status.BUSY, 0
            self.assertIs(stack.status, Status.BUSY)
            self.successResultOf(stack.close())
            self.assertEqual(factory.closed, 1)


class StatusTests(SynchronousTestCase):
    def test_the_worst_of_some_is_the_least_healthy(self):
        self.assertIs(Status.worst(Status.OPEN, Status.CLOSED, Status.BUSY), Status.CLOSED)
        self.assertIs(Status.worst(Status.OPEN, Status.BUSY), Status.BUSY)
        self.assertIs(Status.worst(), Status.OPEN)

    def test_the_best_of_some_is_the_healthiest(self):
        self.assertIs(Status.best(Status.CLOSED, Status.OPEN, Status.BUSY), Status.OPEN)
        self.assertIs(Status.best(Status.CLOSED, Status.BUSY), Status.BUSY)
        self.assertIs(Status.best(), Status.CLOSED)


class Word(Filter):
    """A filter that has a word in status and closing, and notes what it is asked about."""

    def __init__(self, name: str = "word", status: Status = Status.OPEN):
        self.name = name
        self.state = status
        self.asked: list[Service] = []
        self.closed: list[str] = []

    def apply(self, request, service):
        return service(request)

    def status_of(self, service):
        self.asked.append(service)
        return Status.worst(self.state, service.status)

    def close_with(self, service):
        self.closed.append(self.name)
        return service.close()

    def __repr__(self):
        return self.name


class WordTests(SynchronousTestCase):
    """`Filter.status_of` and `Filter.close_with`."""

    def ways(self, a: Filter, b: Filter, c: Filter, end: Any) -> list[Any]:
        """All ways to put three filters in front of something."""
        return [
            a >> (b >> (c >> end)),
            (a >> b) >> (c >> end),
            (a >> (b >> c)) >> end,
            ((a >> b) >> c) >> end,
            a >> ((b >> c) >> end),
            Filter.identity >> (a >> Filter.identity) >> ((b >> c) >> end),
        ]

    def test_a_filter_is_asked_about_the_service_it_stands_before(self):
        end, word = CountingService(), Word()
        self.assertIs((word >> end).status, Status.OPEN)
        self.assertEqual(word.asked, [end])
        below = Filter.mk(passing) >> end
        (Filter.mk(passing) >> word >> below).status  # noqa: B018
        self.assertEqual(repr(word.asked[1]), repr(below))

    def test_one_that_overrides_neither_says_what_the_service_says(self):
        end = CountingService()
        for plain in (Filter.mk(passing), Filter.identity, Filter.mk(passing) >> Filter.identity):
            for end.state in Status:
                self.assertIs(plain.status_of(end), end.state)
            closed = end.closed
            self.assertIsNone(self.successResultOf(plain.close_with(end)))
            self.assertEqual(end.closed, closed + 1)

    @settings(deadline=None, max_examples=60)
    @given(st.lists(st.sampled_from(Status), min_size=4, max_size=4))
    def test_status_is_the_same_however_it_was_put_together(self, states):
        *above, below = states
        words = [Word(str(n), state) for n, state in enumerate(above)]
        for way in self.ways(words[0], words[1], words[2], CountingService(below)):
            self.assertIs(way.status, max(states))

    def test_closing_is_the_same_however_it_was_put_together(self):
        order: list[str] = []
        a, b, c = Word("a"), Word("b"), Word("c")
        a.closed = b.closed = c.closed = order
        for way in self.ways(a, b, c, CountingService()):
            order.clear()
            self.successResultOf(way.close())
            self.assertEqual(order, ["a", "b", "c"])

    def test_a_filter_may_know_better_than_what_is_below(self):
        class Optimist(Filter):
            def status_of(self, service):
                return Status.OPEN

            def close_with(self, service):
                return succeed(None)

        end = CountingService(Status.CLOSED)
        for stack in (
            Optimist() >> end,
            Optimist() >> Word(status=Status.BUSY) >> end,
            Filter.mk(passing) >> Optimist() >> end,
        ):
            self.assertIs(stack.status, Status.OPEN)
            self.successResultOf(stack.close())
        self.assertEqual(end.closed, 0)

    def test_a_chain_has_the_words_of_all_its_filters(self):
        end = CountingService()
        for state in Status:
            chain = Filter.mk(passing) >> Word(status=state) >> Word()
            self.assertIs(chain.status_of(end), state)
        words = [Word(), Word()]
        self.successResultOf((words[0] >> words[1]).close_with(end))
        self.assertEqual([len(each.closed) for each in words], [1, 1])
        self.assertEqual(end.closed, 1)

    def test_a_filter_may_close_before_the_service_and_wait_for_it(self):
        closing: Deferred = Deferred()

        class First(Filter):
            def close_with(self, service):
                return closing.addCallback(lambda _: service.close())

        end = CountingService()
        closed = (Word() >> First() >> end).close()
        self.assertNoResult(closed)
        self.assertEqual(end.closed, 0)
        closing.callback(None)
        self.assertIsNone(self.successResultOf(closed))
        self.assertEqual(end.closed, 1)

    def test_it_has_its_word_above_a_service_that_overrides_call(self):
        service = RaisesWhenCalled()
        stack = Word() >> service
        self.assertIs(stack.status, Status.BUSY)
        self.successResultOf(stack.close())
        self.assertIs(stack.status, Status.CLOSED)


class FactoryWordTests(SynchronousTestCase):
    """A filter in front of a factory has a word in the factory's status and closing."""

    def setUp(self):
        self.end = CountingService()
        self.factory = CountingFactory(self.end)

    def test_status_is_the_same_wherever_the_factory_becomes_a_service(self):
        for state in Status:
            for self.factory.state in Status:
                a, b = Word(), Word(status=state)
                for way in (
                    a >> b >> self.factory,
                    (a >> b) >> self.factory,
                    a >> (b >> self.factory),
                    (a >> b >> self.factory).to_service(),
                    a >> (b >> self.factory).to_service(),
                    a >> b >> self.factory.to_service(),
                ):
                    self.assertIs(way.status, max(state, self.factory.state))

    def test_so_is_closing(self):
        for n in range(6):
            order: list[str] = []
            a, b = Word("a"), Word("b")
            a.closed = b.closed = order
            self.factory.closed = 0
            ways: list[Any] = [
                a >> b >> self.factory,
                (a >> b) >> self.factory,
                a >> (b >> self.factory),
                (a >> b >> self.factory).to_service(),
                a >> (b >> self.factory).to_service(),
                a >> b >> self.factory.to_service(),
            ]
            self.successResultOf(ways[n].close())
            self.assertEqual((order, self.factory.closed), (["a", "b"], 1))

    def test_closing_one_service_of_it_leaves_the_filter_to_the_others(self):
        a, b = Word(), Word()
        for factory in (a >> self.factory, a >> b >> self.factory, a >> (b >> self.factory)):
            closed = self.end.closed
            service = self.successResultOf(factory())
            self.assertEqual(self.successResultOf(service(1)), 1)
            self.successResultOf(service.close())
            self.assertEqual((a.closed, b.closed, self.end.closed), ([], [], closed + 1))
            self.assertEqual(self.successResultOf(factory.to_service()(2)), 2)
            self.assertEqual((a.closed, b.closed, self.end.closed), ([], [], closed + 2))

    def test_the_status_of_one_service_of_it_has_the_filters_word(self):
        word = Word(status=Status.BUSY)
        service = self.successResultOf((Filter.mk(passing) >> word >> self.factory)())
        self.assertIs(service.status, Status.BUSY)
        self.assertEqual(repr(service), f"Filter.mk(passing) >> word >> {self.end!r}")

    def test_a_factory_that_gives_no_service_is_told_so(self):
        wrong: Any = ServiceFactory.mk(lambda: 5)  # type: ignore[arg-type, return-value]
        for above in (Word(), Word() >> Word()):
            self.failureResultOf((above >> wrong)(), TypeError)


# --- cancelling ----------------------------------------------------------------


class CancellationTests(SynchronousTestCase):
    def setUp(self):
        self.cancelled: list[Deferred] = []
        self.bottom = Service.mk(lambda request: Deferred(self.cancelled.append))

    def test_it_reaches_the_bottom_through_every_kind_of_filter(self):
        def adding_callbacks(request, service):
            return service(request).addCallback(str).addErrback(lambda failure: failure)

        class Plain(Filter):
            def apply(self, request, service):
                return service(request)

        class Async(Filter):
            async def apply(self, request, service):
                return await service(request)

        kinds = [
            Filter.identity,
            Filter.mk(passing),
            Filter.mk(passing_async),
            Filter.mk(adding_callbacks),
            Plain(),
            Async(),
        ]
        every = Filter.identity
        for kind in kinds:
            every = every >> kind
        for through in (*kinds, every, every >> every):
            self.cancelled.clear()
            answer = (through >> self.bottom)(1)
            self.assertNoResult(answer)
            answer.cancel()
            self.failureResultOf(answer, CancelledError)
            self.assertEqual(len(self.cancelled), 1)

    def test_it_reaches_the_bottom_through_an_async_service_and_a_factory(self):
        async def coroutine(request):
            return await self.bottom(request)

        for service in (
            Service.mk(coroutine),
            ServiceFactory.mk(lambda: self.bottom).to_service(),
            (Filter.mk(passing_async) >> ServiceFactory.mk(lambda: self.bottom)).to_service(),
        ):
            self.cancelled.clear()
            answer = (Filter.mk(passing) >> service)(1)
            answer.cancel()
            self.failureResultOf(answer, CancelledError)
            self.assertEqual(len(self.cancelled), 1)

    def test_it_ends_what_is_under_way_now_and_not_what_has_ended(self):
        first: Deferred = Deferred()
        answers = [first]

        async def twice(request, service):
            await service(request)
            return await service(request)

        def asked(request):
            return answers.pop() if answers else Deferred(self.cancelled.append)

        answer = (Filter.mk(twice) >> Service.mk(asked))(1)
        first.callback(None)
        answer.cancel()
        self.failureResultOf(answer, CancelledError)
        self.assertEqual(len(self.cancelled), 1)

    def test_an_async_filter_may_clean_up_and_answer_all_the_same(self):
        async def stubborn(request, service):
            try:
                return await service(request)
            except CancelledError:
                return "cleaned up"

        answer = (Filter.mk(passing) >> Filter.mk(stubborn) >> self.bottom)(1)
        answer.cancel()
        self.assertEqual(self.successResultOf(answer), "cleaned up")
        self.assertEqual(len(self.cancelled), 1)

    def test_cancelling_one_request_leaves_the_others(self):
        stack = Filter.mk(passing_async) >> self.bottom
        one, other = stack(1), stack(2)
        one.cancel()
        self.failureResultOf(one, CancelledError)
        self.assertNoResult(other)


# --- factories -----------------------------------------------------------------


class FactoryTests(SynchronousTestCase):
    def test_a_function_may_be_plain_return_a_deferred_or_be_async(self):
        async def coroutine():
            return BOTTOM

        for function in (opened, lambda: succeed(BOTTOM), coroutine):
            self.assertIs(self.successResultOf(ServiceFactory.mk(function)()), BOTTOM)

    def test_an_error_in_a_function_fails_the_deferred(self):
        def raises():
            raise Refused("none left")

        for factory in (ServiceFactory.mk(raises), Filter.mk(passing) >> ServiceFactory.mk(raises)):
            self.failureResultOf(factory(), Refused)
            self.failureResultOf(factory.to_service()(1), Refused)

    def test_the_services_of_a_filtered_factory_stand_behind_the_filter(self):
        def doubling(request, service):
            return service(request * 2)

        end = CountingService()
        factory = Filter.mk(doubling) >> Filter.mk(doubling) >> CountingFactory(end)
        service = self.successResultOf(factory())
        self.assertEqual(self.successResultOf(service(1)), 4)
        self.successResultOf(service.close())
        self.assertEqual(end.closed, 1)

    def test_cancelling_gives_up_waiting_for_a_service(self):
        cancelled: list[Deferred] = []
        factory: ServiceFactory = ServiceFactory.mk(lambda: Deferred(cancelled.append))
        for waiting in (
            factory(),
            (Filter.mk(passing) >> factory)(),
            factory.to_service()(1),
        ):
            waiting.cancel()
            self.failureResultOf(waiting, CancelledError)
        self.assertEqual(len(cancelled), 3)

    def test_the_repr_shows_what_the_filter_stands_in_front_of(self):
        factory, above = ServiceFactory.mk(opened), Filter.mk(passing)
        self.assertEqual(
            repr(above >> factory.to_service()),
            "Filter.mk(passing) >> ServiceFactory.mk(opened).to_service()",
        )
        self.assertEqual(
            repr((above >> factory).to_service()),
            "(Filter.mk(passing) >> ServiceFactory.mk(opened)).to_service()",
        )


class FactoryAsServiceTests(SynchronousTestCase):
    """`ServiceFactory.to_service` takes one service for each request, and closes it."""

    def setUp(self):
        self.opened: list[OneRequest] = []

    def service(self) -> Service:
        def begin():
            self.opened.append(OneRequest())
            return self.opened[-1]

        return ServiceFactory.mk(begin).to_service()

    def test_each_request_has_a_service_of_its_own_closed_when_it_is_answered(self):
        service = self.service()
        one, other = service(1), service(2)
        self.opened[0].answer.callback("one")
        self.assertEqual(self.successResultOf(one), "one")
        self.assertEqual([each.closed for each in self.opened], [1, 0])
        self.opened[1].answer.callback("other")
        self.assertEqual(self.successResultOf(other), "other")
        self.assertEqual([each.closed for each in self.opened], [1, 1])

    def test_the_service_is_closed_when_the_request_fails(self):
        answer = self.service()(1)
        self.opened[0].answer.errback(Refused())
        self.failureResultOf(answer, Refused)
        self.assertEqual(self.opened[0].closed, 1)

    def test_the_service_is_closed_when_it_raises_at_once(self):
        service = RaisesWhenCalled()
        self.failureResultOf(ServiceFactory.mk(lambda: service).to_service()(1), Refused)
        self.assertEqual(service.closed, 1)

    def test_the_service_is_closed_when_the_request_is_cancelled(self):
        answer = self.service()(1)
        answer.cancel()
        self.failureResultOf(answer, CancelledError)
        self.assertEqual(self.opened[0].closed, 1)

    def test_the_response_waits_until_the_service_is_closed(self):
        answer = self.service()(1)
        self.opened[0].closing = Deferred()
        self.opened[0].answer.callback("one")
        self.assertNoResult(answer)
        self.opened[0].closing.callback(None)
        self.assertEqual(self.successResultOf(answer), "one")

    def test_a_failure_to_close_is_logged_and_changes_no_outcome(self):
        for end, expected in (
            (lambda answer: answer.callback("one"), "one"),
            (lambda answer: answer.errback(Refused("first")), ("refused", "first")),
        ):
            answer = self.service()(1)
            self.opened[-1].closing = fail(RuntimeError("cannot close"))
            end(self.opened[-1].answer)
            self.assertEqual(outcome(self, answer), expected)
            self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)

    def test_cancelling_while_the_service_is_closed_keeps_the_response(self):
        answer = self.service()(1)
        self.opened[0].closing = Deferred()
        self.opened[0].answer.callback("one")
        answer.cancel()
        self.assertEqual(self.successResultOf(answer), "one")


class OneRequest(Service):
    """A service that answers when it is told to, and counts how often it is closed."""

    def __init__(self):
        self.answer: Deferred = Deferred()
        self.closing: Deferred = succeed(None)
        self.closed = 0

    def apply(self, request):
        return self.answer

    def close(self):
        self.closed += 1
        return self.closing
