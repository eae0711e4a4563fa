"""TLS: whom to trust, and what to show of oneself.

`TLS` is what `connect` takes as ``tls=``.  It makes the connections of Twisted's
``wrapClientTLS``, which verify the server, and it notices when a certificate was
renewed.  `explain` and `refused_in_handshake` read what comes back when a
handshake fails.

pyOpenSSL is imported when a `TLS` is made, and not before: it belongs to the extra
``txetcd[tls]``.

The certificate's name is verified here, and not by Twisted's
``optionsForClientTLS``.  That takes a certificate without any ``subjectAltName``
for one that is valid for every host, since service_identity 24.1 raises another
error there than the one it knows; and for a chain that does not hold, it says no
more than "certificate verify failed".
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Union
from weakref import WeakKeyDictionary

import attrs
from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.python.failure import Failure
from zope.interface import implementer

if TYPE_CHECKING:
    from cryptography import x509
    from OpenSSL import SSL
    from OpenSSL.crypto import X509

__all__ = ["TLS", "explain", "refused_in_handshake"]

#: A path, or PEM itself.
PEM = Union[str, bytes, "os.PathLike[str]"]

#: For TLS 1.2: forward secrecy, and authenticated encryption.  Those of 1.3 are all so.
_CIPHERS = b"ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM:DHE+CHACHA20"

_CERTIFICATE = re.compile(
    rb"-----BEGIN (X509 )?CERTIFICATE-----.+?-----END (X509 )?CERTIFICATE-----", re.DOTALL
)
_PRIVATE_KEY = re.compile(
    rb"-----BEGIN ([A-Z0-9]+ )*PRIVATE KEY-----.+?-----END ([A-Z0-9]+ )*PRIVATE KEY-----",
    re.DOTALL,
)

#: How many of a certificate's names an error shows.
_NAMES_SHOWN = 5


def _path(value: PEM | None) -> str | bytes | None:
    return os.fspath(value) if isinstance(value, os.PathLike) else value


def _source(instance: object, attribute: attrs.Attribute[Any], value: object) -> None:
    name = attribute.name
    if not (value is None or isinstance(value, (str, bytes))):
        raise TypeError(f"{name} is a path, or PEM as bytes, not {type(value).__name__}")
    # Its repr would show it, and it may be a key.
    if isinstance(value, str) and ("-----BEGIN" in value or "\n" in value):
        raise ValueError(f"{name} is a path, or PEM as bytes; this is PEM as text: encode it")


def _with_certificate(instance: TLS, attribute: attrs.Attribute[Any], value: object) -> None:
    if value is not None and instance.certificate is None:
        raise ValueError("key is that of a client certificate: give certificate= as well")


def _host_name(instance: object, attribute: attrs.Attribute[Any], value: object) -> None:
    if value is None:
        return
    if not isinstance(value, str):
        raise TypeError(f"server_name is text, not {type(value).__name__}")
    if not (_is_address(value) or re.fullmatch(r"[A-Za-z0-9._-]+", value)):
        raise ValueError(
            f"server_name={value!r} is neither an IP address nor the name of a host as "
            "certificates have it, in ASCII"
        )


def _shown(value: object) -> str:
    return f"<{len(value)} bytes>" if isinstance(value, bytes) else repr(value)


def _current_of(tls: TLS) -> _Current:
    sources = {"ca": tls.ca, "certificate": tls.certificate, "key": tls.key}
    return _Current({name: each for name, each in sources.items() if each is not None})


@attrs.frozen
class TLS:
    """Whom to trust, and what to show of oneself, in connections with TLS 1.2 or 1.3.

    The server's certificate is always verified: that it is signed by an authority
    that is trusted, that it is in date, and that it is valid for the host.  There is
    no way to switch that off; for a certificate that nobody else knows, give the
    authority that signed it, or itself, as ``ca``.

    All that is given is read and checked at once.  A file is looked at again by each
    new connection, and read again if it has changed: a renewed certificate is used
    by the next connection, and connections that are open stay.  If it cannot be read
    then, that connection fails, in the words of the errors below, and the next one
    tries again.

    Its ``repr`` shows paths, and nothing of what is in a file or in `bytes`.

    Args:
        ca: The authorities to trust: a path of a PEM file with one or several
            certificates, or its `bytes`.  An authority need not be a root.  If None,
            those that the platform trusts.
        certificate: The client certificate, then any between it and the server's
            authority, all of which are sent; a path of a PEM file, or its `bytes`.
            If None, the client shows no certificate.
        key: The private key of the certificate, not encrypted; a path of a PEM
            file, or its `bytes`.  If None, it is in the same file as the
            certificate.
        server_name: The name or the IP address that the server's certificate must
            be valid for.  If None, the host of the URL.  A name is sent to the
            server as well (SNI, RFC 6066), an address is not.

    Raises:
        OSError: A file cannot be read; the error names it.
        ValueError: A file or `bytes` hold no PEM, or what cannot be used; the key is
            encrypted, belongs to another certificate, or was given without one; the
            name can be none; or pyOpenSSL is missing (install ``txetcd[tls]``).
        TypeError: An argument is neither text nor `bytes` nor a path.

    .. versionadded:: 0.1
    """

    ca: str | bytes | None = attrs.field(
        default=None, converter=_path, validator=_source, repr=_shown
    )
    certificate: str | bytes | None = attrs.field(
        default=None, converter=_path, validator=_source, repr=_shown
    )
    key: str | bytes | None = attrs.field(
        default=None, converter=_path, validator=[_source, _with_certificate], repr=_shown
    )
    server_name: str | None = attrs.field(default=None, validator=_host_name)
    _current: _Current = attrs.field(
        init=False, eq=False, repr=False, default=attrs.Factory(_current_of, takes_self=True)
    )

    def __attrs_post_init__(self) -> None:
        self._current.context()

    def creator_for(self, host: str, port: int) -> Any:
        """What makes the TLS connections to one server.

        Args:
            host: The host of the URL: a name or an IP address.
            port: The port of the URL; the certificate of a server is that of all
                its ports.

        Returns:
            An ``IOpenSSLClientConnectionCreator``, for ``wrapClientTLS``.  It may be
            used any number of times.  A connection that fails in the handshake is
            closed with an ``OpenSSL.SSL.Error``, which `explain` puts into words.
        """
        return _Creator(self._current, _host(self.server_name or host))


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


# --- connections ---------------------------------------------------------------


@implementer(IOpenSSLClientConnectionCreator)
class _Creator:
    """Makes the connections to one server."""

    def __init__(self, current: _Current, name: str) -> None:
        self._current = current
        self._name = name

    def clientConnectionForTLS(self, protocol: object) -> SSL.Connection:
        try:
            return self._current.connection(self._name)
        except Exception as error:
            # Twisted calls this where it can neither report an error nor close.
            return _failing(error)

    def __repr__(self) -> str:
        return f"<TLS connections to {self._name!r}>"


class _Current:
    """An OpenSSL context, shared by all connections until a file has changed."""

    def __init__(self, sources: Mapping[str, str | bytes]) -> None:
        self._sources = sources
        self._signatures: list[object] = []
        self._context: SSL.Context | None = None
        # Of each connection, what the server's certificate must be valid for.
        self._names: WeakKeyDictionary[SSL.Connection, str] = WeakKeyDictionary()

    def context(self) -> SSL.Context:
        """The context for what the files hold now."""
        # First, so that a change while they are read is noticed the next time.
        signatures = [_signature(*item) for item in self._sources.items()]
        if self._context is None or signatures != self._signatures:
            given = {name: _Given.read(name, each) for name, each in self._sources.items()}
            self._context = _new_context(given, self._verify)
            self._signatures = signatures
        return self._context

    def connection(self, name: str) -> SSL.Connection:
        """A connection to whoever has a certificate for a name or an address."""
        context = self.context()
        from OpenSSL import SSL

        connection = SSL.Connection(context, None)
        if not _is_address(name):
            connection.set_tlsext_host_name(name.encode("ascii"))
        self._names[connection] = name
        return connection

    def _verify(
        self, connection: SSL.Connection, certificate: X509, number: int, depth: int, ok: int
    ) -> bool:
        """Raise if OpenSSL, or the name, refuses a certificate of the server's chain.

        pyOpenSSL raises the error again from the handshake, after the alert to the
        server; Twisted closes the connection with it.
        """
        try:
            if not ok:
                why = _chain_refused(certificate, number, depth)
            else:
                why = "" if depth else _name_refused(certificate, self._names[connection])
        except Exception as error:
            why = f"it cannot be read: {error}"
        if why:
            raise _ssl_error(f"the server's certificate was refused: {why}")
        return True


def _failing(error: Exception) -> SSL.Connection:
    """A connection whose handshake fails, with the words of an error."""
    from OpenSSL import SSL

    class Failing(SSL.Connection):
        def do_handshake(self) -> None:
            raise _ssl_error(str(error)) from error

    context = SSL.Context(SSL.TLS_METHOD)
    context.set_verify(SSL.VERIFY_PEER, lambda *_: False)
    return Failing(context, None)


def _ssl_error(words: str) -> SSL.Error:
    """An error of the shape that Twisted expects: a list of library, function and reason."""
    from OpenSSL import SSL

    return SSL.Error([("certificates", "", words)])


def _new_context(given: Mapping[str, _Given], verify: Any) -> SSL.Context:
    _require_openssl()
    from OpenSSL import SSL

    context = SSL.Context(SSL.TLS_METHOD)
    context.set_min_proto_version(SSL.TLS1_2_VERSION)
    context.set_cipher_list(_CIPHERS)
    # A second handshake could refuse a certificate after the request.
    context.set_options(SSL.OP_NO_COMPRESSION | SSL.OP_NO_RENEGOTIATION)
    # An idle connection needs no buffers.
    context.set_mode(SSL.MODE_RELEASE_BUFFERS)
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, verify)
    _trust(context, given.get("ca"))
    if "certificate" in given:
        _show(context, given["certificate"], given.get("key", given["certificate"]))
    return context


def _trust(context: SSL.Context, ca: _Given | None) -> None:
    if ca is None:
        context.set_default_verify_paths()
        return
    from OpenSSL import crypto

    store: Any = context.get_cert_store()
    for certificate in ca.certificates():
        store.add_cert(crypto.X509.from_cryptography(certificate))
    # What is given is trusted, even if another has signed it.
    store.set_flags(crypto.X509StoreFlags.PARTIAL_CHAIN)


def _show(context: SSL.Context, certificate: _Given, key: _Given) -> None:
    """Have the client show a certificate, with the chain that leads to it."""
    own, *between = certificate.certificates()
    private = key.private_key()
    if _public(own) != _public(private):
        raise ValueError(
            f"the private key in {key} is not that of the first certificate in {certificate}"
        )
    from OpenSSL import SSL

    try:
        context.use_certificate(own)
        context.use_privatekey(private)
    except SSL.Error as error:
        raise ValueError(f"{certificate} cannot be used: {explain(error)}") from error
    for each in between:
        context.add_extra_chain_cert(each)


def _public(owner: Any) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    encoded: bytes = owner.public_key().public_bytes(
        Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    )
    return encoded


def _require_openssl() -> None:
    try:
        import OpenSSL  # noqa: F401  # each function imports what it needs of it
        import service_identity  # noqa: F401  # likewise
    except ImportError:
        raise ValueError("TLS needs pyOpenSSL: install txetcd[tls]") from None


# --- what was given ------------------------------------------------------------


@attrs.frozen
class _Given:
    """PEM, and where it is from."""

    name: str
    source: str | bytes
    pem: bytes = attrs.field(repr=False)

    @classmethod
    def read(cls, name: str, source: str | bytes) -> _Given:
        if isinstance(source, bytes):
            return cls(name, source, source)
        try:
            with open(source, "rb") as file:
                return cls(name, source, file.read())
        except OSError as error:
            raise _unreadable(name, source, error) from error

    def certificates(self) -> list[x509.Certificate]:
        """All certificates, at least one."""
        from cryptography import x509

        blocks = [match[0] for match in _CERTIFICATE.finditer(self.pem)]
        if not blocks:
            raise ValueError(
                f"{self} holds no certificate in PEM, which begins -----BEGIN CERTIFICATE-----"
            )
        try:
            return [x509.load_pem_x509_certificate(block) for block in blocks]
        except (ValueError, x509.InvalidVersion) as error:
            raise ValueError(f"{self} holds a certificate that cannot be read: {error}") from error

    def private_key(self) -> Any:
        """The first private key."""
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        found = _PRIVATE_KEY.search(self.pem)
        if found is None:
            hint = "; give key= as well" if self.name == "certificate" else ""
            raise ValueError(f"{self} holds no private key in PEM{hint}")
        if b"ENCRYPTED" in found[0]:
            raise ValueError(
                f"the private key in {self} is encrypted: "
                "decrypt it, for example with 'openssl pkey -in FILE -out OTHER'"
            )
        try:
            return load_pem_private_key(found[0], None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            raise ValueError(f"{self} holds a private key that cannot be read") from None

    def __str__(self) -> str:
        return f"{self.name}={_shown(self.source)}"


def _signature(name: str, source: str | bytes) -> object:
    """What changes when a file does."""
    if isinstance(source, bytes):
        return None
    try:
        found = os.stat(source)
    except OSError as error:
        raise _unreadable(name, source, error) from error
    return found.st_mtime_ns, found.st_size, found.st_ino


def _unreadable(name: str, path: str, error: OSError) -> OSError:
    return OSError(error.errno, f"{name} cannot be read: {error.strerror}", path)


def _host(host: str) -> str:
    """A host as a certificate has it: without brackets, a zone, or the dot of the root."""
    return host.strip("[]").partition("%")[0].rstrip(".")


def _is_address(name: str) -> bool:
    return isIPAddress(name) or isIPv6Address(name)


# --- why a certificate is refused ----------------------------------------------

#: OpenSSL's words (X509_verify_cert_error_string), which pyOpenSSL does not pass on.
_UNTRUSTED = {
    2: "unable to get issuer certificate",
    18: "self-signed certificate",
    19: "self-signed certificate in certificate chain",
    20: "unable to get local issuer certificate",
    21: "unable to verify the first certificate",
}
_NOT_IN_DATE = {9: "certificate is not valid before", 10: "certificate has expired on"}
_UNSUITABLE = {
    7: "certificate signature failure",
    22: "certificate chain too long",
    23: "certificate revoked",
    25: "path length constraint exceeded",
    26: "unsuitable certificate purpose",
    47: "permitted subtree violation",
    48: "excluded subtree violation",
    66: "the certificate's key is too weak",
    67: "its authority's key is too weak",
    68: "the digest of its authority's signature is too weak",
    79: "invalid CA certificate",
}


def _chain_refused(certificate: X509, number: int, depth: int) -> str:
    if number in _UNTRUSTED:
        return f"{_UNTRUSTED[number]}; the authority to trust is given as ca="
    words = _UNSUITABLE.get(number, f"error {number} of X509_verify_cert")
    if number in _NOT_IN_DATE:
        words = f"{_NOT_IN_DATE[number]} {_date(certificate, number)}"
    if depth:
        words += f" (of the authority {_subject(certificate)!r})"
    return words


def _date(certificate: X509, number: int) -> str:
    """When a certificate begins to be valid, or ceases to be."""
    moment = certificate.get_notBefore() if number == 9 else certificate.get_notAfter()
    text = (moment or b"").decode("ascii", "replace")
    return f"{text[:4]}-{text[4:6]}-{text[6:8]}"


def _subject(certificate: X509) -> str:
    return certificate.to_cryptography().subject.rfc4514_string()


def _name_refused(certificate: X509, name: str) -> str:
    from service_identity import CertificateError, VerificationError, cryptography

    found = certificate.to_cryptography()
    try:
        if _is_address(name):
            cryptography.verify_certificate_ip_address(found, name)
        else:
            cryptography.verify_certificate_hostname(found, name)
    except (VerificationError, CertificateError):
        return f"certificate is valid for {_valid_for(found)} and not for {name!r}"
    return ""


def _valid_for(certificate: x509.Certificate) -> str:
    from cryptography import x509

    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return "no host"
    names = [
        *map(repr, found.value.get_values_for_type(x509.DNSName)),
        *(repr(str(each)) for each in found.value.get_values_for_type(x509.IPAddress)),
    ]
    more = ["others"] if len(names) > _NAMES_SHOWN else []
    return ", ".join([*names[:_NAMES_SHOWN], *more]) or "no host"


# --- what comes back -----------------------------------------------------------

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
