"""
Public keys of a client -> `Login`, for `twisted.cred`, by the protocol of Conch's `SSHPublicKeyChecker`.

An unknown login and a key that is not its own take one path, so that nobody learns which logins there are.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

from twisted.conch.error import ValidPublicKey
from twisted.conch.ssh.keys import Key
from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.credentials import ISSHPrivateKey, SSHPrivateKey
from twisted.internet.defer import Deferred
from twisted.logger import LogLevel
from zope.interface import implementer

from swftp.auth.cache import AccessCache
from swftp.auth.checkers import Journal
from swftp.auth.keys import AuthorizedKey
from swftp.auth.login import Login
from swftp.auth.refusals import Denied, Down, LoginRefused, LoginThrottled
from swftp.auth.reloaded import Reloaded
from swftp.auth.throttle import Throttle
from swftp.auth.tokens import Credential
from swftp.paths import ROOT, Path

METHOD = "publickey"
TOUCHED, VERIFIED = 1, 4
"""Flags of a security key's signature (OpenSSH PROTOCOL.u2f)."""

KeysByLogin = Mapping[str, tuple[AuthorizedKey, ...]]
Enter = Callable[[], Awaitable[Login]]


class KeyOf(SSHPrivateKey):
    """A key that a client at *peer* (the text of its address) offered; what `PublicKeyChecker` is asked with."""

    def __init__(
        self, username: bytes, algorithm: bytes, blob: bytes, signed: bytes | None, signature: bytes | None, peer: str
    ) -> None:
        """
        :param signed: what *signature* is of; both None: the client only asks whether the key is worth a signature.
        """
        super().__init__(username, algorithm, blob, signed, signature)  # type: ignore[no-untyped-call]
        self.peer = peer


@implementer(ICredentialsChecker)
class KeysChecker(ABC):
    """Public keys, whoever knows which of them are good."""

    credentialInterfaces = (ISSHPrivateKey,)

    def __init__(self, throttle: Throttle) -> None:
        self._throttle = throttle
        self._journal = Journal(throttle)

    def requestAvatarId(self, credentials: Any) -> Deferred[Any]:
        """
        A `Login`.

        :raises ValidPublicKey: there is no signature yet, and the key is good.
        :raises LoginRefused: it is not, or its signature is wrong, or the address has been wrong too often.
        :raises LoginUnavailable: whoever knows does not say.
        """
        return Deferred.fromCoroutine(self._login(credentials))

    @abstractmethod
    async def authorized(self, offered: Any, peer: str) -> tuple[AuthorizedKey, Enter]:
        """
        The key that *offered* is, and what lets in who has signed with it.

        :raises LoginRefused: it is nobody's.
        :raises Down: that cannot be said now.
        """

    async def _login(self, offered: Any) -> Login:
        peer = getattr(offered, "peer", "")
        try:
            if self._throttle.refused(peer):
                raise LoginThrottled
            key, enter = await self.authorized(offered, peer)
            if not offered.signature:
                raise ValidPublicKey
            check_signature(key, offered)
            return await enter()
        except (Denied, Down, LoginRefused) as error:
            asked = LogLevel.warn if offered.signature else LogLevel.debug  # agents offer key after key
            answer = self._journal.refused(offered.username, peer, METHOD, error, asked)
        raise answer


class PublicKeyChecker(KeysChecker):
    """Keys of the authorized keys file; the identity service is asked with the credential a key stands for."""

    def __init__(
        self,
        keys: Reloaded[KeysByLogin],
        credentials: Reloaded[Mapping[str, Credential]],
        cache: AccessCache,
        throttle: Throttle,
        wall: Callable[[], float],
        root: Path = ROOT,
    ) -> None:
        """
        :param wall: seconds since the epoch.
        :param root: what every client sees as ``/``; a key's own root is taken from there.
        """
        super().__init__(throttle)
        self._keys = keys
        self._credentials = credentials
        self._cache = cache
        self._wall = wall
        self._root = root

    async def authorized(self, offered: Any, peer: str) -> tuple[AuthorizedKey, Enter]:
        """See `KeysChecker`."""
        keys = await self._keys.get()
        name = offered.username.decode("utf-8", "replace")
        for key in keys.get(name, ()):
            if key.blob == offered.blob and key.admits(peer, self._wall()):
                return key, partial(self._enter, key, peer)
        raise LoginRefused

    async def _enter(self, key: AuthorizedKey, peer: str) -> Login:
        credential = (await self._credentials.get()).get(key.credential)
        if credential is None:
            raise Down(f"there is no stored credential {key.credential!r}")
        try:
            access = await self._cache.login(credential.identity, credential.secret)
        except Denied as error:  # not the client's fault
            raise Down(f"stored credential {key.credential!r}: {error.reason}") from None
        return Login(
            name=key.login,
            user=access.user or credential.identity.key,
            spellings=(*credential.identity.spellings, *access.names),
            access=access,
            root=self._root.join(key.root),
            method=METHOD,
            peer=peer,
        )


def check_signature(key: AuthorizedKey, offered: Any) -> None:
    """
    :raises Denied: the signature of *offered* was not made with *key*, or not as the key's options want.
    """
    try:
        public = Key.fromString(key.blob, type="blob")  # type: ignore[no-untyped-call]
        good = public.verify(offered.signature, offered.sigData)
        if public.isSecurityKey():
            flags = offered.signature[-5]
            good = good and (flags & TOUCHED or not key.touch) and (flags & VERIFIED or not key.verify)
    except Exception:  # whatever a crafted signature makes of the parser
        good = False
    if not good:
        raise Denied("wrong signature")
