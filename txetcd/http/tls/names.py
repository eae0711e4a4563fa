"""What a server's certificate must be valid for."""

from __future__ import annotations

from twisted.internet.abstract import isIPAddress, isIPv6Address

__all__ = ["bare", "is_address"]


def bare(host: str) -> str:
    """A host as a certificate has it: without brackets, a zone, or the dot of the root."""
    return host.strip("[]").partition("%")[0].rstrip(".")


def is_address(name: str) -> bool:
    """Whether it is an IP address, and no name."""
    return isIPAddress(name) or isIPv6Address(name)
