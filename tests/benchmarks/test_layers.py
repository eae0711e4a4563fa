"""The benchmarks of the layers run, and do what they say; no time is asserted."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.benchmarks import layers
from txetcd import Action, Data, NodeOp, State
from txetcd.http import Request, Response
from txetcd.http.h1 import End, Head

NODE = Data("/a", 4, 4, None, b"abc")
ETCD = State(4, "cdf818194e3a8c32", 5, 2)
ONE_KEY = NodeOp(Action.GET, NODE, ETCD)

FILTERS = (
    "Deadline",
    "Timeout",
    "Retry",
    "FailureAccrual",
    "ConcurrencyLimit",
    "ConcurrencyLimit, adaptive",
    "RateLimit",
    "SingleFlight",
    "LoadShedding",
    "Hedge",
    "Stats",
    "Logging",
    "ReadOnly",
)

#: What the last outcome of each is.
OUTCOMES: dict[str, Any] = {
    "a filter that does nothing": "x",
    "an async filter that does nothing": "x",
    "the identity filter": "x",
    "a composition of ten that do nothing": "x",
    **{
        f"{name}, {at_a_time} at a time": Response
        for name in FILTERS
        for at_a_time in (32, 1)
    },
    "Balancer of three, 32 at a time": Response,
    "encode a get": "GET /v2/keys/services/1",
    "encode a get of another key each time": "GET /v2/keys/services/2",
    "encode a set of 1 KB": "PUT /v2/keys/services/1",
    "bytes of a get": b"GET /v2/keys/a HTTP/1.1\r\nHost: 127.0.0.1:2379\r\n\r\n",
    "parse the bytes of a response": [Head, bytes, End],
    "decode one key": ONE_KEY,
    "decode 1000 keys": 1000,
    **{
        f"{name} through {stack}, {at_a_time} at a time": ONE_KEY
        for stack in ("the default stack", "all that connect stacks, and three endpoints")
        for name in ("get", "set")
        for at_a_time in (32, 1)
    },
}


class Turning(Clock):
    """A clock that counts the turns."""

    turns = 0

    def runUntilCurrent(self) -> None:
        self.turns += 1


class LayersTests(SynchronousTestCase):
    def setUp(self):
        self.clock = Turning()

    def outcome(self, run: layers.Run, count: int) -> Any:
        """The last outcome; if it is a Deferred, what it has fired with."""
        outcome = run(count)
        return self.successResultOf(outcome) if isinstance(outcome, Deferred) else outcome

    def test_each_does_what_it_says(self):
        found: dict[str, Any] = {}
        for each in layers.benchmarks(self.clock):
            outcome = self.outcome(each.run, 3)
            if isinstance(outcome, Request):
                outcome = str(outcome)
            elif isinstance(outcome, NodeOp) and outcome != ONE_KEY:
                outcome = len(outcome.node.nodes)
            elif isinstance(outcome, Response):
                outcome = Response
            elif isinstance(outcome, list):
                outcome = [type(event) for event in outcome]
            found[each.name] = outcome
        self.assertEqual(found, OUTCOMES)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_what_is_subtracted_is_the_same_without_the_layer(self):
        for each in layers.benchmarks(self.clock):
            if each.without is not None:
                outcome = self.outcome(each.without, 3)
                self.assertTrue(outcome == "x" or isinstance(outcome, Response), each.name)

    def test_all_of_a_turn_are_under_way_at_a_time(self):
        turns = {}
        for each in layers.benchmarks(self.clock):
            self.clock.turns = 0
            each.run(65)
            turns[each.name] = self.clock.turns
        self.assertEqual(turns["Timeout, 32 at a time"], 3)
        self.assertEqual(turns["Timeout, 1 at a time"], 65)
        self.assertEqual(turns["decode one key"], 0)

    def test_all_are_measured_and_told_by_their_names(self):
        costs = layers.measure(rounds=2, scale=0.001, reactor=self.clock)
        self.assertEqual(list(costs), list(OUTCOMES))
        for cost in costs.values():
            self.assertIsInstance(cost, float)

    def test_a_real_reactor_is_left_clean(self):
        layers.measure(rounds=1, scale=0.001)
        from twisted.internet import reactor

        waiting: Any = reactor
        self.assertEqual(waiting.getDelayedCalls(), [])
