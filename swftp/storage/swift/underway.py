"""The uploads of this process that have segments and are not published: however old they are, nobody sweeps them."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol
from weakref import WeakSet


class IUploads(Protocol):
    """Who writes large objects, as long as somebody keeps it: a login ends with its uploads."""

    def unpublished(self) -> Collection[object]:
        """Their uploads (see `swftp.storage.swift.manifests.upload_of`)."""


class Underway:
    """One a process."""

    def __init__(self) -> None:
        self._who: WeakSet[IUploads] = WeakSet()

    def add(self, who: IUploads) -> None:
        """*who* may have uploads from now on."""
        self._who.add(who)

    def __contains__(self, upload: object) -> bool:
        return any(upload in who.unpublished() for who in self._who)
