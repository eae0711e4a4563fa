"""The bytes of responses as events.

Theory of operation
-------------------

llhttp (through ``httptools``) does the parsing, with none of its leniencies.  What it
lets pass and a client must not is refused here:

- *What is not HTTP/1.0 or HTTP/1.1.*  llhttp takes RTSP, ICE and HTTP/2.0 as well, and
  passes over blank lines; and old ones let a status line end with two CRs.  So each
  status line is looked at before it sees it.  That also tells an interim response (1xx):
  its head is kept until it is whole, so that llhttp never sees the beginning of two
  messages in one call.
- *What does not end.*  A head is given to llhttp up to the limit and no further.  In a
  chunked body everything is counted that is neither body nor the least that its framing
  needs; each time that bytes have come, since llhttp does not tell where it is.
- *What does not say where it ends.*  There is one ``Transfer-Encoding``, ``chunked``; or
  one ``Content-Length``; or the end of the connection, if that is announced.
- *A* ``Content-Encoding`` that was not asked for.

The events do not depend on how the bytes are split, but for the pieces of the body; and
where there is more around the chunks than is allowed and something else is wrong as
well, for which of the two is told.
"""

from __future__ import annotations

import re
from typing import Any, NoReturn, Union

from httptools import (
    HttpParserError,
    HttpParserInvalidStatusError,
    HttpParserUpgrade,
    HttpResponseParser,
)

from txetcd.errors import MalformedResponse, ResponseTooLarge, UnexpectedResponse
from txetcd.http.h1.events import End, Event, Head
from txetcd.http.h1.limits import DEFAULT_LIMITS, Limits

__all__ = ["ResponseParser"]

#: What a status line begins with (RFC 9112, section 4); where in it the minor version is,
#: the first digit of the status, and the reason.
_VERSIONS = (b"HTTP/1.1 ", b"HTTP/1.0 ")
_MINOR, _DIGIT, _REASON = 7, 9, 13

#: What no reason phrase may hold (RFC 9112, section 4).
_FORBIDDEN = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")

#: Statuses whose responses have no body (RFC 9110, sections 15.3.5 and 15.4.5).
_BODILESS = frozenset({204, 304})

#: More than the framing of one chunk needs: 16 digits, and two line ends.
_ONE_CHUNK = 20

#: llhttp's words, where others are clearer.
_WORDS = {
    "Invalid header value char": "a header field holds NUL or another control character",
    "Invalid header token": "a line of the head is no header field",
    "Invalid header field char": "a line of the head is no header field",
    "Missing expected LF after header value": "a header field holds a bare CR",
    "Missing expected CR after header value": "a header field holds a bare LF",
}

_REUSABLE = End(reusable=True)
_LAST = End(reusable=False)
_UNCERTAIN = End(reusable=False, certain=False)

#: HttpParserUpgrade is not an HttpParserError.
_ERRORS = (HttpParserError, HttpParserUpgrade)


class _Refused(Exception):
    """Ends a call of llhttp from within."""


