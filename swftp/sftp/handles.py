"""
What an open handle stands for, and the order of what is asked of it.

The law here: requests on one handle take effect, and are answered, in the order they came.  A WRITE may be taken
before the replies of earlier WRITEs are due, for its bytes are then in order too; everything else waits its turn.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from swftp import errors
from swftp.entries import Entry
from swftp.outcomes import Status
from swftp.paths import Path
from swftp.session import Reader, Writer
from swftp.session.bell import Bell, fetch
from swftp.sftp.wire import Reply, data_head, ok, status

Outcome = Reply | None | BaseException
"""How a request ended: a reply, plain success, or an error."""
Work = Coroutine[Any, Any, Reply | None]


class IReplies(Protocol):
    """The server, as its handles see it."""

    @property
    def may_send(self) -> bool:
        """Whether data may be sent at once: the client keeps up, and nobody waits for a turn."""

    def put(self, *parts: bytes | memoryview) -> None:
        """Send."""

    def answer(self, request: int, outcome: Outcome) -> None:
        """Send the one reply to *request*."""

    def attend(self, work: Work, then: Callable[[Outcome], None]) -> None:
        """Run *work*, tell *then* how it ended."""

    def schedule(self, handle: Handle) -> None:
        """Let *handle* `Handle.step` when its turn comes."""

    def turn(self) -> None:
        """Give scheduled handles their turns, unless that is being done already."""

    def begun(self, size: int = 0) -> None:
        """A request that will be answered later, with *size* bytes of data, was accepted."""

    def done(self, size: int = 0) -> None:
        """It is answered."""


class ITwin(Protocol):
    """The content of another object, which a file is to have; see `swftp.sftp.copying`."""

    size: int

    async def fill(self) -> None:
        """Write it into the file now."""

    async def commit(self) -> None:
        """Let the store copy it: that is the file's CLOSE."""


class _Read:
    __slots__ = ("length", "offset", "request")

    def __init__(self, request: int, offset: int, length: int) -> None:
        self.request = request
        self.offset = offset
        self.length = length


class _Write:
    """A WRITE whose reply is not due, or whose turn to be taken has not come (`parts` are there still)."""

    __slots__ = ("offset", "outcome", "parts", "request", "settled", "size")

    def __init__(self, request: int, offset: int, parts: list[memoryview] | None, size: int) -> None:
        self.request = request
        self.offset = offset
        self.parts = parts
        self.size = size
        self.settled = False
        self.outcome: BaseException | None = None


class _Task:
    """A request that is `async def`; it starts when it has come to the head of all its handles' queues."""

    __slots__ = ("handles", "outcome", "request", "settled", "started", "work")

    def __init__(self, request: int | None, work: Callable[[], Work], handles: tuple[Handle, ...]) -> None:
        self.request = request
        self.work = work
        self.handles = handles
        self.started = False
        self.settled = False
        self.outcome: Outcome = None


