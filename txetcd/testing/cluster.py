"""A cluster of real etcd servers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.defer import Deferred, DeferredList, FirstError, gatherResults

from txetcd.clock import sleep
from txetcd.testing._probe import Standing
from txetcd.testing._reactor import Reactor, default_reactor
from txetcd.testing._server import EtcdFailed, unique_name
from txetcd.testing.etcd import EtcdProcess

__all__ = ["EtcdCluster", "agreed_leader"]

#: How often the members are asked who leads, in seconds.
TICK = 0.02


def agreed_leader(standings: Sequence[Standing], size: int) -> str | None:
    """The member that leads for certain, by what the members say at one time.

    A member that was cut off may believe what was true before.  So a leader is one that
    more than half of all members follow, and that says itself that it leads.

    Args:
        standings: What those members said that answered.
        size: How many members there are.

    Returns:
        The leader's name, or None if they do not agree on one.
    """
    followers = Counter(each.leader_id for each in standings if each.member_id)
    for standing in standings:
        leads = standing.member_id and standing.leader_id == standing.member_id
        if leads and 2 * followers[standing.member_id] > size:
            return standing.name
    return None


class EtcdCluster:
    """Several etcd servers that are one cluster, on free loopback ports.

    One member is killed, paused or restarted through `members`; the others go on as long
    as they are more than half.

    Args:
        n: How many members there are.
        reactor: As for `EtcdProcess`.
        name: The members are called this, with a number; by default a random word.
        election_timeout: As for `EtcdProcess`; here it is also how soon a lost leader is
            replaced.  A short one makes elections where the machine is slow.
        start_timeout: How long starting may take, in seconds.
        grace: As for `EtcdProcess`; by default members are killed.  Those that shut down
            in order all at once wait in vain for another to lead, for seconds.
        options: Other arguments of `EtcdProcess`, for every member.

    .. versionadded:: 0.1
    """

    def __init__(
        self,
        n: int = 3,
        reactor: Reactor | None = None,
        *,
        name: str | None = None,
        election_timeout: float = 0.5,
        start_timeout: float = 30.0,
        grace: float = 0.0,
        **options: Any,
    ) -> None:
        if "data_dir" in options:
            raise TypeError("members cannot share a data_dir")
        self._reactor = default_reactor(reactor)
        self._name = name or unique_name()
        self._token = unique_name()
        self._start_timeout = start_timeout
        options.update(election_timeout=election_timeout, start_timeout=start_timeout, grace=grace)
        self._members = [
            EtcdProcess(self._reactor, name=f"{self._name}-{number}", **options)
            for number in range(n)
        ]

    @property
    def members(self) -> list[EtcdProcess]:
        """The members, in the order of their names."""
        return list(self._members)

    @property
    def endpoints(self) -> list[str]:
        """The members' URLs for clients; known once the cluster was started."""
        return [member.url for member in self._members]

    #: The same as `endpoints`.
    urls = endpoints

    def __repr__(self) -> str:
        running = sum(member.running for member in self._members)
        return f"<EtcdCluster {self._name} {running} of {len(self._members)} members running>"

    def start(self) -> Deferred[EtcdCluster]:
        """Start all members, on ports that are free, or on those that they had before.

        Returns:
            Fires with this object when all of them are ready.  Cancelling it kills them.

        Raises:
            EtcdNotFound: If there is no etcd program.
            EtcdFailed: If a member could not be started.  All of them are killed then.
            RuntimeError: If a member is running.
        """
        return Deferred.fromCoroutine(self._start())

    def stop(self) -> Deferred[None]:
        """Stop all members, and remove all that is their own: see `EtcdProcess.stop`.

        Returns:
            Fires with None when everything is gone.
        """
        return Deferred.fromCoroutine(self._each(EtcdProcess.stop))

    def restart(self, wipe: bool = False) -> Deferred[EtcdCluster]:
        """Kill all members, and start them again on the same ports.

        Args:
            wipe: Delete all data in between: a new history begins, under the same cluster
                id.  It takes the whole cluster.  A single member without its data is
                refused by the others, which know that it has been there.

        Returns:
            Fires as that of `start` does.
        """
        return Deferred.fromCoroutine(self._restart(wipe))

    def leader(self, timeout: float | None = None) -> Deferred[EtcdProcess]:
        """Find the member that leads, waiting until the members agree on one.

        Args:
            timeout: How long that may take, in seconds; by default as long as starting.

        Returns:
            Fires with the member.  It is certain for the moment in which the members were
            asked.  Cancelling it stops the asking.

        Raises:
            EtcdFailed: If they did not agree in time.
        """
        limit = self._start_timeout if timeout is None else timeout
        return Deferred.fromCoroutine(self._leader(limit))

    async def _start(self) -> EtcdCluster:
        running = [member for member in self._members if member.running]
        if running:
            raise RuntimeError(f"{running[0]!r} runs already")
        cluster = ",".join([member._settle() for member in self._members])
        for member in self._members:
            member._join(cluster, self._token)
        await self._all_ready(EtcdProcess.start)
        return self

    async def _restart(self, wipe: bool) -> EtcdCluster:
        # All of them are down before the first is up, so that none hears of the old history.
        await self._each(EtcdProcess.kill)
        await self._all_ready(lambda member: member.restart(wipe))
        return self

    async def _all_ready(self, start: Callable[[EtcdProcess], Deferred[EtcdProcess]]) -> None:
        starts = [start(member) for member in self._members]
        try:
            await gatherResults(starts, consumeErrors=True)
        except BaseException as error:
            # The others wait for a majority, which will not come.
            for each in starts:
                each.cancel()
            await self._each(EtcdProcess.kill)
            raise _cause(error) from None

    async def _each(self, action: Callable[[EtcdProcess], Deferred[None]]) -> None:
        """Do the same to all members, and wait for all, even if it fails for some."""
        done = [action(member) for member in self._members]
        await DeferredList(done)
        await gatherResults(done, consumeErrors=True)

    async def _leader(self, limit: float) -> EtcdProcess:
        deadline = self._reactor.seconds() + limit
        while self._reactor.seconds() < deadline:
            name = agreed_leader(await self._standings(), len(self._members))
            for member in self._members:
                if member.name == name:
                    return member
            await sleep(self._reactor, TICK)
        raise EtcdFailed(f"The members of {self!r} did not agree on a leader in {limit:g} s")

    async def _standings(self) -> list[Standing]:
        asked = [
            Deferred.fromCoroutine(member._ask())
            for member in self._members
            if member.running and not member.paused
        ]
        return await gatherResults(asked)


def _cause(error: BaseException) -> BaseException:
    """The error that a `gatherResults` reports as one of a list."""
    cause = error.subFailure.value if isinstance(error, FirstError) else None
    return cause or error
