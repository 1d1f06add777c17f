"""
Logins that stand in a database of our own: names with passwords, and with public keys.

An unknown name takes as long as a wrong password, and neither tells which it was.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, Protocol
from uuid import UUID
from weakref import WeakValueDictionary

from twisted.logger import Logger

from swftp.auth import logins
from swftp.auth.checkers import PasswordsChecker
from swftp.auth.key_checker import METHOD, Enter, KeysChecker
from swftp.auth.keys import AuthorizedKey, parse_options
from swftp.auth.login import Login
from swftp.auth.refusals import Denied, Down, LoginRefused
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


class AccountPasswordChecker(PasswordsChecker):
    """Names and passwords."""

    def __init__(self, users: Users, rights: Rights, throttle: Throttle) -> None:
        super().__init__(throttle)
        self._users = users
        self._rights = rights
        self._turns = Turns(AT_A_TIME, WAITING_LIMIT, throttle.clock)

    async def entered(self, name: str, secret: str, peer: str) -> Login:
        """See `PasswordsChecker`."""
        try:
            person = await self._turns.run(name, lambda: self._users.check_password(name, secret))
        except StorageError as error:
            raise Down(f"the database of logins: {error}") from error
        if person is None:
            raise Denied("wrong name or password, or the login is disabled")
        return self._rights.login(person, "password", peer)


class AccountKeyChecker(KeysChecker):
    """Public keys."""

    def __init__(self, users: Users, rights: Rights, throttle: Throttle, wall: Callable[[], float]) -> None:
        """
        :param wall: seconds since the epoch.
        """
        super().__init__(throttle)
        self._users = users
        self._rights = rights
        self._wall = wall

    async def authorized(self, offered: Any, peer: str) -> tuple[AuthorizedKey, Enter]:
        """See `KeysChecker`."""
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
                    return key, partial(self._enter, person, key, peer)
        raise LoginRefused

    async def _enter(self, person: Person, key: AuthorizedKey, peer: str) -> Login:
        return self._rights.login(person, METHOD, peer, key.root)


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
