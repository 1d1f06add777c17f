"""
Downloads: one body pushed into a sink, of one version, whole or failed.

Where the store cuts the body short, the rest is asked for by Range.  The ETag of every answer is compared before
its first byte is passed on: a splice of two versions cannot happen.  An end before the announced length is an
error, never the end of the file.  (If-Match would not do: Swift compares an object that was copied from a large
object with the ETag of that one, and answers 412.)
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, cast

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IPushProducer
from twisted.internet.protocol import Protocol
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.client import ResponseDone
from twisted.web.iweb import UNKNOWN_LENGTH, IResponse
from zope.interface import implementer

from swftp import errors, sockets
from swftp.entries import Entry, Kind
from swftp.interfaces import IByteSink
from swftp.storage.swift.bodies import Hangup, Watchdog, collect
from swftp.storage.swift.client import ERROR_LIMIT, Lost, Request, SwiftClient, headers_of
from swftp.storage.swift.describe import entry_of
from swftp.storage.swift.links import check_followed
from swftp.storage.swift.refusals import RETRIED, Reply, refusal

log = Logger()


class _Pipe(Protocol):
    """One response's body on its way into the sink."""

    def __init__(self, fetch: Fetch, watchdog: Watchdog) -> None:
        self._fetch = fetch
        self._watchdog = watchdog
        self.done: Deferred[Exception | None] = Deferred(lambda _: self._hang_up())

    def connectionMade(self) -> None:
        self.pace()
        self._fetch.connected(self)

    def pace(self) -> None:
        """Read less at a time while many read."""
        sockets.read_at_once(getattr(self.transport, "_producer", None), self._fetch.downloads.piece)

    def dataReceived(self, data: bytes) -> None:
        self._watchdog.seen = True
        self._fetch.received(data)

    def connectionLost(self, reason: Failure = None) -> None:  # type: ignore[assignment]
        self.end(None if isinstance(reason.value, ResponseDone) else reason.value)

    def end(self, error: Any) -> None:
        if not self.done.called:
            self.done.callback(error)

    def abort(self, error: Exception) -> None:
        self.end(error)
        self._hang_up()

    def _hang_up(self) -> None:
        if self.transport is not None:
            self.transport.loseConnection()


