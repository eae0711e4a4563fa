"""One member of a cluster: what it answers to which request."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from txetcd.errors import ErrorCode
from txetcd.http.message import Request, Response
from txetcd.testing.memory import _paths as paths
from txetcd.testing.memory._answers import Answers
from txetcd.testing.memory._cluster import Cluster
from txetcd.testing.memory._history import Event
from txetcd.testing.memory._hub import Wait
from txetcd.testing.memory._pages import Pages
from txetcd.testing.memory._proposal import PATIENCE, Proposal
from txetcd.testing.memory._question import Question
from txetcd.testing.memory._refusal import Refusal
from txetcd.testing.memory._replica import Replica

__all__ = ["Asker", "Member"]

class Asker(Protocol):
    """Who asks a member, and is answered."""

    @property
    def request(self) -> Request:
        """What is asked."""

    def head(self, head: Response) -> None:
        """The head of the answer, of which the body may come much later."""

    def answer(self, response: Response) -> None:
        """The answer, whole."""

    def on_leave(self, left: Callable[[], None]) -> None:
        """What to call if the answer is not waited for any more."""


class Member:
    """One server.

    Args:
        cluster: What it belongs to.
        name: What it is called.
        url: Where it is.
        cluster_id: What the cluster calls itself.

    Attributes:
        replica: The keys as it knows them.
        url: As above.
    """

    def __init__(self, cluster: Cluster, name: str, url: str, cluster_id: str) -> None:
        self._cluster = cluster
        self.url = url
        self._answers = Answers(cluster_id, url)
        self._pages = Pages(cluster.edition, name, url)
        self.replica = Replica(cluster)
        self._parked: dict[Asker, Callable[[], None]] = {}
        self._pending: dict[Proposal, Asker] = {}

    @property
    def parked(self) -> tuple[Request, ...]:
        """The waits that nothing has matched yet, the oldest first."""
        return tuple(asker.request for asker in self._parked)

    # --- answering ----------------------------------------------------------------------------

    def ask(self, asker: Asker) -> None:
        """Answer a request, now or later."""
        request = asker.request
        path = paths.decoded_path(request)
        if path is None:
            asker.answer(paths.plain(400, "400 Bad Request"))
        elif request.method == "OPTIONS":
            asker.answer(Response(200))
        elif moved := paths.redirect(request, path):
            asker.answer(moved)
        elif path == paths.KEYS or path.startswith(f"{paths.KEYS}/"):
            self._ask_key(asker, path[len(paths.KEYS) :].rstrip("/"))
        else:
            is_well = self._cluster.has_quorum and not self.replica.is_behind
            asker.answer(self._pages.answer(request, path, is_well))

    def _ask_key(self, asker: Asker, path: str) -> None:
        request = asker.request
        if refused := paths.allow(request, "HEAD", "GET", "PUT", "POST", "DELETE"):
            asker.answer(refused)
            return
        cluster = self._cluster
        try:
            question = Question.of(request, path, cluster.now(), cluster.edition)
            if question.needs_quorum:
                self._propose(asker, question)
            elif question.is_wait:
                self._wait(asker, question)
            else:
                self._tell(asker, question.ask(self.replica.store), question)
        except Refusal as refusal:
            asker.answer(self._answers.refusal(refusal))

    def _tell(self, asker: Asker, event: Event, question: Question) -> None:
        # A read tells the index of the store, and a write its own.
        asker.answer(self._answers.event(event, event.index, self._cluster.raft, question.bare))

    # --- waits --------------------------------------------------------------------------------

    def _wait(self, asker: Asker, question: Question) -> None:
        store, raft = self.replica.store, self._cluster.raft
        index, path = store.index, question.path
        since = question.since or index + 1
        found = store.history.scan(path, question.recursive, since)
        head = self._answers.waited(index, raft)
        if found is not None and not question.stream:
            asker.head(head)
            asker.answer(self._answers.waited(index, raft, found.body()))
            return
        body = b"" if found is None else found.body()

        def told(event: Event) -> None:
            nonlocal body
            body += event.body()
            if not question.stream:
                end()

        def leave() -> None:
            self.replica.hub.leave(wait)
            self._parked.pop(asker, None)

        def end() -> None:
            leave()
            asker.answer(self._answers.waited(index, raft, body))

        wait = Wait(path, question.recursive, since, question.stream, told)
        if found is None:
            # A stream that has found something in the history hears of nothing more.
            self.replica.hub.park(wait)
        self._parked[asker] = end
        asker.on_leave(leave)
        # Last, since whoever is told may write.
        asker.head(head)

    def end_wait(self, asker: Asker) -> None:
        """Answer a wait with what there is, which is most often nothing."""
        end = self._parked.get(asker)
        if end is not None:
            end()

    # --- what needs the others ----------------------------------------------------------------

    def _propose(self, asker: Asker, question: Question) -> None:
        def done(event: Event) -> None:
            self._pending.pop(proposal, None)
            self._tell(asker, event, question)

        def refused(refusal: Refusal) -> None:
            self._pending.pop(proposal, None)
            asker.answer(self._answers.refusal(refusal))

        def expired() -> None:
            refused(Refusal(ErrorCode.RAFT_INTERNAL, "etcdserver: request timed out"))

        proposal = Proposal(question.ask, done, refused)
        if not self.replica.is_behind and self._cluster.propose(proposal):
            return
        self._pending[proposal] = asker
        proposal.expire_in(PATIENCE, self._cluster.clock, expired)
        asker.on_leave(lambda: self._leave(proposal))

    def _leave(self, proposal: Proposal) -> None:
        # It has been proposed all the same.
        self._pending.pop(proposal, None)
        proposal.forget()

    # --- misfortunes --------------------------------------------------------------------------

    def stop(self) -> None:
        """End all that is under way, as a server does that shuts down."""
        for end in list(self._parked.values()):
            end()
        stopped = Refusal(ErrorCode.RAFT_INTERNAL, "etcdserver: server stopped")
        pending, self._pending = self._pending, {}
        for proposal, asker in pending.items():
            proposal.forget()
            asker.answer(self._answers.refusal(stopped))
