"""Activities made of others in any way, and what each of them should be, worked out beside it."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from twisted.python.failure import Failure

from txetcd.reactive import Activity, Failed, Ok, Pending, Var

SOURCES = 3


def odd_ones_fail(n: int) -> int:
    if n % 2:
        raise KeyError(n)
    return n // 2


FUNCTIONS = {"inc": lambda n: n + 1, "mod": lambda n: n % 3, "fails": odd_ones_fail}
PREDICATES = {"even": lambda n: n % 2 == 0, "fails": odd_ones_fail}

LEAVES = {"source", "foreign"}
leaves = st.tuples(st.sampled_from(["source", "foreign"]), st.integers(0, SOURCES - 1))
#: Expressions: what it is, and what it is made of.  Equal parts are one activity.
expressions = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.tuples(st.just("map"), inner, st.sampled_from(sorted(FUNCTIONS))),
        st.tuples(st.just("filter"), inner, st.sampled_from(sorted(PREDICATES))),
        st.tuples(st.just("join"), inner, inner),
        st.tuples(st.just("flat_map"), inner, inner, inner),
        st.tuples(st.just("dedup"), inner),
        st.tuples(st.just("recover"), inner),
    ),
    max_leaves=8,
)
states = st.one_of(
    st.builds(Ok, st.integers(0, 5)),
    st.just(Pending()),
    st.builds(lambda: Failed(Failure(ValueError()))),
)
updates = st.tuples(st.integers(0, SOURCES - 1), states)


def shown(state: Any) -> Any:
    """A state in a form that can be compared: of a failure, its kind."""
    return state.failure.type if isinstance(state, Failed) else state


class Foreign(Activity[Any]):
    """The states of a source, by no more than the two methods that an activity must have."""

    def __init__(self, source: Var[Any]) -> None:
        self.source = source

    @property
    def state(self) -> Any:
        return self.source.value

    def observe(self, told: Any) -> Any:
        return self.source.observe(told)


class World:
    """Sources, and the activities made of them."""

    def __init__(self) -> None:
        self.sources: list[Var[Any]] = [Var(Pending()) for _ in range(SOURCES)]
        self._made: dict[Any, Activity[Any]] = {}

    def activity(self, expression: Any) -> Activity[Any]:
        if expression not in self._made:
            self._made[expression] = self._make(*expression)
        return self._made[expression]

    def _make(self, kind: str, *parts: Any) -> Activity[Any]:
        if kind in LEAVES:
            source = self.sources[parts[0]]
            return Activity.of_states(source) if kind == "source" else Foreign(source)
        made = self.activity(parts[0])
        if kind == "map":
            return made.map(FUNCTIONS[parts[1]])
        if kind == "filter":
            return made.filter(PREDICATES[parts[1]])
        if kind == "join":
            return made.join(self.activity(parts[1])).map(sum)
        if kind == "flat_map":
            return made.flat_map(lambda n: self.activity(parts[1 + n % 2]))
        return made.dedup() if kind == "dedup" else made.recover(lambda _: 7)

    def expected(self, expression: Any) -> Any:
        """What it should be now."""
        kind, *parts = expression
        if kind in LEAVES:
            return shown(self.sources[parts[0]].value)
        state = self.expected(parts[0])
        if kind == "recover":
            return Ok(7) if isinstance(state, type) else state
        if kind == "join":
            return both(state, self.expected(parts[1]))
        if kind == "flat_map" and isinstance(state, Ok):
            return self.expected(parts[1 + state.value % 2])
        return after(state, kind, *parts[1:])


def after(state: Any, kind: str, *name: str) -> Any:
    """A state after a function or a predicate; anything else changes nothing."""
    if kind not in {"map", "filter"} or not isinstance(state, Ok):
        return state
    try:
        if kind == "map":
            return Ok(FUNCTIONS[name[0]](state.value))
        return state if PREDICATES[name[0]](state.value) else Pending()
    except KeyError:
        return KeyError


def both(one: Any, other: Any) -> Any:
    for each in (one, other):
        if isinstance(each, type):
            return each
    if isinstance(one, Ok) and isinstance(other, Ok):
        return Ok(one.value + other.value)
    return Pending()
