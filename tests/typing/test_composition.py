"""What the type checker says of compositions: right ones pass, wrong ones do not.

Both are one program, so that mypy runs once.  A line that must not pass ends in a comment that
names the error it is to have; every other line must pass.
"""

from __future__ import annotations

import re
import sys
import tempfile
from pathlib import Path

from twisted.trial.unittest import SkipTest, SynchronousTestCase

ROOT = Path(__file__).resolve().parents[2]

PROGRAM = '''
from collections.abc import Awaitable
from typing import Any

from twisted.internet.defer import Deferred, succeed
from typing_extensions import assert_type

from txetcd import Filter, Service, ServiceFactory, Stack
from txetcd.filters import Retry, Timeout
from txetcd.model import Op, NodeOp
from txetcd.v2 import Keys


class Animal: ...
class Dog(Animal): ...


class Parse(Filter[str, float, bytes, int]):
    """Changes the types of both requests and responses."""

    def apply(self, request: str, service: Service[bytes, int]) -> Deferred[float]:
        return service(request.encode()).addCallback(float)


class Same(Filter[bytes, int, bytes, int]):
    async def apply(self, request: bytes, service: Service[bytes, int]) -> int:
        return await service(request)


def length(request: bytes) -> int:
    return len(request)


def later(request: bytes) -> Deferred[int]:
    return succeed(len(request))


async def coroutine(request: bytes) -> int:
    return len(request)


# Functions as services.
of_plain = Service.mk(length)
assert_type(of_plain(b""), Deferred[int])
of_deferred: Service[bytes, int] = Service.mk(later)
of_coroutine: Service[bytes, int] = Service.mk(coroutine)

# Composition: the types of the ends are left.
parse, same = Parse(), Same()
assert_type(parse >> of_deferred, Service[str, float])
assert_type(parse.and_then(of_deferred), Service[str, float])
assert_type(parse >> same, Filter[str, float, bytes, int])
assert_type(parse >> same >> of_deferred, Service[str, float])
assert_type(parse >> (same >> of_deferred), Service[str, float])
assert_type((parse >> of_deferred)(""), Deferred[float])

parse >> parse  # E: operator
of_text: Service[str, int] = Service.mk(len)
parse >> of_text  # E: operator
same >> parse  # E: operator
parse >> length  # E: operator
of_deferred >> parse  # E: operator
(parse >> of_deferred)(b"")  # E: arg-type
wrong: Service[bytes, float] = parse >> of_deferred  # E: assignment

# Factories.
factory: ServiceFactory[bytes, int] = ServiceFactory.mk(lambda: of_deferred)
assert_type(parse >> factory, ServiceFactory[str, float])
assert_type((parse >> factory)(), Deferred[Service[str, float]])
assert_type((parse >> factory).to_service(), Service[str, float])
parse >> (parse >> factory)  # E: operator

# A service may be asked less and answer more than is needed, and nothing else.
serves_animals: Service[Animal, Dog] = Service.mk(lambda animal: Dog())
of_dogs: Service[Dog, Animal] = serves_animals
of_animals: Service[Animal, Animal] = serves_animals
serves_dogs: Service[Dog, Dog] = serves_animals
too_much: Service[Animal, Dog] = serves_dogs  # E: assignment
too_little: Service[Animal, Dog] = of_animals  # E: assignment


class Walk(Filter[Animal, Dog, Dog, Animal]):
    def apply(self, request: Animal, service: Service[Dog, Animal]) -> Deferred[Dog]:
        return service(Dog()).addCallback(lambda _: Dog())


walk = Walk()
assert_type(walk >> serves_animals, Service[Animal, Dog])
as_less: Filter[Dog, Animal, Dog, Animal] = walk
as_more: Filter[Animal, Dog, Animal, Dog] = walk
asks_more: Filter[Animal, Dog, object, Dog] = walk
asks_less: Filter[object, Dog, Dog, Animal] = walk  # E: assignment
answers_more: Filter[Animal, str, Dog, Animal] = walk  # E: assignment

# Filters that change no type, in a stack of operations.
def stacked(clock: Any, transport: Any) -> None:
    whole: Service[Op, NodeOp] = (
        Timeout[Op, NodeOp](1, clock) >> Retry[Op, NodeOp](clock) >> Keys() >> transport
    )
    assert_type(Keys().and_then(Filter.identity), Filter[Op, NodeOp, Any, Any])
    Stack().append("mine", Keys())
    Stack().append("mine", whole)  # E: arg-type
    Keys() >> of_deferred  # E: operator


# What a subclass must keep to.
class Wrong(Filter[str, float, bytes, int]):
    def apply(self, request: bytes, service: Service[bytes, int]) -> float:  # E: override
        return 0.0


class AlsoWrong(Service[bytes, int]):
    def apply(self, request: bytes) -> str:  # E: override
        return ""
'''


def expected() -> set[tuple[int, str]]:
    """The line and the code of each error that there should be."""
    lines = enumerate(PROGRAM.splitlines(), 1)
    found = [(n, re.search(r"# E: ([a-z-]+)$", line)) for n, line in lines]
    return {(n, match[1]) for n, match in found if match}


class TypeTests(SynchronousTestCase):
    def test_right_compositions_pass_and_wrong_ones_do_not(self):
        try:
            from mypy import api
        except ImportError:
            raise SkipTest("mypy is not installed: pip install -e '.[dev]'") from None
        with tempfile.TemporaryDirectory() as folder:
            program = Path(folder) / "program.py"
            program.write_text(PROGRAM, encoding="utf-8")
            printed, errors, _ = api.run(
                [
                    "--strict",
                    "--no-error-summary",
                    "--no-pretty",
                    "--hide-error-context",
                    "--config-file=",
                    f"--cache-dir={ROOT / '.mypy_cache' / 'typing'}",
                    f"--python-executable={sys.executable}",
                    str(program),
                ]
            )
        self.assertEqual(errors, "")
        found = {
            (int(n), code)
            for n, code in re.findall(r"program\.py:(\d+): error: .*\[([a-z-]+)\]", printed)
        }
        self.assertEqual(found, expected(), printed)
        self.assertGreater(len(found), 10)
