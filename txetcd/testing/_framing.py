"""Where one HTTP/1.1 message ends and the next begins.

No more is read of a message than that takes, and nothing is judged: what cannot be
understood is one message without end, so that the bytes pass all the same.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["RequestScanner", "ResponseScanner", "Scanner", "Span"]

#: A head that is longer than this is none.
MAX_HEAD = 1 << 16

#: A chunk's size line or a trailer that is longer than this is none.
MAX_LINE = 1 << 13

HEAD_END = b"\r\n\r\n"
LINE_END = b"\r\n"


class Span(NamedTuple):
    """The first bytes of some data, which belong to one part of one message.

    Attributes:
        size: How many bytes.
        in_head: Whether they are of the head; else they are of the body.
        head: The whole head, if these bytes complete it.
        ends: Whether they complete the message.
    """

    size: int
    in_head: bool
    head: bytes | None
    ends: bool


class Body:
    """What is still to come of a body; this one has no end.

    Attributes:
        done: Whether nothing is to come.
    """

    done: bool = False

    def take(self, data: bytes) -> int:
        """How many of these bytes belong to it."""
        return len(data)


class CountedBody(Body):
    """A body with a ``Content-Length``."""

    def __init__(self, length: int) -> None:
        self._left = length
        self.done = not length

    def take(self, data: bytes) -> int:
        size = min(len(data), self._left)
        self._left -= size
        self.done = not self._left
        return size


class ChunkedBody(Body):
    """A body in chunks (RFC 9112, section 7.1)."""

    def __init__(self) -> None:
        self._line = bytearray()
        self._chunk = 0  # of the chunk and the line end after it
        self._in_trailer = False

    def take(self, data: bytes) -> int:
        size = 0
        while size < len(data) and not self.done:
            size += self._take_chunk(data, size) if self._chunk else self._take_line(data, size)
        return size

    def _take_chunk(self, data: bytes, start: int) -> int:
        size = min(len(data) - start, self._chunk)
        self._chunk -= size
        return size

    def _take_line(self, data: bytes, start: int) -> int:
        end = data.find(b"\n", start) + 1
        size = (end or len(data)) - start
        self._line += data[start : start + size]
        if end:
            line = bytes(self._line).strip()
            self._line.clear()
            self._read_line(line)
        elif len(self._line) > MAX_LINE:
            self._give_up()
        return size

    def _read_line(self, line: bytes) -> None:
        if self._in_trailer:
            self.done = not line
            return
        try:
            length = int(line.split(b";")[0], 16)
        except ValueError:
            length = -1
        if length < 0:
            self._give_up()
        elif length:
            self._chunk = length + len(LINE_END)
        else:
            self._in_trailer = True

    def _give_up(self) -> None:
        self._line.clear()
        self._chunk = 1 << 62


class Scanner:
    """Tells the messages of one direction of a connection apart."""

    def __init__(self) -> None:
        self._head = bytearray()
        self._body: Body | None = None

    @property
    def at_start(self) -> bool:
        """Whether the next byte is the first of a message."""
        return self._body is None and not self._head

    def take(self, data: bytes) -> Span:
        """Take the first bytes of what came, at least one: those of one part of a message."""
        if self._body is None:
            return self._take_head(data)
        size = self._body.take(data)
        return Span(size, in_head=False, head=None, ends=self._ends())

    def _take_head(self, data: bytes) -> Span:
        before = len(self._head)
        self._head += data
        end = self._head.find(HEAD_END, max(0, before - len(HEAD_END) + 1))
        if end < 0:
            if len(self._head) > MAX_HEAD:
                self._body = Body()
                self._head.clear()
            return Span(len(data), in_head=True, head=None, ends=False)
        head = bytes(self._head[: end + len(HEAD_END)])
        self._head.clear()
        self._body = self._body_after(head)
        return Span(len(head) - before, in_head=True, head=head, ends=self._ends())

    def _ends(self) -> bool:
        if self._body is None or not self._body.done:
            return False
        self._body = None
        return True

    def _body_after(self, head: bytes) -> Body:
        raise NotImplementedError


class RequestScanner(Scanner):
    """Tells requests apart."""

    def _body_after(self, head: bytes) -> Body:
        if not head.split(LINE_END, 1)[0].endswith((b" HTTP/1.1", b" HTTP/1.0")):
            return Body()
        return _framed(head) or CountedBody(0)


class ResponseScanner(Scanner):
    """Tells responses apart.

    Attributes:
        method: Of the request that is answered next; it is to be set by the user, since
            it decides whether there is a body.
        interim: Whether the last response is followed by another to the same request.
    """

    def __init__(self) -> None:
        super().__init__()
        self.method = b""
        self.interim = False

    def _body_after(self, head: bytes) -> Body:
        status = head[9:12]
        self.interim = status[:1] == b"1" and status != b"101"
        if self.interim or self.method == b"HEAD" or status in (b"204", b"304"):
            return CountedBody(0)
        # Without a length it lasts as long as the connection; so does what follows a 101.
        return (status != b"101" and _framed(head)) or Body()


def _framed(head: bytes) -> Body | None:
    """The body that the fields of a head announce, or None if they announce none."""
    fields = [line.partition(b":") for line in head.split(LINE_END)[1:]]
    values = {name.strip().lower(): value.strip().lower() for name, _, value in fields}
    if values.get(b"transfer-encoding", b"").endswith(b"chunked"):
        return ChunkedBody()
    length = values.get(b"content-length")
    if length is None:
        return None
    plausible = length.isdigit() and len(length) < 20
    return CountedBody(int(length)) if plausible else Body()
