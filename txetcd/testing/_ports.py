"""Port numbers that stay ours."""

from __future__ import annotations

import socket
import sys

__all__ = ["HOST", "ReservedPort"]

#: Everything here listens on this address alone.
HOST = "127.0.0.1"

# Linux lets two sockets have one address as long as both ask for SO_REUSEADDR and at most one
# listens. Elsewhere a reservation would keep the server itself away.
_MAY_BE_SHARED = sys.platform == "linux"


class ReservedPort:
    """A free TCP port of the loopback interface, kept free until it is released.

    A number alone could be given to somebody else while the server is down, for instance
    as the local end of an outgoing connection.  So it is held by a socket that is bound
    and does not listen: connections are refused, and only who asks for this very number,
    with ``SO_REUSEADDR``, gets it.  On systems other than Linux it is only a number that
    was free a moment ago.
    """

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind((HOST, 0))
        self.number: int = self._socket.getsockname()[1]
        if not _MAY_BE_SHARED:
            self.release()

    def release(self) -> None:
        """Let go of the port; it may be called again."""
        self._socket.close()
