"""``swftp.conf`` -> frozen dataclasses: what may be set, what it is by default, and what is wrong with a file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path

from swftp.config.advice import advice
from swftp.config.fields import setting
from swftp.config.files import COMMAND_LINE, EX_CONFIG, SEARCH, ConfigError, Given, build, search
from swftp.config.insight import EventsConfig, LogConfig, WebConfig
from swftp.config.limits import LimitsConfig, ThrottleConfig
from swftp.config.login import LoginConfig
from swftp.config.sections import (
    FAMILIES,
    OBSOLETE,
    PROTOCOLS,
    SECTIONS,
    AuthConfig,
    Config,
    FtpConfig,
    ProcessConfig,
    SftpConfig,
    SshConfig,
    StorageConfig,
    TransferConfig,
)
from swftp.config.zerostor import ZerostorConfig

__all__ = [
    "COMMAND_LINE",
    "EX_CONFIG",
    "PROTOCOLS",
    "AuthConfig",
    "Config",
    "ConfigError",
    "EventsConfig",
    "FtpConfig",
    "Given",
    "LimitsConfig",
    "LogConfig",
    "LoginConfig",
    "ProcessConfig",
    "SftpConfig",
    "SshConfig",
    "StorageConfig",
    "ThrottleConfig",
    "TransferConfig",
    "WebConfig",
    "ZerostorConfig",
    "load",
    "setting",
]


def load(
    named: str | None,
    overrides: Sequence[Given] = (),
    searched: Iterable[Path] = SEARCH,
    protocols: Sequence[str] | None = PROTOCOLS,
) -> tuple[Config, list[str]]:
    """
    The configuration, and warnings about what does nothing, or less than it seems to.

    :param named: the only file to read; None: every file of *searched* that exists.
    :param overrides: what the command line says; it wins over files.
    :param protocols: those that are served: sections of others are left alone.  None: those that have a section, or
        all where none has.
    :raises ConfigError: it cannot be used; the message has one line for each reason.
    """
    written = search(named, searched)
    if protocols is None:
        there = {given.section for given in written}
        protocols = [name for name in PROTOCOLS if name in there] or PROTOCOLS
    foreign = set(PROTOCOLS) - set(protocols)
    make = partial(Config, protocols=tuple(protocols))
    config, warnings = build(
        make, SECTIONS, [*written, *overrides], obsolete=OBSOLETE, foreign=foreign, families=FAMILIES
    )
    return config, [*warnings, *advice(config)]
