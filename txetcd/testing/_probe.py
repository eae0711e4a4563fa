"""Asking a server who it is.

The questions go to the JSON gateway of the v3 API, which etcd serves whether or not v2 is
enabled, and which answers these two without a password.
"""

from __future__ import annotations

import json
from typing import Any

import attrs
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.error import ConnectError, ConnectingCancelledError
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

from txetcd.testing._ports import HOST
from txetcd.testing._reactor import Reactor

__all__ = [
    "MEMBERS",
    "NO_LEADER",
    "STATUS",
    "Standing",
    "ask",
    "ask_standing",
    "question",
    "read_answer",
]

#: What is in place of a leader's id while there is none.
NO_LEADER = "0"

MEMBERS = "/v3/cluster/member/list"
STATUS = "/v3/maintenance/status"

#: An answer that is longer than this is not etcd's.
MAX_ANSWER = 1 << 20


@attrs.frozen
class Standing:
    """What a member says of itself.

    Attributes:
        name: Its ``--name``.
        member_id: Its id in the cluster.
        leader_id: The id of the leader that it follows, or `NO_LEADER`.
        version: The server's version.
    """

    name: str
    member_id: str
    leader_id: str
    version: str

    @classmethod
    def of(cls, members: dict[str, Any], status: dict[str, Any]) -> Standing:
        """Make one of the answers to `MEMBERS` and `STATUS`, each ``{}`` if there was none."""
        own_id = members.get("header", {}).get("member_id", "")
        names = {each.get("ID"): each.get("name", "") for each in members.get("members", [])}
        return cls(
            name=names.get(own_id, ""),
            member_id=own_id,
            leader_id=status.get("leader", NO_LEADER),
            version=status.get("version", ""),
        )


def question(path: str) -> bytes:
    """The bytes of a request, in the HTTP version that has neither chunks nor kept connections."""
    return (
        f"POST {path} HTTP/1.0\r\nHost: {HOST}\r\n"
        "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
    ).encode("ascii")


def read_answer(raw: bytes) -> dict[str, Any]:
    """The JSON object in all the bytes of a reply, or ``{}`` if there is none."""
    head, _, body = raw.partition(b"\r\n\r\n")
    if head.split(b" ", 2)[1:2] != [b"200"]:
        return {}
    try:
        answer = json.loads(body)
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}


async def ask(reactor: Reactor, port: int, path: str, timeout: float) -> dict[str, Any]:
    """Ask a question of whoever listens on a port.

    Args:
        reactor: Makes the connection and keeps the time.
        port: A port of the loopback interface.
        path: `MEMBERS` or `STATUS`.
        timeout: How long each of connecting and answering may take, in seconds.

    Returns:
        The answer, once the connection is gone, or ``{}`` if there was no good one in
        time.  Cancelling closes the connection in the next turn of the reactor.
    """
    conversation = _Conversation(question(path))
    try:
        await _connect(reactor, port, conversation, timeout)
    except ConnectError:
        return {}
    except ConnectingCancelledError as error:
        raise CancelledError from error
    late = reactor.callLater(timeout, conversation.give_up)
    try:
        return read_answer(await conversation.ended)
    finally:
        conversation.give_up()
        if late.active():
            late.cancel()


async def ask_standing(reactor: Reactor, port: int, timeout: float) -> Standing:
    """Ask a member for its `Standing`; what it does not answer is left empty."""
    members = await ask(reactor, port, MEMBERS, timeout)
    status = await ask(reactor, port, STATUS, timeout) if members else {}
    return Standing.of(members, status)


def _connect(reactor: Reactor, port: int, protocol: Protocol, timeout: float) -> Deferred[object]:
    # Any: endpoints name what they take by interfaces, which type checkers do not know.
    any_reactor: Any = reactor
    factory: Any = Factory.forProtocol(lambda: protocol)
    factory.noisy = False
    endpoint: Any = TCP4ClientEndpoint(any_reactor, HOST, port, timeout)
    connecting: Deferred[object] = endpoint.connect(factory)
    return connecting


class _Conversation(Protocol):
    """Says one thing, and listens until the other side hangs up."""

    transport: Any

    def __init__(self, words: bytes) -> None:
        self._words = words
        self._heard = bytearray()
        #: Fires with all that was heard, once the connection is gone.
        self.ended: Deferred[bytes] = Deferred()

    def connectionMade(self) -> None:
        self.transport.write(self._words)

    def dataReceived(self, data: bytes) -> None:
        self._heard += data
        if len(self._heard) > MAX_ANSWER:
            self.give_up()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if not self.ended.called:
            self.ended.callback(bytes(self._heard))

    def give_up(self) -> None:
        """Hang up."""
        self.transport.abortConnection()
