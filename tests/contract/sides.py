"""What the contract is between: servers in memory and real ones, asked in the same way."""

from __future__ import annotations

import json
from functools import cache

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SkipTest, TestCase

from tests.integration.test_other_version import OtherServer, other_etcd
from tests.realserver import RealServerTestCase, reactor, require_etcd
from txetcd.http import Request, Response
from txetcd.http.transports import direct_service
from txetcd.service import Service
from txetcd.testing import MemoryEtcd

__all__ = ["OnEtcd", "OnMemory", "OnOtherEtcd", "OnOtherMemory", "Question", "on_every_side"]

GET_ROOT = Request("GET", "/v2/keys/")

#: How long nothing has to happen for a wait to be parked, in seconds.
MOMENT = 0.02


class Question:
    """A request that is under way, and what was told of it so far.

    Attributes:
        head: The head of the answer, once it has come.
        headed: Fires when it has, with None.
        response: The answer, once it has come.
        answered: Fires when it has, with None; fails if it does not come.
        under_way: What the service returned; to be cancelled.
    """

    def __init__(self, service: Service[Request, Response], request: Request) -> None:
        self.head: Response | None = None
        self.response: Response | None = None
        self.answered: Deferred[None] = Deferred()
        self.headed: Deferred[None] = Deferred()
        asked = Request(
            request.method,
            request.path,
            request.query,
            request.headers,
            request.body,
            long_poll=True,
            on_head=self._told,
        )
        self.under_way = service(asked)
        self.under_way.addCallbacks(self._answer, self.answered.errback)

    def _told(self, head: Response) -> None:
        self.head = head
        self.headed.callback(None)

    def _answer(self, response: Response) -> None:
        self.response = response
        self.answered.callback(None)


class Side(TestCase):
    """A server that the contract is for."""

    timeout = 60

    #: Whether it is the version that differs in some things.
    is_other = False

    #: Carries requests to it.
    service: Service[Request, Response]

    async def index(self) -> int:
        """The index of its store."""
        return int((await self.service(GET_ROOT)).headers["X-Etcd-Index"])

    def moment(self) -> Deferred[None]:
        """Let happen what happens at once."""
        raise NotImplementedError

    def later(self, seconds: float) -> Deferred[None]:
        """Let some time pass."""
        raise NotImplementedError


class OnMemory(Side):
    """In memory."""

    like = "3.5.1"

    def setUp(self) -> None:
        self.clock = Clock()
        self.service = self.memory = MemoryEtcd(self.clock, version=self.like)

    async def moment(self) -> None:  # type: ignore[override]
        pass

    async def later(self, seconds: float) -> None:  # type: ignore[override]
        self.clock.advance(seconds)


class OnOtherMemory(OnMemory):
    """In memory, as it is in the other version."""

    is_other = True
    like = "3.4.23"


@cache
def server_of(program: str) -> OtherServer:
    """The one server of this process that runs a program, for the contract alone."""
    return OtherServer(program)


class OnEtcd(Side, RealServerTestCase):
    """On a real etcd, which is empty but for what its index tells."""

    def program(self) -> str:
        """The program that is run."""
        return require_etcd()

    async def setUp(self) -> None:  # type: ignore[override]
        super().setUp()
        self.service = direct_service(reactor, server_of(self.program()).url())
        self.addCleanup(self.service.close)
        version = await self.service(Request("GET", "/version"))
        self.is_other = json.loads(version.body)["etcdserver"].startswith("3.4.")
        await self._empty()

    async def _empty(self) -> None:
        for prefix in ("", "_"):
            for name in "abcdefgx":
                await self.service(
                    Request("DELETE", f"/v2/keys/{prefix}{name}", "recursive=true&dir=true")
                )
        listing = await self.service(GET_ROOT)
        for node in _children(listing):
            await self.service(Request("DELETE", f"/v2/keys{node}", "recursive=true"))

    async def moment(self) -> None:  # type: ignore[override]
        await self.service(Request("GET", "/version"))
        await self.pause(MOMENT)

    async def later(self, seconds: float) -> None:  # type: ignore[override]
        await self.pause(seconds)


class OnOtherEtcd(OnEtcd):
    """On a real etcd of another version, where this machine has one."""

    def program(self) -> str:
        require_etcd()
        program = other_etcd()
        if program is None:
            raise SkipTest("there is no etcd of another version on the PATH")
        return program


def _children(listing: Response) -> list[str]:
    return [node["key"] for node in json.loads(listing.body)["node"].get("nodes", [])]


def on_every_side(contract: type) -> dict[str, type]:
    """A test case for each side that a contract is for, by name."""
    sides = (OnMemory, OnOtherMemory, OnEtcd, OnOtherEtcd)
    return {
        f"{contract.__name__}{side.__name__}": type(
            f"{contract.__name__}{side.__name__}",
            (contract, side),
            {"__module__": contract.__module__, "__doc__": f"{contract.__doc__}  {side.__doc__}"},
        )
        for side in sides
    }
