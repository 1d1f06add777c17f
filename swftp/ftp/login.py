"""
Who is at the other end: USER and PASS, and how often they may be wrong (RFC 959 section 5.4).

To the client, every refused attempt looks and lasts the same, whatever was wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any

from twisted.cred.error import UnauthorizedLogin
from twisted.cred.portal import Portal
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from swftp import errors
from swftp.auth.attempts import PASSWORD_LIMIT, USER_LIMIT, Verdict, judge, wait_out
from swftp.auth.certificates import CertificateOf, ICertificate
from swftp.auth.checkers import PasswordOf
from swftp.ftp.interfaces import IFtpAccount
from swftp.ftp.reply import Refused, Reply, reply
from swftp.ftp.settings import Settings
from swftp.session import Session

log = Logger()

TOO_MANY = "Too many sessions."


class Phase(Enum):
    """How far a login is."""

    NAMELESS = "nobody"
    NAMED = "USER was said"
    CHECKING = "PASS is being checked"
    IN = "logged in"


class Login:
    """
    One a control connection.

    :ivar session: what the client may do with files; None: nobody is logged in.
    :ivar failures: of this connection.
    """

    def __init__(self, portal: Portal, clock: IReactorTime, settings: Settings, peer: str) -> None:
        self.phase = Phase.NAMELESS
        self.session: Session | None = None
        self.failures = 0
        self._portal = portal
        self._clock = clock
        self._settings = settings
        self._peer = peer
        self._user = b""
        self._avatar: Any = None
        self._logout: Callable[[], None] | None = None
        self._entering: Deferred[Any] | None = None

    @property
    def user(self) -> str:
        """Who is, or wants to be, logged in; as the client wrote it."""
        return self._user.decode("utf-8", "replace")

    @property
    def busy(self) -> bool:
        """Whether a file is open or something is being done."""
        return self._avatar is not None and bool(self._avatar.busy)

    def named(self, user: bytes) -> Reply:
        """USER: forgets whoever was there before."""
        self.forget()
        self._user = user
        self.phase = Phase.NAMED
        return reply(331, "Password, please.")

    async def password(self, password: bytes) -> Reply:
        """
        PASS.

        :raises Refused: 530: wrong; 421: the client is to hang up.
        """
        if self.phase is not Phase.NAMED:
            raise Refused(503, "Say USER first." if self.phase is Phase.NAMELESS else "Already logged in.")
        self.phase = Phase.CHECKING
        started = self._clock.seconds()
        try:
            if len(self._user) > USER_LIMIT or len(password) > PASSWORD_LIMIT:
                raise UnauthorizedLogin
            await self._enter(PasswordOf(self._user, password, self._peer))
        except errors.Interrupted:
            raise
        except Exception as error:
            raise await self._refusal(error, started) from None
        return reply(230, "Logged in.")

    async def certified(self) -> bool:
        """
        Log in whom USER named, and whose certificate is good for that name; False: a password is needed.

        :raises Refused: 421: the client is to hang up.
        """
        if ICertificate not in self._portal.listCredentialsInterfaces():
            return False
        self.phase = Phase.CHECKING
        try:
            await self._enter(CertificateOf(self._user, self._peer))
        except errors.Interrupted:
            raise
        except Exception as error:
            verdict = judge(error)
            if verdict is Verdict.BUSY:
                raise Refused(421, TOO_MANY) from None
            if verdict is Verdict.BROKEN:
                log.failure("{peer}: login failed with an internal error", peer=self._peer)
            if self.phase is Phase.CHECKING:
                self.phase = Phase.NAMED
            return False
        return True

    async def _enter(self, credentials: Any) -> None:
        """
        :raises Interrupted: the client went away meanwhile.
        """
        entering = self._entering = self._portal.login(credentials, None, IFtpAccount)
        try:
            entered: Any = await entering
        except CancelledError:
            if self.phase is Phase.CHECKING:
                raise
            raise errors.Interrupted() from None
        _, avatar, logout = entered
        if self.phase is not Phase.CHECKING:
            logout()
            raise errors.Interrupted()
        self.phase = Phase.IN
        self._avatar, self._logout = avatar, logout
        self.session = avatar.session()

    async def _refusal(self, error: Exception, started: float) -> Refused:
        """What the client is told, when it has waited as long as for any other refusal."""
        verdict = judge(error)
        if verdict is Verdict.BUSY:
            return Refused(421, TOO_MANY)
        if verdict is Verdict.BROKEN:
            log.failure("{peer}: login failed with an internal error", peer=self._peer)
        error.__traceback__ = None  # its frames have the secret, and some of them the error
        await wait_out(self._clock, started, self._settings.failure_delay)
        if self.phase is Phase.CHECKING:
            self.phase = Phase.NAMELESS
        if verdict is Verdict.DOWN:
            return Refused(421, "Login is not possible at the moment, please try again later.")
        self.failures += 1
        if self.failures >= self._settings.max_failures > 0:
            return Refused(421, "Too many failed logins.")
        return Refused(530, "Login incorrect.")

    def forget(self) -> None:
        """
        Nobody is there any more (REIN, AUTH, another USER, hung up): the session's place is free at once.

        A login that is under way is given up: a client that hangs up leaves no work behind that has not begun.
        """
        logout, self._logout = self._logout, None
        self.session = self._avatar = None
        self._user = b""
        self.phase = Phase.NAMELESS
        if logout is not None:
            logout()
        entering, self._entering = self._entering, None
        if entering is not None:
            entering.cancel()  # nothing, if it is over
