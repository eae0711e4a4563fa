"""What is written: changes of every kind, each with a value that no other has."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from random import Random

from tests.robustness.watching.wire import form

__all__ = ["BESIDE", "PREFIX", "QUIET", "TOP", "Jobs"]

#: What is watched, with all that is below; what changes seldom; and what is none of a watch's
#: concern.  The removal of what has a name that others begin with is found by scans for those.
TOP = "/top/w"
QUIET = "/top/quiet"
BESIDE = "/beside"
PREFIX = "/to"

#: How many directories there are below the top, and how many keys in each.
DIRECTORIES = 8
KEYS = 16

#: How many keys have leases, apart from those that expire all at once.
LEASED = 8

#: How many keys are written beside what is watched.
OTHERS = 50


class Jobs:
    """Requests that change something, as bytes.

    Args:
        random: Chooses what is changed.
    """

    def __init__(self, random: Random) -> None:
        self._random = random
        self._numbers = itertools.count(1)
        kinds: list[tuple[int, Callable[[], bytes]]] = [
            (76, self._set),
            (5, self._delete),
            (3, self._swap),
            (3, self._create_in_order),
            (4, self._lease),
            (3, self._renew),
            (1, self._remove),
            (2, self._hidden),
            (2, self._quiet),
            (1, self._false_match),
        ]
        self._weights = [weight for weight, _ in kinds]
        self._kinds = [kind for _, kind in kinds]

    def change(self) -> bytes:
        """A change of a kind that chance chooses."""
        return self._random.choices(self._kinds, self._weights)[0]()

    # --- many at once ---------------------------------------------------------------

    def flood(self, count: int) -> Iterator[bytes]:
        """Writes beside what is watched."""
        for number in range(count):
            yield self._put(f"{BESIDE}/{number % OTHERS}")

    def burst(self, count: int) -> Iterator[bytes]:
        """Writes to what is watched."""
        for _ in range(count):
            yield self._set()

    def leases(self, count: int) -> Iterator[bytes]:
        """Keys that expire a second later, all at once."""
        for number in range(count):
            yield self._put(f"{TOP}/storm/{number}", "ttl=1")

    def refresh(self, count: int) -> Iterator[bytes]:
        """A lease that is renewed again and again: it uses history up, and is no event."""
        yield self._put(f"{BESIDE}/leased", "ttl=600")
        for _ in range(count):
            yield _keys("PUT", f"{BESIDE}/leased", "ttl=600&refresh=true&prevExist=true")

    def remove(self, count: int) -> Iterator[bytes]:
        """Directories removed with all that is in them; now and then, all that is watched."""
        for _ in range(count):
            yield from (self._set() for _ in range(5))
            yield self._remove()
        for path in (TOP, TOP.rpartition("/")[0]):
            yield _remove(path)
            yield self._set()
            yield self._quiet()

    # --- one at a time ----------------------------------------------------------------

    def _set(self) -> bytes:
        return self._put(self._key())

    def _delete(self) -> bytes:
        return _keys("DELETE", self._key())

    def _swap(self) -> bytes:
        return self._put(self._key(), "prevExist=true")

    def _create_in_order(self) -> bytes:
        return _keys("POST", f"{TOP}/queue", self._value())

    def _lease(self) -> bytes:
        return self._put(self._leased(), "ttl=1")

    def _renew(self) -> bytes:
        return _keys("PUT", self._leased(), "ttl=2&refresh=true&prevExist=true")

    def _remove(self) -> bytes:
        names = ["queue", *map(str, range(DIRECTORIES))]
        return _remove(f"{TOP}/{self._random.choice(names)}")

    def _hidden(self) -> bytes:
        return self._put(f"{TOP}/{self._random.randrange(DIRECTORIES)}/_hidden")

    def _quiet(self) -> bytes:
        return self._put(QUIET)

    def _false_match(self) -> bytes:
        return self._put(f"{PREFIX}/p/1") if self._random.random() < 0.5 else _remove(PREFIX)

    def _key(self) -> str:
        random = self._random
        return f"{TOP}/{random.randrange(DIRECTORIES)}/{random.randrange(KEYS)}"

    def _leased(self) -> str:
        return f"{TOP}/leased/{self._random.randrange(LEASED)}"

    def _put(self, path: str, also: str = "") -> bytes:
        return _keys("PUT", path, "&".join(filter(None, [self._value(), also])))

    def _value(self) -> str:
        return f"value={next(self._numbers)}-{time.monotonic():.6f}"


def _remove(path: str) -> bytes:
    return _keys("DELETE", f"{path}?recursive=true")


def _keys(method: str, path: str, body: str = "") -> bytes:
    return form(method, f"/v2/keys{path}", body)
