"""Whose certificates a server of ours may show: those of the system, of an authority of one's own, or anybody's."""

from __future__ import annotations

from typing import Any

from OpenSSL import SSL
from twisted.internet import ssl
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.web.client import BrowserLikePolicyForHTTPS
from twisted.web.iweb import IPolicyForHTTPS
from zope.interface import implementer

from swftp.config.files import expanded


class NoAuthority(Exception):
    """A file of certificate authorities cannot be used; the message says why."""


def policy(cacert: str, insecure: bool) -> IPolicyForHTTPS:
    """
    :param cacert: PEM file of authorities to trust instead of the system's; ``""``: the system's.
    :param insecure: trust everybody.
    :raises NoAuthority: *cacert* cannot be read or holds no certificate.
    """
    make: Any = BrowserLikePolicyForHTTPS
    if insecure:
        return Anybody()
    trusted: IPolicyForHTTPS = make(authorities(cacert)) if cacert else make()
    return trusted


def authorities(path: str) -> Any:
    """
    Those in the PEM file *path*, and no others, as a ``trustRoot``.

    :raises NoAuthority: it cannot be read or holds no certificate.
    """
    begin = b"-----BEGIN CERTIFICATE-----"
    try:
        blocks = expanded(path).read_bytes().split(begin)[1:]
        certificates = [ssl.Certificate.loadPEM(begin + block) for block in blocks]
    except OSError as error:
        raise NoAuthority(f"{path}: cannot be read: {error.strerror}") from error
    except (SSL.Error, ValueError) as error:
        raise NoAuthority(f"{path}: holds something that is no certificate") from error
    if not certificates:
        raise NoAuthority(f"{path}: holds no certificate")
    return ssl.trustRootFromCertificates(certificates)  # type: ignore[no-untyped-call]


@implementer(IPolicyForHTTPS)
class Anybody:
    """Verifies nothing."""

    def creatorForNetloc(self, hostname: bytes, port: int) -> Unverified:
        """See `IPolicyForHTTPS`."""
        return Unverified(hostname)


@implementer(IOpenSSLClientConnectionCreator)
class Unverified:
    """TLS with whoever answers."""

    def __init__(self, hostname: bytes) -> None:
        self._hostname = hostname

    def clientConnectionForTLS(self, protocol: Any) -> SSL.Connection:
        """See `IOpenSSLClientConnectionCreator`."""
        options: Any = ssl.CertificateOptions(verify=False)
        connection = SSL.Connection(options.getContext(), None)
        connection.set_tlsext_host_name(self._hostname)
        connection.set_connect_state()
        return connection
