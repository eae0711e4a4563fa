"""A cluster whose members can be replaced, and asking members what only tests ask."""

from __future__ import annotations

import json

from twisted.internet.threads import deferToThread

from tests.robustness.cluster.plain import FAILURES, Answer, Line
from txetcd.clock import sleep
from txetcd.testing import EtcdCluster, EtcdProcess

__all__ = ["MEMBERSHIP", "ReplaceableCluster", "surely"]

#: How long a member may take to answer what only tests ask of it, in seconds.
PATIENCE = 8.0

#: How often a member is asked again, and how long to wait in between, in seconds.
ATTEMPTS = 100
REST = 0.1

#: Without this a member is added only when all have been well for five seconds.
MEMBERSHIP = ("--strict-reconfig-check=false",)


class ReplaceableCluster(EtcdCluster):
    """A cluster of which a member can be removed for good, and another one be added."""

    async def replace(self, place: int) -> EtcdProcess:
        """Put a new member, with no data, in place of one that has been killed.

        Its name, its id and its ports are new.
        """
        old = self._members[place]
        others = [member for member in self._members if member is not old]
        # What is asked while nobody leads is lost, and answered after five seconds.
        await self.leader()
        await self._remove(old, others[0])
        await old.stop()
        new = EtcdProcess(
            self._reactor,
            name=f"{old.name}x",
            election_timeout=0.5,
            start_timeout=self._start_timeout,
            grace=0.0,
            extra_args=[*MEMBERSHIP, "--initial-cluster-state=existing"],
        )
        names = [f"{member.name}={member.peer_url}" for member in others]
        own = new._settle()
        new._join(",".join([*names, own]), self._token)
        self._members[place] = new
        peer = json.dumps({"peerURLs": [new.peer_url]})
        await surely(others[0], "POST", "/v2/members", peer, expected=(201, 409))
        return await new.start()

    async def _remove(self, member: EtcdProcess, through: EtcdProcess) -> None:
        answer = await surely(through, "GET", "/v2/members")
        known = {each["name"]: each["id"] for each in answer.document["members"]}
        path = f"/v2/members/{known[member.name]}"
        await surely(through, "DELETE", path, expected=(204, 410))


async def surely(
    member: EtcdProcess,
    method: str,
    path: str,
    body: str | None = None,
    expected: tuple[int, ...] = (200,),
) -> Answer:
    """Ask a member until it answers as it should."""
    for _ in range(ATTEMPTS):
        try:
            answer: Answer = await deferToThread(_ask, member.port, method, path, body)
        except FAILURES as error:
            answer = Answer(0, 0, {"error": repr(error)})
        if answer.status in expected:
            return answer
        await sleep(member._life._reactor, REST)
    raise RuntimeError(f"{member!r} answers {method} {path} with {answer}")


def _ask(port: int, method: str, path: str, body: str | None) -> Answer:
    line = Line(port, PATIENCE)
    try:
        if body is not None and body.startswith("{"):
            return line.ask(method, path, body, "application/json")
        return line.ask(method, path, body)
    finally:
        line.close()
