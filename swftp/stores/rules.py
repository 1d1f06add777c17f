"""
What is different for some logins: the ``[login NAME]`` sections of the configuration.

A login is known by every spelling of its name: nobody gets more by writing ``alice`` as ``ALICE`` or ``alice@corp``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any
from weakref import WeakKeyDictionary, WeakValueDictionary

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from swftp.auth.checkers import shown
from swftp.auth.limits import Origin
from swftp.auth.login import Login
from swftp.auth.refusals import LoginRefused
from swftp.auth.throttle import Offence, Throttle
from swftp.config import LoginConfig
from swftp.paths import ROOT, Path, resolve
from swftp.session import EVERYTHING, READ_ONLY, Permission, Permissions
from swftp.traces import Scrutiny
from swftp.transfer.meter import Meter

log = Logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What is so for one login.  Rates are in bytes a second; 0: no limit."""

    root: Path = ROOT
    """Below that of the protocol, what the client sees as ``/``."""
    permissions: Permissions = EVERYTHING
    upload: Meter | None = None
    download: Meter | None = None

    @property
    def restricts(self) -> bool:
        """Whether a session of this login may do less than any."""
        return self.permissions != EVERYTHING or self.upload is not None or self.download is not None


class Rules:
    """
    Those of all logins, and what they share of bandwidth.

    :ivar share: what part of the rate of a user is for the sessions of this process.
    """

    def __init__(
        self, logins: Sequence[tuple[str, Mapping[str, Any]]], clock: IReactorTime, throttle: Throttle
    ) -> None:
        """
        :param logins: patterns of names, and what the options of `LoginConfig` are for them; the last one wins.
        :param throttle: counts who comes from where it may not.
        """
        self._scrutinies: WeakKeyDictionary[Scrutiny, tuple[str, ...]] = WeakKeyDictionary()
        self.change(logins)
        self.share: Callable[[str], float] = lambda user: 1.0
        self._clock = clock
        self._throttle = throttle
        self._meters: WeakValueDictionary[tuple[str, str, int], Meter] = WeakValueDictionary()

    def change(self, logins: Sequence[tuple[str, Mapping[str, Any]]]) -> None:
        """From now on; sessions that are there keep what they have, but are looked at as closely as is now said."""
        self._logins = [(pattern.casefold(), options) for pattern, options in logins]
        for scrutiny, names in self._scrutinies.items():
            scrutiny.on = self._options(names).verbose

    def of(self, login: Login) -> Rule:
        """What is so for *login*."""
        options = self._options(_names(login))
        permissions = frozenset(map(Permission, options.permissions))
        return Rule(
            root=resolve(options.root),
            permissions=permissions & READ_ONLY if options.read_only else permissions,
            upload=self._meter(login.user, "up", options.upload_rate),
            download=self._meter(login.user, "down", options.download_rate),
        )

    def scrutiny(self, login: Login) -> Scrutiny:
        """How closely *login* is looked at, from now on."""
        names = _names(login)
        scrutiny = Scrutiny(on=self._options(names).verbose)
        self._scrutinies[scrutiny] = names
        return scrutiny

    def _options(self, names: tuple[str, ...]) -> LoginConfig:
        given: dict[str, Any] = {}
        for pattern, options in self._logins:
            if any(fnmatchcase(name, pattern) for name in names):
                given.update(options)
        return LoginConfig(**given)

    def _meter(self, user: str, way: str, rate: int) -> Meter | None:
        """The one of all sessions of *user*."""
        if not rate:
            return None
        meter = self._meters.get((user, way, rate))
        if meter is None:
            meter = self._meters[user, way, rate] = Meter(self._clock, rate * self.share(user))
        return meter

    def apportion(self, user: str) -> None:
        """The `share` of *user* has changed."""
        for (owner, _, rate), meter in self._meters.items():
            if owner == user:
                meter.rate = rate * self.share(user)

    def check(self, login: Login) -> None:
        """
        :raises LoginRefused: *login* may not come from where it does; the client is not told why.
        """
        options = self._options(_names(login))
        if Origin(options.networks, options.denied_networks).admits(login.peer):
            return
        self._throttle.failed(login.peer, Offence.BAD_LOGIN)
        log.warn(
            "login of {user} from {peer} by {method} failed: {reason}",
            event="login_failed",
            user=shown(login.name),
            peer=login.peer,
            method=login.method,
            result="refused",
            reason="not from this address",
            counted=True,
        )
        raise LoginRefused


def _names(login: Login) -> tuple[str, ...]:
    """All that patterns are compared with."""
    return tuple(name.casefold() for name in (login.name, *login.spellings))
