"""etcd's words: operations, nodes and their states, without a wire format."""

from txetcd.model.node import Action, AskVersion, Data, Dir, Lease, Node, NodeOp, State, Version
from txetcd.model.op import (
    CompareAndDelete,
    CompareAndSwap,
    Create,
    CreateInOrder,
    Delete,
    Get,
    Op,
    Refresh,
    Set,
)

__all__ = [
    "Action",
    "AskVersion",
    "CompareAndDelete",
    "CompareAndSwap",
    "Create",
    "CreateInOrder",
    "Data",
    "Delete",
    "Dir",
    "Get",
    "Lease",
    "Node",
    "NodeOp",
    "Op",
    "Refresh",
    "Set",
    "State",
    "Version",
]
