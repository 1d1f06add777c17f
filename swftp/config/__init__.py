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
    headings = {section: place for file in written for section, place in file.sections.items()}
    givens = [*(given for file in written for given in file.givens), *overrides]
    if protocols is None:
        protocols = [name for name in PROTOCOLS if name in headings] or PROTOCOLS
    foreign = set(PROTOCOLS) - set(protocols)
    make = partial(Config, protocols=tuple(protocols))
    config, warnings = build(
        make, SECTIONS, givens, headings=headings, obsolete=OBSOLETE, foreign=foreign, families=FAMILIES
    )
    return config, [*warnings, *advice(config)]
