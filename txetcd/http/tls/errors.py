"""What comes back when a handshake fails, in words."""

from __future__ import annotations

import re
from typing import Any

from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.python.failure import Failure

__all__ = ["explain", "refused_in_handshake"]

#: What OpenSSL calls the alerts of RFC 8446 (section 6), and of RFC 5246 before it.
#: Those about the certificate of the one who receives them:
_CERTIFICATE_ALERTS = frozenset(
    {
        "access denied",
        "bad certificate",
        "certificate expired",
        "certificate required",
        "certificate revoked",
        "certificate unknown",
        "no certificate",
        "unknown ca",
        "unsupported certificate",
    }
)
#: And others that have a meaning in a handshake alone.
_HANDSHAKE_ALERTS = frozenset(
    {
        "bad certificate status response",
        "certificate unobtainable",
        "decrypt error",
        "handshake failure",
        "inappropriate fallback",
        "insufficient security",
        "missing extension",
        "no application protocol",
        "protocol version",
        "unknown psk identity",
        "unrecognized name",
        "unsupported extension",
    }
)

#: "tlsv1 alert unknown ca", "sslv3 alert handshake failure", "ssl/tls alert bad certificate"
_ALERT = re.compile(r"(?:ssl|tls)\S* alert (.+)")

_NO_TLS = "the server does not speak TLS there: is its URL one with http://?"
_OLD = "the server speaks no TLS of version 1.2 or newer"
#: For alerts, and for what OpenSSL itself has found.
_PLAIN_WORDS = {
    "certificate required": "the server demands a client certificate: give certificate= and key=",
    "handshake failure": "the server refused the handshake; it may demand a client certificate",
    "packet length too long": _NO_TLS,
    "protocol version": _OLD,
    "unsupported protocol": _OLD,
    "wrong version number": _NO_TLS,
}


def explain(error: BaseException) -> str:
    """What went wrong with a TLS connection, in a short sentence without a full stop.

    Args:
        error: What the connection was lost with, or a `Failure` of it: an
            ``OpenSSL.SSL.Error``, an error of service_identity or of Twisted, or any
            other.  One with ``reasons`` is explained by these.

    .. versionadded:: 0.1
    """
    errors = _errors(error)
    return "; ".join(dict.fromkeys(map(_words, errors)))


def refused_in_handshake(error: BaseException) -> bool:
    """Whether the server ended the connection by an alert that belongs to the handshake.

    By these a server says that it does not take the client's certificate, or does
    not agree with the client on how to talk.  A server that has processed a request
    sends none of them, as the client permits no second handshake.

    In TLS 1.3 the client has finished the handshake, and may have written a request,
    before the server has looked at the client's certificate.  So the alert comes
    late.  On a connection that has never received a byte of a reply it proves that
    the server has not processed the request.

    Alerts that may come at any time, such as ``internal_error``, are none of these;
    nor is a connection that was closed without an alert.

    Args:
        error: What the connection was lost with, or a `Failure` of it.

    .. versionadded:: 0.1
    """
    alerts = [_alert(reason) for each in _errors(error) for reason in _reasons(each)]
    return any(alert in _CERTIFICATE_ALERTS or alert in _HANDSHAKE_ALERTS for alert in alerts)


def _errors(error: BaseException) -> list[BaseException]:
    """The errors that an error stands for: its reasons, or itself; without Failures."""
    if isinstance(error, Failure):
        return [] if error.value is None else _errors(error.value)
    reasons = [each for each in getattr(error, "reasons", ()) if isinstance(each, BaseException)]
    return [below for reason in reasons for below in _errors(reason)] or [error]


def _reasons(error: BaseException) -> list[str]:
    """The reasons in an error of pyOpenSSL, whose argument is a list of triples; else none."""
    queue = error.args[0] if error.args else None
    if not isinstance(queue, list):
        return []
    return [str(each[-1]) for each in queue if isinstance(each, tuple) and each]


def _alert(reason: str) -> str:
    """The name of the alert that the server sent; empty if it sent none."""
    found = _ALERT.fullmatch(reason)
    return found[1] if found else ""


def _words(error: BaseException) -> str:
    reasons = _reasons(error)
    if reasons:
        # The first is the cause of the others.
        return _reason_words(reasons[0])
    mismatched = getattr(error, "errors", None)
    if mismatched and hasattr(mismatched[0], "mismatched_id"):
        return f"the server's certificate is not valid for {_expected(mismatched[0])}"
    if isinstance(error, ConnectionDone):
        return "the connection was closed"
    if isinstance(error, ConnectionLost) or type(error).__module__.startswith("OpenSSL."):
        # OpenSSL has no words for a connection that ends where it must not.
        return "the connection was lost"
    return str(error).rstrip(".") or type(error).__name__


def _reason_words(reason: str) -> str:
    alert = _alert(reason)
    plain = _PLAIN_WORDS.get(alert or reason)
    if plain is not None:
        return plain
    if alert in _CERTIFICATE_ALERTS:
        return f"the server refused the client's certificate, or demands one: {alert}"
    return f"the server refused to go on: {alert}" if alert else reason


def _expected(mismatch: Any) -> str:
    expected = mismatch.mismatched_id
    name = getattr(expected, "hostname", None) or getattr(expected, "ip", expected)
    return repr(name.decode("ascii") if isinstance(name, bytes) else str(name))
