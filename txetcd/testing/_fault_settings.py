"""Setting faults: what needs no connection."""

from __future__ import annotations

from txetcd.testing._faults import Cut, CutAt, Faults, Throttle

__all__ = ["FaultSettings"]


class FaultSettings:
    """The faults of a `FaultProxy` that its connections look at by themselves."""

    def __init__(self) -> None:
        self._faults = Faults()

    def cut_before_request(
        self, times: int | None = 1, method: str | None = None, *, clean: bool = False
    ) -> None:
        """Cut the connection when a request begins; the server gets no byte of it.

        Args:
            times: How many requests are struck; None for all until `heal`.
            method: Only requests with this method are struck, such as ``"PUT"``.
            clean: End the connection in order, instead of resetting it.

        Raises:
            ValueError: If ``times`` is less than one.
        """
        self._set_cut(CutAt.BEFORE_REQUEST, times, method, clean)

    def cut_after_request(
        self, times: int | None = 1, method: str | None = None, *, clean: bool = False
    ) -> None:
        """Cut the connection when the reply begins; the client gets no byte of it.

        The server has had the request and has answered it: a write has been made.  The
        arguments are those of `cut_before_request`.
        """
        self._set_cut(CutAt.AFTER_REQUEST, times, method, clean)

    def cut_mid_header(
        self, times: int | None = 1, method: str | None = None, *, clean: bool = False
    ) -> None:
        """Cut the connection when the client has got half of what came first of the reply's head.

        The arguments are those of `cut_before_request`.
        """
        self._set_cut(CutAt.MID_HEADER, times, method, clean)

    def cut_mid_body(
        self, times: int | None = 1, method: str | None = None, *, clean: bool = False
    ) -> None:
        """Cut the connection when the client has got the reply's head and some of its body.

        It gets half of what came first of the body.  A reply that has no body passes, and
        the fault remains for the next request.  The arguments are those of
        `cut_before_request`.
        """
        self._set_cut(CutAt.MID_BODY, times, method, clean)

    def delay(self, seconds: float) -> None:
        """Let everything that comes from now on arrive later, in both directions.

        Args:
            seconds: How much later; 0 lifts the fault.  Ends are late, too; resets by a
                client or by `cut_all` are not.
        """
        self._faults.delay = seconds

    def throttle(self, bytes_per_turn: int | None = 1, interval: float = 0.0) -> None:
        """Let replies pass in small pieces, each of which is sent by itself.

        Args:
            bytes_per_turn: How many bytes in a turn of the reactor; None lifts the fault.
            interval: How much time passes between two pieces, at least, in seconds.

        Raises:
            ValueError: If ``bytes_per_turn`` is less than one.
        """
        if bytes_per_turn is None:
            self._faults.throttle = None
        else:
            self._faults.throttle = Throttle(_at_least_one(bytes_per_turn), interval)

    def swallow_replies(self, on: bool = True) -> None:
        """Carry what clients say, and swallow what the server answers: a network lost one way.

        The server carries requests out, and nobody hears of it.  A connection of which a reply
        was swallowed stays silent towards its client when the fault is lifted.

        Args:
            on: Whether from now on, or no more.
        """
        self._faults.swallow_replies = on

    def _set_cut(self, at: CutAt, times: int | None, method: str | None, clean: bool) -> None:
        left = None if times is None else _at_least_one(times)
        wanted = (method or "").upper().encode("ascii")
        self._faults.cuts.append(Cut(at, left, wanted, clean))


def _at_least_one(number: int) -> int:
    if number < 1:
        raise ValueError(f"{number} is less than one")
    return number
