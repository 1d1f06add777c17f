"""
A directory as a shard: a file a key, which knows its own digest.

::

    shard                     says that this is one; without it nothing is read or written
    tmp/                      files that are being written
    files/5a1/00c0ffee…       the key in hex, in one of 4,096 directories

The law: a file has its name only when its bytes are on the disk.  A mount that is gone is a shard that is down, not
one that is empty: hence the marker, which only `prepare` writes.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from zope.interface import implementer

from swftp.errors import Corrupt, NotFound, QuotaExceeded, StorageError, Unavailable
from swftp.storage.zerostor.shards import files
from swftp.storage.zerostor.shards.interfaces import (
    TIMEOUT,
    Capacity,
    Cursor,
    Health,
    Held,
    IShard,
    Offload,
    Refused,
    Value,
    check_key,
    check_value,
)

T = TypeVar("T")

FULL = (errno.ENOSPC, errno.EDQUOT)
LASTING = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT, errno.ENOTDIR)
"""A person has to see to it: keys that are not there are told before this is asked."""
OVERDUE = 4
"""Calls that hang in the kernel before no more are made of this disk."""


async def _none() -> None:
    """Whoever runs the calls is not ours to end."""


@implementer(IShard)
class DirectoryShard:
    """One directory; all work is done in threads."""

    def __init__(
        self,
        root: Path,
        clock: IReactorTime,
        offload: Offload,
        timeout: float = TIMEOUT,
        ended: Callable[[], Awaitable[None]] = _none,
    ) -> None:
        """
        :param ended: called when *offload* is needed no more.
        """
        self.name = f"directory {root}"
        self._files = files.Files(root)
        self._clock, self._offload, self._ended, self._timeout = clock, offload, ended, timeout
        self._overdue = 0
        self._closed = False

    async def put(self, key: bytes, value: Value) -> None:
        """See `IShard`."""
        check_key(key)
        check_value(value)
        await self._run(self._files.write, key, value)

    async def get(self, key: bytes) -> bytes:
        """See `IShard`."""
        check_key(key)
        return await self._run(self._files.read, key)

    async def delete(self, key: bytes) -> bool:
        """See `IShard`.  Not forced to the disk: what a power failure brings back is a stray like others."""
        check_key(key)
        try:
            await self._run(self._files.remove, key)
        except NotFound:
            return False
        return True

    async def check(self, key: bytes, digest: bytes | None = None) -> Health:
        """See `IShard`: *digest* is not needed."""
        try:
            await self.get(key)
        except NotFound:
            return Health.MISSING
        except Corrupt:
            return Health.DAMAGED
        return Health.OK

    async def capacity(self) -> Capacity:
        """See `IShard`."""
        return await self._run(self._files.capacity)

    async def scan(self, cursor: Cursor) -> tuple[tuple[Held, ...], Cursor]:
        """See `IShard`.  The first page also sweeps away what was never finished."""
        return await self._run(self._files.page, cursor)

    async def ping(self) -> None:
        """See `IShard`."""
        await self._run(self._files.check_marker)

    async def close(self) -> None:
        """See `IShard`."""
        self._closed = True
        await self._ended()

    async def _run(self, function: Callable[..., T], *args: Any) -> T:
        """
        What *function* returns, within the time that a call has.

        A call that hangs (a dead NFS server) keeps its thread until the kernel lets go; so there are few of them.
        """
        if self._closed or self._overdue >= OVERDUE:
            raise Unavailable("closed" if self._closed else "the disk hangs")
        outcome: Deferred[T] = Deferred()

        def late() -> None:
            self._overdue += 1
            outcome.errback(Unavailable(f"no answer in {self._timeout:g} s"))

        timer = self._clock.callLater(self._timeout, late)

        def done(result: Any) -> None:
            if timer.active():
                timer.cancel()
                if not outcome.called:  # else whoever asked has given up
                    outcome.callback(result)
            else:
                self._overdue -= 1

        self._offload(function, *args).addBoth(done)
        try:
            return await outcome
        except OSError as error:
            raise translated(error) from error


def translated(error: OSError) -> StorageError:
    """*error* in our words."""
    if error.errno in FULL:
        return QuotaExceeded()
    if error.errno in LASTING:
        return Refused(os.strerror(error.errno))
    return Unavailable(os.strerror(error.errno) if error.errno else "the disk fails")
