"""A set of addresses that is asked for again and again."""

from __future__ import annotations

import inspect
import random as _random
from collections.abc import Awaitable, Callable, Iterable, Iterator
from math import inf
from typing import Any, Union

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from txetcd.backoff import Backoff, Random
from txetcd.clock import Clock, DelayedCall
from txetcd.errors import NoEndpoints, RequestTimedOut
from txetcd.reactive import Activity, Closable, Failed, Ok, Pending, Var

__all__ = ["DEFAULT_BACKOFF", "Fetch", "Refreshed"]

#: Asks for the addresses there are now.
Fetch = Callable[
    [], Union["Deferred[Iterable[str]]", Awaitable[Iterable[str]], Iterable[str]]
]

DEFAULT_BACKOFF = Backoff.exponential_jittered(0.1, 30.0)
#: The share of an interval that the next one may differ from it by.
JITTER = 0.1

_log = Logger()


class Refreshed(Activity["tuple[str, ...]"]):
    """The addresses that a function answers, asked for again at intervals.

    It asks as long as it is observed: first when the first observer comes, for the last
    time before the last one's closing, which leaves no delayed call and cancels what is
    under way.  An interval is up to a tenth longer or shorter than it is set to, so that
    clients which began together do not go on asking together.

    **A set that has been known never becomes empty by a failure to refresh it.**  A failure, an
    empty answer and an answer that does not come in time are all failures: they are
    logged, the set stays, and the next question comes after a delay of the schedule,
    or after the interval if that is less.  While nothing was ever known, the state is
    `Failed`.

    The value is sorted, and has no address twice: an answer in another order is no
    change.

    Where it belongs: it is what a `Balancer` follows.

    Args:
        fetch: Called without arguments; returns addresses, or a Deferred or another
            awaitable of them.  See `dns_srv`.
        clock: Tells the time; a reactor, or `twisted.internet.task.Clock`.
        interval: From an answer to the next question, in seconds; more than 0.
        timeout: How long an answer may take, in seconds; more than 0.
        backoff: The delays after failures in a row; when it has ended, the interval.
        random: Where randomness comes from; the `random` module if None.

    Raises:
        ValueError: ``interval`` or ``timeout`` is not more than 0, or not finite.

    .. versionadded:: 0.1
    """

    def __init__(
        self,
        fetch: Fetch,
        clock: Clock,
        *,
        interval: float = 30.0,
        timeout: float = 10.0,
        backoff: Backoff = DEFAULT_BACKOFF,
        random: Random | None = None,
    ) -> None:
        for name, value in (("interval", interval), ("timeout", timeout)):
            if not 0 < value < inf:
                raise ValueError(
                    f"{name} must be a finite time of more than 0 seconds, not {value!r}"
                )
        self._fetch = fetch
        self._clock = clock
        self._interval = interval
        self._timeout = timeout
        self._backoff = backoff
        self._draw = (random or _random).random
        self._known: Var[Pending | Ok[tuple[str, ...]] | Failed] = Var(Pending())
        self._observations: set[_Observation] = set()
        # The delays that failures have left.
        self._delays: Iterator[float] = iter(backoff)
        # The question under way; and the call that gives it up, or that asks the next.
        self._asked: Deferred[tuple[str, ...]] | None = None
        self._call: DelayedCall | None = None

    @property
    def state(self) -> Pending | Ok[tuple[str, ...]] | Failed:
        return self._known.value

    def observe(
        self, told: Callable[[Pending | Ok[tuple[str, ...]] | Failed], object]
    ) -> Closable:
        observation = _Observation(self, self._known.observe(told))
        self._observations.add(observation)
        if len(self._observations) == 1:
            self._ask()
        return observation

    def _close(self, observation: _Observation) -> None:
        self._observations.discard(observation)
        if not self._observations:
            self._rest()

    # --- asking ------------------------------------------------------------------------

    def _ask(self) -> None:
        self._call = self._clock.callLater(self._timeout, self._give_up)
        asked = self._asked = Deferred.fromCoroutine(_asked(self._fetch))
        asked.addBoth(self._answered, asked)

    def _answered(self, outcome: Any, asked: Deferred[Any]) -> None:
        # It may come too late to be of interest.
        if asked is self._asked:
            self._asked = None
            self._rest()
            self._note(outcome)

    def _give_up(self) -> None:
        self._rest()
        self._note(Failure(RequestTimedOut(self._timeout)))

    def _rest(self) -> None:
        """Have no question under way, and none to come."""
        call, self._call = self._call, None
        if call is not None and call.active():
            call.cancel()
        asked, self._asked = self._asked, None
        if asked is not None:
            asked.cancel()

    def _note(self, outcome: tuple[str, ...] | Failure) -> None:
        delay = self._interval
        if isinstance(outcome, Failure):
            delay = min(delay, next(self._delays, delay))
        else:
            self._delays = iter(self._backoff)
            delay *= 1 + JITTER * (2 * self._draw() - 1)
        # Before anybody is told, who may close it.
        self._call = self._clock.callLater(delay, self._ask)
        if isinstance(outcome, Failure):
            self._failed(outcome)
        else:
            self._known.update(Ok(outcome))

    def _failed(self, failure: Failure) -> None:
        known = isinstance(self.state, Ok)
        _log.warn(
            "{refreshed}: {error}; {what}",
            refreshed=self,
            error=failure.value,
            what="what is known stays" if known else "nothing is known yet",
        )
        if not known:
            self._known.update(Failed(failure))

    def __repr__(self) -> str:
        return f"Refreshed({self._fetch!r}, interval={self._interval:g}, {self.state!r})"


class _Observation:
    """What an observer has, to be told no more."""

    def __init__(self, refreshed: Refreshed, told: Closable) -> None:
        self._refreshed = refreshed
        self._told = told

    def close(self) -> Deferred[None]:
        self._refreshed._close(self)
        return self._told.close()


async def _asked(fetch: Fetch) -> tuple[str, ...]:
    """An answer, in the form of a set that is known."""
    answer = fetch()
    found = await answer if inspect.isawaitable(answer) else answer
    # A text is an iterable of texts, too.
    addresses = set() if isinstance(found, str) else set(found)
    if isinstance(found, str) or not all(isinstance(each, str) for each in addresses):
        raise TypeError(f"several addresses are needed, each a text, not {found!r}")
    if not addresses:
        raise NoEndpoints("no address was found")
    return tuple(sorted(addresses))
