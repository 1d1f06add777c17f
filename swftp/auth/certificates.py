"""
A client's TLS certificate -> `Login`, for `twisted.cred`: the stored credential of the name it is good for.

Whether the certificate is good for the name is TLS's to know; here a name has a credential or has none.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.credentials import ICredentials
from twisted.internet.defer import Deferred
from twisted.logger import LogLevel
from zope.interface import Attribute, implementer

from swftp.auth.cache import AccessCache
from swftp.auth.checkers import Journal
from swftp.auth.login import Login
from swftp.auth.refusals import Denied, Down, LoginRefused, LoginThrottled
from swftp.auth.reloaded import Reloaded
from swftp.auth.throttle import Throttle
from swftp.auth.tokens import Credential

METHOD = "certificate"


class ICertificate(ICredentials):
    """A name that a verified client certificate is good for."""

    username = Attribute("""Bytes.""")
    peer = Attribute("""Text of the client's address.""")


@implementer(ICertificate)
class CertificateOf:
    """What `CertificateChecker` is asked with."""

    def __init__(self, username: bytes, peer: str) -> None:
        self.username = username
        self.peer = peer


@implementer(ICredentialsChecker)
class CertificateChecker:
    """Section ``[name]`` of the credentials file is what a certificate of that name stands for."""

    credentialInterfaces = (ICertificate,)

    def __init__(
        self, credentials: Reloaded[Mapping[str, Credential]], cache: AccessCache, throttle: Throttle
    ) -> None:
        self._credentials = credentials
        self._cache = cache
        self._throttle = throttle
        self._journal = Journal(throttle)

    def requestAvatarId(self, credentials: Any) -> Deferred[Any]:
        """
        A `Login`.

        :raises LoginRefused: nothing is stored for that name: a password may do.
        :raises LoginUnavailable: the identity service does not let the stored credential in.
        """
        return Deferred.fromCoroutine(self._login(credentials))

    async def _login(self, offered: CertificateOf) -> Login:
        try:
            if self._throttle.refused(offered.peer):
                raise LoginThrottled
            login = await self._enter(offered)
        except (Denied, Down, LoginRefused) as error:
            level = LogLevel.debug if type(error) is LoginRefused else LogLevel.warn
            answer = self._journal.refused(offered.username, offered.peer, METHOD, error, level)
        else:
            return login
        raise answer

    async def _enter(self, offered: CertificateOf) -> Login:
        name = offered.username.decode("utf-8", "replace")
        credential = (await self._credentials.get()).get(name)
        if credential is None:
            raise LoginRefused
        try:
            access = await self._cache.login(credential.identity, credential.secret)
        except Denied as error:  # not the client's fault
            raise Down(f"stored credential {name!r}: {error.reason}") from None
        return Login(
            name=name,
            user=access.user or credential.identity.key,
            spellings=(*credential.identity.spellings, *access.names),
            access=access,
            method=METHOD,
            peer=offered.peer,
        )
