"""A store of keys in one dict, which tells of each change as etcd tells a recursive watch."""

from __future__ import annotations

import attrs

from txetcd import Action, Data, Dir, NodeOp, State
from txetcd.model import Node


class SmallStore:
    """All that is below a root, by path; each change makes all of it anew where need be.

    Args:
        index: The index of the store when it is made.

    Attributes:
        nodes: The nodes by their paths, directories without what is in them.
    """

    def __init__(self, index: int = 3) -> None:
        self.index = index
        self.nodes: dict[str, Node] = {"/": Dir("/", 0, 0)}

    def set(self, path: str, value: bytes | None = b"v", action: Action = Action.SET) -> NodeOp:
        """Write a key; a value of None makes a directory.  Nobody checks that etcd would."""
        self.index += 1
        for above in _above(path):
            if not isinstance(self.nodes.get(above), Dir):
                self.nodes[above] = Dir(above, self.index, self.index)
        before = self.nodes.get(path)
        created = self.index
        if before is not None and action in (Action.UPDATE, Action.COMPARE_AND_SWAP):
            created = before.created_index
        node: Node = Dir(path, self.index, created)
        if value is not None:
            node = Data(path, self.index, created, None, value)
        self.nodes[path] = node
        return NodeOp(action, node, State(self.index), before)

    def delete(self, path: str, action: Action = Action.DELETE) -> NodeOp:
        """Remove a key with all that is in it."""
        self.index += 1
        before = self.nodes[path]
        for key in list(self.nodes):
            if key == path or key.startswith(f"{path}/"):
                del self.nodes[key]
        node = type(before)(path, self.index, before.created_index)
        return NodeOp(action, node, State(self.index), before)

    def can_set(self, path: str, value: bytes | None = b"v") -> bool:
        """Whether etcd would: no file stands above, and no directory at the path."""
        above = [self.nodes.get(key) for key in _above(path)]
        return not any(isinstance(node, Data) for node in above) and not isinstance(
            self.nodes.get(path), Dir
        )

    def get(self, path: str) -> NodeOp | None:
        """What a recursive get answers; None if the key is missing."""
        if path not in self.nodes:
            return None
        made = dict(self.nodes)
        # The deepest first, so that each is whole before it is put into the next.
        for key in sorted(made, key=lambda key: key.count("/"), reverse=True):
            above, _, name = key.rpartition("/")
            if key not in ("/", path) and not name.startswith("_"):
                parent = made[above or "/"]
                assert isinstance(parent, Dir)
                made[parent.key] = attrs.evolve(parent, nodes=(*parent.nodes, made[key]))
        return NodeOp(Action.GET, made[path], State(self.index))

    def below(self, path: str, kind: type = Data) -> dict[str, Node]:
        """The visible nodes of a kind at a key and below it, by the path from there."""
        before = path.rstrip("/") + "/"
        found = {}
        for key, node in self.nodes.items():
            relative = "" if key == path else key[len(before) :]
            inside = key == path or key.startswith(before)
            if inside and isinstance(node, kind) and "/_" not in f"/{relative}":
                found[relative] = node
        return found


def _above(path: str) -> list[str]:
    """The directories that a key stands in, from the top, without the root."""
    parts = path[1:].split("/")[:-1]
    return ["/" + "/".join(parts[: n + 1]) for n in range(len(parts))]
