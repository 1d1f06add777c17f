"""A row of the command table: what a verb does, and when it may be said."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum

from swftp.ftp.context import Context
from swftp.ftp.reply import Reply

Function = Callable[[Context, bytes], Awaitable[Reply]]
"""Gets what stands behind the verb and one blank; gives the final reply, or raises `Refused` or a `StorageError`."""
Feature = str | Callable[[Context], str]
"""What FEAT says of a command (RFC 2389 section 3.2); an empty text is nothing."""


class Argument(Enum):
    """What stands behind the verb."""

    NONE = "no argument"
    OPTIONAL = "an argument or none"
    REQUIRED = "an argument"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """How a command fits among others."""

    login: bool = True
    """Whether somebody has to be logged in."""
    transfer: bool = False
    """It uses the data connection: commands with *during_transfer* are answered while it runs."""
    during_transfer: bool = False
    """It does not wait for the transfer that runs."""
    keeps: bool = False
    """What REST and ALLO said is still good after it: it prepares the transfer, or only looks."""


@dataclass(frozen=True, slots=True)
class Command:
    """One row."""

    function: Function
    argument: Argument = Argument.NONE
    kind: Kind = Kind()
    feature: Feature = ""
    usage: str = ""
    """How its argument is written, for HELP."""
