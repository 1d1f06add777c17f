"""``swftp.conf`` -> frozen dataclasses: what may be set, what it is by default, and what is wrong with a file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from swftp.config.fields import setting
from swftp.config.files import COMMAND_LINE, EX_CONFIG, SEARCH, ConfigError, Given, build, search
from swftp.config.sections import (
    FOREIGN,
    OBSOLETE,
    SECTIONS,
    AuthConfig,
    Config,
    LimitsConfig,
    LogConfig,
    SftpConfig,
    SshConfig,
    StorageConfig,
    ThrottleConfig,
    TransferConfig,
)

__all__ = [
    "COMMAND_LINE",
    "EX_CONFIG",
    "AuthConfig",
    "Config",
    "ConfigError",
    "Given",
    "LimitsConfig",
    "LogConfig",
    "SftpConfig",
    "SshConfig",
    "StorageConfig",
    "ThrottleConfig",
    "TransferConfig",
    "load",
    "setting",
]


def load(
    named: str | None, overrides: Sequence[Given] = (), searched: Iterable[Path] = SEARCH
) -> tuple[Config, list[str]]:
    """
    The configuration, and warnings about options of 2014 that do nothing now.

    :param named: the only file to read; None: every file of *searched* that exists.
    :param overrides: what the command line says; it wins over files.
    :raises ConfigError: it cannot be used; the message has one line for each reason.
    """
    return build(Config, SECTIONS, [*search(named, searched), *overrides], obsolete=OBSOLETE, foreign=FOREIGN)
