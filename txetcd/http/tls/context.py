"""OpenSSL's contexts, and the connections that are made of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from zope.interface import implementer

from txetcd.http.tls import verification
from txetcd.http.tls.errors import explain
from txetcd.http.tls.names import is_address
from txetcd.http.tls.pem import Given, signature

if TYPE_CHECKING:
    from OpenSSL import SSL
    from OpenSSL.crypto import X509

__all__ = ["Creator", "SharedContext"]

#: For TLS 1.2: forward secrecy, and authenticated encryption.  Those of 1.3 are all so.
_CIPHERS = b"ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM:DHE+CHACHA20"


@implementer(IOpenSSLClientConnectionCreator)
class Creator:
    """Makes the connections to one server."""

    def __init__(self, current: SharedContext, name: str) -> None:
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


class SharedContext:
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
        signatures = [signature(*item) for item in self._sources.items()]
        if self._context is None or signatures != self._signatures:
            given = {name: Given.read(name, each) for name, each in self._sources.items()}
            self._context = _new_context(given, self._verify)
            self._signatures = signatures
        return self._context

    def connection(self, name: str) -> SSL.Connection:
        """A connection to whoever has a certificate for a name or an address."""
        context = self.context()
        from OpenSSL import SSL

        connection = SSL.Connection(context, None)
        if not is_address(name):
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
                why = verification.chain_refused(certificate, number, depth)
            elif depth:
                why = ""
            else:
                why = verification.name_refused(certificate, self._names[connection])
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


def _new_context(given: Mapping[str, Given], verify: Any) -> SSL.Context:
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


def _trust(context: SSL.Context, ca: Given | None) -> None:
    if ca is None:
        context.set_default_verify_paths()
        return
    from OpenSSL import crypto

    store: Any = context.get_cert_store()
    for certificate in ca.certificates():
        store.add_cert(crypto.X509.from_cryptography(certificate))
    # What is given is trusted, even if another has signed it.
    store.set_flags(crypto.X509StoreFlags.PARTIAL_CHAIN)


def _show(context: SSL.Context, certificate: Given, key: Given) -> None:
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
