"""Certificates and keys in PEM (RFC 7468), and where they are from."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    from cryptography import x509

__all__ = ["Given", "shown", "signature"]

_CERTIFICATE = re.compile(
    rb"-----BEGIN (X509 )?CERTIFICATE-----.+?-----END (X509 )?CERTIFICATE-----", re.DOTALL
)
_PRIVATE_KEY = re.compile(
    rb"-----BEGIN ([A-Z0-9]+ )*PRIVATE KEY-----.+?-----END ([A-Z0-9]+ )*PRIVATE KEY-----",
    re.DOTALL,
)


@attrs.frozen
class Given:
    """PEM, and where it is from."""

    name: str
    source: str | bytes
    pem: bytes = attrs.field(repr=False)

    @classmethod
    def read(cls, name: str, source: str | bytes) -> Given:
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
        return f"{self.name}={shown(self.source)}"


def signature(name: str, source: str | bytes) -> object:
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


def shown(value: object) -> str:
    """A path, or how much PEM was given, which may hold a key."""
    return f"<{len(value)} bytes>" if isinstance(value, bytes) else repr(value)
