"""What a user says of TLS."""

from __future__ import annotations

import os
import re
from typing import Any, Union

import attrs

from txetcd.http.tls.context import Creator, SharedContext
from txetcd.http.tls.names import bare, is_address
from txetcd.http.tls.pem import shown

__all__ = ["PEM", "TLS"]

#: A path, or PEM itself.
PEM = Union[str, bytes, "os.PathLike[str]"]


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
    if not (is_address(value) or re.fullmatch(r"[A-Za-z0-9._-]+", value)):
        raise ValueError(
            f"server_name={value!r} is neither an IP address nor the name of a host as "
            "certificates have it, in ASCII"
        )


def _current_of(tls: TLS) -> SharedContext:
    sources = {"ca": tls.ca, "certificate": tls.certificate, "key": tls.key}
    return SharedContext({name: each for name, each in sources.items() if each is not None})


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
        default=None, converter=_path, validator=_source, repr=shown
    )
    certificate: str | bytes | None = attrs.field(
        default=None, converter=_path, validator=_source, repr=shown
    )
    key: str | bytes | None = attrs.field(
        default=None, converter=_path, validator=[_source, _with_certificate], repr=shown
    )
    server_name: str | None = attrs.field(default=None, validator=_host_name)
    _current: SharedContext = attrs.field(
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
        return Creator(self._current, bare(self.server_name or host))
