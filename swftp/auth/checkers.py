"""
Credentials of a client -> `Login`, for `twisted.cred`.

To the client every refusal is the same; the one log line of an attempt says what it was.  Only what the client did
wrong counts against its address.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.credentials import IUsernamePassword, UsernamePassword
from twisted.internet.defer import Deferred
from twisted.logger import Logger, LogLevel
from zope.interface import implementer

from swftp.auth import logins
from swftp.auth.begun import in_turn
from swftp.auth.cache import AccessCache
from swftp.auth.login import Login
from swftp.auth.refusals import Denied, Down, LoginRefused, LoginThrottled, LoginUnavailable
from swftp.auth.settings import AuthSettings
from swftp.auth.throttle import Offence, Throttle
from swftp.paths import ROOT, Path

log = Logger(namespace="swftp.auth")  # as an attribute of a class it would be called after that

SHOWN = 128
"""Characters of a login name in a log line."""


class PasswordOf(UsernamePassword):
    """A password that a client at *peer* (the text of its address) gave; what `PasswordChecker` is asked with."""

    def __init__(self, username: bytes, password: bytes, peer: str) -> None:
        super().__init__(username, password)
        self.peer = peer

    def __repr__(self) -> str:
        return f"<PasswordOf {self.peer}>"


class Journal:
    """One log line for each attempt to log in."""

    def __init__(self, throttle: Throttle) -> None:
        self._throttle = throttle

    def refused(
        self, name: str | bytes, peer: str, method: str, error: Exception, level: Any = LogLevel.warn
    ) -> Exception:
        """Log why, count it if the client is to blame, and give what the client may know."""
        counted, result = False, "error"
        answer: Exception = LoginUnavailable()
        if isinstance(error, Denied):
            counted, result, answer = True, "refused", LoginRefused()
            self._throttle.failed(peer, Offence.BAD_LOGIN)
        elif isinstance(error, Down):
            result, answer = "unavailable", LoginUnavailable(error.reason)
        elif isinstance(error, LoginThrottled):
            result, answer = "throttled", error
        elif isinstance(error, LoginRefused):
            result, answer = "refused", error
        log.emit(
            level,
            "login of {user!r} from {peer} by {method} {result}: {reason}",
            event="login_failed",
            user=shown(name),
            peer=peer,
            method=method,
            result=result,
            reason=getattr(error, "reason", type(error).__name__),
            counted=counted,
        )
        return answer


@implementer(ICredentialsChecker)
class PasswordsChecker(ABC):
    """Login names and passwords, whoever knows which of them are good."""

    credentialInterfaces = (IUsernamePassword,)

    def __init__(self, throttle: Throttle) -> None:
        self._throttle = throttle
        self._journal = Journal(throttle)

    def requestAvatarId(self, credentials: Any) -> Deferred[Any]:
        """
        A `Login`.

        :raises LoginRefused: the name or the password is wrong, or the address has been wrong too often.
        :raises LoginUnavailable: whoever knows does not say.
        """
        peer = getattr(credentials, "peer", "")
        return in_turn(self._throttle, peer, lambda: self._looked_at(credentials, peer))

    @abstractmethod
    async def entered(self, name: str, secret: str, peer: str) -> Login:
        """
        Who comes in from *peer* with *name* and *secret*.

        :raises Denied: nobody.
        :raises Down: that cannot be said now.
        """

    async def _looked_at(self, credentials: PasswordOf | UsernamePassword, peer: str) -> Login:
        try:
            if self._throttle.refused(peer):
                raise LoginThrottled
            name, secret = logins.decoded(credentials.username, credentials.password)
            return await self.entered(name, secret, peer)
        except (Denied, Down, LoginThrottled) as error:
            answer = self._journal.refused(credentials.username, peer, "password", error)
        raise answer


class PasswordChecker(PasswordsChecker):
    """Login names and passwords, asked of the identity service."""

    def __init__(self, settings: AuthSettings, cache: AccessCache, throttle: Throttle, root: Path = ROOT) -> None:
        """
        :param root: what every client sees as ``/``.
        """
        super().__init__(throttle)
        self._settings = settings
        self._cache = cache
        self._root = root

    async def entered(self, name: str, secret: str, peer: str) -> Login:
        """See `PasswordsChecker`."""
        identity = logins.parse(name, self._settings)
        access = await self._cache.login(identity, secret)
        return Login(
            name=name,
            user=access.user or identity.key,
            spellings=(*identity.spellings, *access.names),
            access=access,
            root=self._root,
            peer=peer,
        )


def shown(name: str | bytes) -> str:
    """*name* for a log that it must not flood; lines show it as Python would write it, so that it cannot end one."""
    text = name if isinstance(name, str) else name.decode("utf-8", "backslashreplace")
    return text if len(text) <= SHOWN else text[:SHOWN] + "…"
