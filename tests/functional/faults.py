"""
A proxy between the gateway and a real Swift that does what networks and stores rarely do.

A fault is armed for the n-th request that matches, and for those alone: everything else passes as it is.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import re
import socket
import struct
import threading
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

BLOCK = 65536


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What happens to a request; the fields combine where that makes sense."""

    status: int | None = None
    """Answer this status instead of asking Swift, once the request's body was read."""
    early: bool = False
    """Answer the status before the body is read."""
    headers: tuple[tuple[str, str], ...] = ()
    """Headers of that answer; with no status, headers that replace those of Swift's answer."""
    body: bytes = b"<html>a secret page of the store</html>"
    delay: float = 0.0
    """Seconds before the request goes on."""
    reset_request: int | None = None
    """RST both sides after this many bytes of the request's body."""
    reset_response: int | None = None
    """RST the gateway's side after this many bytes of the response's body."""
    cut_response: int | None = None
    """FIN instead."""
    drop_response: bool = False
    """Let Swift do all of it, then RST without a word: the ambiguous case."""
    stall: bool = False
    """Never answer."""
    rate: float | None = None
    """Bytes a second of request bodies."""


@dataclass
class Rule:
    """A fault and the requests it is for."""

    method: str
    path: str
    fault: Fault
    first: int = 1
    times: int | None = 1
    seen: int = 0

    def takes(self, method: str, path: str) -> bool:
        """Whether this request is one; counts it."""
        if not (re.fullmatch(self.method, method) and re.search(self.path, path)):
            return False
        self.seen += 1
        return self.seen >= self.first and (self.times is None or self.seen < self.first + self.times)


@dataclass
class Request:
    """One request that came by."""

    method: str
    path: str
    headers: dict[str, str]
    status: int | None = None
    received: int = 0
    """Bytes of its body."""
    sent: int = 0
    """Bytes of the answer's body."""


@dataclass
class Head:
    """First line and headers of a message."""

    line: str
    headers: list[tuple[str, str]] = field(default_factory=list)

    def get(self, name: str) -> str | None:
        """The last header of that name."""
        return next((value for key, value in reversed(self.headers) if key.lower() == name), None)

    def replace(self, changes: tuple[tuple[str, str], ...]) -> None:
        """Put *changes* in place of the headers of their names."""
        names = {name.lower() for name, _ in changes}
        self.headers = [pair for pair in self.headers if pair[0].lower() not in names] + list(changes)

    def encode(self) -> bytes:
        """As on the wire."""
        return "\r\n".join([self.line, *(f"{k}: {v}" for k, v in self.headers), "", ""]).encode("latin-1")


class Hangup(Exception):
    """This connection is over."""


