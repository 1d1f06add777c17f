"""The order of what is asked of one handle."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from swftp import errors
from swftp.outcomes import Status, outcome
from swftp.paths import resolve
from swftp.sftp.handles import FileHandle, Handle, Outcome, Work
from swftp.sftp.wire import Packet, Reply
from tests.sftp.client import Heard


class Desk:
    """The server's side of a handle: writes down replies, gives turns at once."""

    def __init__(self) -> None:
        self.may_send = True
        self.replies: list[object] = []
        self.open = self.bytes = 0
        self._turns: list[Handle] = []
        self._busy = False

    def put(self, *parts: bytes | memoryview) -> None:
        """See `IReplies`."""
        raw = b"".join(parts)
        heard = Heard(Packet(raw[4]), int.from_bytes(raw[5:9], "big"), raw[9:])
        self.replies.append((heard.request, heard.data if heard.kind is Packet.DATA else heard.code))

    def answer(self, request: int, ended: Outcome) -> None:
        """See `IReplies`."""
        if isinstance(ended, BaseException):
            self.replies.append((request, outcome(ended).sftp))
        else:
            self.replies.append((request, Status.OK if ended is None else ended.payload))

    def attend(self, work: Work, then: Callable[[Outcome], None]) -> None:
        """See `IReplies`."""

        async def attended() -> None:
            try:
                result: Outcome = await work
            except errors.StorageError as error:
                result = error
            then(result)
            self.turn()

        Deferred.fromCoroutine(attended())

    def schedule(self, handle: Handle) -> None:
        """See `IReplies`."""
        self._turns.append(handle)

    def turn(self) -> None:
        """See `IReplies`."""
        if self._busy:
            return
        self._busy = True
        while self._turns:
            handle = self._turns.pop(0)
            while handle.step():
                pass
        self._busy = False

    def begun(self, size: int = 0) -> None:
        """See `IReplies`."""
        self.open += 1
        self.bytes += size

    def done(self, size: int = 0) -> None:
        """See `IReplies`."""
        self.open -= 1
        self.bytes -= size


class ScriptedFile:
    """An open file that is slow when told to be; what it is told is in `log`."""

    def __init__(self, content: bytes = b"") -> None:
        self.content = bytearray(content)
        self.log: list[object] = []
        self.slow: list[Deferred[None]] | None = None
        self.here = True
        self.closing: Deferred[None] | None = None

    def read(self, offset: int, length: int) -> bytes | None:
        """See `swftp.session.Reader`."""
        if "lost" in self.log:
            raise errors.Interrupted()
        return bytes(self.content[offset : offset + length]) if self.here else None

    def write(self, offset: int, parts: list[memoryview], size: int) -> Deferred[None] | None:
        """See `swftp.session.Writer`."""
        if offset > 1000:
            raise errors.TooLarge()
        self.log.append(offset)
        self.content[offset : offset + size] = b"".join(parts)
        if self.slow is None:
            return None
        self.slow.append(Deferred())
        return self.slow[-1]

    def lost(self) -> None:
        """See `swftp.session.Writer`."""
        self.log.append("lost")


class HandleTestCase(SynchronousTestCase):
    """One handle of one file."""

    def setUp(self) -> None:
        """Open it."""
        self.desk = Desk()
        self.file = ScriptedFile(b"0123456789")
        self.handle = self.make_handle("/box/a", self.file)

    def make_handle(self, path: str, file: ScriptedFile) -> FileHandle:
        """A handle to read and write *file*."""
        handle = FileHandle(self.desk, resolve(path), readable=True, writable=True)
        handle.writer = file  # type: ignore[assignment]
        return handle

    def write(self, request: int, offset: int, data: bytes) -> None:
        """Ask for a WRITE."""
        self.handle.write(request, offset, [memoryview(data)], len(data))
        self.desk.turn()

    def read(self, request: int, offset: int = 0, length: int = 4) -> None:
        """Ask for a READ."""
        self.handle.read(request, offset, length)
        self.desk.turn()

    def do(self, request: int, what: str, *others: Handle) -> None:
        """Ask for something that is written down when it takes effect."""

        async def work() -> Reply | None:
            self.file.log.append(what)
            return None

        self.handle.task(request, work, *others)
        self.desk.turn()

    def replied(self) -> list[object]:
        """The numbers of the requests answered."""
        return [reply[0] for reply in self.desk.replies]  # type: ignore[index]


