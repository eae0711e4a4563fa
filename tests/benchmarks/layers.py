"""What each layer of txetcd costs, in microseconds of CPU time.

``python -m tests.benchmarks.layers`` prints a table, and `measure` returns the same as a dict.
Nothing in it asserts a time: it is for reading.

**Without a network.**  The transport is a stub.  Where a reactor is needed it is the real one,
whose delayed calls are part of the cost.

**As in real life.**  What is measured with the stub is answered after the call has returned, with
32 requests under way at a time, or one.  A turn of the reactor's delayed calls lies between.

**The layer alone.**  The time of the same without the layer is subtracted, the transport's say.

**In alternation.**  All are measured in turn, for several rounds, and the median is shown.  The
garbage collector runs, since what it takes is part of the cost.
"""

from __future__ import annotations

import gc
import json
import statistics
from collections.abc import Callable, Iterator
from itertools import count as count_from
from itertools import cycle
from time import process_time
from typing import Any

import attrs
from twisted.internet.defer import Deferred, succeed

from txetcd import Etcd, Filter, Key, Service, default_endpoint_stack, default_stack
from txetcd.balance import Balancer
from txetcd.filters import (
    AdaptiveLimit,
    ConcurrencyLimit,
    Deadline,
    FailureAccrual,
    Hedge,
    InMemoryStats,
    LoadShedding,
    Logging,
    RateLimit,
    ReadOnly,
    Retry,
    SingleFlight,
    Stats,
    Timeout,
)
from txetcd.http import Headers, Request, Response
from txetcd.http.h1 import ResponseParser
from txetcd.http.h1 import encode as to_bytes
from txetcd.model import Get, Set
from txetcd.v2.decode import decode
from txetcd.v2.encode import encode

__all__ = ["Benchmark", "benchmarks", "main", "measure"]

#: Does something so many times; returns the outcome of the last.
Run = Callable[[int], Any]

#: How many requests are under way at a time, unless it is one.
AT_A_TIME = 32
#: How many keys the large directory has.
KEYS = 1000
ROUNDS = 7

#: The fields of an answer of etcd 3.5 behind its default of CORS.
FIELDS = (
    ("Access-Control-Allow-Headers", "accept, content-type, authorization"),
    ("Access-Control-Allow-Methods", "POST, GET, OPTIONS, PUT, DELETE"),
    ("Access-Control-Allow-Origin", "*"),
    ("Content-Type", "application/json"),
    ("X-Etcd-Cluster-Id", "cdf818194e3a8c32"),
    ("X-Etcd-Index", "4"),
    ("X-Raft-Index", "5"),
    ("X-Raft-Term", "2"),
    ("Date", "Tue, 24 Nov 2026 00:00:00 GMT"),
)


@attrs.frozen
class Benchmark:
    """One cost.

    Attributes:
        name: What it is the cost of.
        run: Does it so many times.
        without: Does the same without it, to be subtracted; None if nothing is.
        count: How many times it is done in a round.
    """

    name: str
    run: Run
    without: Run | None = None
    count: int = 6400

    def cost(self, scale: float = 1.0) -> float:
        """Microseconds for doing it once."""
        count = max(1, round(self.count * scale))
        rest = 0.0 if self.without is None else _time(self.without, count)
        return (_time(self.run, count) - rest) / count * 1e6


def measure(rounds: int = ROUNDS, scale: float = 1.0, reactor: Any = None) -> dict[str, float]:
    """The cost of each layer in microseconds, by its name.

    Args:
        rounds: How often each is measured; the median counts.
        scale: How much is done in a round, 1 being enough for a steady figure.
        reactor: Makes the delayed calls; the global one if None.
    """
    all_ = list(benchmarks(_reactor() if reactor is None else reactor))
    for each in all_:
        # What is done for the first time costs more.
        each.cost(scale / 10)
    costs = [[each.cost(scale) for each in all_] for _ in range(rounds)]
    medians = map(statistics.median, zip(*costs, strict=True))
    return {each.name: cost for each, cost in zip(all_, medians, strict=True)}


def benchmarks(reactor: Any) -> Iterator[Benchmark]:
    """All there are."""
    yield from _composition()
    yield from _filters(reactor)
    yield from _encoding()
    yield from _bytes()
    yield from _decoding()
    yield from _stacks(reactor)


# --- what is measured --------------------------------------------------------


class _Nothing(Filter[Any, Any, Any, Any]):
    def apply(self, request: Any, service: Service[Any, Any]) -> Deferred[Any]:
        return service(request)


