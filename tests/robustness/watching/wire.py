"""HTTP on a socket, for the processes beside the tests: the standard library alone."""

from __future__ import annotations

import re
import socket
import struct
from dataclasses import dataclass

__all__ = ["HOST", "Reply", "Wire", "form", "get", "split"]

HOST = "127.0.0.1"

#: How much is read at a time, in bytes.
PIECE = 1 << 18

#: Makes the end of a connection a reset.
RESET = struct.pack("ii", 1, 0)

_INDEX = re.compile(rb"\r\nX-Etcd-Index: (\d+)")
_LENGTH = re.compile(rb"\r\nContent-Length: (\d+)")
_CHUNKED = b"Transfer-Encoding: chunked"


@dataclass(frozen=True)
class Reply:
    """What a member said: the status, ``X-Etcd-Index`` or 0, and the body."""

    status: int
    index: int
    body: bytes


def get(path: str) -> bytes:
    """The bytes of a request to read something."""
    return f"GET {path} HTTP/1.1\r\nHost: etcd\r\n\r\n".encode()


def form(method: str, path: str, body: str = "") -> bytes:
    """The bytes of a request to write something."""
    return (
        f"{method} {path} HTTP/1.1\r\nHost: etcd\r\n"
        "Content-Type: application/x-www-form-urlencoded\r\n"
        f"Content-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


def split(data: bytearray) -> Reply | None:
    """Take the first whole reply off what has come, if there is one.

    Raises:
        ValueError: What has come is no reply.
    """
    end = data.find(b"\r\n\r\n")
    if end < 0:
        return None
    head = bytes(data[:end])
    found = _body(data, head, end + 4)
    if found is None:
        return None
    body, length = found
    del data[:length]
    index = _INDEX.search(head)
    return Reply(int(head[9:12]), int(index[1]) if index else 0, body)


def _body(data: bytearray, head: bytes, start: int) -> tuple[bytes, int] | None:
    """The body, and how long the whole reply is."""
    if _CHUNKED not in head:
        length = _LENGTH.search(head)
        end = start + (int(length[1]) if length else 0)
        return (bytes(data[start:end]), end) if len(data) >= end else None
    chunks: list[bytes] = []
    while (line := data.find(b"\r\n", start)) >= 0:
        size = int(data[start:line], 16)
        end = line + 2 + size + 2
        if len(data) < end:
            return None
        if not size:
            return b"".join(chunks), end
        chunks.append(bytes(data[line + 2 : end - 2]))
        start = end
    return None


class Wire:
    """A connection to one port.

    Args:
        port: Where to.
        patience: How long anything may take, in seconds.

    Raises:
        OSError: There is nobody.
    """

    def __init__(self, port: int, patience: float) -> None:
        self._socket = socket.create_connection((HOST, port), timeout=patience)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # An end in order might be half a close; who hangs up wants nothing more.
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self._data = bytearray()

    def send(self, data: bytes) -> None:
        """Send one request, or several at once."""
        self._socket.sendall(data)

    def reply(self) -> Reply:
        """The next reply.

        Raises:
            OSError: It does not come.
            ValueError: It is none.
        """
        while (reply := split(self._data)) is None:
            self._more()
        return reply

    def line(self) -> bytes:
        """The next line, with its end: for who reads a reply that does not end.

        Raises:
            OSError: It does not come.
        """
        while (end := self._data.find(b"\n")) < 0:
            self._more()
        line = bytes(self._data[: end + 1])
        del self._data[: end + 1]
        return line

    def _more(self) -> None:
        piece = self._socket.recv(PIECE)
        if not piece:
            raise ConnectionError("hung up")
        self._data += piece

    def close(self) -> None:
        """Hang up."""
        self._socket.close()