class Handle:
    """
    A queue of requests, and what they are about.

    :ivar scheduled: whether it waits for a turn; the server's business.
    """

    __slots__ = ("_blocking", "_queue", "_server", "scheduled")

    def __init__(self, server: IReplies) -> None:
        self._server = server
        self._queue: deque[_Read | _Write | _Task] = deque()
        self._blocking = 0
        """Requests in the queue that hold up WRITEs behind them: all but WRITEs already taken."""
        self.scheduled = False

    @property
    def behind(self) -> bool:
        """Whether something that was asked of it has yet to begin."""
        if not self._blocking:
            return False
        last = self._queue[-1]
        return not (isinstance(last, _Task) and last.started)

    def abandon(self) -> None:
        """The client is gone: answer nothing any more, give up what is open."""
        self._queue.clear()

    def end(self) -> None:
        """It is closed, all that was asked of it is answered."""

    def wake(self) -> None:
        """Whatever the head of the queue waits for may have come."""
        self._server.schedule(self)
        self._server.turn()

    def task(self, request: int | None, work: Callable[[], Work], *others: Handle, bulky: bool = False) -> _Task:
        """
        Do *work* after everything that was asked before of this handle and of *others*.

        It begins at once if there is nothing before it, so that a later request for the same path finds it begun.

        :param request: None: nobody asked for it, so nobody is answered.
        :param bulky: its reply is long; it is not begun before the client takes what it has asked for.
        """
        handles = tuple(dict.fromkeys((self, *others)))
        task = _Task(request, work, handles)
        self._server.begun()
        for handle in handles:
            handle._queue.append(task)
            handle._blocking += 1
        if bulky:
            self._server.schedule(self)
        else:
            self._step_task(task)
        return task

    def step(self) -> bool:
        """Deal with the head of the queue; returns whether it is worth coming back at once."""
        if not self._queue:
            return False
        head = self._queue[0]
        if isinstance(head, _Task):
            return self._step_task(head)
        return self._step_io(head)

    def _step_io(self, head: _Read | _Write) -> bool:
        raise NotImplementedError

    def _step_task(self, task: _Task) -> bool:
        if not task.started:
            if any(handle._queue[0] is not task for handle in task.handles):
                return False
            self._start(task)
        if not task.settled or not self._queue:
            return False
        for handle in task.handles:
            handle._queue.popleft()
            handle._blocking -= 1
            if handle is not self:
                self._server.schedule(handle)
        self._server.done()
        if task.request is not None:
            self._server.answer(task.request, task.outcome)
        return bool(self._queue)

    def _start(self, task: _Task) -> None:
        def settle(outcome: Outcome) -> None:
            task.settled = True
            task.outcome = outcome
            self._server.schedule(self)

        task.started = True
        self._server.attend(task.work(), settle)