@implementer(IPushProducer)
class Fetch:
    """
    Bytes ``[offset, offset + length)`` of one object into one sink, over as many responses as it takes.
    """

    def __init__(
        self,
        client: SwiftClient,
        names: tuple[str, str],
        sink: IByteSink,
        *,
        offset: int = 0,
        length: int | None = None,
        version: str | None = None,
        query: Mapping[str, str] | None = None,
        lost: Callable[[int], Awaitable[bool]] | None = None,
    ) -> None:
        """
        :param lost: tells whether the byte at an offset is gone for good; asked where the store cannot give it.
        """
        self.downloads = client.downloads
        self._client = client
        self._names = names
        self._sink = sink
        self._next = offset
        self._end = None if length is None else offset + length
        self._version = version
        self._query = query or {}
        self._lost = lost
        self._entry: Entry | None = None
        self._pipe: _Pipe | None = None
        self._paused = False
        self._stopped = False

    def pauseProducing(self) -> None:
        """See `IPushProducer`."""
        self._paused = True
        if self._pipe is not None:
            self._pipe.transport.pauseProducing()  # type: ignore[union-attr]

    def resumeProducing(self) -> None:
        """See `IPushProducer`."""
        self._paused = False
        if self._pipe is not None:
            self._pipe.pace()
            self._pipe.transport.resumeProducing()  # type: ignore[union-attr]

    def stopProducing(self) -> None:
        """See `IPushProducer`."""
        self._stopped = True
        if self._pipe is not None:
            self._pipe.abort(errors.Interrupted())

    async def run(self) -> Entry:
        """
        Fetch; the object's entry when the last byte was written.

        :raises StorageError: anything less.
        """
        failed = 0
        clock, policy = self._client.clock, self._client.policy
        until = clock.seconds() + policy.repeat_for
        try:
            while self._next != self._end:
                before = self._next
                retry = await self._once()
                if retry is None:
                    break
                if self._stopped:
                    raise errors.Interrupted()
                if self._next != before:
                    failed, until = 0, clock.seconds() + policy.repeat_for
                failed += 1
                if self._paused:  # nobody was waiting
                    until = clock.seconds() + policy.repeat_for
                if failed >= policy.attempts or clock.seconds() >= until:
                    raise retry
                log.info("download cut at {offset}, going on", offset=self._next, names=self._names)
                await self._client.pause(failed)
                if self._stopped:
                    raise errors.Interrupted()
            if self._entry is None:
                await self._nothing()
        finally:
            if self._entry is not None:
                self._sink.unregisterProducer()
        return cast(Entry, self._entry)

    async def _once(self) -> errors.StorageError | None:
        """One request; what to raise if it is not worth, or no use, to try again.  None: all is there."""
        try:
            response = await self._client.open(
                Request(method="GET", names=self._names, query=self._query, headers=self._headers(), bulk=True)
            )
        except Lost:
            return errors.Unavailable()
        if response.code not in (200, 206):
            reply = await self._reply(response)
            if reply.status in RETRIED:
                return refusal(reply)
            if reply.status == 409 and self._lost is not None:  # a segment is gone, or out of reach at the moment
                if await self._lost(self._next):
                    raise errors.Corrupt(f"a part of this file is missing in storage ({reply.transaction})")
                return refusal(reply)
            await self._at_end(reply)
            return None
        headers = headers_of(response)
        if response.length is not UNKNOWN_LENGTH:
            headers["content-length"] = str(response.length)  # Agent takes it for a header of the connection
        try:
            await check_followed(self._client, headers)
        except errors.StorageError as error:
            self._refuse(response, error)
        self._check(response, headers)
        return await self._pump(response)

    def _headers(self) -> dict[str, str]:
        headers = {}
        if self._next or self._end is not None:
            last = "" if self._end is None else str(self._end - 1)
            headers["Range"] = f"bytes={self._next}-{last}"
        return headers

    async def _reply(self, response: IResponse) -> Reply:
        clock, timeout = self._client.clock, self._client.policy.response_timeout
        try:
            body = await collect(response, ERROR_LIMIT, clock, timeout)
        except CancelledError:
            raise
        except Exception:
            body = b""
        return Reply(response.code, headers_of(response), body)

    async def _at_end(self, reply: Reply) -> None:
        """416: right at the end there is nothing to read, beyond it there never was."""
        if reply.status != 416:
            raise refusal(reply)
        if self._entry is not None:
            raise errors.Changed()
        await self._nothing()

    async def _nothing(self) -> None:
        """No byte is to be had, but whose?"""
        looked = await self._client.request(Request(method="HEAD", names=self._names, query=self._query), 200, 204)
        await check_followed(self._client, looked.headers)
        entry = entry_of(self._names[1].rpartition("/")[2], looked.headers)
        if entry.kind is Kind.DIRECTORY:
            raise errors.IsDirectory()
        if self._version not in (None, entry.version):
            raise errors.Changed()
        if self._next > entry.size:
            raise errors.InvalidRequest("offset beyond the end")
        self._start(entry)

    def _check(self, response: IResponse, headers: dict[str, str]) -> None:
        """Refuse what is not the bytes asked for."""
        total = headers.get("content-length")
        if response.code == 206:
            unit, _, span = headers.get("content-range", "").partition(" ")
            first = span.partition("-")[0]
            total = span.rpartition("/")[2]
            if unit != "bytes" or first != str(self._next) or not total.isdecimal():
                self._refuse(response, errors.Corrupt("storage sent another range than was asked for"))
        elif self._next:
            self._refuse(response, errors.Corrupt("storage sent another range than was asked for"))
        entry = entry_of(self._names[1].rpartition("/")[2], {**headers, "content-length": total or "0"})
        if entry.kind is Kind.DIRECTORY:
            self._refuse(response, errors.IsDirectory())
        if self._version is not None and entry.version != self._version:
            self._refuse(response, errors.Changed())
        if self._entry is not None and not entry.version:
            self._refuse(response, errors.Unavailable("storage cannot tell whether it is still the same file"))
        if self._entry is None:
            self._version = entry.version
            if total is not None:
                self._end = min(entry.size, entry.size if self._end is None else self._end)
            self._start(entry)

    def _refuse(self, response: IResponse, error: errors.StorageError) -> None:
        response.deliverBody(Hangup())  # type: ignore[no-untyped-call]
        raise error

    def _start(self, entry: Entry) -> None:
        self._sink.registerProducer(self, True)
        self._entry = entry
        self._sink.started(entry)

    def connected(self, pipe: _Pipe) -> None:
        """A body begins."""
        self._pipe = pipe

    def received(self, data: bytes) -> None:
        """A piece of it."""
        if self._stopped:
            return
        if self._end is not None and self._next + len(data) > self._end:
            data = data[: self._end - self._next]
            if self._pipe is not None:
                self._pipe.abort(errors.Corrupt("storage sent more than it said"))
        if data:
            self._next += len(data)
            self._sink.write(data)

    async def _pump(self, response: IResponse) -> errors.StorageError | None:
        if self._stopped:
            self._refuse(response, errors.Interrupted())
        watchdog = Watchdog(
            self._client.clock,
            self._client.policy.response_timeout,
            lambda: pipe.abort(TimeoutError("stalled")),
            lambda: self._paused,
        )
        pipe = _Pipe(self, watchdog)
        self.downloads.count += 1
        try:
            response.deliverBody(pipe)  # type: ignore[no-untyped-call]
            if self._paused:
                self.pauseProducing()
            error = await pipe.done
        finally:
            self.downloads.count -= 1
            watchdog.stop()
            self._pipe = None
        if self._end is None and error is None:
            return None  # a length that the store itself does not know, ended well
        if self._next == self._end:
            return None
        return errors.Unavailable("storage cut the transfer short")
