"""
One process's way to Swift: what all logins share, and what each of them gets.

What a store can do is asked by the first login that needs to know, and never stands in the way of one.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary, WeakSet

from twisted.conch.avatar import ConchUser
from twisted.cred.portal import IRealm
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from zope.interface import implementer

from swftp.auth.login import Login
from swftp.errors import StorageError
from swftp.ftp.interfaces import IFtpAccount
from swftp.housekeeping import Housekeeping
from swftp.interfaces import IAccess, ISubsystem
from swftp.paths import ROOT, Path
from swftp.session import Changes, Known, Session, SessionLimits
from swftp.sftp.factories import open_command, open_subsystem
from swftp.sftp.server import Limits as ChannelLimits
from swftp.ssh.interfaces import ISessions
from swftp.storage.swift import Connections, Limits, Options, Policy, SwiftClient, SwiftStorage, discover
from swftp.storage.swift.features import KINDS
from swftp.transfer.budget import Budget
from swftp.transfer.hashing import Offload

DISCOVERY_TIMEOUT = 5.0
"""Seconds a login waits for ``/info``."""
DISCOVERY_AGE = 600.0
"""Seconds after which a store is asked again: it may have been upgraded."""

log = Logger()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Shared:
    """What all logins of a process share."""

    clock: IReactorTime
    """For what lasts: nobody sets it."""
    wall: Callable[[], float]
    """Seconds since the epoch, as this machine believes."""
    connections: Connections
    policy: Policy
    options: Options
    budget: Budget
    offload: Offload
    sessions: SessionLimits
    channels: ChannelLimits
    housekeeping: Housekeeping
    changes: Changes = field(default_factory=Changes)
    """What any session has just changed."""
    memories: WeakKeyDictionary[IAccess, Known] = field(default_factory=WeakKeyDictionary)
    """What the sessions of each credential remember."""
    accounts: set[Account] = field(default_factory=set)
    """Logins that may still use the store."""


class Stores:
    """The storage of each login."""

    def __init__(self, shared: Shared) -> None:
        self.shared = shared
        self._known: dict[str, tuple[float, Limits]] = {}

    async def open(self, access: IAccess, session: str) -> SwiftStorage:
        """
        The account that *access* is for.

        :param session: names the login in the store's log.
        """
        limits = await self._limits(access)
        kind = KINDS[limits.slo and self.shared.options.layout == "slo", limits.symlink]
        return kind(self._client(access, session), self.shared.options, limits)

    def _client(self, access: IAccess, session: str) -> SwiftClient:
        return SwiftClient(
            self.shared.clock,
            self.shared.connections,
            access,
            self.shared.policy,
            wall=self.shared.wall,
            session=session,
        )

    async def _limits(self, access: IAccess) -> Limits:
        """What the store can do; the usual where it does not say so in time."""
        try:
            host = urlsplit((await access.get()).url).netloc
        except StorageError:
            return Limits()  # whatever is wrong, the client's first request will say it
        now = self.shared.clock.seconds()
        until, limits = self._known.get(host, (0.0, Limits()))
        if until <= now:
            limits = await self._ask(access, host)
            self._known[host] = (now + DISCOVERY_AGE, limits)
        return limits

    async def _ask(self, access: IAccess, host: str) -> Limits:
        asked: Deferred[Limits] = Deferred.fromCoroutine(discover(self._client(access, "")))
        asked.addTimeout(DISCOVERY_TIMEOUT, self.shared.clock)
        try:
            limits = await asked
        except TimeoutError:
            log.warn("store {host} does not tell its limits in time", event="store_limits", host=host)
            return Limits()
        if not limits.slo:
            words = "store {host} has no static large objects: files have {size} bytes at most"
            log.warn(words, event="store_limits", host=host, size=limits.max_file_size)
        return limits


@implementer(IFtpAccount)
class Account:
    """
    The avatar of a login.

    :ivar busy: a file is open, or something is being done.
    """

    def __init__(self, login: Login, storage: SwiftStorage, shared: Shared, root: Path = ROOT) -> None:
        """
        :param root: what every login sees as ``/``; a login's own root is taken from there.
        """
        shared.accounts.add(self)
        self._root = root.join(login.root)
        self._login = login
        self._storage = storage
        self._shared = shared
        self._sessions: WeakSet[Session] = WeakSet()
        self._visit = shared.housekeeping.visit(storage)

    def session(self) -> Session:
        """See `IFtpAccount`."""
        shared, login = self._shared, self._login
        session = Session(
            self._storage,
            budget=shared.budget,
            clock=shared.clock,
            wall=shared.wall,
            offload=shared.offload,
            limits=shared.sessions,
            changes=shared.changes,
            known=shared.memories.setdefault(login.access, Known(shared.clock, shared.changes)),
            root=self._root,
            user=login.name,
            peer=login.peer,
        )
        self._sessions.add(session)
        return session

    @property
    def busy(self) -> bool:
        return any(session.busy for session in self._sessions)

    def logout(self) -> Deferred[None]:
        """Fires when nothing of it uses the store any more; what was open is given up."""
        return Deferred.fromCoroutine(self._end())

    async def _end(self) -> None:
        if self._visit is not None:
            self._visit.stop()
        sessions = list(self._sessions)
        for session in sessions:
            session.lost()
        try:
            for session in sessions:
                await session.settle()
            await self._storage.settle()
        finally:
            self._shared.accounts.discard(self)


@implementer(ISessions)
class SshAccount(ConchUser, Account):
    """The avatar of an SSH login: what it may run on its channels."""

    def __init__(self, login: Login, storage: SwiftStorage, shared: Shared, root: Path = ROOT) -> None:
        """See `Account`."""
        ConchUser.__init__(self)  # type: ignore[no-untyped-call]
        Account.__init__(self, login, storage, shared, root)

    def subsystem(self, name: bytes) -> ISubsystem | None:
        """See `ISessions`."""
        return open_subsystem(name, self.session, self._shared.clock, self._shared.channels)

    def command(self, line: bytes) -> ISubsystem | None:
        """See `ISessions`."""
        return open_command(line, self.session, self._shared.clock)


@implementer(IRealm)
class StoreRealm:
    """Opens the storage of a login before the realm behind makes an avatar of it."""

    def __init__(self, stores: Stores, realm: IRealm, protocol: str) -> None:
        """
        :param realm: gets the storage as the mind.
        :param protocol: begins what the store's log calls a session.
        """
        self._protocol = protocol
        self._stores = stores
        self._realm = realm

    def requestAvatar(self, avatarId: Any, mind: object, *interfaces: Any) -> Deferred[Any]:
        """As of `IRealm`, of a `Login`."""
        return Deferred.fromCoroutine(self._enter(avatarId, interfaces))

    async def _enter(self, login: Login, interfaces: tuple[Any, ...]) -> Any:
        try:
            storage = await self._stores.open(login.access, session=f"{self._protocol}-{secrets.token_hex(6)}")
        except BaseException:
            login.access.release()
            raise
        realm: Any = self._realm
        return realm.requestAvatar(login, storage, *interfaces)
