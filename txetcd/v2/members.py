"""What members a cluster has (``GET /v2/members``)."""

from __future__ import annotations

from typing import Any, ClassVar

import attrs

from txetcd.errors import TxetcdError, UnexpectedResponse
from txetcd.http.message import Request, Response
from txetcd.service import Filter, Service
from txetcd.v2.decode import Malformed, decode_error, decode_json

__all__ = ["AskMembers", "Member", "Members"]


@attrs.frozen
class Member:
    """A server of a cluster, as the cluster knows it.

    Attributes:
        id: Hexadecimal digits, which tell it from all others, past ones as well.
        name: What it calls itself; empty if it was added and has never started.
        peer_urls: Where the other members reach it.
        client_urls: Where it says that clients reach it; none if it has never started.

    .. versionadded:: 0.1
    """

    id: str
    name: str
    peer_urls: tuple[str, ...]
    client_urls: tuple[str, ...]


@attrs.frozen
class AskMembers:
    """The request for the members, as filters see it: a read, and no operation on a key.

    .. versionadded:: 0.1
    """

    name: ClassVar[str] = "members"
    is_write: ClassVar[bool] = False
    long_poll: ClassVar[bool] = False

    def __str__(self) -> str:
        return self.name


class Members(Filter[Any, "tuple[Member, ...]", Request, Response]):
    """Asks a server for the members of its cluster, whatever the request: an `AskMembers`, say.

    They come in the server's order.  Fails with `UnexpectedResponse` where the answer is
    no list of members, and with an `ApiError` where etcd refuses.  A server that is cut
    off from the others answers with what it knows.  etcd's client URLs are what each
    member was told to advertise, which need not be where this client reaches it.

    Where it belongs: where `Keys` does, above all filters of HTTP messages.  The protocol
    is that of etcd's ``Documentation/v2/members_api.md``.

    .. versionadded:: 0.1
    """

    async def apply(
        self, request: Any, service: Service[Request, Response]
    ) -> tuple[Member, ...]:
        endpoint = ""
        try:
            response = await service(Request("GET", "/v2/members"))
            endpoint = response.endpoint
            return _decode(response)
        except TxetcdError as error:
            error.locate("members" if request is None else request, endpoint)
            raise

    def __repr__(self) -> str:
        return "v2.Members()"


def _decode(response: Response) -> tuple[Member, ...]:
    if response.status != 200:
        raise decode_error(response)
    document = decode_json(response)
    try:
        members = _list(document.get("members"), "members")
        return tuple(_member(each, f"members[{n}]") for n, each in enumerate(members))
    except Malformed as error:
        raise UnexpectedResponse(response.status, response.body, str(error)) from None


def _member(fields: Any, where: str) -> Member:
    if not isinstance(fields, dict):
        raise Malformed(f"{where}: a member is needed, not {type(fields).__name__}")
    # What a member that has never started does not have may be null, or left out.
    name, client_urls = fields.get("name"), fields.get("clientURLs")
    return Member(
        _text(fields.get("id"), f"{where}.id"),
        "" if name is None else _text(name, f"{where}.name"),
        _texts(fields.get("peerURLs"), f"{where}.peerURLs"),
        () if client_urls is None else _texts(client_urls, f"{where}.clientURLs"),
    )


def _texts(value: Any, where: str) -> tuple[str, ...]:
    return tuple(_text(each, f"{where}[{n}]") for n, each in enumerate(_list(value, where)))


def _list(value: Any, where: str) -> list[Any]:
    if not isinstance(value, list):
        raise Malformed(f"{where}: a list is needed, not {type(value).__name__}")
    return value


def _text(value: Any, where: str) -> str:
    if not isinstance(value, str):
        raise Malformed(f"{where}: text is needed, not {type(value).__name__}")
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        # It could be neither encoded nor printed.
        raise Malformed(f"{where}: half of a surrogate pair is no text") from None
    return value
