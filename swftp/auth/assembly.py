"""
All of authentication, put together from its settings: the one place where its parts meet.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path as FilePath
from typing import Any, TypeVar

from requests.adapters import BaseAdapter
from twisted.cred.checkers import ICredentialsChecker
from twisted.internet.interfaces import IReactorTime

from swftp.auth.cache import AccessCache
from swftp.auth.certificates import CertificateChecker
from swftp.auth.checkers import PasswordChecker
from swftp.auth.key_checker import PublicKeyChecker
from swftp.auth.keys import read_keys
from swftp.auth.reloaded import Reloaded
from swftp.auth.settings import AuthSettings, SettingsError
from swftp.auth.stored import read_credentials
from swftp.auth.throttle import Throttle, ThrottleSettings
from swftp.auth.tokens import IdentityService, InThread
from swftp.config.files import expanded
from swftp.paths import ROOT, Path

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyFiles:
    """Where public keys and what they stand for are written; both empty: there are none."""

    authorized_keys: str = ""
    """As of `swftp.auth.keys`."""
    credentials: str = ""
    """As of `swftp.auth.stored`."""
    certificates: bool = False
    """Whether client certificates stand for credentials, too: then *authorized_keys* may be empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Authentication:
    """What the protocols need."""

    checkers: tuple[ICredentialsChecker, ...]
    """For `twisted.cred.portal.Portal`."""
    throttle: Throttle
    """Whom to hang up on, and whom to count against."""


def assemble(
    settings: AuthSettings,
    clock: IReactorTime,
    in_thread: InThread[Any],
    *,
    wall: Callable[[], float],
    random: bytes,
    throttle: ThrottleSettings,
    files: KeyFiles,
    root: Path = ROOT,
    adapter: BaseAdapter | None = None,
    before: Throttle | None = None,
) -> Authentication:
    """
    :param in_thread: ``partial(deferToThreadPool, reactor, pool)`` of a pool of ``settings.threads`` threads.
    :param random: at least 32 bytes that nobody can guess.
    :param root: what every client sees as ``/``.
    :param adapter: speaks HTTP to the identity service in place of our own.
    :param before: the throttle of those who came before, which goes on; whether *throttle* can be used is checked.
    :raises SettingsError: something cannot be used; says which option, and file and line where it is of a file.
    """
    service = IdentityService(settings, clock, in_thread, adapter)
    cache = AccessCache(settings, service.authenticate, clock, random)
    try:
        fresh = Throttle(throttle, clock)
    except ValueError as error:
        raise SettingsError("exempt", str(error)) from error
    table = fresh if before is None else before
    checkers: list[ICredentialsChecker] = [PasswordChecker(settings, cache, table, root)]
    if files.authorized_keys or files.credentials:
        read_stored = partial(read_credentials, service=service)
        stored = _reloaded("credentials", files.credentials, read_stored, clock, in_thread)
        if files.certificates:
            checkers.append(CertificateChecker(stored, cache, table))
    if files.authorized_keys or (files.credentials and not files.certificates):
        keys = _reloaded("authorized_keys", files.authorized_keys, read_keys, clock, in_thread)
        checkers.append(PublicKeyChecker(keys, stored, cache, table, wall, root))
    return Authentication(checkers=tuple(checkers), throttle=table)


def _reloaded(
    option: str, path: str, read: Callable[[FilePath], T], clock: IReactorTime, in_thread: InThread[Any]
) -> Reloaded[T]:
    if not path:
        raise SettingsError(option, "is needed where its companion is set: authorized_keys and credentials")
    return Reloaded(expanded(path), read, clock, in_thread)
