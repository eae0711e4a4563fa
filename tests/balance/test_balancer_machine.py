"""The balancer's promises, whatever happens in whatever order."""

from __future__ import annotations

import random
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from tests.balance.servers import Ask, Network, Server
from txetcd import NotSent, ServiceClosed, Status
from txetcd.balance import Balancer, LeastLoaded, PeakEwma, PowerOfTwoChoices, RoundRobin
from txetcd.errors import EndpointDown, NoEndpoints, QueueFull
from txetcd.reactive import Activity, Failed, Ok, Pending, Var

ADDRESSES = "abc"
MOST_WAITING = 3

sets = st.lists(st.sampled_from(ADDRESSES), max_size=4)


class Request:
    """A request and what has come of it, which can come only once."""

    def __init__(self, balancer: Balancer, ask: Any) -> None:
        self.ask = ask
        self.outcomes: list[Any] = []
        self.answer: Deferred = balancer(ask)
        self.answer.addBoth(self.outcomes.append)

    @property
    def outcome(self) -> Any:
        """None before it has come."""
        return self.outcomes[0] if self.outcomes else None

    def failed_with(self, *kinds: type[Exception]) -> bool:
        return isinstance(self.outcome, Failure) and bool(self.outcome.check(*kinds))


class Machine(RuleBasedStateMachine):
    requests = Bundle("requests")

    @initialize(
        first=st.none() | sets,
        seed=st.integers(0, 999),
        ewma=st.booleans(),
        in_turn=st.booleans(),
        threshold=st.sampled_from([0, 0.5, 1]),
    )
    def start(self, first, seed, ewma, in_turn, threshold):
        self.network = Network()
        self.threshold = threshold
        self.ewma = ewma
        self.known = first or []
        self.set: Var[Any] = Var(Pending() if first is None else Ok(first))
        self.all: list[Request] = []
        self.closed = False
        draw = random.Random(seed)
        self.balancer: Balancer = Balancer(
            Activity.of_states(self.set),
            self.network,
            policy=RoundRobin() if in_turn else PowerOfTwoChoices(draw),
            load=PeakEwma(Clock()) if ewma else LeastLoaded,
            panic_threshold=threshold,
            max_waiting=MOST_WAITING,
            random=draw,
        )

    # --- what happens ------------------------------------------------------------------

    @rule(addresses=sets)
    def the_set_changes(self, addresses):
        if not self.closed:
            self.known = addresses
        self.set.update(Ok(addresses))

    @rule()
    def the_set_is_not_known(self):
        self.set.update(Pending())

    @rule()
    def the_set_cannot_be_had(self):
        self.set.update(Failed(Failure(ValueError("no such name"))))

    @rule(target=requests, waits=st.lists(st.booleans(), max_size=6), key=st.integers(0, 3))
    def requests_are_made(self, waits, key):
        return multiple(*[self.ask(each, key) for each in waits])

    def ask(self, waits: bool, key: int) -> Request:
        before = {id(each): len(each.asked) for each in self.network}
        request = Request(self.balancer, Ask(f"/{key}", waits))
        self.all.append(request)
        servers = [each for each in self.network if len(each.asked) > before[id(each)]]
        if servers:
            (server,) = servers
            self.check_choice(server, waits)
        else:
            assert self.closed or not self.known
        return request

    def check_choice(self, server: Server, waits: bool) -> None:
        current = self.current()
        assert server in current
        statuses = [each.state for each in current]
        panic = statuses.count(Status.OPEN) < self.threshold * len(current)
        assert server.state is min(statuses) or (panic and not waits)

    @rule(request=requests)
    def a_caller_cancels(self, request):
        ended = request.outcome is not None
        request.answer.cancel()
        assert ended or request.failed_with(CancelledError)

    @precondition(lambda self: any(each.under_way for each in self.network))
    @rule(data=st.data(), fails=st.booleans())
    def a_server_answers(self, data, fails):
        server = data.draw(
            st.sampled_from([each for each in self.network if each.under_way])
        )
        server.answer(NotSent() if fails else "answer")

    @precondition(lambda self: any(True for _ in self.network))
    @rule(data=st.data(), state=st.sampled_from(Status))
    def a_server_has_another_status(self, data, state):
        data.draw(st.sampled_from(list(self.network))).state = state

    @precondition(lambda self: any(True for _ in self.network))
    @rule(data=st.data())
    def a_server_answers_at_once_from_now_on(self, data):
        data.draw(st.sampled_from(list(self.network))).outcome = lambda _: "at once"

    @rule(request=consumes(requests))
    def a_caller_asks_again_when_it_has_failed(self, request):
        if request.outcome is None:
            request.answer.addBoth(lambda _: self.ask(False, 0))

    @precondition(lambda self: len(self.all) > 30)
    @rule()
    def it_is_closed(self):
        self.closed = True
        self.balancer.close()

    # --- what is promised --------------------------------------------------------------

    def current(self) -> list[Server]:
        return [] if self.closed else [self.network[each] for each in dict.fromkeys(self.known)]

    @invariant()
    def no_request_is_lost(self):
        """Each has had one outcome, or is under way at one server, or waits."""
        under_way = sum(len(each.under_way) for each in self.network)
        unanswered = [each for each in self.all if each.outcome is None]
        waiting = len(unanswered) - under_way
        assert 0 <= waiting <= MOST_WAITING
        assert waiting == 0 or (not self.closed and not self.known)

    @invariant()
    def none_fails_for_a_reason_that_is_not_so(self):
        for each in self.all:
            if isinstance(each.outcome, Failure):
                assert each.failed_with(
                    NotSent, CancelledError, EndpointDown, NoEndpoints, QueueFull, ServiceClosed
                )
                assert self.closed or not each.failed_with(ServiceClosed)
                assert each.ask.long_poll or not each.failed_with(EndpointDown)

    @invariant()
    def what_counts_is_what_is_under_way(self):
        endpoints = self.balancer._endpoints.current
        for endpoint in endpoints:
            server = self.network[endpoint.address]
            counted = [each for each, _ in server.under_way if not each.long_poll]
            assert endpoint.under_way == len(counted)
            metric: Any = endpoint._metric
            assert len(counted) == (len(metric._pending) if self.ewma else metric.value)

    @invariant()
    def those_that_left_are_closed_when_they_are_done_and_no_others(self):
        current = self.current()
        assert len(self.balancer._endpoints.current) == len(current)
        for server in self.network:
            if server in current:
                assert not server.closed
            else:
                done = self.closed or not server.under_way
                assert server.closed == done

    @invariant()
    def no_wait_is_left_where_nothing_is_any_more(self):
        for server in self.network:
            if server not in self.current() and not self.closed:
                assert not [each for each, _ in server.under_way if each.long_poll]

    def teardown(self):
        closed: list[Any] = []
        self.closed = True
        self.balancer.close().addBoth(closed.append)
        assert closed == [None]
        for server in self.network:
            while server.under_way:
                server.answer(ServiceClosed())
            assert server.closed == 1
        assert all(len(each.outcomes) == 1 for each in self.all)
        assert self.set.observers == 0


class MachineTests(SynchronousTestCase):
    def test_no_request_is_lost_and_no_service_left_open_whatever_happens(self):
        run_state_machine_as_test(
            Machine, settings=settings(max_examples=200, stateful_step_count=60, deadline=None)
        )
