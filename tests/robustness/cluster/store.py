"""Keys with values, as etcd's v2 store keeps them, with the history that it keeps."""

from __future__ import annotations

from typing import Any

__all__ = ["KeyStore", "Refusal"]

Document = dict[str, Any]

#: How many changes are kept.
KEPT = 1000


class Refusal(Exception):
    """What etcd answers where it does not do as it was asked."""

    def __init__(self, status: int, code: int, message: str, index: int) -> None:
        super().__init__(status, code, message, index)
        self.status = status
        self.document = {"errorCode": code, "message": message, "cause": "", "index": index}


class KeyStore:
    """Keys that hold values, in directories that are made as needed.

    Attributes:
        index: The index of the last change.
    """

    def __init__(self) -> None:
        self.index = 3
        self._nodes: dict[str, Document] = {}
        self._events: list[Document] = []
        self._cleared = 0

    # --- what can be asked --------------------------------------------------------------

    def carry_out(self, method: str, path: str, fields: dict[str, str]) -> Document:
        """Do what a request says.

        Raises:
            Refusal: It cannot be done.
        """
        if method == "GET":
            return {"action": "get", "node": self._read(path, fields)}
        if method == "POST":
            path = f"{path}/{self.index + 1:020d}"
            return self._write("create", path, fields["value"])
        conditional = "prevIndex" in fields or "prevValue" in fields
        if conditional or method == "DELETE" or fields.get("prevExist") == "true":
            self._compare(self._existing(path), fields)
        if method == "DELETE":
            return self._remove("compareAndDelete" if conditional else "delete", path)
        if fields.get("prevExist") == "false":
            if path in self._nodes:
                raise Refusal(412, 105, "Key already exists", self.index)
            return self._write("create", path, fields["value"])
        return self._write("compareAndSwap" if conditional else "set", path, fields["value"])

    def scan(self, index: int, path: str) -> Document | None:
        """The first change at an index or later, of what is below a path, if there is one.

        Raises:
            Refusal: The history does not reach back so far.
        """
        if index <= max(self._cleared, self.index - KEPT):
            raise Refusal(400, 401, "The event in requested index is outdated", self.index)
        below = path.rstrip("/") + "/"
        for event in self._events:
            node = event["node"]
            if node["modifiedIndex"] >= index and node["key"].startswith(below):
                return event
        return None

    def clear(self) -> None:
        """Forget the history, as a member does that catches up from a snapshot."""
        self._cleared = self.index
        self._events = []

    # --- how -------------------------------------------------------------------------------

    def _existing(self, path: str) -> Document:
        if path not in self._nodes:
            raise Refusal(404, 100, "Key not found", self.index)
        return self._nodes[path]

    def _read(self, path: str, fields: dict[str, str]) -> Document:
        below = [node for key, node in self._nodes.items() if key.startswith(f"{path}/")]
        if not below:
            return self._existing(path)
        return {"key": path, "dir": True, "nodes": below, "modifiedIndex": 4, "createdIndex": 4}

    def _compare(self, node: Document, fields: dict[str, str]) -> None:
        for name, value in (("prevIndex", node["modifiedIndex"]), ("prevValue", node["value"])):
            if name in fields and fields[name] != str(value):
                raise Refusal(412, 101, "Compare failed", self.index)

    def _write(self, action: str, path: str, value: str) -> Document:
        before = self._nodes.get(path)
        self.index += 1
        created = self.index
        if action == "compareAndSwap" and before is not None:
            created = before["createdIndex"]
        node = {
            "key": path,
            "value": value,
            "modifiedIndex": self.index,
            "createdIndex": created,
        }
        self._nodes[path] = node
        return self._happened(action, node, before)

    def _remove(self, action: str, path: str) -> Document:
        before = self._nodes.pop(path)
        self.index += 1
        node = {"key": path, "modifiedIndex": self.index, "createdIndex": before["createdIndex"]}
        return self._happened(action, node, before)

    def _happened(self, action: str, node: Document, before: Document | None) -> Document:
        event = {"action": action, "node": node}
        if before is not None:
            event["prevNode"] = before
        self._events = [*self._events[-KEPT + 1 :], event]
        return event
