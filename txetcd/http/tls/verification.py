"""Why a server's certificate is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

from txetcd.http.tls.names import is_address

if TYPE_CHECKING:
    from cryptography import x509
    from OpenSSL.crypto import X509

__all__ = ["chain_refused", "name_refused"]

#: How many of a certificate's names an error shows.
_NAMES_SHOWN = 5

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


def chain_refused(certificate: X509, number: int, depth: int) -> str:
    """What OpenSSL has against a certificate.

    Args:
        certificate: The server's, or that of an authority above it.
        number: OpenSSL's number for the error.
        depth: How far above the server's it stands.
    """
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


def name_refused(certificate: X509, name: str) -> str:
    """Why a certificate is not valid for a name or an address; empty if it is."""
    from service_identity import CertificateError, VerificationError, cryptography

    found = certificate.to_cryptography()
    try:
        if is_address(name):
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
