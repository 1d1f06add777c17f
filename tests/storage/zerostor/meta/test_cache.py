"""What is known without asking is true, or as old as it may be."""

from __future__ import annotations

from math import inf
from typing import Any
from uuid import uuid4

from twisted.internet.defer import Deferred, execute
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from swftp import errors
from swftp.entries import Kind
from swftp.storage.zerostor.meta import Metadata, MetadataOptions, Node
from swftp.storage.zerostor.meta.cache import DISTRUST, SHARED_LIFE, Cache, Page
from swftp.storage.zerostor.meta.engine import make_engine
from swftp.storage.zerostor.values import New
from tests.storage.zerostor.meta.case import CHEAP, CONNECTIONS, AtOnce, MetaCase
from tests.storage.zerostor.meta.faults import Faults

ROOT = uuid4()


def node(name: str, kind: Kind = Kind.FILE) -> Node:
    """Some node."""
    return Node(uuid4(), name, kind, None, 0, 0, None, None, None)


class Later(AtOnce):
    """Workers who read at once and tell later."""

    def __init__(self) -> None:
        self.waiting: list[tuple[Deferred[Any], Any]] = []
        self.slow = False

    def read(self, work: Any) -> Deferred[Any]:
        """See `Workers`."""
        if not self.slow:
            return execute(work)
        d: Deferred[Any] = Deferred()
        self.waiting.append((d, work()))
        return d

    def tell(self) -> None:
        """Let the oldest know."""
        d, result = self.waiting.pop(0)
        d.callback(result)


class CacheTests(SynchronousTestCase):
    """By itself."""

    def setUp(self) -> None:
        """Shared at first."""
        self.clock = Clock()
        self.exclusive = False
        self.cache = Cache(10, lambda: 0.0 if self.exclusive else inf, self.clock.seconds)

    def learn(self, *names: str) -> None:
        """Something stands at *names*."""
        with self.cache.reading() as reading:
            for name in names:
                self.cache.learn(reading, ROOT, [name], [node(name)])

    def knows(self, name: str) -> bool:
        """Whether it does."""
        try:
            self.cache.get((ROOT, name))
        except KeyError:
            return False
        return True

    def test_life(self) -> None:
        """What others may change is believed for a second, what only we change for good."""
        self.learn("a")
        self.clock.advance(SHARED_LIFE - 0.1)
        self.assertTrue(self.knows("a"))
        self.clock.advance(0.1)
        self.assertFalse(self.knows("a"))
        self.exclusive = True
        self.assertTrue(self.knows("a"))
        self.clock.advance(1e6)
        self.assertTrue(self.knows("a"))
        self.exclusive = False
        self.assertFalse(self.knows("a"))

    def test_age_is_that_of_the_question(self) -> None:
        """The answer is as old as the question, however long it took."""
        with self.cache.reading() as reading:
            self.clock.advance(SHARED_LIFE)
            self.cache.learn(reading, ROOT, ["a"], [node("a")])
            self.cache.learn_page(reading, ROOT, (None, 5), Page((node("b"),), False))
        self.assertFalse(self.knows("a") or self.knows("b"))
        self.assertIsNone(self.cache.page(ROOT, (None, 5)))

    def test_bounded(self) -> None:
        """Never more nodes than the limit, in names or in pages; those used last stay."""
        self.learn(*map(str, range(10)))
        self.knows("0")
        self.learn("x")
        self.assertEqual([self.knows(name) for name in ("0", "1", "x")], [True, False, True])
        directories = [uuid4() for _ in range(5)]
        with self.cache.reading() as reading:
            for directory in directories:
                self.cache.learn_page(reading, directory, (None, 3), Page((node("a"), node("b")), False))
            self.cache.learn_page(reading, ROOT, (None, 11), Page(tuple(node(str(i)) for i in range(11)), False))
        kept = [self.cache.page(directory, (None, 3)) is not None for directory in directories]
        self.assertEqual((kept, self.cache.page(ROOT, (None, 11))), ([False, False, True, True, True], None))

    def test_none(self) -> None:
        """With a limit of 0 nothing is remembered, and nothing fails for that."""
        self.cache = Cache(0, lambda: 0.0, self.clock.seconds)
        self.learn("a")
        with self.cache.reading() as reading:
            self.cache.learn_page(reading, ROOT, (None, 5), Page((node("b"),), False))
        self.assertFalse(self.knows("a") or self.knows("b"))
        self.assertIsNone(self.cache.page(ROOT, (None, 5)))

    def test_absence(self) -> None:
        """That nothing is there is known, too, but not of what is behind a file."""
        directory, file = node("d", Kind.DIRECTORY), node("f")
        with self.cache.reading() as reading:
            self.cache.learn(reading, ROOT, ["d", "x", "y"], [directory])
            self.cache.learn(reading, ROOT, ["f", "x"], [file])
        self.assertIsNone(self.cache.get((directory.id, "x")))
        for key in ((file.id, "x"), (directory.id, "y")):
            self.assertRaises(KeyError, self.cache.get, key)

    def test_forgotten(self) -> None:
        """A change forgets its names, the pages of its directories, and nothing else."""
        with self.cache.reading() as reading:
            for directory in (ROOT, uuid4()):
                self.cache.learn_page(reading, directory, (None, 3), Page((node("a"), node("b")), False))
        self.cache.forget([(ROOT, "a")])
        self.assertEqual((self.knows("a"), self.knows("b")), (False, True))
        self.assertIsNone(self.cache.page(ROOT, (None, 3)))
        self.assertIsNotNone(self.cache.page(directory, (None, 3)))

    def test_distrust(self) -> None:
        """After a change that may take effect at any time nothing is remembered for a while."""
        self.exclusive = True
        self.learn("a")
        with self.cache.reading() as reading:
            self.cache.distrust()
            self.cache.learn(reading, ROOT, ["b"], [node("b")])
        self.learn("c")
        self.assertFalse(self.knows("a") or self.knows("b") or self.knows("c"))
        self.clock.advance(DISTRUST)
        self.learn("a")
        self.assertTrue(self.knows("a"))