class FileHandle(Handle):
    """
    An open file; `reader` or `writer` is set once the session has opened it.

    :ivar error: why a WRITE failed; from then on this handle takes no bytes, and its CLOSE commits nothing.
    :ivar blank: whether it was opened to be written anew, and nothing else.
    :ivar twin: what it is to hold, if that is not written into it yet.
    """

    __slots__ = ("_bell", "_path", "blank", "error", "readable", "reader", "twin", "writable", "writer")

    def __init__(self, server: IReplies, path: Path, *, readable: bool, writable: bool) -> None:
        super().__init__(server)
        self._bell = Bell()
        self._path = path
        self.readable = readable
        self.writable = writable
        self.error: BaseException | None = None
        self.blank = False
        self.twin: ITwin | None = None
        self.reader: Reader | None = None
        self.writer: Writer | None = None

    @property
    def path(self) -> Path:
        """Where the client finds what is open: renames take it along."""
        file = self.writer or self.reader
        return self._path if file is None else file.shown

    @property
    def file(self) -> Reader | Writer:
        """
        Whatever is open.

        :raises Interrupted: nothing is, yet or any more.
        """
        file = self.writer or self.reader
        if file is None:
            raise errors.Interrupted()
        return file

    async def confirm(self) -> Entry:
        """What is open, to be told: of a file being read, nothing else will be read from now on."""
        return await self.reader.confirm() if self.reader is not None else self.file.entry

    def abandon(self) -> None:
        """See `Handle.abandon`; what was not closed is not committed."""
        super().abandon()
        if self.writer is not None:
            self.writer.lost()
        if self.reader is not None:
            self.reader.close()
        self.twin = None
        self._bell.ring()

    def wake(self) -> None:
        """See `Handle.wake`."""
        self._bell.ring()
        super().wake()

    async def fetch(self, offset: int, length: int) -> bytes | memoryview:
        """For a task at the head of the queue: at most *length* bytes at *offset*, ``b""`` at the end of the file."""
        if not self.readable:
            raise errors.PermissionDenied("not open for reading")
        return await fetch(self.file, self._bell, offset, length)

    async def fill(self) -> None:
        """Hold in bytes what is to be held, before any of it is changed; an error is the handle's for good."""
        twin, self.twin = self.twin, None
        if twin is not None:
            try:
                await twin.fill()
            except Exception as error:
                self.error = self.error or error
                raise

    async def store(self, offset: int, data: bytes | memoryview) -> None:
        """For a task at the head of the queue: write *data*; returns when there is room for more."""
        wait = self._take(offset, [memoryview(data)], len(data))
        if isinstance(wait, Deferred):
            try:
                await wait
            except Exception as error:
                self.error = error
                raise
        elif wait is not None:
            raise wait

    def read(self, request: int, offset: int, length: int) -> None:
        """Serve a READ, now or when its turn comes."""
        if self._queue or not self._server.may_send:
            self._push(_Read(request, offset, length), 0)
            if len(self._queue) == 1:
                self._server.schedule(self)
        elif not self._serve(request, offset, length):
            self._push(_Read(request, offset, length), 0)

    def write(self, request: int, offset: int, parts: list[memoryview], size: int) -> None:
        """Take a WRITE, now or when its turn comes."""
        if self.twin is not None:
            self.task(None, self.fill)
        if self._blocking:
            self._push(_Write(request, offset, parts, size), size)
            return
        wait = self._take(offset, parts, size)
        if wait is None and not self._queue:
            self._server.put(ok(request))
            return
        item = _Write(request, offset, None, size)
        self._queue.append(item)
        self._server.begun(size)
        self._await(item, wait)

    def close(self, request: int, work: Callable[[], Work]) -> None:
        """
        As `task`; but if all before it are WRITEs already taken *work* starts now.

        So the commit is under way, and in order, before a later request on the same path is looked at.
        """
        at_once = not self._blocking
        task = self.task(request, work)
        if at_once and not task.started:
            self._start(task)

    def _push(self, item: _Read | _Write, size: int) -> None:
        self._queue.append(item)
        self._blocking += 1
        self._server.begun(size)

    def _serve(self, request: int, offset: int, length: int) -> bool:
        """Answer a READ; False if its bytes are not there yet."""
        try:
            if not self.readable:
                raise errors.PermissionDenied("not open for reading")
            data = self.file.read(offset, length) if length else b""
        except Exception as error:
            self._server.answer(request, error)
            return True
        if data is None:
            return False
        if data:
            self._server.put(data_head(request, len(data)), data)
        else:
            self._server.put(status(request, Status.EOF, "End of file"))
        return True

    def _take(self, offset: int, parts: list[memoryview], size: int) -> Deferred[None] | BaseException | None:
        """Give bytes to the file; an error is the handle's for good."""
        if self.error is not None:
            return self.error
        if not self.writable or self.writer is None:
            return errors.PermissionDenied("not open for writing")
        try:
            return self.writer.write(offset, parts, size)
        except Exception as error:
            self.error = error
            return error

    def _await(self, item: _Write, wait: Deferred[None] | BaseException | None) -> None:
        if isinstance(wait, Deferred):
            wait.addCallbacks(self._written, self._failed, callbackArgs=(item,), errbackArgs=(item,))
        else:
            item.outcome = wait
            item.settled = True
            self._server.schedule(self)

    def _written(self, _: object, item: _Write) -> None:
        item.settled = True
        self.wake()

    def _failed(self, failure: Failure, item: _Write) -> None:
        self.error = item.outcome = self.error or failure.value
        item.settled = True
        self.wake()

    def _step_io(self, head: _Read | _Write) -> bool:
        if isinstance(head, _Read):
            if not self._serve(head.request, head.offset, head.length):
                return False
            self._blocking -= 1
            return self._pop(0)
        if head.parts is not None:
            parts, head.parts = head.parts, None
            self._blocking -= 1
            self._await(head, self._take(head.offset, parts, head.size))
        if not head.settled:
            return False
        self._server.answer(head.request, head.outcome)
        return self._pop(head.size)

    def _pop(self, size: int) -> bool:
        if self._queue:  # else the client went away as we answered
            self._queue.popleft()
        self._server.done(size)
        return bool(self._queue)
