"""
What a file says, read again when the file changes; a file that has become wrong leaves what it said before.

Reading happens in a thread, and only when somebody asks.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from swftp import secretfiles
from swftp.auth.settings import SettingsError
from swftp.flight import Flight

if TYPE_CHECKING:
    from swftp.auth.tokens import InThread  # which brings all of keystoneauth1 along

T = TypeVar("T")
LOOK_EVERY = 1.0
"""Seconds between looks at the file."""
log = Logger()


class Reloaded(Generic[T]):
    """The value that *read* makes of the file *path*."""

    def __init__(self, path: Path, read: Callable[[Path], T], clock: IReactorTime, in_thread: InThread[Any]) -> None:
        """
        Reads the file now.

        :raises SettingsError: it cannot be read, or is wrong.
        """
        self._path = path
        self._read = read
        self._clock = clock
        self._in_thread = in_thread
        self._flight: Flight[None] = Flight()
        self._seen = _signature(path)
        self._value = read(path)
        self._look_at = clock.seconds() + LOOK_EVERY

    async def get(self) -> T:
        """What the file says, or said when it was last right."""
        now = self._clock.seconds()
        if self._flight.busy or now >= self._look_at:
            self._look_at = now + LOOK_EVERY
            seen = _signature(self._path)
            if seen != self._seen or self._flight.busy:
                await self._flight.join(lambda: self._in_thread(lambda: self._read_again(seen)))
        return self._value

    def _read_again(self, seen: object) -> None:
        try:
            self._value = self._read(self._path)
        except SettingsError as error:
            log.error("{reason}; going on with what {path} said before", reason=error.reason, path=str(self._path))
        else:
            log.info("read {path} again", path=str(self._path))
        self._seen = seen


def _signature(path: Path) -> object:
    """Differs when the file does."""
    try:
        status = path.stat()
    except OSError as error:
        return error.errno
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def guarded_text(path: Path, option: str, forbidden: int) -> str:
    """
    The text of a file that only we and root may have their hands on.

    :param option: what names the file in the configuration.
    :param forbidden: permission bits that it must not have.
    :raises SettingsError: it cannot be read, is somebody else's, or has one of these bits.
    """
    try:
        with path.open(encoding="utf-8") as file:
            status = os.fstat(file.fileno())
            if status.st_mode & secretfiles.forbidden(path, forbidden):
                raise SettingsError(
                    option, f"{path}: permissions {status.st_mode & 0o777:04o} are too open: chmod 600 it"
                )
            if status.st_uid not in (0, os.geteuid()):
                raise SettingsError(option, f"{path}: its owner is neither root nor who runs this server")
            return file.read()
    except OSError as error:
        raise SettingsError(option, f"{path}: {error.strerror}") from error
    except UnicodeDecodeError:
        raise SettingsError(option, f"{path}: not UTF-8") from None
