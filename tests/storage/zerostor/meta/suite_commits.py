"""What every database does at the commit point."""

from __future__ import annotations

from uuid import uuid4

from swftp import errors
from swftp.storage.zerostor.meta import collecting
from swftp.storage.zerostor.values import New, Old
from tests.storage.zerostor.meta.case import MetaCase


class CommitSuite(MetaCase):
    """Chunks become the content of a name."""

    def test_new(self) -> None:
        """A file is what was committed, to whoever looks."""
        chunk = self.chunk(1000)
        pieces = [New(chunk, 0, 600), New(chunk, 900, 100)]
        md5 = "0123456789abcdef" * 2
        made = self.commit("f", pieces, md5=md5, mtime_ns=7, mode=0o600)
        self.assertEqual((made.size, made.md5, made.mtime_ns, made.mode), (700, md5, 7, 0o600))
        self.assertEqual(self.look("f"), made)
        [shown] = self.run_(self.open().namespace(self.account).children([])).nodes
        self.assertEqual(shown, made)
        first, second = self.run_(self.names.extents(made.content))
        self.assertEqual((first.chunk, second.chunk), (chunk, chunk))
        self.assertEqual(self.layout(made.content), [(0, 0, 0, 600), (600, 0, 900, 100)])
        self.assertEqual(self.used(), (700, 1))

    def test_empty(self) -> None:
        """An empty file has a content, which has nothing."""
        made = self.commit("f", [])
        self.assertEqual((made.size, self.layout(made.content), self.used()), (0, [], (0, 1)))
        self.assertNotEqual(made.content, self.commit("f", []).content)

    def test_overwrite(self) -> None:
        """The name has the new content; the old one stays for its readers; the file is the same."""
        old = self.put("f", 100, mode=0o640)
        new = self.put("f", 250)
        self.assertEqual((new.id, new.mode, new.size), (old.id, 0o640, 250))
        self.assertNotEqual(new.content, old.content)
        self.assertEqual(self.look("f"), new)
        self.assertEqual(self.layout(old.content), [(0, 0, 0, 100)])
        self.assertEqual(self.used(), (250, 1))
        self.assertEqual(self.put("f", mode=0o600).mode, 0o600)

    def test_exclusive(self) -> None:
        """An exclusive commit replaces nothing."""
        old = self.put("f")
        self.run_(self.names.make_link(["l"], "x"))
        for name in ("f", "l"):
            self.refused(errors.AlreadyExists, self.names.commit([name], [], md5=None, mtime_ns=1, exclusive=True))
        self.assertEqual(self.look("f"), old)
        self.put("g", exclusive=True)

    def test_replaces(self) -> None:
        """A commit that knows what it replaces replaces nothing else."""
        old = self.put("f", replaces=None)
        new = self.put("f", replaces=old.content)
        self.run_(self.names.make_link(["l"], "x"))
        for name, replaces in (("f", None), ("f", old.content), ("g", old.content), ("l", None), ("l", uuid4())):
            self.refused(errors.Changed, self.names.commit([name], [], md5=None, mtime_ns=1, replaces=replaces))
        self.assertEqual(self.look("f"), new)

    def test_over_others(self) -> None:
        """A link is replaced, a directory never."""
        self.run_(self.names.make_link(["l"], "x"))
        made = self.put("l")
        self.assertEqual((self.look("l"), made.target, self.used()), (made, None, (100, 1)))
        self.mkdir("d")
        self.refused(errors.IsDirectory, self.names.commit(["d"], [], md5=None, mtime_ns=1))
        self.refused(errors.IsDirectory, self.names.commit([], [], md5=None, mtime_ns=1))

    def test_parents(self) -> None:
        """Directories that are missing are made, if so wanted, and only if the file is."""
        self.refused(errors.NotFound, self.names.commit(["a", "b", "f"], [], md5=None, mtime_ns=1))
        self.refused(errors.NotFound, self.names.lookup(["a"]))
        made = self.put("a/b/f", parents=True)
        self.assertEqual(self.look("a/b/f"), made)
        self.put("a/b/g", parents=True)
        self.put("a/h", parents=True)
        self.assertEqual((self.listed("a"), self.listed("a/b")), (["b", "h"], ["f", "g"]))
        self.refused(errors.NotDirectory, self.names.commit(["a", "h", "x"], [], md5=None, mtime_ns=1, parents=True))
        self.run_(self.metadata.users.set_quota("alice", 300))
        chunk = self.chunk(1)
        wanted = self.names.commit(["n", "f"], [New(chunk, 0, 1)], md5=None, mtime_ns=1, parents=True)
        self.refused(errors.QuotaExceeded, wanted)
        self.refused(errors.NotFound, self.names.lookup(["n"]))

    def test_append(self) -> None:
        """An appended file has the chunks that it had, and the new ones."""
        old = self.put("f", 100)
        tail = self.chunk(50)
        new = self.commit("f", [Old(old.content, 0, 100), New(tail, 0, 50)], replaces=old.content)
        self.assertEqual(self.layout(new.content), [(0, 0, 0, 100), (100, 1, 0, 50)])
        self.assertEqual(self.used(), (150, 1))

    def test_patch(self) -> None:
        """A content that is made of ranges of another has exactly those bytes."""
        chunks = [self.chunk(100) for _ in range(5)]
        old = self.commit("f", [New(chunk, 10, 80) for chunk in chunks])
        patch = self.chunk(30)
        pieces = [Old(old.content, 0, 150), New(patch, 5, 20), Old(old.content, 170, 200), Old(old.content, 395, 5)]
        new = self.commit("f", pieces)
        expected = [
            (0, 0, 10, 80),
            (80, 1, 10, 70),
            (150, 5, 5, 20),
            (170, 2, 20, 70),
            (240, 3, 10, 80),
            (320, 4, 10, 50),
            (370, 4, 85, 5),
        ]
        self.assertEqual(self.layout(new.content), expected)
        self.assertEqual(new.size, 375)

    def test_extents_from(self) -> None:
        """Extents come from the one that holds an offset, a page at a time."""
        made = self.commit("f", [New(self.chunk(10), 0, 10) for _ in range(10)])
        for offset, limit, expected in (
            (0, 3, [0, 10, 20]),
            (29, 2, [20, 30]),
            (30, 1, [30]),
            (95, 5, [90]),
            (100, 5, []),
        ):
            found = self.run_(self.names.extents(made.content, offset, limit))
            self.assertEqual([extent.position for extent in found], expected)
        self.refused(errors.NotFound, self.names.extents(uuid4()))

    def test_wrong_pieces(self) -> None:
        """What is not there is not published: a range beyond the end, another account's, or no range at all."""
        old = self.put("f", 100)
        other = self.run_(self.metadata.users.add_account("bob"))
        namespace = self.metadata.namespace(other)
        for piece in (Old(old.content, 50, 51), Old(old.content, 100, 1), Old(uuid4(), 0, 1)):
            self.refused(errors.Changed, self.names.commit(["g"], [piece], md5=None, mtime_ns=1))
        self.refused(errors.Changed, namespace.commit(["g"], [Old(old.content, 0, 1)], md5=None, mtime_ns=1))
        chunk = self.chunk(10)
        for piece in (New(chunk, 5, 6), New(chunk, -1, 5), New(chunk, 5, -1), Old(old.content, -1, 1)):
            self.refused(errors.InvalidRequest, self.names.commit(["g"], [piece], md5=None, mtime_ns=1))
        self.assertEqual(self.listed(), ["f"])

    def test_huge(self) -> None:
        """A content of more extents than a transaction inserts is as whole as any, and so are its copies."""
        count = 2 * collecting.BATCH + 300
        chunk = self.chunk(100)
        made = self.commit("f", [New(chunk, i % 90, 10) for i in range(count)])
        self.assertEqual((made.size, self.used()), (10 * count, (10 * count, 1)))
        copied = self.run_(self.names.copy(["f"], ["g"]))
        ends = self.run_(self.names.extents(copied.content, 10 * count - 1))
        self.assertEqual([(e.position, e.skip, e.length) for e in ends], [(10 * (count - 1), (count - 1) % 90, 10)])
        self.assertEqual(self.used(), (20 * count, 2))

    def test_huge_refused(self) -> None:
        """One that is refused in the end was never seen, and the sweeper finds what it left."""
        self.run_(self.metadata.users.set_quota("alice", 5))
        chunk = self.chunk(10)
        pieces = [New(chunk, 0, 1)] * (collecting.BATCH + 1)
        self.refused(errors.QuotaExceeded, self.names.commit(["f"], pieces, md5=None, mtime_ns=1))
        self.assertEqual((self.listed(), self.used()), ([], (0, 0)))
        self.clock.advance(25 * 3600)
        while self.run_(self.metadata.sweep.bury()):
            pass
        [garbage] = self.run_(self.metadata.sweep.garbage())
        self.assertEqual((garbage.upload, garbage.first), (chunk.obj.upload, chunk.obj.seq))

    def test_copy(self) -> None:
        """A copy is a file of its own: bytes, time and mode of the other."""
        made = self.put("f", 100, mtime_ns=9, mode=0o600, md5="ab" * 16)
        copied = self.run_(self.names.copy(["f"], ["g"]))
        alike = ("size", "mtime_ns", "mode", "md5")
        self.assertEqual([getattr(copied, n) for n in alike], [getattr(made, n) for n in alike])
        self.run_(self.names.remove(["f"]))
        self.assertEqual(self.layout(copied.content), [(0, 0, 0, 100)])
        self.refused(errors.NotFound, self.names.copy(["f"], ["h"]))
        self.refused(errors.IsDirectory, self.names.copy([], ["h"]))
        self.refused(errors.AlreadyExists, self.names.copy(["g"], ["g"], exclusive=True))
        self.run_(self.names.copy(["g"], ["g"]))
        self.assertEqual(self.used(), (100, 1))


class QuotaSuite(MetaCase):
    """No account holds more than it may."""

    def setUp(self) -> None:
        """Half of it is used."""
        super().setUp()
        self.run_(self.metadata.users.set_quota("alice", 1000))
        self.put("f", 500)

    def test_exact(self) -> None:
        """All of it can be used, and not a byte more."""
        self.put("g", 500)
        chunk = self.chunk(1)
        self.refused(errors.QuotaExceeded, self.names.commit(["h"], [New(chunk, 0, 1)], md5=None, mtime_ns=1))
        self.assertEqual(self.used(), (1000, 2))
        self.commit("empty", [])

    def test_overwrite(self) -> None:
        """What is replaced counts no more."""
        self.put("f", 1000)
        self.assertEqual(self.used(), (1000, 1))

    def test_above(self) -> None:
        """Who is above a quota that was lowered may still shrink, rename and remove."""
        self.run_(self.metadata.users.set_quota("alice", 100))
        self.put("f", 400)
        self.run_(self.names.rename(["f"], ["g"]))
        self.run_(self.names.remove(["g"]))
        self.assertEqual(self.used(), (0, 0))
