"""How few requests to the store an operation of a session takes."""

from __future__ import annotations

from typing import Any

from swftp import errors
from swftp.entries import UNLIKELY, UNSEEN, Attributes, Entry
from swftp.paths import resolve
from tests.session.case import FILE, OTHER, SessionCase, nothing
from tests.session.test_session import BOX


class RequestsTests(SessionCase):
    """How few requests an operation takes."""

    def test_new_small_file(self) -> None:
        """In a directory that is known a new small file costs one stat and one store."""
        self.do(self.session.listing(BOX))
        self.requests.clear()
        self.put(FILE, b"new")
        self.assertEqual(self.requests, ["stat /box/file", "store /box/file"])

    def test_long_upload_of_a_new_file(self) -> None:
        """Where nothing was at OPEN the store finds out at CLOSE, however long that takes; unless we put it there."""
        given = []
        store = self.storage.store

        async def told(*arguments: Any) -> Entry:
            given.append(arguments[4])
            return await store(*arguments)

        self.storage.store = told  # type: ignore[method-assign, assignment]
        for path, meanwhile in ((FILE, False), (resolve("/box/new"), True)):
            writer = self.writer(path)
            writer.write(0, [b"new"], 3)
            if meanwhile:
                self.put(path, b"first")
            self.clock.pump([1.0] * 10)
            self.do(writer.close())
        self.assertEqual([one is UNLIKELY for one in given], [True, True, False])
        self.assertIs(given[2], UNSEEN)

    def test_many_writers_read_little_at_once(self) -> None:
        """What clients send before they can be told to wait is a fraction of the memory, however many they are."""
        writers = [self.writer(resolve(f"/box/{number}")) for number in range(100)]
        self.assertLessEqual(sum(writer.piece() for writer in writers), self.budget.limit // 4)

    def test_after_the_client_looked(self) -> None:
        """Where the client itself had asked whether it is there, the store is not asked again."""
        self.do(self.session.listing(BOX))
        self.refused(errors.NotFound, self.session.stat(FILE))
        self.requests.clear()
        self.put(FILE, b"new")
        self.assertEqual(self.requests, ["store /box/file"])

    def test_many_files(self) -> None:
        """The directory is looked at once for many new files, even if they take minutes."""
        for n in range(20):
            self.put(BOX.child(str(n)), b"x")
            self.clock.advance(10)
        self.assertEqual(self.requests.count("stat /box"), 1)
        self.assertEqual(len(self.requests), 20 * 2 + 1)

    def test_stat_after_listing(self) -> None:
        """A stat right after a listing is answered from it; a while later the store is asked."""
        self.do(self.session.listing(BOX))
        self.requests.clear()
        self.assertEqual(self.do(self.session.stat(OTHER)).size, 5)
        self.assertEqual(self.requests, [])
        self.clock.advance(5)
        self.do(self.session.stat(OTHER))
        self.assertEqual(self.requests, ["stat /box/other"])

    def test_own_writes_are_known(self) -> None:
        """A stat right after CLOSE shows the new size without a request."""
        self.do(self.session.stat(OTHER))
        self.put(OTHER, b"longer than before")
        self.requests.clear()
        self.assertEqual(self.do(self.session.stat(OTHER)).size, 18)
        self.assertEqual(self.requests, [])

    def test_own_changes_are_known(self) -> None:
        """After remove and rename the store is asked: nothing old is remembered."""
        new = resolve("/box/new")
        for change in (
            lambda: self.session.rename(OTHER, new),
            lambda: self.session.rename(new, OTHER),
            lambda: self.session.remove(OTHER),
        ):
            self.do(self.session.listing(BOX))
            self.do(change())
            self.requests.clear()
            self.start(self.session.stat(OTHER)).addErrback(lambda failure: failure.trap(errors.NotFound))
            self.assertEqual(self.requests, ["stat /box/other"])

    def test_new_attributes_are_known(self) -> None:
        """A stat right after an update shows what the store has now, without a request."""
        self.do(self.session.listing(BOX))
        self.do(self.session.update(OTHER, Attributes(mtime=1.0)))
        self.requests.clear()
        entry = self.do(self.session.stat(OTHER))
        self.assertEqual(self.requests, [])
        self.assertEqual((entry.mtime, entry.size), (1.0, 5))
        self.assertEqual(entry, self.do(self.storage.stat(OTHER)))

    def test_download(self) -> None:
        """A small file after a listing is one fetch; out of the blue it is a stat more."""
        reader = self.reader(OTHER)
        self.assertEqual(reader.read(0, 100), b"other")
        self.assertEqual(self.requests, ["stat /box/other", "fetch /box/other"])
        self.requests.clear()
        self.assertEqual(self.reader(OTHER).read(0, 100), b"other")
        self.assertEqual(self.requests, ["fetch /box/other"])
        self.session.lost()

    def test_first_bytes(self) -> None:
        """Who wants the first bytes at once gets them with what there is to know of the file, in one request."""
        for content in (b"other", b"", b"x" * 100, b"y" * 1000):
            self.storage["/box/other"] = content
            self.clock.advance(60)
            self.requests.clear()
            reader = self.do(self.session.open_reader(OTHER, nothing, 100))
            self.assertEqual(self.requests, ["fetch /box/other"])
            self.assertEqual(reader.entry.size, len(content))
            came = bytearray()
            while data := reader.read(len(came), reader.piece(len(came)) or 100):
                came += data
            self.assertEqual(came, content)
            self.assertEqual(self.requests.count("stat /box/other"), 0)
            reader.close()

    def test_first_bytes_are_counted(self) -> None:
        """They take of the memory of transfers until the file is closed, or for half a minute where nobody reads."""
        self.storage["/box/other"] = b"x" * 1000
        for close in (True, False):
            reader = self.do(self.session.open_reader(OTHER, nothing, 100))
            self.assertEqual(self.budget.used, 100)
            if close:
                reader.close()
            else:
                self.clock.pump([1.0] * 30)
            self.assertEqual(self.budget.used, 0)
        self.assertEqual(reader.read(0, 100), b"x" * 100)
        reader.close()

    def test_first_bytes_of_another_version(self) -> None:
        """What follows the first bytes is of the version that they were of, or an error."""
        self.storage["/box/other"] = b"x" * 1000
        reader = self.do(self.session.open_reader(OTHER, nothing, 100))
        self.assertEqual(reader.read(0, 100), b"x" * 100)
        self.storage["/box/other"] = b"y" * 1000
        with self.assertRaises(errors.Changed):
            reader.read(100, 100)
        reader.close()

    def test_replaced_before_the_first_read(self) -> None:
        """Who begins behind the first bytes, and gets another version, finds that one at the beginning, too."""
        self.storage["/box/other"] = b"x" * 1000
        reader = self.do(self.session.open_reader(OTHER, nothing, 100))
        self.storage["/box/other"] = b"y" * 1000
        self.assertEqual(reader.read(500, 100), b"y" * 100)
        self.assertEqual(reader.read(0, 1000), b"y" * 1000)
        reader.close()

    def test_first_bytes_of_nothing(self) -> None:
        """What is no file is refused as ever."""
        self.refused(errors.NotFound, self.session.open_reader(FILE, nothing, 100))
        self.refused(errors.IsDirectory, self.session.open_reader(BOX, nothing, 100))

    def test_sessions_of_one_process(self) -> None:
        """What one session changes the next does not remember otherwise; what it does not, it does."""
        second = self.make_session()
        for path in (OTHER, resolve("/box/dir/deep")):
            self.storage[str(path)] = b"other"
            self.do(second.stat(path))
        self.put(OTHER, b"longer than before")
        self.assertEqual(self.do(second.stat(OTHER)).size, 18)
        self.requests.clear()
        self.do(second.stat(resolve("/box/dir/deep")))
        self.assertEqual(self.requests, [])
        self.do(self.session.rename(resolve("/box/dir"), resolve("/box/moved")))
        self.refused(errors.NotFound, second.stat(resolve("/box/dir/deep")))
        second.lost()

    def test_end_of_a_file_is_asked_for(self) -> None:
        """The end of a file is never told from memory: it may have grown since, elsewhere."""
        self.storage["/box/file"] = b""
        self.do(self.session.listing(BOX))
        self.storage["/box/file"] = b"content"
        self.assertEqual(self.reader().read(0, 100), b"content")
        reader = self.reader(OTHER)
        self.storage["/box/other"] = b"other and more"
        self.assertEqual(reader.read(5, 100), b" and more")
        self.session.lost()

    def test_size_that_was_told(self) -> None:
        """Whoever was told what he reads gets that or an error, never the beginning of something longer."""
        self.do(self.session.listing(BOX))
        reader = self.reader(OTHER)
        self.storage["/box/other"] = b"other and more"
        self.assertEqual(self.do(reader.confirm()).size, 14)
        self.storage["/box/other"] = b"something else altogether"
        with self.assertRaises(errors.Changed):
            reader.read(0, 14)
        self.session.lost()

    def test_file_that_became_a_directory(self) -> None:
        """A directory in the place of what was to be read is an error, not an empty file."""
        reader = self.reader(OTHER)
        self.do(self.storage.remove(OTHER))
        self.do(self.storage.make_directory(OTHER))
        for _ in range(2):
            with self.assertRaises(errors.StorageError):
                reader.read(0, 14)
        self.session.lost()

    def test_answer_overtaken_by_a_change(self) -> None:
        """What the store said before another session's change is not remembered as if said after it."""
        second = self.make_session()
        self.held["stat"] = []
        looking = self.start(second.stat(OTHER))
        held = self.held.pop("stat")
        self.put(OTHER, b"longer than before")
        held[0].callback(None)
        self.successResultOf(looking)
        self.requests.clear()
        self.do(second.stat(OTHER))
        self.assertEqual(self.requests, ["stat /box/other"])
        second.lost()

    def test_memory_is_given_back(self) -> None:
        """What is remembered is forgotten by itself: an idle session has no timer and no entry."""
        self.do(self.session.listing(BOX))
        self.clock.pump([4.0] * 10)
        self.assertEqual(self.clock.getDelayedCalls(), [])
