"""What versions a server reports (``GET /version``)."""

from __future__ import annotations

from typing import Any

from txetcd.errors import TxetcdError, UnexpectedResponse
from txetcd.http.message import Request, Response
from txetcd.model.node import Version
from txetcd.service import Filter, Service
from txetcd.v2.decode import decode_error, decode_json

__all__ = ["Versions"]


class Versions(Filter[Any, Version, Request, Response]):
    """Asks a server for its version, whatever the request: an `AskVersion`, say.

    Fails with `UnexpectedResponse` where the answer is no version.

    .. versionadded:: 0.1
    """

    async def apply(self, request: Any, service: Service[Request, Response]) -> Version:
        endpoint = ""
        try:
            response = await service(Request("GET", "/version"))
            endpoint = response.endpoint
            return _decode(response)
        except TxetcdError as error:
            error.locate(request, endpoint)
            raise

    def __repr__(self) -> str:
        return "v2.Versions()"


def _decode(response: Response) -> Version:
    if response.status != 200:
        raise decode_error(response)
    document = decode_json(response)
    server, cluster = document.get("etcdserver"), document.get("etcdcluster")
    if not isinstance(server, str) or not isinstance(cluster, str):
        raise UnexpectedResponse(200, response.body, "it names no version")
    return Version(server, cluster)
