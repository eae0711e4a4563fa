"""What is in the server: the keys that are read, and asking it without any of the clients.

Everything is written twice, through v2 and through v3, which are two stores in one server.
"""

from __future__ import annotations

import base64
import http.client
import itertools
import json
from typing import Any
from urllib.parse import urlencode, urlsplit

__all__ = [
    "DIRECTORY",
    "EVENTS",
    "SMALL",
    "VALUES",
    "Store",
    "directory",
    "put_request",
]

#: The key that is read most, with the three bytes that its value has.
SMALL = "/bench/small"

#: Single keys and their values.
VALUES = {
    SMALL: "abc",
    "/bench/1k": "k" * 1024,
    "/bench/100k": "h" * 102_400,
}

#: The directory with many keys.
DIRECTORY = "/bench/directory"

#: Where the events are that a watch is told of.
EVENTS = "/bench/events"

#: How many puts make one transaction of v3, where it does not matter.
_TOGETHER = 100


def directory(size: int) -> dict[str, str]:
    """The keys of `DIRECTORY` and their values."""
    return {f"{DIRECTORY}/key-{n:05}": f"value {n}" for n in range(size)}


def put_request(api: str, key: str, value: str) -> tuple[str, str, str, str]:
    """Method, path, content type and body of a request that writes a key."""
    if api == "v2":
        form = "application/x-www-form-urlencoded"
        return "PUT", f"/v2/keys{key}", form, urlencode({"value": value})
    body = json.dumps(_v3_put(key, value))
    return "POST", "/v3/kv/put", "application/json", body


class Store:
    """The server, asked over one plain connection of the standard library."""

    def __init__(self, url: str) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)

    def fill(self, size: int) -> None:
        """Write all that is only read, in both stores; the directory has ``size`` keys."""
        contents = iter({**VALUES, **directory(size)}.items())
        while together := list(itertools.islice(contents, _TOGETHER)):
            for key, value in together:
                self.put("v2", key, value)
            puts = [{"requestPut": _v3_put(key, value)} for key, value in together]
            self._post("/v3/kv/txn", {"success": puts})

    def put(self, api: str, key: str, value: str) -> int:
        """Write a key, and tell the index (v3: the revision) of that."""
        method, path, kind, body = put_request(api, key, value)
        answer = self._ask(method, path, kind, body)
        index = answer["node"]["modifiedIndex"] if api == "v2" else answer["header"]["revision"]
        return int(index)

    def watches(self, api: str) -> int:
        """How many watches the server has."""
        if api == "v2":
            return int(json.loads(self._get("/v2/stats/store"))["watchers"])
        name = "etcd_debugging_mvcc_watcher_total"
        return next(
            int(float(line.split()[1]))
            for line in self._get("/metrics").decode().splitlines()
            if line.startswith(name)
        )

    def version(self) -> str:
        """The version of the server."""
        return str(json.loads(self._get("/version"))["etcdserver"])

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _post(self, path: str, content: Any) -> Any:
        return self._ask("POST", path, "application/json", json.dumps(content))

    def _get(self, path: str) -> bytes:
        self._connection.request("GET", path)
        return self._read()

    def _ask(self, method: str, path: str, kind: str, body: str) -> Any:
        self._connection.request(method, path, body, {"Content-Type": kind})
        return json.loads(self._read())

    def _read(self) -> bytes:
        response = self._connection.getresponse()
        body = response.read()
        if response.status not in (200, 201):
            raise RuntimeError(f"etcd answered {response.status}: {body[:200]!r}")
        return body


def _v3_put(key: str, value: str) -> dict[str, str]:
    return {"key": _base64(key), "value": _base64(value)}


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode("ascii")