class OrderTests(HandleTestCase):
    """Effects and replies come in the order of the requests."""

    def test_writes_are_taken_before_earlier_ones_are_answered(self) -> None:
        """A pipelined upload does not wait for replies; the replies come in order all the same."""
        self.file.slow = []
        for number in (1, 2, 3):
            self.write(number, number, b"x")
        self.assertEqual(self.file.log, [1, 2, 3])
        self.file.slow[1].callback(None)
        self.assertEqual(self.replied(), [])
        self.file.slow[0].callback(None)
        self.assertEqual(self.replied(), [1, 2])
        self.file.slow[2].callback(None)
        self.assertEqual(self.replied(), [1, 2, 3])
        self.assertEqual((self.desk.open, self.desk.bytes), (0, 0))

    def test_quick_write_after_slow_one(self) -> None:
        """A WRITE with room at once is not answered before one that waits for it."""
        self.file.slow = []
        self.write(1, 0, b"x")
        slow, self.file.slow = self.file.slow, None
        self.write(2, 1, b"x")
        self.assertEqual(self.replied(), [])
        slow[0].callback(None)
        self.assertEqual(self.replied(), [1, 2])

    def test_read_sees_the_write_before_it(self) -> None:
        """READ after WRITE sees its bytes; WRITE after a waiting READ does not change what it reads."""
        self.write(1, 0, b"abcd")
        self.file.here = False
        self.read(2)
        self.write(3, 0, b"WXYZ")
        self.assertEqual(self.replied(), [1])
        self.file.here = True
        self.handle.wake()
        self.assertEqual(self.desk.replies, [(1, Status.OK), (2, b"abcd"), (3, Status.OK)])
        self.assertEqual(self.file.content[:4], b"WXYZ")
        self.file.slow = []
        self.write(4, 4, b"x")
        self.assertFalse(self.handle.behind)  # all that was asked has begun

    def test_task_waits_for_writes(self) -> None:
        """FSTAT and the like take effect after the WRITEs before them, and before those after them."""
        self.file.slow = []
        self.write(1, 1, b"x")
        self.do(2, "stat")
        self.write(3, 2, b"x")
        self.assertEqual(self.file.log, [1])
        self.file.slow[0].callback(None)
        self.assertEqual(self.file.log, [1, "stat", 2])
        self.assertEqual(self.replied(), [1, 2])
        self.file.slow[1].callback(None)
        self.assertEqual(self.replied(), [1, 2, 3])

    def test_task_begins_at_once(self) -> None:
        """With nothing before it, it has taken effect before the next request is looked at."""

        async def work() -> None:
            self.file.log.append("done")

        self.handle.task(1, work)
        self.assertEqual((self.file.log, self.replied()), (["done"], [1]))
        self.handle.task(2, work, bulky=True)
        self.assertEqual(self.replied(), [1])
        self.desk.turn()
        self.assertEqual(self.replied(), [1, 2])

    def test_task_on_two_handles(self) -> None:
        """It takes effect after what came before on either, and holds up what comes after on both."""
        other = self.make_handle("/box/b", ScriptedFile(b"abcd"))
        self.file.slow = []
        self.write(1, 1, b"x")
        self.do(2, "both", other)
        other.read(3, 0, 4)
        self.desk.turn()
        self.assertEqual(self.replied(), [])
        self.file.slow[0].callback(None)
        self.assertEqual(self.replied(), [1, 2, 3])

    def test_crossed_tasks(self) -> None:
        """Two tasks that name two handles in opposite order both get done."""
        other = self.make_handle("/box/b", ScriptedFile())
        self.file.here = False
        self.read(1)
        self.do(2, "there", other)
        mine, self.handle = self.handle, other
        self.do(3, "back", mine)
        self.file.here = True
        mine.wake()
        self.assertEqual(self.replied(), [1, 2, 3])
        self.assertEqual(self.desk.open, 0)

    def test_reads_of_a_slow_client_wait(self) -> None:
        """While the client does not read nothing is read from the file."""
        self.desk.may_send = False
        self.handle.read(1, 0, 4)
        self.assertEqual(self.desk.replies, [])
        self.desk.turn()
        self.assertEqual(self.desk.replies, [(1, b"0123")])

    def test_end_of_file(self) -> None:
        """READ at the end, and READ of nothing, are answered with EOF."""
        self.read(1, 10)
        self.read(2, 0, 0)
        self.assertEqual(self.desk.replies, [(1, Status.EOF), (2, Status.EOF)])