class ResponseParser:
    """Reads the responses of one connection, one after the other.

    `begin` says what the next response answers; `feed` is given its bytes.  After
    an error, or an `End` that says so, nothing more can be read.

    Args:
        limits: How much is read before a response is refused.

    .. versionadded:: 0.1
    """

    __slots__ = (
        "_accept_encoded",
        "_body",
        "_chunk",
        "_chunked",
        "_done",
        "_events",
        "_fed",
        "_fields",
        "_head",
        "_interim",
        "_kept",
        "_limits",
        "_max_body",
        "_llhttp",
        "_method",
        "_minor",
        "_names",
        "_needed",
        "_reason",
        "_refusal",
        "_until_close",
    )

    def __init__(self, limits: Limits = DEFAULT_LIMITS) -> None:
        self._limits = limits
        self._llhttp: Any = None
        self._events: list[Event] = []
        self._done = True

    def begin(
        self, method: str, accept_encoded: bool = False, max_body: int | None = None
    ) -> None:
        """Expect the response to a request.

        Args:
            method: The request's method; after HEAD there is no body.
            accept_encoded: The request asked for a ``Content-Encoding``.
            max_body: The longest body that is read, in bytes; as `Limits` says if None.
        """
        self._max_body = self._limits.body if max_body is None else max_body
        self._method = method
        self._accept_encoded = accept_encoded
        self._interim = 0
        self._done = False
        self._expect_head()
        if self._llhttp is None:
            self._llhttp = HttpResponseParser(self)

    def _expect_head(self) -> None:
        # The beginning, as long as llhttp has not been given it.
        self._kept = b""
        self._head: Head | None = None
        self._reason = b""
        self._minor = 1
        self._fields: list[tuple[bytes, bytes]] = []
        # The first value of each field, by its name in lower case.
        self._names: dict[bytes, bytes] = {}
        self._refusal: Union[str, UnexpectedResponse] = ""
        # Bytes: that llhttp was given; of them the body; and of that the chunk that has begun.
        self._fed = self._body = self._chunk = 0
        # The least that the framing of the chunks that have ended needs.
        self._needed = 0
        self._chunked = self._until_close = False

    @property
    def is_done(self) -> bool:
        """Whether no response is expected, or the one that was has ended."""
        return self._done

    def feed(self, data: bytes) -> list[Event]:
        """The events in the next bytes.

        Bytes that come when no response is expected are an error.
        """
        events = self._events = []
        if not data:
            return events
        if self._done:
            events.append(MalformedResponse(0, data, "the server sent what nobody asked for"))
        elif self._fed:
            self._parse(data)
        else:
            self._begin(data)
        return events

    def eof(self) -> list[End]:
        """The events in the end of the connection: none if the response is cut short."""
        if self._done or not self._until_close:
            return []
        self._done = True
        return [_UNCERTAIN]

    # --- the beginning of a head -------------------------------------------------

    def _begin(self, data: bytes) -> None:
        if self._kept:
            data, self._kept = self._kept + data, b""
        while data:
            if data.startswith(_VERSIONS):
                end = data.find(b"\n", 0, self._limits.head)
                if end < 0:
                    self._keep(data)
                    return
                # The llhttp of httptools before 0.9 takes two CRs for an end.
                if data.find(b"\r", 0, end) != end - 1:
                    self._fail(self._malformed("the status line does not end with CR LF"))
                    return
                self._minor = data[_MINOR] - 0x30
                # It is not read any other way: llhttp would call once more, for each response.
                self._reason = data[_REASON : end - 1]
                if data[_DIGIT] != 0x31:
                    self._parse(data)
                    return
                data = self._pass_over(data)
            elif any(version.startswith(data) for version in _VERSIONS):
                self._kept = data
                return
            else:
                self._fail(MalformedResponse(0, data, "the version is not HTTP/1.0 or HTTP/1.1"))
                return

    def _keep(self, data: bytes) -> None:
        """Wait for more of a head, which llhttp is not given as yet."""
        if len(data) >= self._limits.head:
            self._fail(self._head_too_long())
        else:
            self._kept = data

    def _pass_over(self, data: bytes) -> bytes:
        """Read a response of status 1xx, which is a head alone (RFC 9110, section 15.2).

        Returns:
            What comes after it.
        """
        end = data.find(b"\r\n\r\n") + 4
        if 4 <= end <= self._limits.head:
            self._execute(data[:end])
            self._count_interim()
            return b"" if self._done else data[end:]
        self._keep(data)
        return b""

    def _count_interim(self) -> None:
        if self._done:
            return
        self._interim += 1
        if self._interim > self._limits.interim:
            self._fail(self._malformed(f"more than {self._limits.interim} interim responses"))
            return
        self._expect_head()
        # The old one would wait for a body, if that head had told of one.
        self._llhttp = HttpResponseParser(self)

    # --- what llhttp is given ------------------------------------------------------

    def _parse(self, data: bytes) -> None:
        if self._head is None:
            room = self._limits.head - self._fed
            self._execute(data[:room])
            data = data[room:]
            if not data:
                return
            self._check_room()
        if self._done:
            self._note_surplus()
            return
        self._execute(data)
        if self._chunked:
            self._check_around()

    def _check_room(self) -> None:
        """Refuse a head that has not ended where it had to."""
        if self._head is None and not self._done:
            self._fail(self._head_too_long())

    def _execute(self, data: bytes) -> None:
        self._fed += len(data)
        try:
            self._llhttp.feed_data(data)
        except _ERRORS as error:
            if self._done:
                self._note_surplus()
            else:
                self._fail(self._wrong(error))

    def _around(self) -> int:
        """How many bytes were neither body nor the least that its framing needs."""
        return self._fed - self._body - self._needed

    def _check_around(self) -> None:
        allowed = self._limits.head if self._done else self._limits.head + _ONE_CHUNK
        if self._around() > allowed:
            if self._done:
                self._events.pop()
            self._fail(self._malformed(f"more than {self._limits.head} bytes around the chunks"))

    def _note_surplus(self) -> None:
        """Who sends more than a response cannot be asked again."""
        if isinstance(self._events[-1], End):
            self._end(_LAST)

    def _end(self, end: End) -> None:
        """Say that the response has ended; the last word counts."""
        if self._done:
            self._events.pop()
        self._done = True
        self._events.append(end)
        if not end.reusable:
            self._llhttp = None

    def _fail(self, error: UnexpectedResponse) -> None:
        self._done = True
        self._chunked = False
        self._llhttp = None
        self._events.append(error)

    # --- what llhttp calls -----------------------------------------------------------

    def on_message_begin(self) -> None:
        if self._done:
            self._refuse("more than one response")

    def on_header(self, name: bytes, value: bytes) -> None:
        self._fields.append((name, value))

    def on_headers_complete(self) -> None:
        fields = self._fields
        if len(fields) > self._limits.fields:
            self._refuse(f"the head has more than {self._limits.fields} fields")
        names = self._names = {name.lower(): value for name, value in reversed(fields)}
        status: int = self._llhttp.get_status_code()
        self._check_head(status)
        length = self._length(status)
        if status < 200:
            return
        self._head = Head(self._minor, status, self._reason, fields, length, names)
        self._events.append(self._head)
        # Trailers are dropped: nothing that comes after a body may change what came before.
        self._fields = []
        if self._method == "HEAD":
            # llhttp would wait for the body that this head tells of.
            self._end(_REUSABLE if self._keeps_alive() else _LAST)
            self._llhttp = None
        elif length is not None and length > self._max_body:
            self._refuse(self._body_too_long(b""))

    def on_body(self, data: bytes) -> None:
        if self._done:
            self._refuse("a body after HEAD")
        self._body += len(data)
        if self._body > self._max_body:
            self._refuse(self._body_too_long(data))
        if self._chunked:
            self._chunk += len(data)
        self._events.append(data)

    def on_chunk_complete(self) -> None:
        if self._done:
            self._refuse("a body after HEAD")
        # Its size, and the ends of two lines; the second after the last chunk ends the trailers.
        self._needed += len(b"%x" % self._chunk) + 4
        self._chunk = 0

    def on_message_complete(self) -> None:
        # After an interim response there is no head.
        if self._head is not None and not self._done:
            # llhttp sees trailers as well, and what it takes for the end it reads nothing after.
            keeps = self._llhttp.should_keep_alive() and self._keeps_alive()
            self._end(_REUSABLE if keeps else _LAST)

    # --- what is refused -----------------------------------------------------------------

    def _check_head(self, status: int) -> None:
        if not 100 <= status <= 599:
            self._refuse("there is no such status")
        if status == 101:
            self._refuse("the server changes the protocol, unasked")
        if not self._reason.isalnum() and _FORBIDDEN.search(self._reason):
            self._refuse("the reason phrase holds a control character")
        if b"content-encoding" in self._names and not self._accept_encoded:
            # Inflating is how 200 KB become 200 MB; etcd never compresses.
            self._refuse("the body is compressed, unasked")

    def _length(self, status: int) -> int | None:
        """The length of the body, None if it is not told (RFC 9112, section 6.3)."""
        coding = self._names.get(b"transfer-encoding")
        length = self._names.get(b"content-length")
        if coding is not None:
            self._check_coding(coding, length)
        if status < 200 or status in _BODILESS:
            return 0
        if coding is not None:
            self._chunked = True
            return None
        if length is not None:
            # Python reads no number of thousands of digits, of which here all but a few are zeros.
            return int(b"0" + length.lstrip(b"0"))
        if self._method != "HEAD":
            if self._keeps_alive():
                self._refuse("nothing tells where its body ends")
            self._until_close = True
        return None

    def _check_coding(self, coding: bytes, length: bytes | None) -> None:
        if length is not None:
            self._refuse("it has both a Content-Length and a Transfer-Encoding")
        # A tab after it, which the grammar allows, keeps llhttp from seeing it.
        several = len(self._all(b"transfer-encoding")) > 1
        if several or coding.rstrip(b" ").lower() != b"chunked":
            self._refuse("its Transfer-Encoding is another than chunked")
        if self._minor == 0:
            self._refuse("HTTP/1.0 has no Transfer-Encoding")

    def _keeps_alive(self) -> bool:
        """Whether the connection is to stay open (RFC 9112, section 9.3)."""
        if b"connection" not in self._names:
            return self._minor == 1
        values = self._all(b"connection")
        options = {option.strip().lower() for value in values for option in value.split(b",")}
        return b"close" not in options and (self._minor == 1 or b"keep-alive" in options)

    def _all(self, name: bytes) -> list[bytes]:
        """Every value of a field of the head."""
        fields = self._fields if self._head is None else self._head.fields
        return [value for each, value in fields if each.lower() == name]

    def _refuse(self, why: str | UnexpectedResponse) -> NoReturn:
        self._refusal = why
        raise _Refused

    def _wrong(self, error: Exception) -> UnexpectedResponse:
        why = self._refusal
        if isinstance(why, UnexpectedResponse):
            return why
        if isinstance(error, HttpParserInvalidStatusError):
            return MalformedResponse(0, reason="there is no such status")
        words = str(error.args[0]) if error.args else type(error).__name__
        return self._malformed(why or _WORDS.get(words, words))

    def _head_too_long(self) -> MalformedResponse:
        return self._malformed(f"the head is longer than {self._limits.head} bytes")

    def _body_too_long(self, shown: bytes) -> ResponseTooLarge:
        reason = f"the body is longer than {self._max_body} bytes"
        return ResponseTooLarge(self._status(), shown, reason)

    def _malformed(self, reason: str) -> MalformedResponse:
        return MalformedResponse(self._status(), reason=reason)

    def _status(self) -> int:
        """The status, if it has been read; else 0."""
        if self._head is not None:
            return self._head.status
        status: int = self._llhttp.get_status_code() if self._fed else 0
        return status if 100 <= status <= 599 else 0

    def __repr__(self) -> str:
        state = "idle" if self._done else "in a body" if self._head else "in a head"
        return f"<ResponseParser {state}>"
