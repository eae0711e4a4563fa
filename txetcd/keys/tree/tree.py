"""All that is below a key at one index of the store, as a value."""

from __future__ import annotations

from collections.abc import ItemsView, Iterator, Mapping, ValuesView

import attrs

from txetcd.keys.tree.branch import Branch, Entry, cut, put, size
from txetcd.keys.tree.diff import TreeDiff, difference
from txetcd.keys.tree.journal import Journal
from txetcd.keys.tree.reading import read
from txetcd.keys.tree.views import Directories, Items, Values, look_up, walk
from txetcd.model.node import Action, Data, Dir, Node, NodeOp
from txetcd.model.path import absolute

__all__ = ["Tree"]


@attrs.frozen(eq=False, repr=False)
class Tree(Mapping[str, Data]):
    """The keys with values below a key, by their paths relative to it: ``tree["a/b"]``.

    It is what the store held at one index, and never changes.  A watch makes a new one
    of it for each change, at a cost that grows with how deep the change is and not with
    how much there is; the old one stays as it was, and costs only what the two do not
    share.  Get one from the watch of a key, or from a recursive get by `of`.

    It is a mapping.  Iteration is in the order of the paths, part by part, and is the
    same each time.  A key that is no directory is a tree of one path, ``""``; one that
    is missing is an empty tree.  Hidden keys (``_name``) below the watched key are in
    no tree, as they are in no listing of etcd's.  Trees of one key are equal if there is
    no difference between them, whatever their indexes.

    etcd tells no watcher of some things, so of them a tree knows what it knew:

    - A refreshed lease.  `Data.lease` and `Data.modified_index` are those of the last
      write, until the key is written or read again.
    - Directories made on the way to a key.  They are taken to be as old as the key, which
      they are, unless the first key put in them was a hidden one.

    Attributes:
        path: The watched key, from the root.
        index: The index of the store that this is the state of.

    .. versionadded:: 0.1
    """

    path: str
    index: int
    # What it is made of, for this package alone.
    top: Entry | None
    _journal: Journal
    _position: int

    @classmethod
    def of(cls, path: str, op: NodeOp | None, index: int) -> Tree:
        """The tree that a recursive get has read.

        Args:
            path: The key that was asked for.
            op: What was answered; None if the key is missing.
            index: The index of the store at that moment.

        Raises:
            ValueError: The answer is about another key.
        """
        path = absolute(path)
        return cls(path, index, _read(path, op, None), Journal(), 0)

    def reread(self, op: NodeOp | None, index: int) -> Tree:
        """The tree that was read again, after changes were lost.

        It is as one made by `of`, and shares with this one whatever has not changed.
        Its index may be lower, if the store has lost its data.

        Args:
            op: As in `of`.
            index: As in `of`.

        Raises:
            ValueError: The answer is about another key.
        """
        return Tree(self.path, index, _read(self.path, op, self.top), Journal(), 0)

    def after(self, change: NodeOp) -> Tree:
        """The tree after the next change that a recursive watch of the key has told.

        Raises:
            ValueError: It is no change but a snapshot, or is not after this tree.
        """
        index = change.node.modified_index
        if change.action is Action.GET:
            raise ValueError(f"a snapshot of {change.node.key!r} is no change: see reread()")
        if index <= self.index:
            raise ValueError(f"a change at index {index} is not after {self!r}")
        top, path = self._changed(change)
        if top is self.top:
            return Tree(self.path, index, top, self._journal, self._position)
        journal = self._journal
        if self._position != journal.end:
            # Another tree has been made of this one: here the line divides.
            journal = Journal()
            return Tree(self.path, index, top, journal, 0)
        return Tree(self.path, index, top, journal, journal.add(path))

    def _changed(self, change: NodeOp) -> tuple[Entry | None, str]:
        """The top after a change, and the path below which it is another."""
        node, action = change.node, change.action
        key, inside = node.key, self.path if self.path == "/" else f"{self.path}/"
        if key.startswith(inside) and key != inside:
            names = key[len(inside) :].split("/")
        elif key == self.path:
            names = []
        else:
            # Whatever is done to a key above, only its removal is of concern here.
            return (None if action.removes and self.path.startswith(f"{key}/") else self.top), ""
        if any(name.startswith("_") for name in names):
            return self.top, ""
        if action.removes:
            return cut(self.top, names), "/".join(names)
        top, first = put(self.top, names, node)
        return top, "/".join(names[:first])

    def diff(self, older: Tree) -> TreeDiff:
        """How this tree differs from an older one of the same key.

        Between trees that are few changes apart it costs in proportion to those; beyond
        some thousand, or where a tree was read anew, in proportion to the size of the
        directories that are not the same.

        Raises:
            ValueError: The other is a tree of another key.
        """
        if older.path != self.path:
            raise ValueError(f"{older!r} is not a tree of {self.path!r}")
        paths: set[str] | None = None
        if older._journal is self._journal:
            paths = self._journal.between(older._position, self._position)
        return difference(self.top, older.top, ("",) if paths is None else paths)

    @property
    def root(self) -> Node | None:
        """The watched key itself, without what is in it; None if it is missing."""
        return self.top.node if isinstance(self.top, Branch) else self.top

    @property
    def directories(self) -> Mapping[str, Dir]:
        """The directories below the key, without what is in them, by path."""
        return Directories(self.top)

    def __getitem__(self, path: str) -> Data:
        found = look_up(self.top, path)
        if isinstance(found, Data):
            return found
        raise KeyError(path)

    def __iter__(self) -> Iterator[str]:
        return (path for path, entry in walk(self.top) if isinstance(entry, Data))

    def __len__(self) -> int:
        return size(self.top)

    def items(self) -> ItemsView[str, Data]:
        """Paths and nodes, in order."""
        return Items(self, self.top)

    def values(self) -> ValuesView[Data]:
        """The nodes, in order."""
        return Values(self, self.top)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Tree):
            return self.path == other.path and not self.diff(other)
        return Mapping.__eq__(self, other)

    # It would cost as much as it is large.
    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        keys = "1 key" if len(self) == 1 else f"{len(self)} keys"
        return f"<Tree of {self.path!r} at index {self.index}: {keys}>"


def _read(path: str, op: NodeOp | None, older: Entry | None) -> Entry | None:
    if op is None:
        return None
    if op.node.key != path:
        raise ValueError(f"an answer about {op.node.key!r} makes no tree of {path!r}")
    return read(op.node, older)
