"""What carries requests, by name."""

from __future__ import annotations

from txetcd.http.transports import direct_service, treq_service

__all__ = ["TRANSPORTS", "one_of"]

#: What carries requests, by the names that `connect` knows.
TRANSPORTS = {"treq": treq_service, "direct": direct_service}


def one_of(name: str, value: str, known: list[str]) -> str:
    """A value that is one of those known.

    Raises:
        ValueError: It is not; the error names the argument and what it may be.
    """
    if value not in known:
        raise ValueError(f"{name} must be {' or '.join(map(repr, known))}, not {value!r}")
    return value
