"""
From a login to the files of its store: what all logins of a process share, and what each of them gets.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Protocol
from weakref import WeakKeyDictionary, WeakSet

from twisted.conch.avatar import ConchUser
from twisted.cred.portal import IRealm
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from zope.interface import implementer

from swftp.auth.login import Login, Right
from swftp.ftp.interfaces import IFtpAccount
from swftp.interfaces import IConfined, ISubsystem
from swftp.metrics import Metrics
from swftp.paths import ROOT, Path
from swftp.session import Changes, Client, Known, SessionLimits, Watched, WatchedRestricted
from swftp.session.ordering import Order
from swftp.sftp.factories import open_command, open_subsystem
from swftp.sftp.server import Limits as ChannelLimits
from swftp.ssh.interfaces import ISessions
from swftp.stores.housekeeping import Housekeeping
from swftp.stores.rules import Rule, Rules
from swftp.traces import UNNOTICED, Scrutiny
from swftp.transfer.budget import Budget
from swftp.transfer.hashing import Offload

log = Logger()

ANYTHING = Rule()


class Opens(Protocol):
    """A kind of store."""

    async def open(self, access: Any, session: str, scrutiny: Scrutiny = UNNOTICED) -> Any:
        """
        The storage that *access*, of a `Login` of this kind of store, is the right to: an `IStorage` with a method
        ``settle``, which waits until nothing is left to clean up.

        :param session: names the login in the store's log; *scrutiny*: how closely it is looked at.
        :raises StorageError: it cannot be opened.
        """


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Shared:
    """What all logins of a process share."""

    clock: IReactorTime
    """For what lasts: nobody sets it."""
    wall: Callable[[], float]
    """Seconds since the epoch, as this machine believes."""
    stores: Opens
    budget: Budget
    offload: Offload
    sessions: SessionLimits
    channels: ChannelLimits
    housekeeping: Housekeeping
    changes: Changes = field(default_factory=Changes)
    """What any session has just changed."""
    memories: WeakKeyDictionary[Right, dict[Path, Known]] = field(default_factory=WeakKeyDictionary)
    """What the sessions of each credential remember, by their roots: links lead only some of them there."""
    metrics: Metrics = field(default_factory=Metrics)
    per_login: bool = False
    """Count bytes for each login, too."""
    accounts: set[Account] = field(default_factory=set)
    """Logins that may still use the store."""


@implementer(IFtpAccount)
class Account:
    """
    The avatar of a login.

    :ivar busy: a file is open, or something is being done.
    :ivar login: whose.
    :ivar since: seconds since the epoch.
    :ivar sessions: one for each channel that files go through.
    :ivar moved: bytes of the files they closed, by direction.
    """

    def __init__(self, login: Login, storage: Any, shared: Shared, root: Path = ROOT, rule: Rule = ANYTHING) -> None:
        """
        :param root: what every login sees as ``/``; a login's own root is taken from there.
        :param rule: what this login may do.
        """
        shared.accounts.add(self)
        self._root = root.join(rule.root).join(login.root)
        confined = IConfined(storage, None)
        if confined is not None:  # the login's right to the store may know less of roots than we
            confined.confine(self._root)
        self._rule = rule
        self.login = login
        self._storage = storage
        self._shared = shared
        self._begun, self.since = shared.clock.seconds(), shared.wall()
        self.sessions: WeakSet[Watched] = WeakSet()
        self.moved = {"in": 0, "out": 0}
        self._order = Order()
        self._visit = shared.housekeeping.visit(storage)

    def session(self) -> Watched:
        """See `IFtpAccount`."""
        shared, login = self._shared, self.login
        session = self._kind()(
            self._storage,
            metrics=shared.metrics,
            moved=self.moved,
            per_login=shared.per_login,
            budget=shared.budget,
            clock=shared.clock,
            wall=shared.wall,
            offload=shared.offload,
            limits=shared.sessions,
            changes=shared.changes,
            known=self._memory(),
            order=self._order,
            root=self._root,
            client=Client(
                user=login.name,
                peer=login.peer,
                session=login.session,
                protocol=login.protocol,
                scrutiny=login.scrutiny,
            ),
        )
        self.sessions.add(session)
        return session

    def _memory(self) -> Known:
        shared = self._shared
        of_credential = shared.memories.setdefault(self.login.access, {})
        return of_credential.setdefault(self._root, Known(shared.clock, shared.changes))

    def _kind(self) -> Callable[..., Watched]:
        rule = self._rule
        if not rule.restricts:
            return Watched
        return partial(WatchedRestricted, permissions=rule.permissions, upload=rule.upload, download=rule.download)

    @property
    def busy(self) -> bool:
        return any(session.busy for session in self.sessions)

    def logout(self) -> Deferred[None]:
        """Fires when nothing of it uses the store any more; what was open is given up."""
        return Deferred.fromCoroutine(self._end())

    async def _end(self) -> None:
        if self._visit is not None:
            self._visit.stop()
        sessions = list(self.sessions)
        for session in sessions:
            session.lost()
        try:
            for session in sessions:
                await session.settle()
            await self._storage.settle()
        finally:
            self._shared.accounts.discard(self)
            self._over()

    def _over(self) -> None:
        login = self.login
        log.info(
            "logout of {user} from {peer} after {seconds:.3f} s",
            event="logout",
            user=login.name,
            peer=login.peer,
            session=login.session,
            protocol=login.protocol,
            seconds=self._shared.clock.seconds() - self._begun,
            bytes_in=self.moved["in"],
            bytes_out=self.moved["out"],
        )


@implementer(ISessions)
class SshAccount(ConchUser, Account):
    """The avatar of an SSH login: what it may run on its channels."""

    def __init__(self, login: Login, storage: Any, shared: Shared, root: Path = ROOT, rule: Rule = ANYTHING) -> None:
        """See `Account`."""
        ConchUser.__init__(self)  # type: ignore[no-untyped-call]
        Account.__init__(self, login, storage, shared, root, rule)

    def subsystem(self, name: bytes) -> ISubsystem | None:
        """See `ISessions`."""
        return open_subsystem(name, self.session, self._shared.clock, self._shared.channels)

    def command(self, line: bytes) -> ISubsystem | None:
        """See `ISessions`."""
        return open_command(line, self.session, self._shared.clock)


@implementer(IRealm)
class StoreRealm:
    """Opens the storage of a login before the realm behind makes an avatar of it."""

    def __init__(self, stores: Opens, realm: IRealm, protocol: str, rules: Rules) -> None:
        """
        :param realm: gets the storage as the mind.
        :param protocol: begins what the store's log calls a session.
        """
        self._protocol = protocol
        self._stores = stores
        self._realm = realm
        self._rules = rules

    def requestAvatar(self, avatarId: Any, mind: object, *interfaces: Any) -> Deferred[Any]:
        """As of `IRealm`, of a `Login`."""
        return Deferred.fromCoroutine(self._enter(avatarId, interfaces))

    async def _enter(self, login: Login, interfaces: tuple[Any, ...]) -> Any:
        session = f"{self._protocol}-{secrets.token_hex(6)}"
        login = replace(login, protocol=self._protocol, session=session, scrutiny=self._rules.scrutiny(login))
        try:
            self._rules.check(login)
            storage = await self._stores.open(login.access, session, login.scrutiny)
        except BaseException:
            login.access.release()
            raise
        realm: Any = self._realm
        return realm.requestAvatar(login, storage, *interfaces)
