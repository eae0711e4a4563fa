"""Which lease ends next."""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from itertools import count

from txetcd.testing.memory._node import Node

__all__ = ["Leases"]


class Leases:
    """The nodes that expire, by when they do; of those at the same time, the oldest lease first.

    What was removed, or has another lease by now, is passed over when its turn comes.
    """

    def __init__(self) -> None:
        self._number = count()
        self._heap: list[tuple[int, int, Node]] = []
        self._current: dict[Node, int] = {}

    def set(self, node: Node, expires: int) -> None:
        """Give a node a lease until a time, or none if that is 0."""
        node.expires = expires
        if not expires:
            self.drop(node)
            return
        number = self._current[node] = next(self._number)
        heappush(self._heap, (expires, number, node))
        if len(self._heap) > 2 * len(self._current) + 8:
            self._heap = [each for each in self._heap if self._current.get(each[2]) == each[1]]
            heapify(self._heap)

    def drop(self, node: Node) -> None:
        """Forget a node."""
        self._current.pop(node, None)

    def first(self) -> Node | None:
        """The node that expires first."""
        heap = self._heap
        while heap and self._current.get(heap[0][2]) != heap[0][1]:
            heappop(heap)
        return heap[0][2] if heap else None