class _NothingAsync(Filter[Any, Any, Any, Any]):
    async def apply(self, request: Any, service: Service[Any, Any]) -> Any:
        return await service(request)


def _composition() -> Iterator[Benchmark]:
    service: Service[Any, Any] = Service.mk(succeed)
    ten: Filter[Any, Any, Any, Any] = Filter.identity
    for _ in range(10):
        ten = ten >> _Nothing()
    for name, each in [
        ("a filter that does nothing", _Nothing()),
        ("an async filter that does nothing", _NothingAsync()),
        ("the identity filter", Filter.identity),
        ("a composition of ten that do nothing", ten),
    ]:
        yield Benchmark(name, _calling(each >> service, "x"), _calling(service, "x"))


def _filters(reactor: Any) -> Iterator[Benchmark]:
    transport = Later(_answer(_ONE_KEY))
    request = Get("/a")
    in_turn: list[Filter[Any, Any, Any, Any]] = [
        Deadline(10, reactor),
        Timeout(5, reactor, share=0.5),
        Retry(reactor),
        FailureAccrual(reactor),
        ConcurrencyLimit(100),
        ConcurrencyLimit(AdaptiveLimit(reactor, initial=100, minimum=100)),
        RateLimit(1e9, reactor),
        SingleFlight(key=lambda _: next(_KEYS_IN_TURN)),
        LoadShedding(reactor),
        Hedge(reactor),
        Stats(InMemoryStats(), reactor),
        Logging(reactor),
        ReadOnly(),
    ]
    for each in in_turn:
        name = repr(each).partition("(")[0].partition(" ")[0].strip("<")
        if "Adaptive" in repr(each):
            name = "ConcurrencyLimit, adaptive"
        for at_a_time in (AT_A_TIME, 1):
            yield Benchmark(
                f"{name}, {at_a_time} at a time",
                _asking(each >> transport, request, transport, reactor, at_a_time),
                _asking(transport, request, transport, reactor, at_a_time),
            )
    balancer: Balancer[Any, Any] = Balancer(["a", "b", "c"], lambda _: transport)
    yield Benchmark(
        f"Balancer of three, {AT_A_TIME} at a time",
        _asking(balancer, request, transport, reactor, AT_A_TIME),
        _asking(transport, request, transport, reactor, AT_A_TIME),
    )


#: What is different each time, so that no read shares the flight of another.
_KEYS_IN_TURN = count_from(0)


def _encoding() -> Iterator[Benchmark]:
    other = cycle([Get(f"/services/{n}") for n in range(5000)])
    yield Benchmark("encode a get", _calling(encode, Get("/services/1")))
    yield Benchmark("encode a get of another key each time", _calling_each(encode, other))
    yield Benchmark("encode a set of 1 KB", _calling(encode, Set("/services/1", b"x" * 1024)))


def _decoding() -> Iterator[Benchmark]:
    op = Get("/a")
    one, directory = _answer(_ONE_KEY), _answer(_directory())
    yield Benchmark("decode one key", _calling(decode, one, op))
    yield Benchmark(f"decode {KEYS} keys", _calling(decode, directory, op), count=50)


def _bytes() -> Iterator[Benchmark]:
    request = Request("GET", "/v2/keys/a")
    yield Benchmark("bytes of a get", _calling(to_bytes, request, "127.0.0.1:2379"))
    parser = ResponseParser()
    wire = _wire(_answer(_ONE_KEY))

    def parse(count: int) -> Any:
        events = None
        for _ in range(count):
            parser.begin("GET")
            events = parser.feed(wire)
        return events

    yield Benchmark("parse the bytes of a response", parse)


def _stacks(reactor: Any) -> Iterator[Benchmark]:
    get = Request("GET", "/v2/keys/a")
    alone, inside = Later(_answer(_ONE_KEY)), Later(_answer(_IN_A_NAMESPACE))
    for stack, key, transport in [
        ("the default stack", _one_endpoint(reactor, alone), alone),
        ("all that connect stacks, and three endpoints", _all_of_it(reactor, inside), inside),
    ]:
        for name, ask in [("get", key.get), ("set", _setting(key))]:
            for at_a_time in (AT_A_TIME, 1):
                yield Benchmark(
                    f"{name} through {stack}, {at_a_time} at a time",
                    _asked(ask, transport, reactor, at_a_time),
                    _asking(transport, get, transport, reactor, at_a_time),
                )


