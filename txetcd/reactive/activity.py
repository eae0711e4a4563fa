"""Values that change over time, and that may not be there yet, or not be had."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable
from functools import partial
from operator import eq
from typing import Any, Generic, TypeVar, overload

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from txetcd.reactive import on_states
from txetcd.reactive.closable import Closable
from txetcd.reactive.derived import Combined, Kept
from txetcd.reactive.flattened import Flattened
from txetcd.reactive.followed import Followed
from txetcd.reactive.iteration import Iteration
from txetcd.reactive.latest import Latest
from txetcd.reactive.node import Held, Node
from txetcd.reactive.once import after_the_first, once
from txetcd.reactive.states import Failed, Ok, Pending
from txetcd.reactive.varying import Varying

__all__ = ["Activity"]

T = TypeVar("T", covariant=True)
S = TypeVar("S")


class Activity(ABC, Generic[T]):
    """A value that changes over time: at any moment `Pending`, `Ok` or `Failed`.

    Observers are told, and other activities derived, by the rules of `Varying`: the newest
    wins; what is derived observes what is above it while it is observed itself, once for all
    its observers; what is told is what holds at that moment.  What a function raises
    makes the derived activity `Failed`.

    A subclass defines `state` and `observe`.  It is ``Activity`` of twitter-util
    (``com.twitter.util.Activity``).

    .. versionadded:: 0.1
    """

    @property
    @abstractmethod
    def state(self) -> Pending | Ok[T] | Failed:
        """What it is now."""

    @abstractmethod
    def observe(self, told: Callable[[Pending | Ok[T] | Failed], object]) -> Closable:
        """Tell a function of the state: now, before this returns, and at each change.

        Args:
            told: What it raises is logged, and keeps nobody else from being told.

        Returns:
            What to close to be told no more.
        """

    @staticmethod
    def of(value: S) -> Activity[S]:
        """A value that is known, and stays as it is."""
        return _Derived(Held(Ok(value)))

    @staticmethod
    def of_states(states: Varying[Pending | Ok[S] | Failed]) -> Activity[S]:
        """An activity whose state is that value; set by who holds it, if it is a `Var`."""
        return _Derived(states._node)

    @property
    def states(self) -> Varying[Pending | Ok[T] | Failed]:
        """The state as a value that is always there."""
        return Varying(self._node())

    def map(self, function: Callable[[T], S]) -> Activity[S]:
        """The function of the value."""
        return _Derived(Combined((self._node(),), partial(on_states.mapped, function)))

    def flat_map(self, function: Callable[[T], Activity[S]]) -> Activity[S]:
        """The activity that the function chooses by the value, while that is known.

        When the value changes, the next one is observed, and then the one before is closed.
        """
        return _Derived(Flattened(self._node(), partial(_chosen, function)))

    def filter(self, predicate: Callable[[T], object]) -> Activity[T]:
        """The value while the predicate holds of it; `Pending` while it does not."""
        return _Derived(Combined((self._node(),), partial(on_states.filtered, predicate)))

    @overload
    def join(self, other: Activity[S], /) -> Activity[tuple[T, S]]: ...

    @overload
    def join(self, /, *others: Activity[Any]) -> Activity[tuple[Any, ...]]: ...

    def join(self, *others: Activity[Any]) -> Activity[Any]:
        """This and others, as a tuple; also written ``Activity.join(a, b, ...)``.

        `Failed` as the first of them that is; else `Pending` if any of them is.
        """
        return _Derived(
            Combined([each._node() for each in (self, *others)], on_states.joined)
        )

    def dedup(self, same: Callable[[T, T], object] = eq) -> Activity[T]:
        """The same, without changes to a value that is the same as the one before.

        Args:
            same: Whether it is.  What it raises is logged, and counts as no.
        """
        return _Derived(Kept(self._node(), partial(on_states.repeats, same)))

    def stabilize(self) -> Activity[T]:
        """The last value that was known: once it has been seen to be `Ok`, it stays so.

        What the activity was while nobody observed or read this one is not remembered.
        """
        return _Derived(Kept(self._node(), on_states.loses))

    def recover(self, function: Callable[[Failure], S]) -> Activity[T | S]:
        """In place of a failure, the function of it.

        A function that raises the error itself leaves it as it is.
        """
        return _Derived(Combined((self._node(),), partial(on_states.recovered, function)))

    def next(self) -> Deferred[Pending | Ok[T] | Failed]:
        """Fire with the state after the next change, whichever it is.

        It fails never.  Cancelling it stops observing.
        """
        return once(after_the_first(self.observe))

    def next_ok(self) -> Deferred[T]:
        """Fire with the value, as soon as there is one: at once, if it is `Ok` now.

        It waits through `Pending` and `Failed`, and fails never.  Cancelling it stops
        observing.
        """
        return once(partial(_observe_ok, self))

    def __aiter__(self) -> AsyncIterator[T]:
        """The value, and each one that it changes to.

        It is a value that changes, and no list of changes: a loop that is slow gets the
        latest, and none of those before it.  `Pending` and `Failed` are waited through.  It is
        observed from the first step on, until ``aclose()``, or until nobody holds
        the iterator any more, as when a loop was left.
        """
        return Iteration(Latest(partial(_observe_ok, self)))

    def _node(self) -> Node[Any]:
        return Followed(self)


class _Derived(Activity[S]):
    """An activity whose states a node holds."""

    def __init__(self, node: Node[Any]) -> None:
        self._held_by = node

    @property
    def state(self) -> Pending | Ok[S] | Failed:
        state: Pending | Ok[S] | Failed = self._held_by.now().value
        return state

    def observe(self, told: Callable[[Pending | Ok[S] | Failed], object]) -> Closable:
        return self._held_by.observe(told)

    def _node(self) -> Node[Any]:
        return self._held_by

    def __repr__(self) -> str:
        return f"<Activity {self.state!r}, observed by {self._held_by.observers}>"


def _observe_ok(activity: Activity[Any], told: Callable[[Any], object]) -> Closable:
    def told_ok(state: Any) -> None:
        if isinstance(state, Ok):
            told(state.value)

    return activity.observe(told_ok)


def _chosen(function: Callable[[Any], Activity[Any]], state: Any) -> Node[Any]:
    """What holds the states of the activity that a function chooses."""
    if not isinstance(state, Ok):
        return Held(state)
    try:
        chosen = function(state.value)
        if not isinstance(chosen, Activity):
            raise TypeError(f"the function of flat_map must return an Activity, not {chosen!r}")
    except Exception:
        return Held(Failed(Failure()))
    return chosen._node()
