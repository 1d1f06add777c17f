"""
From a checked login to the avatar a protocol made for it, and back out again, once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.cred.portal import IRealm
from twisted.internet.defer import maybeDeferred
from twisted.logger import Logger
from zope.interface import implementer

from swftp.auth.checkers import shown
from swftp.auth.login import Login, Place, SessionCounter
from swftp.errors import Busy

log = Logger()

OpenSession = Callable[[Login, Any], Any]
"""Makes the avatar of a login and a mind.  Its ``logout()`` ends it, and may return a Deferred."""


@implementer(IRealm)
class LoginRealm:
    """Avatars by *open_session*, as many a user as *counter* allows."""

    def __init__(self, interface: Any, open_session: OpenSession, counter: SessionCounter) -> None:
        """
        :param interface: what the avatars provide.
        """
        self._interface = interface
        self._open_session = open_session
        self._counter = counter

    def requestAvatar(self, avatarId: Any, mind: object, *interfaces: Any) -> tuple[Any, object, Logout]:
        """
        As of `IRealm`, of a `Login`.

        :raises Busy: the user has too many sessions.
        """
        place = None
        try:
            if self._interface not in interfaces:
                raise NotImplementedError("no such interface")
            place = self._counter.enter(avatarId.user)
            avatar = self._open_session(avatarId, mind)
        except BaseException as error:
            if isinstance(error, Busy):
                log.warn(
                    "login of {user!r} from {peer} by {method} {result}: {reason}",
                    event="login_failed",
                    user=shown(avatarId.name),
                    peer=avatarId.peer,
                    protocol=avatarId.protocol,
                    method=avatarId.method,
                    result="busy",
                    reason=str(error),
                    counted=False,
                )
            if place is not None:
                place.leave()
            avatarId.access.release()
            raise
        log.info(
            "login of {user!r} from {peer} by {method}",
            event="login",
            user=avatarId.name,
            peer=avatarId.peer,
            session=avatarId.session,
            protocol=avatarId.protocol,
            method=avatarId.method,
        )
        return self._interface, avatar, Logout(avatarId, avatar, place)


class Logout:
    """
    Ends a session: its place is free at once, its right to talk to the store when its avatar is done.

    Calling it again is harmless: protocols that lose their client in mid-login do.
    """

    def __init__(self, login: Login, avatar: Any, place: Place) -> None:
        self._login: Login | None = login
        self._avatar = avatar
        self._place = place

    def __call__(self) -> None:
        login, self._login = self._login, None
        if login is None:
            return
        self._place.leave()
        done = maybeDeferred(self._avatar.logout)
        done.addErrback(lambda failure: log.failure("end of a session failed", failure))
        done.addBoth(lambda _: login.access.release())
