"""Certificates for tests, made by `trustme`, and servers that show them."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from typing import Any

import attrs
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from OpenSSL import SSL, crypto
from twisted.internet.interfaces import IOpenSSLServerConnectionCreator
from twisted.protocols.tls import TLSMemoryBIOFactory
from zope.interface import implementer

TLS1_1, TLS1_2, TLS1_3 = SSL.TLS1_1_VERSION, SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION



def _day(year: int, month: int, day: int) -> datetime.datetime:
    return datetime.datetime(year, month, day, tzinfo=datetime.timezone.utc)


#: The dates of a certificate that is no longer, or not yet, valid.
PAST = _day(2020, 1, 1), _day(2020, 12, 31)
FUTURE = _day(2120, 1, 1), _day(2120, 12, 31)


@attrs.frozen
class Certificate:
    """A certificate, and the key that proves it.

    Attributes:
        chain: The certificate, and any between it and the root, in PEM.
        key: Its private key, in PEM.
    """

    chain: bytes
    key: bytes = attrs.field(repr=False)

    @property
    def both(self) -> bytes:
        """The key and the chain, as in one file."""
        return self.key + self.chain

    @property
    def own(self) -> x509.Certificate:
        """The certificate without the chain."""
        return x509.load_pem_x509_certificates(self.chain)[0]

    @property
    def serial(self) -> int:
        """Its serial number."""
        return self.own.serial_number


class Authority:
    """Someone who signs certificates: a root, or an authority below one."""

    def __init__(self, ca: trustme.CA | None = None) -> None:
        self._ca = ca or trustme.CA()

    @property
    def pem(self) -> bytes:
        """Its own certificate, in PEM."""
        return self._ca.cert_pem.bytes()

    def below(self) -> Authority:
        """An authority that this one has signed."""
        return Authority(self._ca.create_child_ca())

    def issue(
        self,
        *identities: str,
        dates: tuple[datetime.datetime, datetime.datetime] | None = None,
        common_name: str | None = None,
    ) -> Certificate:
        """A new certificate, for a server or a client.

        Args:
            identities: The names and IP addresses that it is valid for.
            dates: When it begins to be valid, and when it ceases to be.
            common_name: A name in its subject, which verifies nothing.
        """
        since, until = dates or (None, None)
        leaf = self._ca.issue_cert(
            *identities, common_name=common_name, not_before=since, not_after=until
        )
        chain = b"".join(pem.bytes() for pem in leaf.cert_chain_pems)
        return Certificate(chain, leaf.private_key_pem.bytes())

    def sign_again(
        self,
        pem: bytes,
        *,
        dates: tuple[datetime.datetime, datetime.datetime] | None = None,
        key: Any = None,
        without: type[x509.ExtensionType] | None = None,
    ) -> bytes:
        """A certificate that this authority has signed, with something about it changed.

        Args:
            pem: The certificate.
            dates: When the new one begins to be valid, and when it ceases to be.
            key: The public key of the new one.
            without: What the new one leaves out.
        """
        old = x509.load_pem_x509_certificate(pem)
        since, until = dates or (old.not_valid_before_utc, old.not_valid_after_utc)
        builder = x509.CertificateBuilder(
            old.issuer, old.subject, key or old.public_key(), old.serial_number, since, until
        )
        for each in old.extensions:
            if without is None or not isinstance(each.value, without):
                builder = builder.add_extension(each.value, each.critical)
        own: Any = load_pem_private_key(self._ca.private_key_pem.bytes(), None)
        return builder.sign(own, hashes.SHA256()).public_bytes(Encoding.PEM)


@implementer(IOpenSSLServerConnectionCreator)
class ServerTLS:
    """What makes the TLS connections of a server.

    Args:
        certificate: What the server shows.
        client_ca: The authorities of the clients, in PEM; if there are any, the
            server demands a certificate of them.
        versions: The oldest and the newest version of TLS that it speaks.
    """

    def __init__(
        self,
        certificate: Certificate,
        client_ca: Iterable[bytes] = (),
        versions: tuple[int, int] = (TLS1_2, TLS1_3),
    ) -> None:
        self.context = context = SSL.Context(SSL.TLS_METHOD)
        context.set_min_proto_version(versions[0])
        context.set_max_proto_version(versions[1])
        # Else OpenSSL would not speak the old ones at all.
        context.set_cipher_list(b"ALL:@SECLEVEL=0")
        # OpenSSL demands it of who demands certificates.
        context.set_session_id(b"tests")
        own, *between = x509.load_pem_x509_certificates(certificate.chain)
        key: Any = load_pem_private_key(certificate.key, None)
        context.use_privatekey(key)
        context.use_certificate(own)
        for each in between:
            context.add_extra_chain_cert(each)
        self._demand([*client_ca])

    def _demand(self, authorities: list[bytes]) -> None:
        store: Any = self.context.get_cert_store()
        for pem in authorities:
            store.add_cert(crypto.load_certificate(crypto.FILETYPE_PEM, pem))
        if authorities:
            self.context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT)

    def serverConnectionForTLS(self, protocol: object) -> SSL.Connection:
        return SSL.Connection(self.context, None)


def listen(
    reactor: Any,
    factory: Any,
    *,
    certificate: Certificate,
    client_ca: Iterable[bytes] = (),
    versions: tuple[int, int] = (TLS1_2, TLS1_3),
    interface: str = "127.0.0.1",
) -> Any:
    """Listen with TLS, on a free port of this machine.

    Args:
        reactor: Listens.
        factory: Makes the protocols that speak in TLS.
        certificate: As for `ServerTLS`.
        client_ca: As for `ServerTLS`.
        versions: As for `ServerTLS`.
        interface: The address to listen on.

    Returns:
        The port (``IListeningPort``).
    """
    creator: Any = ServerTLS(certificate, client_ca, versions)
    wrapped: Any = TLSMemoryBIOFactory(creator, False, factory)
    return reactor.listenTCP(0, wrapped, interface=interface)
