"""
What SIGHUP changes: connections to come are let in as the configuration now says, others keep what they have.

The law: a generation is made whole before anything of the one before it is touched.  What cannot be made changes
nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from twisted.conch.ssh.keys import Key
from twisted.logger import Logger

from swftp import wiring
from swftp.auth.limits import AdmissionLimits
from swftp.auth.throttle import ThrottleSettings
from swftp.backends import Backend
from swftp.config import Config
from swftp.gateway.doors import Door, Entrance
from swftp.stores.accounts import Shared

LISTENING = frozenset(("host", "port", "listen", "implicit_listen", "verbose"))
STATISTICS = frozenset(("stats_host", "stats_port", "log_statsd_host", "log_statsd_port")) | frozenset(
    ("log_statsd_sample_rate", "log_statsd_metric_prefix")
)
FIXED: Mapping[str, frozenset[str]] = {
    "sftp": LISTENING | STATISTICS,
    "ftp": LISTENING | STATISTICS | {"state_dir"},
    "auth": frozenset(("cacert", "insecure", "threads")),
    "throttle": frozenset(),
    "limits": frozenset(),
    "ssh": frozenset(("window",)),
    "log": frozenset(("format", "audit")),
}
"""Sections that are read again, and what of them is not; all others wait for the next start."""

log = Logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where a configuration comes from."""

    read: Callable[[], tuple[Config, list[str]]]
    """The configuration as it is now, and warnings; raises ConfigError."""
    applied: Callable[[Config], None] = lambda config: None
    """Told of a configuration that is now in force."""


class Generations:
    """
    The doors of one process, today's and those of before whose clients are still there.

    :ivar config: what is in force.
    :ivar keys: host keys that clients to come are shown.
    :ivar entrances: name of a server -> its entrance.
    """

    def __init__(
        self, config: Config, environ: Mapping[str, str], backend: Backend, parts: wiring.Common, *, make_keys: bool
    ) -> None:
        """
        :param make_keys: make host keys that are missing, this time.
        :raises ConfigError: something cannot be used.
        """
        self.config = config
        self._environ = environ
        self._backend = backend
        self._parts = parts
        self.keys = wiring.host_keys(config, environ, make=make_keys) if "sftp" in config.protocols else []
        self.entrances = {name: Entrance(door) for name, door in _doors(config, self.keys, parts).items()}

    def renew(self, source: Source) -> None:
        """
        Let in whoever comes from now on as *source* says.

        :raises ConfigError: it cannot be used; nothing has changed.
        """
        read, warnings = source.read()
        config, waiting = merged(self.config, read)
        keys = self._same_kinds(config) if "sftp" in config.protocols else []
        auth = self._backend.renew(config) if self._backend.renew else self._parts.auth
        parts = replace(self._parts, auth=auth, logins=relimited(self._parts.logins, config))
        doors = _doors(config, keys, parts)
        try:
            auth.throttle.change(wiring.chosen(config.throttle, ThrottleSettings))
        except ValueError as error:
            raise config.problem("throttle", "exempt", str(error)) from error
        self._parts.admission.change(wiring.chosen(config.limits, AdmissionLimits))
        self._parts.rules.change(config.logins)
        for name, entrance in self.entrances.items():
            entrance.lead_to(doors[name])
        self.config, self.keys, self._parts = config, keys, parts
        source.applied(config)
        for warning in warnings:
            log.warn("{warning}", event="configuration", warning=warning)
        for option in waiting:
            log.warn("{option} has changed: that takes a restart", event="configuration", option=option)

    def _same_kinds(self, config: Config) -> list[Key]:
        """
        The host keys; none is made, since one that vanished would silently be replaced.

        :raises ConfigError: one cannot be used, or is gone.
        """
        keys = wiring.host_keys(config, self._environ, make=False)
        if not (config.sftp.host_keys or config.sftp.priv_key):
            kinds = ({str(key.type()) for key in of} for of in (self.keys, keys))
            gone = ", ".join(sorted(set.difference(*kinds)))
            if gone:
                raise config.problem("sftp", "state_dir", f"host keys are gone from there: {gone}")
        return keys


def _doors(config: Config, keys: list[Key], parts: wiring.Common) -> dict[str, Door]:
    """Servers by name."""
    doors: dict[str, Door] = {}
    if "sftp" in config.protocols:
        doors["sftp"] = wiring.ssh_door(config, keys, parts)
    if "ftp" in config.protocols:
        doors["ftp"], doors["ftps"] = wiring.ftp_doors(config, parts)
    return doors


def relimited(logins: Shared, config: Config) -> Shared:
    """*logins* with the limits of *config* for those to come."""
    fresh = wiring.session_limits(config)
    return replace(logins, sessions=fresh, channels=wiring.channel_limits(config))


def merged(before: Config, now: Config) -> tuple[Config, list[str]]:
    """*now* as far as a gateway that runs as *before* can take it, and the options that it cannot."""
    waiting: list[str] = []
    sections: dict[str, Any] = {}
    for part in fields(Config):
        old, new = getattr(before, part.name), getattr(now, part.name)
        if part.name in ("places", "protocols", "logins"):
            continue
        fixed = FIXED.get(part.name)
        kept = {
            option.name: getattr(old, option.name)
            for option in fields(old)
            if (fixed is None or option.name in fixed) and getattr(old, option.name) != getattr(new, option.name)
        }
        waiting += [f"[{part.name}] {name}" for name in kept]
        sections[part.name] = replace(new, **kept)
    if now.protocols != before.protocols:
        waiting.append("which protocols are served")
    return replace(now, **sections, protocols=before.protocols), waiting
