"""
Configuration -> all the objects of one process, put together: the one visible place where they meet.

Nothing here starts anything: no thread, no connection, no timer.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path as FilePath
from typing import Any, TypeVar

from twisted.conch.interfaces import IConchUser
from twisted.conch.ssh.keys import Key
from twisted.cred.portal import Portal
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from swftp import paths
from swftp.auth import assembly, sources
from swftp.auth.counted import CountedPortal
from swftp.auth.limits import AdmissionLimits
from swftp.auth.login import Login, SessionCounter
from swftp.auth.realm import LoginRealm
from swftp.auth.settings import AuthSettings, SettingsError
from swftp.auth.throttle import Throttle, ThrottleSettings
from swftp.config import Config
from swftp.config.fields import ports
from swftp.config.files import expanded
from swftp.errors import InvalidName
from swftp.ftp.data import data_maker
from swftp.ftp.interfaces import IFtpAccount
from swftp.ftp.settings import Settings as FtpSettings
from swftp.ftp.tls import Tls, TlsFiles, TlsProblem
from swftp.gateway import hostkeys
from swftp.gateway.doors import FtpDoor, Guard, SshDoor
from swftp.gateway.proxied import Proxies
from swftp.metrics import Metrics
from swftp.session import SessionLimits
from swftp.sftp.server import Limits as ChannelLimits
from swftp.ssh import algorithms
from swftp.ssh.settings import Settings
from swftp.stores.accounts import Account, Opens, Shared, SshAccount, StoreRealm
from swftp.stores.housekeeping import Housekeeping, Sweeping
from swftp.stores.rules import Rules
from swftp.timers import Timer, batched_timer
from swftp.transfer.budget import Budget
from swftp.transfer.engine import TransferLimits
from swftp.transfer.hashing import Offload

log = Logger()

T = TypeVar("T")

OLD_KEY = FilePath("/etc/swftp/id_rsa")
"""Where the host key of 2014 was: clients of such a server know it."""
CONTENT = 7 / 16
"""Of ``transfer_memory``, what files may hold of content: allocators and packets on their way take the rest."""
WINDOWS = 1 / 4
"""Of ``transfer_memory``, what all clients may send without being told to."""


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
        return sources.gather(options, environ, sources.cloud_directories(expanded("~")))
    except SettingsError as error:
        raise config.problem("auth", error.option, error.reason) from error


def authentication(
    config: Config,
    settings: AuthSettings,
    clock: IReactorTime,
    in_thread: Callable[..., Any],
    before: Throttle | None = None,
) -> assembly.Authentication:
    """
    :param before: see `assembly.assemble`.
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
            files=chosen(config.auth, assembly.KeyFiles, certificates=bool(config.ftp.client_ca)),
            before=before,
        )
    except SettingsError as error:
        raise config.problem(
            "throttle" if error.option == "exempt" else "auth", error.option, error.reason
        ) from error


def root(config: Config, section: str) -> paths.Path:
    """What clients of the protocol of *section* see as ``/``.

    :raises ConfigError: no object can be there.
    """
    try:
        return paths.resolve(getattr(config, section).root)
    except InvalidName as error:
        raise config.problem(section, "root", str(error)) from error


def host_keys(config: Config, environ: Mapping[str, str], *, make: bool = True) -> list[Key]:
    """
    The keys of `key_files`; where there are none yet, one that serves to see whether all else is right.

    :raises ConfigError: one cannot be used.
    """
    return list(key_files(config, environ, make=make).values()) or [hostkeys.passing()]


