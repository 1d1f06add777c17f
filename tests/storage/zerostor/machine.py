"""
Two gateways of one database and the same shards against a model file system: one after the other, at the same time,
and killed in the middle; with sweeps, scrubs, lost shards and expired leases in between.

After the dust settles: objects on shards are objects in SQL, used bytes are the sum of sizes, and no file that was
acknowledged is lost or changed.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from random import Random
from typing import Any, ClassVar

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)
from twisted.python.failure import Failure

from swftp import errors
from swftp.entries import Attributes, Opened
from swftp.paths import Path
from swftp.storage.zerostor.driver import ZeroStorage
from tests.storage.bytes import Source, fetched
from tests.storage.zerostor import model
from tests.storage.zerostor.gateways import GRACE, LEASE, Dead, Gateway, World
from tests.storage.zerostor.model import Action, Model, Outcome

Names = tuple[str, ...]
NAMES = st.sampled_from(["a", "b", "ä"])
PATHS = st.lists(NAMES, min_size=1, max_size=3).map(tuple)
SIZES = st.sampled_from([0, 1, 15, 16, 17, 40])
NOTHING = Attributes()
CACHED = 1.1
"""Seconds for which a gateway may believe what another one has changed since."""
FOREVER = 1e9
OPERATIONS = st.one_of(
    st.tuples(st.just("store"), PATHS, SIZES, st.booleans()),
    st.tuples(st.just("append"), PATHS, SIZES),
    st.tuples(st.just("patch"), PATHS, SIZES, st.integers(0, 40)),
    st.tuples(st.just("truncate"), PATHS, st.integers(0, 40)),
    st.tuples(st.just("copy"), PATHS, PATHS),
    st.tuples(st.just("rename"), PATHS, PATHS, st.booleans()),
    st.tuples(st.just("remove"), PATHS),
    st.tuples(st.just("mkdir"), PATHS),
    st.tuples(st.just("rmdir"), PATHS),
    st.tuples(st.just("read"), PATHS),
)
WHO = st.sampled_from([0, 1])


class Operation:
    """One thing that a client does: to a storage, and to the model."""

    def __init__(self, word: str, path: Names, *rest: Any, data: bytes) -> None:
        self.word, self.path, self.rest, self.data = word, path, rest, data

    def __repr__(self) -> str:
        return f"{self.word} {self.path} {self.rest} {self.data!r}"

    def made(self, old: bytes) -> bytes:
        """What becomes of a file that is changed in place."""
        if self.word == "append":
            return old + self.data
        if self.word == "truncate":
            return old[: self.rest[0]]
        start = min(self.rest[1], len(old))
        return old[:start] + self.data + old[start + len(self.data) :]

    def actions(self) -> Sequence[Action]:
        """For the model."""
        path, data, rest = self.path, self.data, self.rest
        if self.word in ("append", "patch", "truncate"):
            return model.replacing(path, self.made)
        if self.word == "copy":
            return model.copying(path, rest[0])
        if self.word == "rename":
            return model.renaming(path, rest[0], rest[1])
        if self.word == "read":
            return [model.reading(path)]
        simple: dict[str, Any] = {
            "store": lambda m: m.put(path, data, rest[1]),
            "remove": lambda m: m.remove(path, False),
            "mkdir": lambda m: m.mkdir(path),
            "rmdir": lambda m: m.remove(path, True),
        }
        return model.only(simple[self.word])

    async def run(self, storage: ZeroStorage) -> bytes | None:
        """For real."""
        path, rest = Path(self.path), self.rest
        if self.word in ("append", "patch", "truncate"):
            return await self._change(storage, path)
        if self.word == "read":
            return await fetched(storage, path)
        if self.word == "store":
            await storage.store(path, Source(self.data), NOTHING, rest[1])
        elif self.word == "copy":
            await storage.copy(path, Path(rest[0]))
        elif self.word == "rename":
            await storage.rename(path, Path(rest[0]), rest[1])
        else:
            verbs = {"remove": storage.remove, "mkdir": storage.make_directory, "rmdir": storage.remove_directory}
            await verbs[self.word](path)
        return None

    async def _change(self, storage: ZeroStorage, path: Path) -> None:
        """As sessions do it: what stays is adopted, what is new is staged, and both are published."""
        entry = await storage.stat(path)
        if entry.kind.value == "directory":
            raise errors.IsDirectory
        parts = list(await storage.adopt(path, entry))
        if self.word == "truncate":
            parts = [part.slice(0, min(part.size, self.rest[0])) for part in parts if self.rest[0]]
        elif self.data:
            new = await storage.stage(path, Source(self.data))
            start = entry.size if self.word == "append" else min(self.rest[1], entry.size)
            end = start + len(self.data)
            before = [part.slice(0, start) for part in parts if start]
            parts = [*before, new, *(part.slice(end, part.size - end) for part in parts if end < part.size)]
        try:
            await storage.publish(path, parts, NOTHING, replaces=entry, onto=entry)
        except errors.StorageError:
            await storage.discard(parts)
            raise


@dataclass
class Upload:
    """A file that a client is sending."""

    gateway: Gateway
    lease: Any
    path: Names
    parts: list[Any]
    data: bytes


@dataclass
class Reader:
    """A file that a client has opened."""

    opened: Opened
    path: Names
    data: bytes
    since: float


class Machine(RuleBasedStateMachine):
    """
    :cvar make_url: gives the URL of an empty database; set by whoever runs it.
    """

    make_url: ClassVar[Any]

    @initialize()
    def begin(self) -> None:
        """Nothing is there."""
        self.world = World(type(self).make_url())
        self.world.begin()
        self.gateways = [self.world.gateways[0], self.world.gateway()]
        self.model = Model()
        self.uploads: list[Upload] = []
        self.readers: list[Reader] = []
        self.numbers = count()

    # -- what clients do -------------------------------------------------------------------------------------------

    def operation(self, drawn: tuple[Any, ...]) -> Operation:
        """With bytes that no other file has."""
        size = drawn[2] if drawn[0] in ("store", "append", "patch") else 0
        return Operation(*drawn, data=self.bytes(size))

    def bytes(self, size: int) -> bytes:
        """*size* of them."""
        return (b"%d." % next(self.numbers) * 20)[:size]

    def quiet(self, seconds: float = CACHED) -> None:
        """Time passes, and gateways give signs of life."""
        self.world.clock.advance(seconds)
        for gateway in self.gateways:
            self.world.run(gateway.metadata.journal.renew())

    @rule(drawn=OPERATIONS, who=WHO)
    def one(self, drawn: Any, who: int) -> None:
        """One operation."""
        operation = self.operation(drawn)
        self.quiet()
        self.explain([operation], [self.told(self.gateways[who], operation)])

    @rule(first=OPERATIONS, second=OPERATIONS, seed=st.integers(0, 1 << 16))
    def race(self, first: Any, second: Any, seed: int) -> None:
        """Two at once."""
        operations = [self.operation(first), self.operation(second)]
        self.quiet()
        self.world.slow.random = Random(seed)
        try:
            told = self.world.run(
                *(
                    gateway.settled(operation.run)
                    for gateway, operation in zip(self.gateways, operations, strict=True)
                )
            )
        finally:
            self.world.slow.random = None
        self.explain(operations, [self.outcome(one) for one in told])

    @rule(drawn=OPERATIONS, who=WHO, step=st.integers(0, 30))
    def killed(self, drawn: Any, who: int, step: int) -> None:
        """A gateway dies in the middle of an operation, or right after it, and another one takes its place."""
        operation = self.operation(drawn)
        gateway = self.gateways[who]
        self.quiet()
        gateway.life.dies_at = len(gateway.life.steps) + step
        try:
            told: list[Any] = [self.told(gateway, operation)]
        except Dead:
            told = []
        gateway.life.over = True
        self.uploads = [upload for upload in self.uploads if upload.gateway is not gateway]
        self.gateways[who] = self.world.gateway()
        self.explain([operation], told)

    def told(self, gateway: Gateway, operation: Operation) -> Outcome:
        """What *operation* comes to."""
        try:
            return self.world.run(gateway.settled(operation.run))  # type: ignore[no-any-return]
        except errors.StorageError as error:
            return type(error)

    def outcome(self, result: Any) -> Outcome:
        """What *result* is in a model."""
        if isinstance(result, Failure):
            result.trap(errors.StorageError)
            return type(result.value)  # type: ignore[arg-type]
        return result  # type: ignore[no-any-return]

    def explain(self, operations: Sequence[Operation], told: Sequence[Outcome]) -> None:
        """The model becomes what explains both what was *told* (nothing: nobody knows), and what is there now."""
        self.quiet()
        seen = self.seen()
        possible = model.outcomes(self.model, *(operation.actions() for operation in operations))
        if not told:
            possible = [(self.model, []), *((after, []) for after, _ in possible)]
        for after, expected in possible:
            if after.seen() == seen and expected == list(told):
                self.model = after
                return
        raise AssertionError(
            f"{operations} were told {told} and left {seen}; before {self.model.seen()}; "
            f"possible {[(after.seen(), expected) for after, expected in possible]}"
        )

    def seen(self) -> dict[Names, bytes | None]:
        """What is there, by either gateway."""
        gateway = self.gateways[next(self.numbers) % 2]
        return self.world.run(walk(gateway.storage()))  # type: ignore[no-any-return]

    # -- what takes its time ---------------------------------------------------------------------------------------

    @rule(path=PATHS, who=WHO, size=SIZES)
    def begin_upload(self, path: Names, who: int, size: int) -> None:
        """A client has sent a part."""
        gateway = self.gateways[who]
        self.quiet()
        data = self.bytes(size)
        try:
            self.model.check_parent(path)
            if self.model.entries.get(path[:-1], self) is not None:
                return
        except errors.StorageError:
            return
        part = self.world.run(gateway.storage().stage(Path(path), Source(data)))
        self.uploads.append(Upload(gateway, gateway.metadata.journal.gateway, path, [part], data))

    @precondition(lambda self: self.uploads)
    @rule(number=st.integers(0, 9), keep=st.booleans())
    def end_upload(self, number: int, keep: bool) -> None:
        """It is whole, or its client has gone."""
        upload = self.uploads.pop(number % len(self.uploads))
        storage = upload.gateway.storage()
        self.quiet()
        if not keep:
            self.world.run(storage.discard(upload.parts))
            return
        fenced = upload.lease != upload.gateway.metadata.journal.gateway and upload.data
        expected: Outcome = errors.Unavailable if fenced else None
        operation = Operation("store", upload.path, len(upload.data), False, data=upload.data)
        try:
            self.world.run(storage.publish(Path(upload.path), upload.parts, NOTHING))
            told: Outcome = None
        except errors.StorageError as error:
            told = errors.Unavailable if isinstance(error, errors.Unavailable) else type(error)
            self.world.run(storage.discard(upload.parts))
        if expected is None or told is not expected:
            self.explain([operation], [told])

    @rule(path=PATHS, who=WHO)
    def open(self, path: Names, who: int) -> None:
        """A client opens a file to read it slowly."""
        file = self.model.entries.get(path)
        if file is not None:
            self.quiet()
            entry = self.world.run(self.gateways[who].storage().stat(Path(path)))
            self.readers.append(Reader(Opened(entry), path, file.data, self.world.clock.seconds()))

    @precondition(lambda self: self.readers)
    @rule(number=st.integers(0, 9), who=WHO, offset=st.integers(0, 40))
    def read_on(self, number: int, who: int, offset: int) -> None:
        """Whatever became of its name: what is read is what it was, or too late."""
        reader = self.readers[number % len(self.readers)]
        offset = min(offset, len(reader.data))
        version = reader.opened.entry.version
        read = fetched(self.gateways[who].storage(), Path(reader.path), offset, None, version, reader.opened)
        try:
            assert self.world.run(read) == reader.data[offset:]
        except (errors.Changed, errors.NotFound, errors.Corrupt):
            assert self.world.clock.seconds() - reader.since > GRACE

    # -- what gateways do by themselves ----------------------------------------------------------------------------

    @rule(seconds=st.sampled_from([30.0, LEASE + 5, GRACE + 5]), who=WHO, slept=st.booleans())
    def sweep(self, seconds: float, who: int, slept: bool) -> None:
        """Time passes; a gateway sweeps, perhaps while the other one has slept for longer than its lease."""
        self.world.clock.advance(seconds)
        self.world.run(self.gateways[who].metadata.journal.renew())
        if not slept:
            self.quiet(0.0)
        self.world.run(self.gateways[who].sweeper.sweep())
        self.quiet(0.0)

    @rule(seconds=st.sampled_from([LEASE + 5, GRACE + 5]), seed=st.integers(0, 1 << 16), drawn=OPERATIONS)
    def sweeps(self, seconds: float, seed: int, drawn: Any) -> None:
        """Both gateways sweep at once, whoever's duty it is, while one of them does something for a client."""
        operation = self.operation(drawn)
        self.quiet(seconds)
        self.world.slow.random = Random(seed)
        one, two = self.gateways
        try:
            told = self.world.run(one.settled(operation.run), one.sweeper.sweep(), two.sweeper.sweep())
        finally:
            self.world.slow.random = None
        assert not [result for result in told[1:] if result is not None], told
        self.explain([operation], [self.outcome(told[0])])
        self.whole()

    @rule(number=st.sampled_from([1, 2, 3, 4]), seed=st.integers(0, 1 << 16))
    def lost_shard(self, number: int, seed: int) -> None:
        """A shard loses all it had; both gateways notice at once.  Nobody mends what is not published yet."""
        for upload in self.uploads:
            self.world.run(upload.gateway.storage().discard(upload.parts))
        self.uploads.clear()
        self.world.shards[number].values.clear()
        self.quiet(50 * GRACE)
        self.world.slow.random = Random(seed)
        try:
            for report in self.world.run(*(gateway.scrubber.scrub(mend=True) for gateway in self.gateways)):
                assert not getattr(report, "silent", report), report
        finally:
            self.world.slow.random = None
        self.quiet(0.0)
        assert self.seen() == self.model.seen()
        self.whole()

    def whole(self) -> None:
        """Every fragment that the database names is where it says."""
        named = self.world.run(named_in(self.gateways[0]))
        assert named <= self.world.stored(), named - self.world.stored()

    # -- when the dust has settled ---------------------------------------------------------------------------------

    def teardown(self) -> None:
        """All is exact."""
        if not hasattr(self, "world"):
            return
        try:
            if sys.exc_info()[0] is None:  # else it is not as it should be, and that is told already
                self.settle()
        finally:
            self.world.close()

    def settle(self) -> None:
        """One gateway is dead, the other one leaves; a third finds everything."""
        self.gateways[0].life.over = True
        self.world.run(self.gateways[1].metadata.stop())
        self.gateways[1].life.over = True
        last = self.world.gateway()
        self.gateways = [last, last]
        for _ in range(4):
            self.quiet(GRACE + 5)
            self.world.run(last.sweeper.sweep())
        assert self.world.run(last.metadata.check()) == []
        usage = self.world.run(last.storage()._names.usage())
        files = [data for data in self.model.seen().values() if data is not None]
        held = (sum(map(len, files)), len(files))
        assert (usage.used_bytes, usage.used_files) == held, (usage, held)
        assert self.seen() == self.model.seen()
        assert self.world.run(named_in(last)) == self.world.stored()


