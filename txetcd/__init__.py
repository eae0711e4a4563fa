"""Composable services and filters for Twisted, and an etcd client built of them."""

from txetcd.backoff import Backoff
from txetcd.client import Etcd, connect, default_stack
from txetcd.errors import (
    AmbiguousWrite,
    ApiError,
    BackoffsExhausted,
    DirNotEmpty,
    ErrorCode,
    EventIndexCleared,
    KeyNotFound,
    MalformedResponse,
    NodeExist,
    NotDir,
    NotFile,
    NotSent,
    QueueFull,
    ReplyLost,
    RequestCancelled,
    RequestTimedOut,
    ServiceClosed,
    TestFailed,
    TxetcdError,
    UnexpectedResponse,
)
from txetcd.http.tls import TLS
from txetcd.keys import Key
from txetcd.model import Action, Data, Dir, Lease, NodeOp, State, Version
from txetcd.service import Filter, Service, ServiceFactory, Status
from txetcd.stack import Stack

__all__ = [
    "Action",
    "AmbiguousWrite",
    "ApiError",
    "Backoff",
    "BackoffsExhausted",
    "Data",
    "Dir",
    "DirNotEmpty",
    "ErrorCode",
    "Etcd",
    "EventIndexCleared",
    "Filter",
    "Key",
    "KeyNotFound",
    "Lease",
    "MalformedResponse",
    "NodeExist",
    "NodeOp",
    "NotDir",
    "NotFile",
    "NotSent",
    "QueueFull",
    "ReplyLost",
    "RequestCancelled",
    "RequestTimedOut",
    "Service",
    "ServiceClosed",
    "ServiceFactory",
    "Stack",
    "State",
    "Status",
    "TLS",
    "TestFailed",
    "TxetcdError",
    "UnexpectedResponse",
    "Version",
    "connect",
    "default_stack",
]
