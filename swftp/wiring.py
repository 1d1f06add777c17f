"""
Configuration -> all the objects of one process, put together: the one visible place where they meet.

Nothing here starts anything: no thread, no connection, no timer.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path as FilePath
from typing import Any, TypeVar

from twisted.conch.interfaces import IConchUser
from twisted.conch.ssh.keys import Key
from twisted.cred.portal import Portal
from twisted.internet.interfaces import IReactorTime
from twisted.python.threadpool import ThreadPool

from swftp import hostkeys, paths
from swftp.auth import assembly, sources
from swftp.auth.login import Login, SessionCounter
from swftp.auth.realm import LoginRealm
from swftp.auth.settings import AuthSettings, SettingsError
from swftp.auth.throttle import ThrottleSettings
from swftp.config import Config
from swftp.errors import InvalidName
from swftp.ssh import algorithms
from swftp.ssh.factory import Factory
from swftp.ssh.limits import Admission, AdmissionLimits
from swftp.ssh.settings import Settings
from swftp.ssh.watch import batched_timer

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
        return list(hostkeys.kept(state_dir(config, environ), make=make).values())
    except hostkeys.UnusableKey as error:
        raise config.problem("sftp", option, str(error)) from error


def _one_of_a_kind(keys: Sequence[Key]) -> list[Key]:
    kinds = [key.sshType() for key in keys]
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
