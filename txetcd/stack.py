"""A named, re-orderable stack of filters.

A composition made with ``>>`` is closed: it cannot be looked into or changed.
A `Stack` is the same thing before it is closed, as data: filters in order, each
with the name of its role and the reason for its place.  `txetcd.connect` builds
its client from one, which is how a user puts a filter anywhere in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import attrs

from txetcd.service import Filter

__all__ = ["Layer", "Stack"]

AnyFilter = Filter[Any, Any, Any, Any]


@attrs.frozen
class Layer:
    """One filter in a stack.

    Attributes:
        role: Its name, by which it is found; unique in a stack.
        filter: The filter.
        reason: Why it stands where it stands, in a few words.
    """

    role: str = attrs.field(validator=attrs.validators.instance_of(str))
    filter: AnyFilter = attrs.field(validator=attrs.validators.instance_of(Filter))
    reason: str = ""


class Stack:
    """Filters in order, from the one nearest to the user down to the transport.

    A stack is immutable: each method that changes it returns another one.
    Printed, it is a table; ``stack.to_filter() >> service`` puts it to use.

    Args:
        layers: The layers, the top first.

    Raises:
        ValueError: Two layers have the same role.

    .. versionadded:: 0.1
    """

    __slots__ = ("_layers",)

    def __init__(self, layers: Iterable[Layer] = ()) -> None:
        self._layers = tuple(layers)
        for n, layer in enumerate(self._layers):
            if any(layer.role == other.role for other in self._layers[:n]):
                raise ValueError(f"the role {layer.role!r} is taken already in {self!r}")

    @property
    def roles(self) -> tuple[str, ...]:
        """The names of the roles, the top first."""
        return tuple(layer.role for layer in self._layers)

    def to_filter(self) -> AnyFilter:
        """The composition of all filters, in order."""
        composed: AnyFilter = Filter.identity
        for layer in self._layers:
            composed = composed >> layer.filter
        return composed

    def append(self, role: str, filter: AnyFilter, reason: str = "") -> Stack:
        """A stack with one more filter at the bottom, nearest to the transport."""
        return Stack((*self._layers, Layer(role, filter, reason)))

    def prepend(self, role: str, filter: AnyFilter, reason: str = "") -> Stack:
        """A stack with one more filter at the top, nearest to the user."""
        return Stack((Layer(role, filter, reason), *self._layers))

    def insert_before(self, where: str, role: str, filter: AnyFilter, reason: str = "") -> Stack:
        """A stack with one more filter just above the role ``where``."""
        return self._spliced(where, 0, 0, [Layer(role, filter, reason)])

    def insert_after(self, where: str, role: str, filter: AnyFilter, reason: str = "") -> Stack:
        """A stack with one more filter just below the role ``where``."""
        return self._spliced(where, 1, 1, [Layer(role, filter, reason)])

    def replace(self, role: str, filter: AnyFilter, reason: str | None = None) -> Stack:
        """A stack with another filter in a role; the reason stays unless given."""
        kept = self[role].reason if reason is None else reason
        return self._spliced(role, 0, 1, [Layer(role, filter, kept)])

    def remove(self, role: str) -> Stack:
        """A stack without the filter of a role."""
        return self._spliced(role, 0, 1, [])

    def below(self, role: str) -> Stack:
        """The stack of the layers below a role."""
        return Stack(self._layers[self._find(role) + 1 :])

    def __getitem__(self, role: str) -> Layer:
        return self._layers[self._find(role)]

    def __contains__(self, role: object) -> bool:
        return role in self.roles

    def __iter__(self) -> Iterator[Layer]:
        return iter(self._layers)

    def __len__(self) -> int:
        return len(self._layers)

    def __eq__(self, other: object) -> bool:
        return self._layers == other._layers if isinstance(other, Stack) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._layers)

    def __repr__(self) -> str:
        return f"<Stack {' >> '.join(self.roles) or 'empty'}>"

    def __str__(self) -> str:
        rows = [("role", "filter", "reason")]
        rows += [(layer.role, repr(layer.filter), layer.reason) for layer in self._layers]
        first, second = (max(len(row[n]) for row in rows) for n in (0, 1))
        return "\n".join(f"{a:<{first}}  {b:<{second}}  {c}".rstrip() for a, b, c in rows)

    def _spliced(self, where: str, start: int, end: int, layers: list[Layer]) -> Stack:
        at = self._find(where)
        return Stack((*self._layers[: at + start], *layers, *self._layers[at + end :]))

    def _find(self, role: str) -> int:
        if role not in self.roles:
            raise ValueError(f"no role {role!r} in {self!r}")
        return self.roles.index(role)
