"""
Configuration -> all the objects of one process, put together: the one visible place where they meet.

Nothing here starts anything: no thread, no connection, no timer.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from pathlib import Path as FilePath
from typing import Any, TypeVar
from weakref import WeakSet

from twisted.conch.interfaces import IConchUser
from twisted.conch.ssh.keys import Key
from twisted.cred.portal import Portal
from twisted.internet.interfaces import IAddress, IReactorTime

from swftp import hostkeys, paths, trust
from swftp.auth import assembly, sources
from swftp.auth.login import Login, SessionCounter
from swftp.auth.realm import LoginRealm
from swftp.auth.settings import AuthSettings, SettingsError
from swftp.auth.throttle import Throttle, ThrottleSettings
from swftp.config import Config
from swftp.errors import InvalidName
from swftp.session import SessionLimits
from swftp.sftp.server import Limits as ChannelLimits
from swftp.ssh import algorithms
from swftp.ssh.connection import Connection
from swftp.ssh.factory import Factory
from swftp.ssh.gate import Phase
from swftp.ssh.limits import Admission, AdmissionLimits, Place
from swftp.ssh.settings import Settings
from swftp.ssh.transport import Transport
from swftp.ssh.watch import batched_timer
from swftp.storage.swift import Connections, Options, Policy, SwiftStorage
from swftp.stores import Account, Shared, StoreRealm, Stores
from swftp.transfer.budget import Budget
from swftp.transfer.engine import TransferLimits
from swftp.transfer.hashing import Offload

T = TypeVar("T")

OLD_KEY = FilePath("/etc/swftp/id_rsa")
"""Where the host key of 2014 was: clients of such a server know it."""
POLICIES = {"modern": algorithms.MODERN, "compat": algorithms.COMPAT}


def chosen(section: Any, kind: Callable[..., T], **others: Any) -> T:
    """A settings value of *kind* from the options of *section* that have the names of its fields, and *others*."""
    names = {part.name for part in fields(kind)}  # type: ignore[arg-type]
    options = {part.name: getattr(section, part.name) for part in fields(section) if part.name in names}
    return kind(**{**options, **others})


def auth_settings(config: Config, environ: Mapping[str, str]) -> AuthSettings:
    """
    ``[auth]`` over ``clouds.yaml`` and ``OS_*`` variables.

    :raises ConfigError: it cannot be used.
    """
    options = {part.name: getattr(config.auth, part.name) for part in fields(config.auth)}
    options["options"] = dict(config.auth.options)
    try:
        return sources.gather(options, environ, sources.cloud_directories(FilePath.home()))
    except SettingsError as error:
        raise config.problem("auth", error.option, error.reason) from error


def authentication(
    config: Config, settings: AuthSettings, clock: IReactorTime, in_thread: Callable[..., Any]
) -> assembly.Authentication:
    """
    :raises ConfigError: a plugin, a file or a network cannot be used.
    """
    try:
        return assembly.assemble(
            settings,
            clock,
            in_thread,
            wall=time.time,
            random=os.urandom(32),
            throttle=chosen(config.throttle, ThrottleSettings),
            files=chosen(config.auth, assembly.KeyFiles),
            root=root(config),
        )
    except SettingsError as error:
        raise config.problem(
            "throttle" if error.option == "exempt" else "auth", error.option, error.reason
        ) from error


def root(config: Config) -> paths.Path:
    """What clients see as ``/``.

    :raises ConfigError: no object can be there.
    """
    try:
        return paths.resolve(config.sftp.root)
    except InvalidName as error:
        raise config.problem("sftp", "root", str(error)) from error


def host_keys(config: Config, environ: Mapping[str, str], *, make: bool = True) -> list[Key]:
    """
    The configured keys, or that of 2014 where it is, or those we made and keep.

    :param make: make those that are missing.
    :raises ConfigError: one cannot be used.
    """
    named = [*config.sftp.host_keys, *filter(None, [config.sftp.priv_key])]
    option = "host_keys" if config.sftp.host_keys else "priv_key"
    try:
        if named:
            return _one_of_a_kind([hostkeys.read(FilePath(name).expanduser()) for name in named])
        if OLD_KEY.exists() and not config.sftp.state_dir:
            option = "priv_key"
            return [hostkeys.read(OLD_KEY)]
        option = "state_dir"
        return list(hostkeys.kept(state_dir(config, environ), make=make).values()) or [hostkeys.passing()]
    except hostkeys.UnusableKey as error:
        raise config.problem("sftp", option, str(error)) from error


def _one_of_a_kind(keys: Sequence[Key]) -> list[Key]:
    kinds = [key.sshType() for key in keys]  # type: ignore[no-untyped-call]
    for kind in kinds:
        if kinds.count(kind) > 1:
            raise hostkeys.UnusableKey(f"more than one key of type {kind.decode()}; allowed: one of each type")
    return list(keys)


def state_dir(config: Config, environ: Mapping[str, str]) -> FilePath:
    """Where keys that we make are kept (systemd.exec(5), XDG Base Directory Specification)."""
    if config.sftp.state_dir:
        return FilePath(config.sftp.state_dir).expanduser()
    if environ.get("STATE_DIRECTORY"):
        return FilePath(environ["STATE_DIRECTORY"].partition(":")[0])
    if os.geteuid() == 0:
        return FilePath("/var/lib/swftp")
    return FilePath(environ.get("XDG_STATE_HOME") or "~/.local/state").expanduser() / "swftp"


def ssh_settings(config: Config) -> Settings:
    """``[ssh]``."""
    return chosen(config.ssh, Settings, policy=POLICIES[config.ssh.policy])


def shared(config: Config, auth: AuthSettings, reactor: Any, offload: Offload) -> Shared:
    """
    What all logins have in common.

    :raises ConfigError: the certificate authorities cannot be used.
    """
    storage, transfer = config.storage, config.transfer
    try:
        trusted = trust.policy(auth.cacert, auth.insecure)
    except trust.NoAuthority as error:
        raise config.problem("auth", "cacert", str(error)) from error
    return Shared(
        clock=reactor,
        wall=time.time,
        connections=Connections(
            reactor,
            num_persistent_connections=storage.num_persistent_connections,
            connection_timeout=storage.connection_timeout,
            connect_timeout=storage.connect_timeout,
            policy=trusted,
        ),
        policy=chosen(
            storage,
            Policy,
            connections_per_session=storage.num_connections_per_session,
            extra_headers=dict(storage.extra_headers),
            log_requests=config.sftp.verbose,
        ),
        options=chosen(storage, Options),
        budget=Budget(transfer.transfer_memory, reactor),
        offload=offload,
        sessions=SessionLimits(
            open_files=config.limits.handles,
            memory=transfer.session_memory,
            transfer=chosen(transfer, TransferLimits),
        ),
        channels=chosen(config.limits, ChannelLimits),
    )


class Guard(Admission):
    """Turns away whom `Throttle` refuses before a byte is spoken."""

    def __init__(self, limits: AdmissionLimits, throttle: Throttle) -> None:
        super().__init__(limits)
        self._throttle = throttle

    def admit(self, peer: str) -> Place | None:
        """See `Admission`."""
        return None if self._throttle.refused(peer) else super().admit(peer)


class Door(Factory):
    """
    Remembers whom it let in.

    :ivar accounts: logins that may still use the store.
    """

    def __init__(self, accounts: set[Account], *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.accounts = accounts
        self._transports: WeakSet[Transport] = WeakSet()

    @property
    def transports(self) -> list[Transport]:
        """Connections that are open."""
        return [transport for transport in self._transports if transport.phase is not Phase.CLOSED]

    def buildProtocol(self, addr: IAddress | None) -> Transport:
        """See `Factory`."""
        transport = super().buildProtocol(addr)
        self._transports.add(transport)
        return transport


def door(config: Config, auth: assembly.Authentication, keys: Sequence[Key], logins: Shared, reactor: Any) -> Door:
    """
    The SSH server.

    :raises ConfigError: the policy and the host keys do not go together.
    """

    def open_account(login: Login, storage: SwiftStorage) -> Account:
        return Account(login, storage, logins)

    realm = LoginRealm(IConchUser, open_account, SessionCounter(config.sftp.sessions_per_user))
    portal = Portal(StoreRealm(Stores(logins), realm), auth.checkers)
    admission = Guard(chosen(config.limits, AdmissionLimits), auth.throttle)
    try:
        return Door(logins.accounts, portal, keys, reactor, ssh_settings(config), admission, batched_timer(reactor))
    except ValueError as error:
        raise config.problem("sftp", "host_keys", str(error)) from error


def is_busy(transport: Transport) -> bool:
    """Whether the client at *transport* has a file open, or waits for something to be done."""
    service = transport.service
    return isinstance(service, Connection) and isinstance(service.avatar, Account) and service.avatar.busy