def key_files(config: Config, environ: Mapping[str, str], *, make: bool = True) -> dict[FilePath, Key]:
    """
    The configured keys, or that of 2014 where it is, or those we made and keep.

    :param make: make those that are missing.
    :raises ConfigError: one cannot be used.
    """
    named = [*config.sftp.host_keys, *filter(None, [config.sftp.priv_key])]
    option = "host_keys" if config.sftp.host_keys else "priv_key"
    try:
        if named:
            return _one_of_a_kind({expanded(name): hostkeys.read(expanded(name)) for name in named})
        if OLD_KEY.exists() and not config.sftp.state_dir:
            option = "priv_key"
            return {OLD_KEY: hostkeys.read(OLD_KEY)}
        option = "state_dir"
        return hostkeys.kept(state_dir(config, environ), make=make)
    except hostkeys.UnusableKey as error:
        raise config.problem("sftp", option, str(error)) from error


def _one_of_a_kind(keys: dict[FilePath, Key]) -> dict[FilePath, Key]:
    kinds = [key.sshType() for key in keys.values()]  # type: ignore[no-untyped-call]
    for kind in kinds:
        if kinds.count(kind) > 1:
            raise hostkeys.UnusableKey(f"more than one key of type {kind.decode()}; allowed: one of each type")
    return keys


def state_dir(config: Config, environ: Mapping[str, str]) -> FilePath:
    """Where keys that we make and control sockets are (systemd.exec(5), XDG Base Directory Specification)."""
    given = config.sftp.state_dir or config.ftp.state_dir
    if given:
        return expanded(given)
    if environ.get("STATE_DIRECTORY"):
        return FilePath(environ["STATE_DIRECTORY"].partition(":")[0])
    if os.geteuid() == 0:
        return FilePath("/var/lib/swftp")
    return expanded(environ.get("XDG_STATE_HOME") or "~/.local/state") / "swftp"


def ssh_settings(config: Config) -> Settings:
    """``[ssh]``."""
    windows = int(config.transfer.transfer_memory * WINDOWS)
    return chosen(config.ssh, Settings, policy=algorithms.POLICIES[config.ssh.policy], windows=windows)


def shared(config: Config, stores: Opens, reactor: Any, offload: Offload, metrics: Metrics | None = None) -> Shared:
    """What all logins have in common."""
    storage, transfer = config.storage, config.transfer
    return Shared(
        clock=reactor,
        wall=time.time,
        stores=stores,
        housekeeping=Housekeeping(reactor, chosen(storage, Sweeping)),
        budget=Budget(int(transfer.transfer_memory * CONTENT), reactor),
        offload=offload,
        sessions=session_limits(config),
        channels=channel_limits(config),
        metrics=metrics or Metrics(),
        per_login=config.web.per_login,
    )


def session_limits(config: Config) -> SessionLimits:
    """What one session may take."""
    transfer = chosen(config.transfer, TransferLimits)
    return SessionLimits(open_files=config.limits.handles, memory=config.transfer.session_memory, transfer=transfer)


def channel_limits(config: Config) -> ChannelLimits:
    """What one SFTP channel may take."""
    return chosen(config.limits, ChannelLimits)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Common:
    """What all servers of a process share: limits that count them together."""

    reactor: Any
    auth: assembly.Authentication
    logins: Shared
    admission: Guard
    timer: Timer
    counter: SessionCounter
    rules: Rules


def common(config: Config, auth: assembly.Authentication, logins: Shared, reactor: Any) -> Common:
    """Nobody has come yet."""
    return Common(
        reactor=reactor,
        auth=auth,
        logins=logins,
        admission=Guard(chosen(config.limits, AdmissionLimits), auth.throttle),
        timer=batched_timer(reactor),
        counter=SessionCounter(0),
        rules=Rules(config.logins, reactor, auth.throttle),
    )


def portal(config: Config, section: str, interface: Any, account: Callable[..., Account], parts: Common) -> Portal:
    """
    Where clients of the protocol of *section* log in; their avatars are made by *account*.

    :raises ConfigError: the root of the section cannot be used.
    """
    options = getattr(config, section)
    at, logins = root(config, section), parts.logins

    def open_account(login: Login, storage: Any) -> Account:
        return account(login, storage, logins, at, parts.rules.of(login))

    realm = LoginRealm(interface, open_account, SessionCounter(options.sessions_per_user, parts.counter))
    inside, clock = StoreRealm(logins.stores, realm, section, parts.rules), parts.reactor
    return CountedPortal(inside, parts.auth.checkers, logins.metrics, section, clock)