class FaultProxy:
    """Listens on loopback and passes HTTP on to the Swift of *url*; ``url`` is what the gateway is given."""

    def __init__(self, url: str) -> None:
        upstream = urlsplit(url)
        self._upstream = (upstream.hostname or "", upstream.port or 80)
        self.rules: list[Rule] = []
        self.requests: list[Request] = []
        self.rate: float | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        atexit.register(self.close)
        self._server = self._do(asyncio.start_server(self._serve, "127.0.0.1", 0, limit=1 << 20))
        self.port: int = self._server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}{upstream.path}"

    def _do(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    def close(self) -> None:
        """Stop listening and drop what is open: from now on connections are refused."""
        if self._thread.is_alive():
            self._do(self._shut())
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(10)
            self._loop.close()

    async def _shut(self) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def arm(self, method: str, path: str, first: int = 1, times: int | None = 1, **fault: Any) -> Rule:
        """The requests *first* to *first* + *times* - 1 of those that match meet ``Fault(**fault)``."""
        rule = Rule(method, path, Fault(**fault), first, times)
        self.rules.append(rule)
        return rule

    def clear(self) -> None:
        """Forget all rules and requests."""
        self.rules.clear()
        self.requests.clear()
        self.rate = None

    def seen(self, method: str = ".*", path: str = "") -> list[Request]:
        """The requests so far that match."""
        return [r for r in list(self.requests) if re.fullmatch(method, r.method) and re.search(path, r.path)]

    # --- one connection of the gateway ---

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        task = asyncio.current_task()
        assert task
        self._tasks.add(task)
        try:
            while True:
                head = await self._head(reader)
                upstream = upstream or await asyncio.open_connection(*self._upstream, limit=1 << 20)
                await self._request(head, reader, writer, *upstream)
        except (Hangup, OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            for each in (writer, upstream[1] if upstream else None):
                if each:
                    each.close()

    async def _head(self, reader: asyncio.StreamReader) -> Head:
        raw = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        line, *rest = raw.rstrip("\r\n").split("\r\n")
        pairs = [text.partition(":") for text in rest]
        return Head(line, [(name, value.strip()) for name, _, value in pairs])

    async def _request(
        self,
        head: Head,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        up_reader: asyncio.StreamReader,
        up_writer: asyncio.StreamWriter,
    ) -> None:
        method, target, _ = head.line.split(" ", 2)
        request = Request(method, unquote(target), dict(head.headers))
        self.requests.append(request)
        taken = [rule for rule in list(self.rules) if rule.takes(method, request.path)]
        fault = taken[0].fault if taken else Fault()
        if fault.delay:
            await asyncio.sleep(fault.delay)
        if fault.status is not None:
            if not fault.early:
                await self._body(head, reader, None, request, fault)
            await self._answer(writer, request, fault)
            if fault.early and head.get("content-length") not in (None, "0"):
                raise Hangup
            return
        up_writer.write(head.encode())
        try:
            await self._body(head, reader, up_writer, request, fault)
            if fault.stall:
                await asyncio.sleep(3600)
            answer = await self._head(up_reader)
        except Hangup:
            reset(writer, up_writer)
            raise
        await self._response(request, answer, fault, up_reader, writer)

    async def _answer(self, writer: asyncio.StreamWriter, request: Request, fault: Fault) -> None:
        request.status = fault.status
        answer = Head(f"HTTP/1.1 {fault.status} Because", [("Content-Type", "text/html")])
        answer.replace((("Content-Length", str(len(fault.body))), *fault.headers))
        writer.write(answer.encode() + (b"" if request.method == "HEAD" else fault.body))
        await writer.drain()

    async def _body(
        self,
        head: Head,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter | None,
        request: Request,
        fault: Fault,
    ) -> None:
        async for data, framing in body_of(head, reader):
            if fault.reset_request is not None and request.received + len(data) > fault.reset_request:
                if writer:
                    writer.write(data[: fault.reset_request - request.received])
                    await writer.drain()
                raise Hangup
            request.received += len(data)
            rate = fault.rate or self.rate
            if rate:
                await asyncio.sleep(len(data) / rate)
            if writer:
                writer.write(framing)
                await writer.drain()
        if fault.reset_request is not None:
            raise Hangup

    async def _response(
        self,
        request: Request,
        answer: Head,
        fault: Fault,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        request.status = int(answer.line.split()[1])
        empty = request.method == "HEAD" or request.status in (204, 304)
        limit = fault.reset_response if fault.reset_response is not None else fault.cut_response
        answer.replace(fault.headers)
        if not fault.drop_response:
            writer.write(answer.encode())
        sent = 0
        async for data, framing in body_of(answer, reader, empty):
            if fault.drop_response:
                continue
            if limit is not None and sent + len(data) > limit:
                writer.write(data[: limit - sent])
                await writer.drain()
                await asyncio.sleep(0.05)  # let it arrive: a reset throws away what the peer has not read
                if fault.reset_response is not None:
                    reset(writer)
                raise Hangup
            sent += len(data)
            request.sent = sent
            writer.write(framing)
            await writer.drain()
        if fault.drop_response:
            reset(writer)
            raise Hangup
        await writer.drain()


async def body_of(head: Head, reader: asyncio.StreamReader, empty: bool = False) -> Any:
    """(data, the same as it was framed) piece by piece."""
    length = head.get("content-length")
    if empty:
        return
    if (head.get("transfer-encoding") or "").lower() == "chunked":
        while True:
            line = await reader.readuntil(b"\r\n")
            size = int(line.split(b";")[0], 16)
            data = await reader.readexactly(size + 2)
            yield data[:-2], line + data
            if not size:
                return
    left = int(length or 0)
    while left:
        data = await reader.read(min(BLOCK, left))
        if not data:
            raise Hangup
        left -= len(data)
        yield data, data


def reset(*writers: asyncio.StreamWriter) -> None:
    """RST."""
    for writer in writers:
        with contextlib.suppress(OSError, AttributeError):
            raw = writer.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()
