"""
A file larger than memory on its way to a store that cannot put objects together: one request, in order.

What was sent cannot be read or changed any more, and a client may run ahead of a gap by the reorder window only.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred

from swftp import errors
from swftp.entries import Entry
from swftp.transfer import base
from swftp.transfer.extents import Remote, zeros
from swftp.transfer.phase import Phase
from swftp.transfer.sources import StreamSource

if TYPE_CHECKING:
    from swftp.transfer.upload import Upload

SENT = "sent"
"""Origin of what is no longer here."""


class Stream:
    """
    One upload's request.

    :ivar position: bytes of the file that were handed to it.
    """

    def __init__(self, upload: Upload) -> None:
        self._upload = upload
        self._source = StreamSource(upload.streamed, upload.engine.offload, upload.engine.background)
        self._said = upload.told.attributes
        self._result: Entry | None = None
        self._error: BaseException | None = None
        self._ended: Deferred[None] = Deferred()
        self.position = 0

    @classmethod
    def start(cls, upload: Upload) -> Stream | None:
        """Begin to send *upload* while it is being written; None: its first bytes have not come yet.

        :raises TooLarge: it is not written from front to back.
        """
        missing = not upload.front.end
        ahead = upload.table.memory - upload.part_size
        if upload.base is not None or (missing and ahead > upload.engine.limits.reorder_window):
            raise errors.TooLarge("this storage takes large files only from front to back")
        if missing:
            return None
        stream = upload.stream = cls.begin(upload)  # before it is fed: who goes on at once goes on with it
        stream.feed()
        return stream

    @classmethod
    def relieve(cls, upload: Upload, least: int) -> int:
        """Begin early, for others wait for memory, if *least* bytes can leave then; returns how many will."""
        begun = upload.phase is not Phase.RECEIVING or upload.stream is not None
        if begun or upload.base is not None or upload.front.folded < least:
            return 0
        stream = upload.stream = cls.begin(upload)
        stream.feed()
        return stream.position

    @classmethod
    def begin(cls, upload: Upload) -> Stream:
        """Open the request; nothing is handed to it yet."""
        stream = cls(upload)
        upload.front.hashed = False  # its source is
        upload.engine.background(stream._run())
        return stream

    @property
    def has_room(self) -> bool:
        """Whether the client may go on."""
        return self._source.queued <= self._upload.part_size // 4

    def check(self, offset: int) -> None:
        """Refuse a write at *offset* that this request cannot follow."""
        if offset < self.position:
            raise errors.Unsupported("this storage takes large files only from front to back")
        if offset > self._upload.front.end + self._upload.engine.limits.reorder_window:
            raise errors.TooLarge("too far ahead of what was written")

    def feed(self) -> None:
        """Hand over what has become contiguous."""
        front = self._upload.front
        while front.folded > self.position and self._upload.alive:
            self._hand_over(front.folded)

    def _hand_over(self, end: int) -> None:
        table = self._upload.table
        start, self.position = self.position, end
        cost, blocks = table.cost, table.blocks(start, end)
        table.put(0, (Remote(SENT, 0, end),))
        self._upload.front.move(end)
        cost -= table.cost  # and what it costs less, or more, that what follows was joined
        self._upload.share.depart(cost)
        self._source.put(*blocks, cost=cost)

    async def _run(self) -> None:
        upload = self._upload
        try:
            self._result = await upload.engine.storage.store(
                upload.path, self._source, self._said, upload.exclusive, onto=base.onto(upload)
            )
        except errors.StorageError as error:
            self._error = error
            upload.refused(error)
        except BaseException as error:
            self._error = error
            raise
        finally:
            self._ended.callback(None)

    async def finish(self) -> Entry:
        """Send the rest, holes as zeros, and wait for the store to confirm all of it."""
        upload = self._upload
        for _, length, item in list(upload.table.pieces(self.position, upload.table.size)):
            if item is not None and not isinstance(item, Remote):
                self._source.put(item)
            else:
                for block in zeros(length):
                    self._source.put(block)
        self._source.end()
        await self._ended
        if self._error is not None or self._result is None:
            raise self._error or errors.Interrupted()
        return await self._tell(self._result)

    async def _tell(self, entry: Entry) -> Entry:
        """*entry*, which is stored, with what the client said of it when the head of the request was sent already."""
        upload, late = self._upload, self._upload.told.attributes
        if late.mtime is None and self._said.mtime is not None:  # written to since
            late = replace(late, mtime=upload.engine.wall())
        if late == self._said:
            return entry
        await upload.engine.storage.update(upload.path, late)
        return replace(entry, mtime=entry.mtime if late.mtime is None else late.mtime, mode=late.mode)

    def abort(self, error: errors.StorageError) -> None:
        """Nothing becomes of it."""
        self._source.abort(error)


def flows(stream: Stream | None) -> bool:
    """Whether a file takes more as far as *stream* is concerned, through which it is sent, if it is."""
    return stream is None or stream.has_room
