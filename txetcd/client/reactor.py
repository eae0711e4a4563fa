"""The reactor of who names none."""

from __future__ import annotations

from typing import Any

__all__ = ["global_reactor"]


def global_reactor() -> Any:
    """Twisted's, installed by this if none was."""
    from twisted.internet import reactor

    return reactor
