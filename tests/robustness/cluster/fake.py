"""An etcd in memory, that can be made to fail in all ways at which a client may go wrong.

It speaks the v2 API as HTTP messages, as far as the traffic and a watch need it.  All that a
client does with it takes the time of a clock alone, so a run of seconds is over at once, and goes
the same way each time.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from random import Random
from typing import Any
from urllib.parse import parse_qs, unquote

from twisted.internet.defer import Deferred

from tests.robustness.cluster.history import Change
from tests.robustness.cluster.reply import Reply
from tests.robustness.cluster.store import KeyStore, Refusal
from tests.robustness.cluster.truth import read_change
from txetcd import NotSent, ReplyLost, Service
from txetcd.clock import Clock
from txetcd.http import Request, Response

__all__ = ["FakeEtcd", "Fate"]

#: How long a request takes to arrive, or a reply, at the most, in seconds.
LATENCY = 0.004

#: How much later a request arrives that is very late, in seconds.
LATE = 1.7


class Fate(Enum):
    """What becomes of a request."""

    WELL = "it is carried out and answered"
    REFUSED = "it is never sent"
    CUT_BEFORE = "the connection is cut before the server has it"
    CUT_AFTER = "it is carried out, and the connection is cut"
    FAILED = "it is carried out, and answered with a 500 all the same"
    SILENT = "it is carried out, and never answered"
    LATE = "it is carried out when nobody waits for it any more"


class FakeEtcd(Service[Request, Response]):
    """A service of HTTP requests that is an etcd, and the network before it.

    Args:
        clock: Makes latencies.
        random: Draws them, and fates.

    Attributes:
        trouble: How many requests in a hundred do not have the fate to be `Fate.WELL`.
        store: The keys.
        changes: All that ever happened.
    """

    def __init__(self, clock: Clock, random: Random) -> None:
        self._clock = clock
        self._random = random
        self.trouble = 0
        self.store = KeyStore()
        self.changes: list[Change] = []
        self._waiting: set[Reply] = set()
        self._parked: list[tuple[int, str, Reply]] = []

    def apply(self, request: Request) -> Deferred[Response]:
        fate = Fate.WELL
        if self._random.randrange(100) < self.trouble:
            fate = self._random.choice(list(Fate))
        reply = Reply(request, self._gone)
        self._waiting.add(reply)
        if fate is Fate.REFUSED:
            reply.fail(NotSent("refused"))
        else:
            late = LATE if fate is Fate.LATE else 0.0
            self._later(lambda: self._arrived(reply, fate), late)
        return reply.deferred

    @property
    def waiting(self) -> int:
        """How many requests the client has under way."""
        return len(self._waiting)

    @property
    def parked(self) -> int:
        """How many waits nothing has matched yet."""
        return len(self._parked)

    # --- the server ---------------------------------------------------------------------

    def _arrived(self, reply: Reply, fate: Fate) -> None:
        if fate is Fate.CUT_BEFORE:
            reply.fail(ReplyLost("cut"))
            return
        if reply.request.long_poll:
            if fate is Fate.WELL:
                self._wait(reply)
            else:
                reply.fail(ReplyLost("cut"))
            return
        status, document = self._carry_out(reply.request)
        if fate is Fate.WELL:
            index = self.store.index
            self._later(lambda: reply.answer(status, document, index))
        elif fate is Fate.FAILED:
            failure = {"errorCode": 300, "message": "Raft Internal Error", "index": 0}
            self._later(lambda: reply.answer(500, failure, 0))
        elif fate is Fate.CUT_AFTER:
            self._later(lambda: reply.fail(ReplyLost("cut")))

    def _carry_out(self, request: Request) -> tuple[int, dict[str, Any]]:
        path = unquote(request.path).removeprefix("/v2/keys")
        fields = _fields(request.body.decode() or request.query)
        try:
            document = self.store.carry_out(request.method, path, fields)
        except Refusal as refusal:
            return refusal.status, refusal.document
        if document["action"] != "get":
            self.changes.append(read_change(document, self.store.index))
            self._ring()
        return 200, document

    def _wait(self, reply: Reply) -> None:
        fields = _fields(reply.request.query)
        path = unquote(reply.request.path).removeprefix("/v2/keys")
        index = self.store.index
        try:
            found = self.store.scan(int(fields["waitIndex"]), path)
        except Refusal as refusal:
            reply.answer(refusal.status, refusal.document, index)
            return
        reply.head(index)
        if found is None:
            self._parked.append((index, path, reply))
        else:
            # At once, so that a watch can keep up with the traffic.
            reply.answer(200, found, index)

    def _ring(self) -> None:
        """Wake the waits that the last change matches."""
        change = self.store.scan(self.store.index, "/")
        if change is None:
            return
        parked, self._parked = self._parked, []
        for index, path, reply in parked:
            if change["node"]["key"].startswith(f"{path}/"):
                reply.answer(200, change, index)
            else:
                self._parked.append((index, path, reply))

    # --- misfortunes of waits -------------------------------------------------------------

    def cut_waits(self) -> None:
        """Break the connections of all waits that are parked."""
        parked, self._parked = self._parked, []
        for _, _, reply in parked:
            reply.fail(ReplyLost("cut"))

    def _gone(self, reply: Reply) -> None:
        """A reply has been told, or nobody waits for it any more."""
        self._waiting.discard(reply)
        self._parked = [each for each in self._parked if each[2] is not reply]

    def _later(self, call: Callable[[], None], late: float = 0.0) -> None:
        self._clock.callLater(late + self._random.uniform(0.0005, LATENCY), call)


def _fields(form: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(form).items()}
