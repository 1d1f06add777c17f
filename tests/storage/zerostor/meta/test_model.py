"""Whatever clients do in whatever order, names and bytes are those of a simple model, and nothing leaks."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from swftp import errors
from swftp.storage.zerostor.values import Chunk, New, ObjectId, Old
from tests.storage.zerostor.meta.case import MetaCase
from tests.storage.zerostor.tree import Path, Tree

NAMES = st.sampled_from(["a", "b", "\u00e4"])
PATHS = st.lists(NAMES, min_size=1, max_size=3).map(tuple)
Bytes = tuple[tuple[bytes, int], ...]
"""A content, byte by byte: of which object, the how-manieth."""
ERRORS = (
    errors.NotFound,
    errors.NotDirectory,
    errors.NotEmpty,
    errors.IsDirectory,
    errors.AlreadyExists,
    errors.InvalidRequest,
    errors.QuotaExceeded,
)


class Machine(RuleBasedStateMachine):
    """The model and two gateways of one database."""

    @initialize()
    def begin(self) -> None:
        """Nothing is there."""
        self.case = MetaCase("run")
        self.case.setUp()
        self.gateways = [self.case.metadata, self.case.open()]
        self.model: Tree[Bytes] = Tree()
        self.made: set[bytes] = set()
        self.turn = 0

    def both(self, real: Any, model: Any) -> bool:
        """Do one thing to both; they agree on whether it can be done, and if not, why."""
        expected: type[Exception] | None = None
        try:
            model()
        except ERRORS as error:
            expected = type(error)
        try:
            self.case.run_(real)
        except ERRORS as error:
            assert type(error) is expected, (error, expected)
            return False
        assert expected is None, expected
        return True

    def names(self) -> Any:
        """The namespace of either gateway."""
        self.turn += 1
        self.gateway = self.gateways[self.turn % 2]
        return self.gateway.namespace(self.case.account)

    def chunk(self, size: int) -> tuple[Chunk, Bytes]:
        """A chunk and its bytes."""
        chunk = self.case.chunk(size, self.gateway)
        self.made.add(chunk.obj.packed())
        return chunk, tuple((chunk.obj.packed(), i) for i in range(size))

    @rule(path=PATHS)
    def mkdir(self, path: Path) -> None:
        """Make a directory."""
        self.both(self.names().make_directory(path), lambda: self.model.mkdir(path))

    @rule(path=PATHS, size=st.integers(0, 20), exclusive=st.booleans())
    def store(self, path: Path, size: int, exclusive: bool) -> None:
        """A whole file."""
        names = self.names()
        chunk, content = self.chunk(size)
        pieces = [New(chunk, 0, size)] if size else []
        commit = names.commit(path, pieces, md5=None, mtime_ns=1, exclusive=exclusive)
        if not self.both(commit, lambda: self.model.store(path, content, exclusive)) or not size:
            self.case.run_(self.gateway.journal.abandon([chunk]))

    @rule(path=PATHS, source=PATHS, cut=st.integers(0, 20), size=st.integers(1, 10))
    def patch(self, path: Path, source: Path, cut: int, size: int) -> None:
        """A file of the ends of another, and something new between."""
        old = self.model.entries.get(source)
        if old is None:
            return
        names = self.names()
        content = self.case.run_(names.lookup(source)).content
        cut = min(cut, len(old))
        chunk, fresh = self.chunk(size)
        pieces = [Old(content, 0, cut), New(chunk, 0, size), Old(content, cut // 2, len(old) - cut // 2)]
        made = old[:cut] + fresh + old[cut // 2 :]
        commit = names.commit(path, pieces, md5=None, mtime_ns=1)
        if not self.both(commit, lambda: self.model.store(path, made, False)):
            self.case.run_(self.gateway.journal.abandon([chunk]))

    @rule(path=PATHS, directory=st.booleans())
    def remove(self, path: Path, directory: bool) -> None:
        """Remove a file or a directory."""
        names = self.names()
        real = names.remove_directory(path) if directory else names.remove(path)
        self.both(real, lambda: self.model.remove(path, directory))

    @rule(source=PATHS, goal=PATHS, exclusive=st.booleans())
    def rename(self, source: Path, goal: Path, exclusive: bool) -> None:
        """Rename a file or a tree."""
        self.both(self.names().rename(source, goal, exclusive), lambda: self.model.rename(source, goal, exclusive))

    @rule(seconds=st.sampled_from([1, 70, 30 * 3600]))
    def sweep(self, seconds: int) -> None:
        """Time passes; a gateway buries what is over."""
        self.case.clock.advance(seconds)
        for gateway in self.gateways:
            self.case.run_(gateway.journal.renew())
        self.case.run_(self.gateways[0].sweep.reap())
        while self.case.run_(self.gateways[0].sweep.bury()):
            pass

    @invariant()
    def the_same(self) -> None:
        """Names, sizes and bytes are the model's; nothing that should never be is."""
        case = self.case
        case.clock.advance(2)
        found: dict[Path, Bytes | None] = {(): None}
        todo: list[Path] = [()]
        while todo:
            path = todo.pop()
            for node in case.run_(case.names.children(path)).nodes:
                found[(*path, node.name)] = None if node.is_directory else self.bytes_of(node.content)
                todo += [(*path, node.name)] if node.is_directory else []
        assert found == self.model.entries
        files = [content for content in found.values() if content is not None]
        assert case.used() == (sum(map(len, files)), len(files))
        assert case.run_(case.metadata.check()) == []

    def bytes_of(self, content: Any) -> Bytes:
        """Byte by byte."""
        extents = self.case.run_(self.case.names.extents(content))
        return tuple((e.chunk.obj.packed(), e.skip + i) for e in extents for i in range(e.length))

    def teardown(self) -> None:
        """In the end every object is a chunk of a file, or garbage."""
        if not hasattr(self, "case"):
            return
        case = self.case
        for gateway in self.gateways:
            case.run_(gateway.journal.stop())
        case.clock.advance(100 * 24 * 3600)
        while case.run_(case.metadata.sweep.bury()):
            pass
        chunks = {chunk.obj.packed() for chunk in case.run_(case.metadata.sweep.chunks(limit=10_000))}
        used = {obj for content in self.model.entries.values() for obj, _ in content or ()}
        assert chunks == used
        garbage: set[bytes] = set()
        for g in case.run_(case.metadata.sweep.garbage(10_000)):
            garbage.update(ObjectId(g.upload, seq).packed() for seq in range(g.first, g.first + g.count))
        assert not garbage & used
        assert garbage | used >= self.made
        case.doCleanups()


class ModelTests(MetaCase):
    """The machine, for as long as is worth it in every run."""

    def test_model(self) -> None:
        """Two gateways and the model agree."""
        quick = settings(
            max_examples=10,
            stateful_step_count=25,
            phases=(Phase.explicit, Phase.reuse, Phase.generate),  # to shrink takes minutes
            suppress_health_check=list(HealthCheck),
            deadline=None,
        )
        run_state_machine_as_test(Machine, settings=quick)
