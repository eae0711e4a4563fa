"""Clients with a fault planted in them, as data: what is planted, and what catches it.

Most are tried on an etcd in memory (`simulation`), and the checker has to find that they did wrong.
A few do no wrong that a caller could see; each of those has a test that fails with it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs

from tests.robustness import planted as loops
from tests.robustness.cluster import faulty, faulty_watches
from tests.robustness.cluster.simulation import Client
from tests.robustness.cluster.violation import Kind
from tests.robustness.watching import faulty as faulty_loops
from txetcd import (
    ApiError,
    KeyNotFound,
    NotSent,
    ReplyLost,
    RequestTimedOut,
    UnexpectedResponse,
)

__all__ = ["PLANTS", "TESTED", "Plant", "Tested"]


@attrs.frozen
class Plant:
    """A fault that the checker is to find.

    Attributes:
        what: What is planted.
        client: The client with it.
        caught_as: A kind of violation that it must be found to commit.
    """

    what: str
    client: Client
    caught_as: Kind


@attrs.frozen
class Tested:
    """A fault that a test finds, which fails when it is planted.

    Attributes:
        what: What is planted.
        where: The class it is planted in, by its full name.
        name: The method that is replaced.
        instead: The method in its place.
        test: A test, by its full name.
    """

    what: str
    where: str
    name: str
    instead: Callable[..., Any]
    test: str


#: What the checker has to find.
PLANTS: dict[str, Plant] = {
    "retry-5xx": Plant(
        "a write that was answered with a 500 is sent again",
        faulty.retrying(ApiError, UnexpectedResponse),
        Kind.DOUBLED,
    ),
    "retry-reply-lost": Plant(
        "a write whose reply was lost is sent again",
        faulty.retrying(ReplyLost),
        Kind.DOUBLED,
    ),
    "retry-timed-out": Plant(
        "a write that timed out is sent again",
        faulty.retrying(RequestTimedOut),
        Kind.DOUBLED,
    ),
    "hedged-writes": Plant(
        "a write is sent twice, and the answer to one is taken",
        faulty.below(faulty.SendsTwice()),
        Kind.DOUBLED,
    ),
    "ambiguous-as-not-sent": Plant(
        "a write whose outcome is unknown is reported as never sent",
        faulty.reporting(NotSent("refused")),
        Kind.MISREPORTED,
    ),
    "ambiguous-as-timed-out": Plant(
        "a write that was sent and timed out is reported as one that had not begun",
        faulty.reporting(RequestTimedOut(2.0, possibly_applied=False)),
        Kind.MISREPORTED,
    ),
    "ambiguous-as-refused": Plant(
        "a write whose outcome is unknown is reported as refused",
        faulty.reporting(KeyNotFound(100)),
        Kind.MISREPORTED,
    ),
    "ambiguous-as-done": Plant(
        "a write whose outcome is unknown is reported as made",
        faulty.acknowledging(),
        Kind.LOST,
    ),
    "refused-as-done": Plant(
        "a write whose condition did not hold is reported as made",
        faulty.forgiving(),
        Kind.LOST,
    ),
    "cached-reads": Plant(
        "a read by quorum is answered with what an earlier one was told",
        faulty.remembering(),
        Kind.MISREPORTED,
    ),
    "reads-from-the-future": Plant(
        "a read is answered with a value that is still being written",
        faulty.above(faulty.ReadsItsWrites()),
        Kind.MISREPORTED,
    ),
    "no-prev-node": Plant(
        "an answer leaves out what the key was before",
        faulty.forgetful(),
        Kind.MISREPORTED,
    ),
    "wrong-index": Plant(
        "an answer tells the index of another change",
        faulty.one_behind(),
        Kind.MISREPORTED,
    ),
    "no-time-limit": Plant(
        "no time limit is enforced",
        faulty.patient(),
        Kind.LEAKED,
    ),
    "cancelled-goes-on": Plant(
        "a request that was cancelled is left under way",
        faulty.below(faulty.NeverCancels()),
        Kind.LEAKED,
    ),
    "watch-at-header": Plant(
        "a watch goes on from the index in the head of the answer",
        faulty_watches.watching(loops.ResumesAtTheHeader),
        Kind.LOST,
    ),
    "watch-trusts-doorbell": Plant(
        "a watch delivers what wakes it",
        # It has to have caught up when the member loses history.
        faulty_watches.watching(loops.DeliversTheDoorbell, rate=10.0),
        Kind.LOST,
    ),
    "watch-skips": Plant(
        "a watch goes on behind a gap in the history, and says nothing",
        faulty_watches.watching(loops.SkipsAhead),
        Kind.LOST,
    ),
    "watch-begins-anew": Plant(
        "a watch goes on from where it began when its connection was cut",
        faulty_watches.watching(faulty_loops.BeginsAnew),
        Kind.DOUBLED,
    ),
    "watch-without-removals": Plant(
        "a watch does not tell of removals",
        faulty_watches.watching(faulty_loops.SaysNothingOfRemovals),
        Kind.LOST,
    ),
}

#: What tests have to find, each of which passes while nothing is planted.
TESTED: dict[str, Tested] = {
    "budget-ignored": Tested(
        "retries are made though the budget is spent",
        "txetcd.filters.retry_budget.RetryBudget",
        "try_withdraw",
        lambda self: True,
        "tests.filters.test_retry.BudgetTests.test_it_is_one_for_all_requests",
    ),
    "pool-keeps-cancelled": Tested(
        "the connection of a request that was cancelled stays in the pool",
        "txetcd.http.connection.Connection",
        "abort",
        lambda self: None,
        "tests.http.test_connection.ServiceTests.test_cancelling_closes_it",
    ),
    "dead-member-chosen": Tested(
        "the balancer chooses a member that is given up",
        "txetcd.balance.pick.PowerOfTwoChoices",
        "pick",
        lambda self, candidates, among=None: self._lighter(candidates),
        "tests.balance.test_balancer.ChoosingTests."
        "test_one_that_is_not_open_is_not_asked_while_another_is",
    ),
    "dead-member-not-noticed": Tested(
        "a member is never given up, whatever it does",
        "txetcd.filters.failure_accrual.FailureAccrual",
        "_give_up",
        lambda self, service: None,
        "tests.filters.test_failure_accrual.GivingUpTests."
        "test_by_default_five_in_a_row_are_too_much",
    ),
    "hedges-anything": Tested(
        "a copy is sent of a write as well, though nobody asked for that",
        "txetcd.filters.hedge.Hedge",
        "apply",
        faulty.hedges_anything,
        "tests.filters.test_hedge.SendingTests."
        "test_writes_and_waits_and_what_does_not_say_pass_by",
    ),
}
