"""
A file being written: bytes at any offset, in memory or staged, until CLOSE makes them an object.

The law: nothing is seen before `Upload.close` has published all of it; `Upload.lost` publishes nothing, unless
CLOSE was said before.  After the first error every call reports it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext

from twisted.internet.defer import Deferred

from swftp import errors
from swftp.entries import UNSEEN, Attributes, Entry, Kind
from swftp.paths import Path
from swftp.transfer.brake import Brake
from swftp.transfer.budget import LEAST_GRANT, LEAST_PART
from swftp.transfer.commit import Sure, commit
from swftp.transfer.engine import Engine, nobody_waits
from swftp.transfer.extents import ITEM_COST, Extents, Remote, lean
from swftp.transfer.front import BLOCK, Front, owned
from swftp.transfer.phase import CHANGEABLE, TRANSITIONS, Phase
from swftp.transfer.rereading import Rereader
from swftp.transfer.staging import Segment, Stager
from swftp.transfer.streaming import Stream, flows
from swftp.transfer.target import Target
from swftp.transfer.told import Told

NO_ERROR: errors.StorageError | None = None
Turn = Callable[[], AbstractAsyncContextManager[object]]


class Upload:
    """
    One open file.

    :ivar path: where it goes, and where `base` stands.
    :ivar loaded: whether bytes of `base` were brought into memory.
    :ivar table: what it consists of.
    :ivar told: what the client set so far.
    :ivar ready: called when a `read` that gave None is worth repeating.
    :ivar received: bytes written by the client.
    :ivar idle_since: seconds of the clock when the client last used it, or was let go on.
    """

    def __init__(
        self,
        engine: Engine,
        target: Target,
        attributes: Attributes,
        *,
        ready: Callable[[], None] = nobody_waits,
        replaces: Callable[[], Entry | None] = lambda: UNSEEN,
    ) -> None:
        """
        :param replaces: what is known at CLOSE of what stands at the path; see `IStorage.store`.
        """
        self.engine = engine
        self.path = target.path
        self.base = target.base
        self.exclusive, self.absent, self._append = target.exclusive, target.absent, target.append
        self.told = Told(attributes)
        self.replaces = replaces
        self.ready = ready
        self.phase = Phase.RECEIVING
        self.error = self._doom = NO_ERROR
        self.received, self.loaded = 0, False
        self.changed = target.base is None
        self.idle_since = engine.clock.seconds()
        self.table = Extents()
        if target.base is not None and target.base.size:
            self.table.put(0, (Remote(target.base, 0, target.base.size),))
        self.share = engine.budget.join(self, engine.group)
        self.share.take(self.table.cost)
        self.part_size = engine.part_size
        self.front = Front(self.table, engine.offload, self.part_size, pinned=target.base is None)
        composes = engine.composes
        self.stager = Stager(engine, composes, self.share, self._staged) if composes is not None else None
        self.stream: Stream | None = None
        self.brake = Brake(self.share, self._cap())
        self._barren: dict[int, int] = {}  # length of run -> bytes in memory below which none will be found
        self._holes = 0  # bytes of holes there may be at most
        self._rereader = Rereader(self)

    def _cap(self) -> int:
        """Bytes of memory that this file may take."""
        limits = self.engine.limits
        return max((limits.in_flight + 1) * self.part_size, self.part_size + 2 * limits.reorder_window)

    @property
    def entry(self) -> Entry:
        """The file as its own handle sees it."""
        mtime, mode = self.told.attributes.mtime, self.told.attributes.mode
        if mtime is None:
            mtime = self.base.mtime if self.base is not None and not self.changed else self.engine.wall()
        if mode is None and self.base is not None:
            mode = self.base.mode
        return Entry(name=self.path.name, kind=Kind.FILE, size=self.table.size, mtime=mtime, mode=mode)

    @property
    def alive(self) -> bool:
        """Whether it may yet become an object."""
        return self.phase in (*CHANGEABLE, Phase.COMMITTING)

    def _advance(self, event: str) -> None:
        self.phase = TRANSITIONS[self.phase][event]

    def _check(self, *phases: Phase) -> None:
        if self.error is not None:
            raise self.error
        if self.phase not in (phases or (Phase.RECEIVING,)):
            raise errors.InvalidRequest("file is closed")

    def write(self, offset: int, parts: Sequence[bytes | memoryview], size: int) -> Deferred[None] | None:
        """
        Take *parts*, *size* bytes together, as the content at *offset*.

        :return: None, or a Deferred that fires when there is room for more, and fails if the file fails before.
        :raises StorageError: they were not taken, and the file has failed.
        """
        self._check()
        if not size:
            return None
        table, cost = self.table, self.table.cost
        if self._append:
            offset = table.size
        try:
            if self.stream is not None:
                self.stream.check(offset)
            if offset == table.size:
                table.append(owned(parts, size), size)
            else:
                self._place(offset, parts, size)
            self._touched()
            self.received += size
            self.front.wrote(offset, offset + size)
            room = self._charge(table.cost - cost)
            self._drain()
        except errors.StorageError as error:
            self._fail(error)
            raise
        room = room or self.share.allowance > 0  # its turn came with what that gave back
        if room and self.share.held <= self.brake.cap and flows(self.stream):
            return None
        return self.brake.wait(room)

    def _touched(self) -> None:
        self.changed = True
        if self.told.timed:
            self.told.outdated()
        self.idle_since = self.engine.clock.seconds()

    def _charge(self, count: int) -> bool:
        """The table takes *count* bytes more, or less; False: the client has to wait."""
        if count > 0:
            return self.share.take(count)
        self.share.give(-count)
        return True

    def _place(self, offset: int, parts: Sequence[bytes | memoryview], size: int) -> None:
        """A write elsewhere than at the end."""
        self._stretch(offset)
        self.table.put(offset, owned(parts, size))

    def _stretch(self, offset: int) -> None:
        """The file gets a hole where it ends before *offset*."""
        hole, most = max(0, offset - self.table.size), self.engine.limits.sparse
        self._holes += hole
        if self._holes > most:  # by now most of them are filled: pipelined writes need not come in order
            self._holes = hole + sum(run.length for run in self.table.runs() if run.hole)
        if self._holes > most:
            raise errors.TooLarge("too many bytes were left out")

    def granted(self) -> None:
        """See `swftp.transfer.budget.Member`."""
        if self.brake.ease(flows(self.stream)):
            self.idle_since = self.engine.clock.seconds()

    def _drain(self) -> None:
        """Send what is complete."""
        if self.stream is not None:
            self.stream.feed()
        elif self.table.size > self.part_size and self.table.memory >= self.part_size:
            if self.stager is None:
                self.stream = Stream.start(self)  # or None: not while the first bytes are still missing
            else:
                self._cut_segment(self.stager)
        if self.share.held > self.brake.cap and not self.share.leaving:
            self._make_room()

    def _cut_segment(self, stager: Stager) -> None:
        front = self.front
        while front.full and stager.busy < self.engine.limits.in_flight:
            self._cut(stager, front.start, front.folded)
        if self.table.memory >= 2 * self.part_size:
            self.shrink(self.part_size)

    def _make_room(self) -> None:
        """The file takes more memory than it may, and nothing of that is on its way: nothing else would free any."""
        cost = self.table.cost
        self.table.compact(BLOCK)
        self.share.give(cost - self.table.cost)
        self._barren.clear()
        if self.share.held > self.brake.cap * 3 // 4 and not self.shrink(LEAST_PART):
            raise errors.TooLarge("too many scattered changes")

    def _cut(self, stager: Stager, start: int, end: int) -> int:
        """Stage ``[start, end)``, which is in memory; returns the bytes that this will set free."""
        cost = self.table.cost
        running = self.front.digest(start, end)
        segment = Segment(self.table.blocks(start, end))
        self.table.put(start, (Remote(segment, 0, segment.length),))
        self.front.hashed = self.front.hashed and stager.hashes
        if start <= self.front.end and end >= self.front.start:
            self.front.move(end)
        cost -= self.table.cost  # and what it costs less, or more, that what follows was joined
        self._barren.clear()
        self.brake.cap += ITEM_COST  # it stays in the table: a file of many segments has no less room for what comes
        stager.send(self.path, segment, cost, running)
        return cost

    def shrink(self, least: int) -> int:
        """See `swftp.transfer.budget.Member`: stage the longest run there is."""
        if self.stager is None:
            return Stream.relieve(self, least)
        busy = self.phase is not Phase.RECEIVING or self.stager.busy >= self.engine.limits.in_flight
        if busy or self.table.memory < self._barren.get(least, least):
            return 0
        longest = max((run for run in self.table.runs() if run.in_memory), key=lambda run: run.length, default=None)
        if longest is None or longest.length < least:
            self._barren[least] = self.table.memory + max(least // 4, LEAST_GRANT)
            return 0
        return self._cut(self.stager, longest.start, min(longest.end, longest.start + self.part_size))

    def hold(self, offset: int, data: memoryview) -> None:
        """Keep *data* in memory, which is what the file has at *offset* already."""
        cost = self.table.cost
        self.table.put(offset, (lean(data),))
        self._charge(self.table.cost - cost)

    def tick(self, now: float) -> None:
        """See `swftp.transfer.budget.Member`."""
        idle = self.stager is not None and now - self.idle_since >= self.engine.limits.stall
        if idle and self.table.memory >= LEAST_PART:
            self.shrink(LEAST_PART)

    def starve(self) -> None:
        """See `swftp.transfer.budget.Member`."""
        if self.phase is Phase.RECEIVING:
            self._fail(errors.Busy("out of memory for transfers"))

    def _staged(self) -> None:
        if self.phase is Phase.RECEIVING and self.stager is not None and self.stager.error is not None:
            self._fail(self.stager.error)
        else:
            self._departed()

    def streamed(self, count: int) -> None:
        """*count* bytes left memory for the stream."""
        self.share.give(count, departed=True)
        self._departed()

    def _departed(self) -> None:
        """What was on its way has left: send what follows, and let the client go on."""
        if self.phase is not Phase.RECEIVING:
            return
        try:
            self._drain()
        except errors.StorageError as error:
            self._fail(error)
        self.granted()

    def refused(self, error: errors.StorageError) -> None:
        """Nothing can become of the file any more, unless it is being stored this moment."""
        if self.phase is Phase.RECEIVING:
            self._fail(error)
        else:
            self._doom = error

    def read(self, offset: int, length: int) -> bytes | memoryview | None:
        """
        What the file would hold if it were closed now: *length* bytes at *offset*, less only at its end.

        :return: None where the bytes have to be fetched first; `ready` will be called.
        :raises StorageError: they cannot be had; the file has not failed.
        """
        self._check()
        self.idle_since = self.engine.clock.seconds()
        return self._rereader.read(offset, length)

    def set(self, attributes: Attributes) -> None:
        """Give the object *attributes* when it is stored; costs no request of its own."""
        self._check(*CHANGEABLE)
        self.told.set(attributes)

    async def truncate(self, size: int) -> None:
        """Make the file *size* bytes long; what is new reads as zeros."""
        self._check(*CHANGEABLE)
        if size == self.table.size:
            return
        try:
            if self.stream is not None:
                raise errors.Unsupported("cannot change the length of what is on its way")
            self._stretch(size)
        except errors.StorageError as error:
            if self.phase is Phase.RECEIVING:
                self._fail(error)
            raise
        cost = self.table.cost
        self.table.truncate(size)
        self.front.truncated()
        self._touched()
        self.share.give(cost - self.table.cost)

    async def sync(self) -> None:
        """Wait until all that is on its way to the store has got there; the file exists once it is closed."""
        self._check()
        if self.stager is not None:
            await self.stager.room(1)
        self._check()
        self.idle_since = self.engine.clock.seconds()

    async def close(
        self, turn: Turn = nullcontext, stored: Callable[[Entry], None] | None = None, sure: Sure = None
    ) -> Entry:
        """
        Make what was written the content of `path`.

        :param sure: fires when it is certain that the client means that, and fails if not; the last step waits.
        :param turn: makes the context within which the object may change; called once it is certain that it will.
        :param stored: told within that context what the object is now.
        :raises StorageError: the object is what it was before, or, where it is `StateUnknown`, perhaps not.
        """
        self._check()
        self._advance("close")
        self._rereader.close()
        place = turn()
        self.brake.release()
        try:
            async with place:
                return await self._commit(stored, sure)
        except errors.StorageError as error:
            self._fail(error)
            raise
        except BaseException:
            self._fail(errors.Unavailable("internal error"))
            raise

    async def _commit(self, stored: Callable[[Entry], None] | None, sure: Sure) -> Entry:
        if self._doom is not None:
            raise self._doom
        self._advance("turn")
        entry = await commit(self, sure)
        self._advance("stored")
        self.table.forget()  # now: whoever keeps this object shall not keep the bytes until they are collected
        self._let_go()
        if stored is not None:
            stored(entry)
        return entry

    def move(self, path: Path, *, exclusive: bool) -> None:
        """
        The file was renamed, and with it what it began with, if that still was there: its version says so.

        :param exclusive: whether it may not have replaced anything; that of its OPEN was about the old name.
        """
        self.exclusive = self.exclusive and (exclusive or path == self.path)
        self.path = path
        if self.stream is not None:
            self.refused(errors.Unsupported("file was renamed while it was on its way"))

    def lost(self) -> None:
        """The client is gone: publish nothing, unless he had closed the file."""
        if self.phase is Phase.RECEIVING:
            self._fail(errors.Interrupted(), "lost")
        else:
            self._advance("lost")

    def _fail(self, error: errors.StorageError, event: str = "refused") -> None:
        self._advance(event)
        if self.error is not None:
            return
        self.error = error
        self._rereader.close()
        if self.stream is not None:
            self.stream.abort(error)
        if self.stager is not None:
            self.stager.abort()
        self.table.forget()
        self.table = Extents()
        self._let_go()
        self.brake.release(error)

    def _let_go(self) -> None:
        """It is over: what is held goes back, and what holds us is let go."""
        self.share.close()
        self.stager, self.ready = None, nobody_waits
        del self._rereader, self.replaces