def _one_endpoint(reactor: Any, transport: Later) -> Key:
    """A key as `connect` makes it of one URL."""
    endpoint = default_endpoint_stack(reactor, alone=True).to_filter() >> transport
    return Etcd(default_stack(reactor).to_filter() >> endpoint, clock=reactor).key("/a")


def _all_of_it(reactor: Any, transport: Later) -> Key:
    """A key as `connect` makes it of three, with every argument given."""
    stats = InMemoryStats()

    def endpoint(url: str) -> Service[Any, Any]:
        return default_endpoint_stack(reactor, url, stats=stats).to_filter() >> transport

    above = default_stack(reactor, auth=("user", "password"), namespace="/n", stats=stats)
    balancer: Balancer[Any, Any] = Balancer(["a", "b", "c"], endpoint, panic_threshold=0)
    return Etcd(above.to_filter() >> balancer, clock=reactor).key("/a")


def _setting(key: Key) -> Callable[[], Deferred[Any]]:
    return lambda: key.set(b"abc")


# --- what it is measured with ------------------------------------------------


class Later(Service[Any, Response]):
    """A transport that answers what it was asked when it is told to."""

    def __init__(self, response: Response) -> None:
        self._response = response
        self._asked: list[Deferred[Response]] = []

    def apply(self, request: Any) -> Deferred[Response]:
        answer: Deferred[Response] = Deferred()
        self._asked.append(answer)
        return answer

    def answer(self) -> None:
        """Answer all."""
        asked, self._asked = self._asked, []
        for each in asked:
            each.callback(self._response)


def _calling(function: Callable[..., Any], *args: Any) -> Run:
    def run(count: int) -> Any:
        outcome = None
        for _ in range(count):
            outcome = function(*args)
        return outcome

    return run


def _calling_each(function: Callable[[Any], Any], args: Iterator[Any]) -> Run:
    def run(count: int) -> Any:
        outcome = None
        for _ in range(count):
            outcome = function(next(args))
        return outcome

    return run


def _asking(
    service: Service[Any, Any], request: Any, transport: Later, reactor: Any, at_a_time: int
) -> Run:
    return _asked(lambda: service(request), transport, reactor, at_a_time)


def _asked(
    ask: Callable[[], Deferred[Any]], transport: Later, reactor: Any, at_a_time: int
) -> Run:
    def run(count: int) -> Deferred[Any] | None:
        outcome = None
        for begun in range(0, count, at_a_time):
            for _ in range(min(at_a_time, count - begun)):
                outcome = ask()
            # What a turn of the reactor does before it waits for the network.
            reactor.runUntilCurrent()
            transport.answer()
        return outcome

    return run


def _time(run: Run, count: int) -> float:
    gc.collect()
    began = process_time()
    run(count)
    return process_time() - began


# --- what is answered --------------------------------------------------------


def _node(key: str) -> dict[str, Any]:
    return {"key": key, "value": "abc", "modifiedIndex": 4, "createdIndex": 4}


_IN_A_NAMESPACE = {"action": "get", "node": _node("/n/a")}
_ONE_KEY = {"action": "get", "node": _node("/a")}


def _directory() -> dict[str, Any]:
    nodes = [_node(f"/a/{n}") for n in range(KEYS)]
    return {"action": "get", "node": {"key": "/a", "dir": True, "nodes": nodes, **_INDEXES}}


_INDEXES = {"modifiedIndex": 4, "createdIndex": 4}


def _answer(document: dict[str, Any]) -> Response:
    """A response as the direct transport gives it."""
    body = json.dumps(document, separators=(",", ":")).encode() + b"\n"
    fields = [*FIELDS, ("Content-Length", str(len(body)))]
    wire = [(name.encode("ascii"), value.encode("ascii")) for name, value in fields]
    names = {name.lower(): value for name, value in wire}
    return Response(200, Headers._from_wire(wire, names), body)


def _wire(response: Response) -> bytes:
    """The bytes of a response."""
    lines = ["HTTP/1.1 200 OK", *(f"{name}: {value}" for name, value in response.headers), "", ""]
    return "\r\n".join(lines).encode("ascii") + response.body


# --- the command -------------------------------------------------------------


def main() -> None:
    """Measure, and print a table."""
    costs = measure()
    width = max(map(len, costs))
    print(f"{'layers of txetcd':<{width}}  CPU µs")
    for name, cost in costs.items():
        print(f"{name:<{width}}  {cost:6.2f}")


def _reactor() -> Any:
    from twisted.internet import reactor

    return reactor


if __name__ == "__main__":
    main()
