"""Random requests for a few keys, most of which make sense."""

from __future__ import annotations

from random import Random
from urllib.parse import urlencode

from txetcd.http import Headers, Request

__all__ = ["random_request"]

FORM = Headers({"Content-Type": "application/x-www-form-urlencoded"})

#: Few, so that they meet; files and directories take turns at the same places.
KEYS = ("/a", "/ab", "/d", "/d/a", "/d/_h", "/d/e", "/d/e/f", "/d/_g/x", "/da", "/a/b", "/")
VALUES = ("", "one", "two", "three")


def random_request(random: Random, base: int, index: int) -> Request:
    """One request.

    Args:
        random: Draws it.
        base: The oldest index that may be asked for.
        index: The index of the store.
    """
    key = random.choice(KEYS)
    method = random.choice(("GET", "GET", "WAIT", "PUT", "PUT", "PUT", "POST", "DELETE", "DELETE"))
    if method == "WAIT":
        return _wait(random, key, base, index)
    fields = _FIELDS[method](random, base, index)
    if method in ("PUT", "POST"):
        return Request(method, f"/v2/keys{key}", "", FORM, urlencode(fields).encode())
    return Request(method, f"/v2/keys{key}", urlencode(fields))


def _wait(random: Random, key: str, base: int, index: int) -> Request:
    fields = {"wait": "true"}
    if random.random() < 0.5:
        fields["waitIndex"] = str(random.randint(max(base, index - 30) + 1, index + 3))
    if random.random() < 0.5:
        fields["recursive"] = "true"
    return Request("GET", f"/v2/keys{key}", urlencode(fields), long_poll=True)


def _get(random: Random, base: int, index: int) -> dict[str, str]:
    return _some(random, recursive="true", sorted="true", quorum="true")


def _put(random: Random, base: int, index: int) -> dict[str, str]:
    fields = _some(
        random,
        dir="true",
        prevExist=random.choice(("true", "false")),
        ttl=random.choice(("", "100", "5000")),
        noValueOnSuccess="true",
        **_conditions(random, base, index),
    )
    if random.random() < 0.1:
        fields.update(refresh="true", ttl="100")
    elif random.random() < 0.9:
        fields["value"] = random.choice(VALUES)
    return fields


def _post(random: Random, base: int, index: int) -> dict[str, str]:
    return {"value": random.choice(VALUES), **_some(random, dir="true", ttl="100")}


def _delete(random: Random, base: int, index: int) -> dict[str, str]:
    fields = _some(random, dir="true", **_conditions(random, base, index))
    if random.random() < 0.5:
        fields["recursive"] = "true"
    return fields


def _conditions(random: Random, base: int, index: int) -> dict[str, str]:
    return {
        "prevValue": random.choice(VALUES),
        "prevIndex": str(random.choice((0, random.randint(max(base, index - 10), index)))),
    }


def _some(random: Random, **fields: str) -> dict[str, str]:
    """Each of the fields, one time in five."""
    return {name: value for name, value in fields.items() if random.random() < 0.2}


_FIELDS = {"GET": _get, "PUT": _put, "POST": _post, "DELETE": _delete}