class CloseTests(HandleTestCase):
    """CLOSE, of a file that is written."""

    def close(self, request: int) -> Deferred[None]:
        """Ask for a CLOSE, which ends when the Deferred does."""
        closing: Deferred[None] = Deferred()

        async def work() -> None:
            self.file.log.append("close")
            await closing

        self.handle.close(request, work)
        self.desk.turn()
        return closing

    def test_close_begins_with_writes_pending(self) -> None:
        """The commit begins when CLOSE comes, so a later request for that path finds it begun; replies keep order."""
        self.file.slow = []
        self.write(1, 1, b"x")
        closing = self.close(2)
        self.assertEqual(self.file.log, [1, "close"])
        closing.callback(None)
        self.assertEqual(self.replied(), [])
        self.file.slow[0].callback(None)
        self.assertEqual(self.replied(), [1, 2])

    def test_close_waits_for_what_is_not_taken(self) -> None:
        """A CLOSE behind a task waits for it, and for the WRITEs behind that."""
        self.file.here = False
        self.read(1)
        self.write(2, 5, b"x")
        self.close(3).callback(None)
        self.assertEqual(self.file.log, [])
        self.file.here = True
        self.handle.wake()
        self.assertEqual(self.file.log, [5, "close"])
        self.assertEqual(self.replied(), [1, 2, 3])


class FailureTests(HandleTestCase):
    """A WRITE that failed."""

    def test_later_writes_fail(self) -> None:
        """After one error no more bytes are taken, and it is told again."""
        self.write(1, 2000, b"x")
        self.write(2, 1, b"x")
        self.assertEqual(self.desk.replies, [(1, Status.FAILURE), (2, Status.FAILURE)])
        self.assertEqual(self.file.log, [])
        self.assertIsInstance(self.handle.error, errors.TooLarge)

    def test_error_found_late(self) -> None:
        """An error in the waiting for room is that WRITE's reply, and the handle's for good."""
        self.file.slow = []
        self.write(1, 1, b"x")
        self.write(2, 2, b"x")
        self.file.slow[0].errback(errors.QuotaExceeded())
        self.assertEqual(self.desk.replies, [(1, Status.FAILURE)])  # at once, whether more is asked or not
        self.file.slow[1].callback(None)
        self.write(3, 3, b"x")
        self.assertEqual(self.desk.replies, [(1, Status.FAILURE), (2, Status.OK), (3, Status.FAILURE)])
        self.assertEqual(self.file.log, [1, 2])

    def test_reading_goes_on(self) -> None:
        """What can be read can still be read."""
        self.write(1, 2000, b"x")
        self.read(2)
        self.assertEqual(self.desk.replies[1], (2, b"0123"))


class TaskIOTests(HandleTestCase):
    """What a task at the head of the queue does with bytes."""

    def store(self, offset: int) -> Deferred[None]:
        """Write a byte."""
        return Deferred.fromCoroutine(self.handle.store(offset, b"x"))

    def test_fetch_waits_for_bytes(self) -> None:
        """Until the file says that it is worth asking again."""
        self.file.here = False
        fetching = Deferred.fromCoroutine(self.handle.fetch(2, 3))
        self.handle.wake()
        self.assertNoResult(fetching)
        self.file.here = True
        self.handle.wake()
        self.assertEqual(self.successResultOf(fetching), b"234")

    def test_fetch_ends_with_the_client(self) -> None:
        """Nobody waits for bytes that will never come."""
        self.file.here = False
        fetching = Deferred.fromCoroutine(self.handle.fetch(2, 3))
        self.handle.abandon()
        self.failureResultOf(fetching, errors.Interrupted)

    def test_store_waits_for_room(self) -> None:
        """The task goes on when there is room for more."""
        self.file.slow = []
        storing = self.store(3)
        self.assertEqual(self.file.log, [3])
        self.assertNoResult(storing)
        self.file.slow[0].callback(None)
        self.successResultOf(storing)

    def test_store_fails(self) -> None:
        """At once or in the waiting for room: that is the handle's for good."""
        self.failureResultOf(self.store(2000), errors.TooLarge)
        self.failureResultOf(self.store(1), errors.TooLarge)
        self.handle = self.make_handle("/box/b", self.file)
        self.file.slow = []
        storing = self.store(3)
        self.file.slow[0].errback(errors.QuotaExceeded())
        self.failureResultOf(storing, errors.QuotaExceeded)
        self.failureResultOf(self.store(1), errors.QuotaExceeded)
        self.assertEqual(self.file.log, [3])


class AbandonTests(HandleTestCase):
    """A client that is gone."""

    def test_nothing_more_is_done(self) -> None:
        """What waits is forgotten; what ends late is heard by nobody; the file is told that it is lost."""
        self.file.slow = []
        self.write(1, 1, b"x")
        self.do(2, "stat")
        self.handle.abandon()
        self.file.slow[0].callback(None)
        self.handle.wake()
        self.assertEqual((self.desk.replies, self.file.log), ([], [1, "lost"]))