class ExclusiveTests(MetaCase):
    """A namespace whose cache is believed for as long as the gateway is alone."""

    def setUp(self) -> None:
        """As `MetaCase`, but alone."""
        super().setUp()
        self.run_(self.metadata.journal.stop())
        self.workers = Later()
        self.engine = make_engine(self.database_url, CONNECTIONS)
        self.addCleanup(self.engine.dispose)
        self.metadata = Metadata(
            self.engine, self.workers, self.clock, MetadataOptions(exclusive=True), wall=self.wall, hasher=CHEAP
        )
        self.run_(self.metadata.start())
        self.names = self.metadata.namespace(self.account)
        self.faults = Faults(self.engine)

    def judge(self) -> None:
        """The database may be away."""
        self.faults.gone = None
        super().judge()

    def another(self) -> Metadata:
        """One more gateway that would like to be alone; it is not open yet."""
        engine = make_engine(self.database_url, CONNECTIONS)
        self.addCleanup(engine.dispose)
        options = MetadataOptions(exclusive=True)
        return Metadata(engine, AtOnce(), self.clock, options, wall=self.wall, hasher=CHEAP)

    def test_second(self) -> None:
        """A second gateway is not open before the first one believes what it has in memory no longer."""
        self.put("f")
        self.look("f")
        other = self.another()
        self.run_(other.start())
        self.run_(other.namespace(self.account).remove(["f"]))
        self.refused(errors.NotFound, self.names.lookup(["f"]))

    def test_alone_again(self) -> None:
        """What was known before another gateway came is not believed after it has gone."""
        self.put("f")
        self.look("f")
        other = self.another()
        self.run_(other.start())
        self.run_(other.namespace(self.account).remove(["f"]))
        self.run_(other.journal.stop())
        self.run_(self.metadata.journal.renew())
        self.assertTrue(self.metadata.journal.alone)
        self.refused(errors.NotFound, self.names.lookup(["f"]))

    def test_without_the_database(self) -> None:
        """What is known is answered also while the database is away for a while; changes are not."""
        self.mkdir("d")
        made = self.put("d/f")
        self.look("d/f")
        self.refused(errors.NotFound, self.names.lookup(["d", "x"]))
        self.listed("d")
        self.clock.advance(self.metadata.journal.belief - 1)
        self.faults.gone = "statement"
        self.assertEqual((self.look("d/f"), self.listed("d")), (made, ["f"]))
        self.refused(errors.NotFound, self.names.lookup(["d", "x"]))
        self.refused(errors.Unavailable, self.names.lookup(["e"]))
        self.refused(errors.Unavailable, self.names.remove(["d", "f"]))

    def test_listing_teaches_names(self) -> None:
        """After a listing its names cost no statement."""
        self.put("f")
        self.listed()
        self.faults.statements.clear()
        self.look("f")
        self.listed()
        self.assertEqual(self.faults.statements, [])

    def test_own_changes_are_seen(self) -> None:
        """Whatever we change is so at once, in names and listings."""
        self.mkdir("d")
        for change, expected in (
            (self.names.commit(["f"], [], md5=None, mtime_ns=1), ["d", "f"]),
            (self.names.rename(["f"], ["g"]), ["d", "g"]),
            (self.names.copy(["g"], ["h"]), ["d", "g", "h"]),
            (self.names.rename(["g"], ["h"]), ["d", "h"]),
            (self.names.make_link(["l"], "x"), ["d", "h", "l"]),
            (self.names.commit(["n", "f"], [], md5=None, mtime_ns=1, parents=True), ["d", "h", "l", "n"]),
            (self.names.rename(["n"], ["d", "n"]), ["d", "h", "l"]),
            (self.names.remove(["l"]), ["d", "h"]),
            (self.names.update(["h"], mode=0o700), ["d", "h"]),
        ):
            for name in ("d", "f", "g", "h", "l", "n"):
                self.run_(self.names.trail([name, "n", "f"]))
            self.listed()
            self.run_(change)
            self.assertEqual(self.listed(), expected)
            fresh = self.open().namespace(self.account)
            for name in ("d", "f", "g", "h", "l", "n"):
                for names in ([name], [name, "n", "f"]):
                    self.assertEqual(self.run_(self.names.trail(names)), self.run_(fresh.trail(names)))

    def test_read_while_changed(self) -> None:
        """What was read before a change and told after it is not remembered."""
        self.put("f")
        self.workers.slow = True
        seen: list[Any] = []
        Deferred.fromCoroutine(self.names.lookup(["f"])).addCallback(seen.append)
        Deferred.fromCoroutine(self.names.children([])).addCallback(seen.append)
        self.run_(self.names.remove(["f"]))
        self.workers.tell()
        self.workers.tell()
        self.assertEqual([seen[0].name, seen[1].nodes[0].name], ["f", "f"])
        self.workers.slow = False
        self.refused(errors.NotFound, self.names.lookup(["f"]))
        self.assertEqual(self.listed(), [])

    def test_not_alone(self) -> None:
        """Another gateway's change is seen a second after we know of the gateway."""
        self.put("f")
        self.look("f")
        other = self.open()
        self.run_(other.namespace(self.account).remove(["f"]))
        self.run_(self.metadata.journal.renew())
        self.clock.advance(SHARED_LIFE)
        self.refused(errors.NotFound, self.names.lookup(["f"]))

    def test_unknown_outcome(self) -> None:
        """After a change that may yet take effect nothing is believed."""
        self.put("f")
        chunk = self.chunk()
        self.look("f")
        self.faults.at_commit("after")
        self.faults.gone = "commit"
        wanted = self.names.commit(["f"], [New(chunk, 0, 50)], md5=None, mtime_ns=1)
        self.refused(errors.StateUnknown, wanted)
        self.faults.gone = None
        self.assertEqual(self.look("f").size, 50)