def ssh_door(config: Config, keys: Sequence[Key], parts: Common) -> SshDoor:
    """
    The SSH server.

    :raises ConfigError: the policy and the host keys do not go together.
    """
    entrance = portal(config, "sftp", IConchUser, SshAccount, parts)
    try:
        return SshDoor(
            entrance,
            keys,
            parts.reactor,
            ssh_settings(config),
            parts.admission,
            parts.timer,
            proxies=Proxies(config.sftp.proxy_networks, parts.reactor),
        )
    except ValueError as error:
        raise config.problem("sftp", "host_keys", str(error)) from error


def ftp_doors(config: Config, parts: Common) -> tuple[FtpDoor, FtpDoor]:
    """
    The FTP server, and that of implicit FTPS.

    :raises ConfigError: something of TLS or of the addresses cannot be used.
    """
    entrance = portal(config, "ftp", IFtpAccount, Account, parts)
    settings, tls = ftp_settings(config), ftp_tls(config, parts.reactor)
    if not settings.require_tls_login and not config.ftp.host.startswith("127."):
        log.warn("FTP passwords may come in the clear: see require_tls_login in [ftp]", event="configuration")
    proxies = Proxies(config.ftp.proxy_networks, parts.reactor)
    make_data = data_maker(settings, parts.reactor, proxies.admit if config.ftp.proxy_data else None)

    def door(implicit: bool) -> FtpDoor:
        return FtpDoor(
            entrance,
            parts.reactor,
            settings,
            parts.admission,
            parts.timer,
            make_data,
            tls,
            implicit=implicit,
            proxies=proxies,
        )

    return door(False), door(True)


def ftp_settings(config: Config) -> FtpSettings:
    """
    ``[ftp]``.

    :raises ConfigError: something of TLS is asked for, and what it needs is not there.
    """
    options = config.ftp
    needs = {
        "require_tls_login": options.require_tls_login,
        "require_tls_data": options.require_tls_data,
        "tls_reuse": options.tls_reuse == "required",
        "implicit_listen": bool(options.implicit_listen),
        "private_key": bool(options.private_key),
        "client_ca": bool(options.client_ca),
    }
    for name, wanted in needs.items():
        if wanted and not options.certificate:
            raise config.problem("ftp", name, "needs certificate")
    needs = {"client_certificate": options.client_certificate == "required", "client_crl": bool(options.client_crl)}
    for name, wanted in needs.items():
        if wanted and not options.client_ca:
            raise config.problem("ftp", name, "needs client_ca")
    shown_in_tls = options.client_certificate == "required"  # whoever says no AUTH is asked for none
    return chosen(
        options,
        FtpSettings,
        passive_ports=ports(options.passive_ports),
        require_tls_login=options.require_tls_login or shown_in_tls,
    )


def ftp_tls(config: Config, clock: IReactorTime) -> Tls | None:
    """
    TLS of the FTP server; None: there is none.

    :raises ConfigError: certificate, key or authorities cannot be used.
    """
    options = config.ftp
    if not options.certificate:
        return None
    files = TlsFiles(
        certificate=options.certificate,
        key=options.private_key,
        client_ca=options.client_ca,
        client_crl=options.client_crl,
        require_client=options.client_certificate == "required",
        minimum=options.minimum_tls,
        resume=options.tls_reuse != "off",
    )
    try:
        return Tls(files, clock, lambda text: log.warn("certificate not changed: {text}", event="tls", text=text))
    except TlsProblem as problem:
        option = "private_key" if problem.option == "key" else problem.option
        raise config.problem("ftp", option, problem.reason) from problem
