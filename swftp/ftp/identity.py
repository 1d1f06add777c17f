"""Whom a client certificate names (X.509; RFC 5280 section 4.2.1.6)."""

from __future__ import annotations

from collections.abc import Iterator

from cryptography import x509
from cryptography.x509.oid import NameOID
from pyasn1.codec.der.decoder import decode
from pyasn1.error import PyAsn1Error
from pyasn1.type.char import UTF8String

PRINCIPAL = x509.ObjectIdentifier("1.3.6.1.4.1.311.20.2.3")
"""userPrincipalName, an otherName as Active Directory issues it."""
KINDS = ("cn", "email", "upn")


def names(certificate: bytes, kind: str) -> tuple[str, ...]:
    """
    The names of *kind* in *certificate*, which is DER; none where it cannot be read.

    :param kind: ``cn`` (the subject's common name), ``email`` (rfc822Name, or the subject's emailAddress where there
        is none), ``upn`` (userPrincipalName).
    """
    try:
        read = x509.load_der_x509_certificate(certificate)
        found = tuple({"cn": _common, "email": _mail, "upn": _principal}[kind](read))
    except (ValueError, PyAsn1Error):
        return ()
    return tuple(name for name in found if name and name.isprintable())


def _subject(certificate: x509.Certificate, oid: x509.ObjectIdentifier) -> Iterator[str]:
    for attribute in certificate.subject.get_attributes_for_oid(oid):
        if isinstance(attribute.value, str):
            yield attribute.value


def _common(certificate: x509.Certificate) -> Iterator[str]:
    return _subject(certificate, NameOID.COMMON_NAME)


def _alternative(certificate: x509.Certificate) -> x509.SubjectAlternativeName | None:
    try:
        return certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return None


def _mail(certificate: x509.Certificate) -> Iterator[str]:
    alternative = _alternative(certificate)
    found = alternative.get_values_for_type(x509.RFC822Name) if alternative is not None else []
    return iter(found) if found else _subject(certificate, NameOID.EMAIL_ADDRESS)


def _principal(certificate: x509.Certificate) -> Iterator[str]:
    alternative = _alternative(certificate)
    for other in alternative.get_values_for_type(x509.OtherName) if alternative is not None else []:
        if other.type_id == PRINCIPAL:
            value, rest = decode(other.value, asn1Spec=UTF8String())
            if not rest:
                yield str(value)
