"""Assembling a client: the only part that knows all the others."""

from txetcd.client.connect import connect
from txetcd.client.discovery import member_urls
from txetcd.client.etcd import Etcd
from txetcd.client.stacks import DEFAULT_TIMEOUT, default_endpoint_stack, default_stack
from txetcd.client.transports import TRANSPORTS

__all__ = [
    "DEFAULT_TIMEOUT",
    "TRANSPORTS",
    "Etcd",
    "connect",
    "default_endpoint_stack",
    "default_stack",
    "member_urls",
]
