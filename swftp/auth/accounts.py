"""
Logins that stand in a database of our own: names with passwords, and with public keys.

An unknown name takes as long as a wrong password, and neither tells which it was.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol
from uuid import UUID
from weakref import WeakValueDictionary

from twisted.conch.error import ValidPublicKey
from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.credentials import ISSHPrivateKey, IUsernamePassword, UsernamePassword
from twisted.internet.defer import Deferred
from twisted.logger import Logger, LogLevel
from zope.interface import implementer

from swftp.auth import logins
from swftp.auth.checkers import Journal, PasswordOf
from swftp.auth.key_checker import METHOD, check_signature
from swftp.auth.keys import AuthorizedKey, parse_options
from swftp.auth.login import Login
from swftp.auth.refusals import Denied, Down, LoginRefused, LoginThrottled
from swftp.auth.throttle import Throttle
from swftp.auth.turns import Turns
from swftp.errors import StorageError
from swftp.paths import ROOT, Path, resolve

AT_A_TIME = 2
"""Passwords that are compared at a time: each takes 64 MiB for a moment."""
WAITING_LIMIT = 64
"""Passwords that wait for that."""

log = Logger()


class Person(Protocol):
    """What the database says of a login."""

    @property
    def name(self) -> str:
        """What clients give."""

    @property
    def account(self) -> UUID:
        """Whose files it sees."""

    @property
    def root(self) -> str:
        """The directory of the account that is its ``/``."""

    @property
    def disabled(self) -> bool:
        """Whether it is refused whatever the client has."""

    @property
    def keys(self) -> Sequence[str]:
        """Lines of its public keys, as in ``authorized_keys``."""


class Users(Protocol):
    """The logins of the database; all raise `Unavailable` where it does not answer."""

    async def login(self, name: str) -> Person | None:
        """The login *name*."""

    async def check_password(self, name: str, password: str) -> Person | None:
        """The same, where that is its password and it is not disabled; takes as long where it is not."""


class AccountRight:
    """To use the files of one account; one object for all logins of one name."""

    def __init__(self, account: UUID, root: Path, name: str) -> None:
        """
        :param root: links do not lead out of it.
        :param name: of the login that has it.
        """
        self.account, self.root, self.name = account, root, name

    def release(self) -> None:
        """There is no secret in it."""


class Rights:
    """Those that logins have now."""

    def __init__(self) -> None:
        self._held: WeakValueDictionary[tuple[UUID, Path, str], AccountRight] = WeakValueDictionary()

    def login(self, person: Person, method: str, peer: str, root: Path = ROOT) -> Login:
        """
        *person* comes in.

        :param root: what of the login's own ``/`` is the client's.
        """
        base = resolve(person.root)
        key = person.account, base, person.name
        right = self._held.get(key)
        if right is None:
            right = self._held[key] = AccountRight(*key)
        user = f"{person.account}\0{person.name}"
        return Login(name=person.name, user=user, access=right, root=base.join(root), method=method, peer=peer)


@implementer(ICredentialsChecker)
class AccountPasswordChecker:
    """Names and passwords."""

    credentialInterfaces = (IUsernamePassword,)

    def __init__(self, users: Users, rights: Rights, throttle: Throttle) -> None:
        self._users = users
        self._rights = rights
        self._throttle = throttle
        self._journal = Journal(throttle)
        self._turns = Turns(AT_A_TIME, WAITING_LIMIT, throttle.clock)

    def requestAvatarId(self, credentials: Any) -> Deferred[Any]:
        """
        A `Login`.

        :raises LoginRefused: the name or the password is wrong, or the address has been wrong too often.
        :raises LoginUnavailable: the database does not say.
        """
        return Deferred.fromCoroutine(self._login(credentials))

    async def _login(self, credentials: PasswordOf | UsernamePassword) -> Login:
        peer = getattr(credentials, "peer", "")
        async with self._throttle.turn(peer):
            return await self._looked_at(credentials, peer)

    async def _looked_at(self, credentials: PasswordOf | UsernamePassword, peer: str) -> Login:
        try:
            if self._throttle.refused(peer):
                raise LoginThrottled
            name, secret = logins.decoded(credentials.username, credentials.password)
            person = await self._checked(name, secret)
        except (Denied, Down, LoginThrottled) as error:
            answer = self._journal.refused(credentials.username, peer, "password", error)
        else:
            return self._rights.login(person, "password", peer)
        raise answer

    async def _checked(self, name: str, secret: str) -> Person:
        try:
            person = await self._turns.run(name, lambda: self._users.check_password(name, secret))
        except StorageError as error:
            raise Down(f"the database of logins: {error}") from error
        if person is None:
            raise Denied("wrong name or password, or the login is disabled")
        return person


@implementer(ICredentialsChecker)
class AccountKeyChecker:
    """Public keys."""

    credentialInterfaces = (ISSHPrivateKey,)

    def __init__(self, users: Users, rights: Rights, throttle: Throttle, wall: Callable[[], float]) -> None:
        """
        :param wall: seconds since the epoch.
        """
        self._users = users
        self._rights = rights
        self._throttle = throttle
        self._wall = wall
        self._journal = Journal(throttle)

    def requestAvatarId(self, credentials: Any) -> Deferred[Any]:
        """
        A `Login`.

        :raises ValidPublicKey: there is no signature yet, and the key is good.
        :raises LoginRefused: it is not, or its signature is wrong, or the address has been wrong too often.
        :raises LoginUnavailable: the database does not say.
        """
        return Deferred.fromCoroutine(self._login(credentials))

    async def _login(self, offered: Any) -> Login:
        peer = getattr(offered, "peer", "")
        try:
            if self._throttle.refused(peer):
                raise LoginThrottled
            person, key = await self._authorized(offered, peer)
            if not offered.signature:
                raise ValidPublicKey
            check_signature(key, offered)
        except (Denied, Down, LoginRefused) as error:
            asked = LogLevel.warn if offered.signature else LogLevel.debug  # agents offer key after key
            answer = self._journal.refused(offered.username, peer, METHOD, error, asked)
        else:
            return self._rights.login(person, METHOD, peer, key.root)
        raise answer

    async def _authorized(self, offered: Any, peer: str) -> tuple[Person, AuthorizedKey]:
        try:
            name, _ = logins.decoded(offered.username, b"-")
            person = await self._users.login(name)
        except Denied:
            raise LoginRefused from None
        except StorageError as error:
            raise Down(f"the database of logins: {error}") from error
        if person is not None and not person.disabled:
            for key in _keys(person, offered.blob):
                if key.blob == offered.blob and key.admits(peer, self._wall()):
                    return person, key
        raise LoginRefused


def _keys(person: Person, blob: bytes) -> Iterator[AuthorizedKey]:
    """Those of *person* that may be *blob*; all others cost no more time than an unknown name does."""
    text = b64encode(blob).decode("ascii")
    for line in person.keys:
        if text not in line:
            continue
        try:
            yield parse_options(line, person.name)
        except ValueError as error:
            log.warn("a key of {user} is unusable: {reason}", event="key", user=person.name, reason=str(error))