async def walk(storage: ZeroStorage) -> dict[Names, bytes | None]:
    """All files and directories."""
    found: dict[Names, bytes | None] = {(): None}
    todo: list[Names] = [()]
    while todo:
        path = todo.pop()
        after = None
        while True:
            page = await storage.list(Path(path), after)
            for entry in page.entries:
                below = (*path, entry.name)
                if entry.kind.value == "directory":
                    found[below] = None
                    todo.append(below)
                else:
                    found[below] = await fetched(storage, Path(below))
                    assert entry.size == len(found[below] or b"")
            after = page.after
            if after is None:
                break
    return found


async def named_in(gateway: Gateway) -> set[tuple[int, bytes]]:
    """Shard and key of every fragment that the database names."""
    chunks = await gateway.metadata.sweep.chunks(limit=10_000)
    return {(shard, chunk.obj.key(n)) for chunk in chunks for n, shard in enumerate(chunk.shards) if shard >= 0}


def run(machine: type[Machine], examples: int) -> None:
    """For as long as is worth it in every run."""
    quick = settings(
        max_examples=examples,
        stateful_step_count=25,
        phases=(Phase.explicit, Phase.reuse, Phase.generate),  # to shrink takes minutes
        suppress_health_check=list(HealthCheck),
        deadline=None,
    )
    run_state_machine_as_test(machine, settings=quick)
