"""What one login may do with files, in what order, and at what price."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.logger import globalLogPublisher

from swftp import errors
from swftp.entries import UNLIKELY, UNSEEN, Attributes, Entry, Kind
from swftp.paths import Path, resolve
from swftp.session import OpenMode, SessionLimits
from swftp.storage.memory import MemoryStorage
from swftp.transfer.engine import TransferLimits
from tests.session.case import FILE, KIB, NEW, OTHER, SessionCase, nothing
from tests.transfer.case import PlainStorage

BOX = resolve("/box")


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


class OpenTests(SessionCase):
    """What is refused at OPEN already."""

    def open(self, path: str, **mode: bool) -> Any:
        """A call that opens *path* for writing."""
        return self.session.open_writer(resolve(path), OpenMode(**mode), Attributes(), nothing)

    def test_missing(self) -> None:
        """Without CREAT a file has to be there, to be read as well as to be written."""
        self.refused(errors.NotFound, self.open("/box/file"))
        self.refused(errors.NotFound, self.session.open_reader(FILE, nothing))

    def test_missing_directory(self) -> None:
        """A file is not created in a directory or container that is not there."""
        self.refused(errors.NotFound, self.open("/box/none/file", create=True, truncate=True))
        self.refused(errors.NotFound, self.open("/none/file", create=True))

    def test_below_a_file(self) -> None:
        """A file is no directory."""
        self.refused(errors.NotDirectory, self.open("/box/other/file", create=True))

    def test_directory(self) -> None:
        """A directory, container or account cannot be opened as a file."""
        self.do(self.session.make_directory(resolve("/box/dir")))
        for path in ("/box/dir", "/box", "/"):
            self.refused(errors.IsDirectory, self.open(path, create=True, truncate=True))
            self.refused(errors.IsDirectory, self.session.open_reader(resolve(path), nothing))

    def test_implied_directory(self) -> None:
        """So it is with one that exists by what is in it, once the session has seen it."""
        self.storage["/box/dir/file"] = b""
        self.do(self.session.listing(BOX))
        self.refused(errors.IsDirectory, self.open("/box/dir", create=True, truncate=True))

    def test_beside_containers(self) -> None:
        """Files live in containers."""
        self.refused(errors.PermissionDenied, self.open("/file", create=True))

    def test_exclusive(self) -> None:
        """EXCL fails if the file is there, and is checked again when it is stored."""
        self.refused(errors.AlreadyExists, self.open("/box/other", create=True, exclusive=True))
        writer = self.writer(FILE, OpenMode(create=True, exclusive=True))
        self.storage["/box/file"] = b"theirs"
        self.refused(errors.AlreadyExists, writer.close())
        self.assertEqual(self.storage["/box/file"], b"theirs")

    def test_nothing_is_made_at_open(self) -> None:
        """No placeholder: what is opened and abandoned was never there."""
        self.writer()
        self.assertNotIn("/box/file", self.storage)
        self.session.lost()
        self.assertNotIn("/box/file", self.storage)

    def test_errors_rest_on_no_memory(self) -> None:
        """What another client changed a moment ago is seen before an OPEN is refused."""
        self.do(self.session.listing(BOX))
        self.refused(errors.NotFound, self.session.stat(FILE))
        self.storage["/box/file"] = b"theirs"
        self.do(self.storage.remove(OTHER))
        self.assertEqual(self.do(self.open("/box/file")).entry.size, 6)
        self.do(self.open("/box/other", create=True, exclusive=True))
        self.session.lost()

    def test_what_is_kept_is_looked_at(self) -> None:
        """An append goes to what stands there now, not to what stood there when it was last seen."""
        self.do(self.session.stat(OTHER))
        self.storage["/box/other"] = b"newer"
        writer = self.writer(OTHER, OpenMode(append=True))
        writer.write(0, [b"!"], 1)
        self.do(writer.close())
        self.assertEqual(self.storage["/box/other"], b"newer!")

    def test_mode_is_kept(self) -> None:
        """A file that is written anew, or changed, keeps its permission bits, as on POSIX."""
        self.do(self.session.update(OTHER, Attributes(mode=0o600)))
        for mode in (NEW, OpenMode(append=True)):
            writer = self.writer(OTHER, mode)
            writer.write(0, [b"new"], 3)
            self.do(writer.close())
            self.assertEqual(self.do(self.storage.stat(OTHER)).mode, 0o600)

    def test_limit(self) -> None:
        """More open files than the limit are refused; a closed one makes room."""
        self.limits = SessionLimits(open_files=2)
        self.session = self.make_session()
        first = self.reader(OTHER)
        self.writer(FILE)
        self.refused(errors.Busy, self.session.open_reader(OTHER, nothing))
        self.refused(errors.Busy, self.open("/box/x", create=True))
        first.close()
        self.reader(OTHER)
        self.session.lost()

    def test_link(self) -> None:
        """Writing through a symbolic link writes what it leads to."""
        self.do(self.session.make_link(FILE, OTHER))
        self.put(FILE, b"through")
        self.assertEqual(self.storage["/box/other"], b"through")
        self.assertIs(self.do(self.session.stat(FILE, follow=False)).kind, Kind.SYMLINK)
        self.assertEqual(self.do(self.session.stat(FILE)).size, 7)


class OrderTests(SessionCase):
    """What waits for what."""

    def test_stat_behind_open(self) -> None:
        """A stat sent right behind the OPEN that creates a file sees the file, as sshfs needs it."""
        self.held["stat"] = []
        opened = self.start(self.session.open_writer(FILE, NEW, Attributes(), nothing))
        seen = self.start(self.session.stat(FILE, follow=False))
        self.assertNoResult(seen)
        self.release("stat")
        self.successResultOf(opened)
        self.assertEqual(self.successResultOf(seen).kind, Kind.FILE)

    def close_slowly(self, path: Path = FILE) -> Any:
        """A CLOSE that the store has not answered."""
        self.held["store"] = []
        writer = self.writer(path)
        writer.write(0, [b"new"], 3)
        return self.start(writer.close())

    def test_slow_close_holds_up_nothing_else(self) -> None:
        """While a CLOSE waits for the store other files are served."""
        closing = self.close_slowly()
        self.assertEqual(self.do(self.session.stat(OTHER)).size, 5)
        self.assertNoResult(closing)
        self.release("store")
        self.successResultOf(closing)

    def test_what_touches_it_waits(self) -> None:
        """Stat, open, rename, remove of the file and a listing of its directory see it closed."""
        new = resolve("/box/new")
        later: list[Callable[[], Any]] = [
            lambda: self.session.stat(FILE),
            lambda: self.session.open_reader(FILE, nothing),
            lambda: self.session.open_writer(FILE, NEW, Attributes(), nothing),
            lambda: self.session.listing(BOX),
            lambda: self.session.rename(FILE, new),
            lambda: self.session.remove(FILE),
        ]
        for call in later:
            closing = self.close_slowly()
            waiting = self.start(call())
            self.assertNoResult(waiting)
            self.release("store")
            self.successResultOf(closing)
            self.successResultOf(waiting)
        self.session.lost()

    def test_rename_after_close(self) -> None:
        """sshfs and WinSCP rename without waiting for CLOSE: the new name has the new bytes."""
        closing = self.close_slowly()
        renaming = self.start(self.session.rename(FILE, resolve("/box/final")))
        self.release("store")
        self.successResultOf(closing)
        self.successResultOf(renaming)
        self.assertEqual(self.storage["/box/final"], b"new")
        self.assertNotIn("/box/file", self.storage)

    def test_stat_that_waited_sees_the_new_size(self) -> None:
        """A STAT pipelined behind CLOSE is not answered with what was remembered from before."""
        self.do(self.session.listing(BOX))
        closing = self.close_slowly(OTHER)
        waiting = self.start(self.session.stat(OTHER))
        self.release("store")
        self.successResultOf(closing)
        self.assertEqual(self.successResultOf(waiting).size, 3)

    def test_close_behind_a_rename(self) -> None:
        """A CLOSE pipelined behind a RENAME of the open file stores it under the new name, and only there."""
        self.held["rename"] = []
        writer = self.writer(OTHER)
        writer.write(0, [b"new"], 3)
        renaming = self.start(self.session.rename(OTHER, FILE))
        closing = self.start(writer.close())
        self.release("rename")
        self.successResultOf(renaming)
        self.successResultOf(closing)
        self.assertEqual(self.storage["/box/file"], b"new")
        self.assertNotIn("/box/other", self.storage)

    def test_close_behind_a_remove(self) -> None:
        """A CLOSE pipelined behind a REMOVE of the open file fails: the file stays removed."""
        self.held["remove"] = []
        writer = self.writer(OTHER)
        writer.write(0, [b"new"], 3)
        removing = self.start(self.session.remove(OTHER))
        closing = self.start(writer.close())
        self.release("remove")
        self.successResultOf(removing)
        self.failureResultOf(closing, errors.NotFound)
        self.assertNotIn("/box/other", self.storage)

    def test_two_writers(self) -> None:
        """The last CLOSE wins, as a whole."""
        first, second = self.writer(), self.writer()
        first.write(0, [b"first and long"], 14)
        second.write(0, [b"second"], 6)
        self.do(second.close())
        self.do(first.close())
        self.assertEqual(self.storage["/box/file"], b"first and long")


class InFlightTests(SessionCase):
    """A file that is being written, seen by the rest of its session."""

    def test_stat(self) -> None:
        """A session sees its own unfinished file with the size it has by now; another one does not."""
        writer = self.writer()
        writer.write(0, [b"four"], 4)
        self.assertEqual(self.do(self.session.stat(FILE)).size, 4)
        self.assertEqual(writer.entry.size, 4)
        self.refused(errors.NotFound, self.make_session().stat(FILE))
        self.session.lost()
        self.refused(errors.NotFound, self.make_session().stat(FILE))

    def test_old_object_is_what_others_read(self) -> None:
        """Until CLOSE everybody reads the old bytes."""
        writer = self.writer(OTHER)
        writer.write(0, [b"new"], 3)
        self.assertEqual(self.reader(OTHER).read(0, 100), b"other")
        self.session.lost()

    def test_set_by_path(self) -> None:
        """A time set by path while the file is open goes with it when it is stored."""
        writer = self.writer()
        self.do(self.session.update(FILE, Attributes(mtime=9.0)))
        self.assertEqual(self.do(writer.close()).mtime, 9.0)
        self.assertNotIn("update /box/file", self.requests)

    def test_remove(self) -> None:
        """A file that is removed while it is written does not come back: its CLOSE fails."""
        writer = self.writer(OTHER)
        writer.write(0, [b"new"], 3)
        self.do(self.session.remove(OTHER))
        self.assertNotIn("/box/other", self.storage)
        self.assertRaises(errors.NotFound, writer.write, 3, [b"x"], 1)
        self.refused(errors.NotFound, writer.close())
        self.assertNotIn("/box/other", self.storage)

    def test_remove_of_one_with_the_name_of_a_directory(self) -> None:
        """What is written in a directory of the same name is not what is removed."""
        below = OTHER.child("below")
        self.storage[str(below)] = b"old"
        self.do(self.session.stat(below))
        writer = self.writer(OTHER.child("new"))
        writer.write(0, [b"new"], 3)
        self.do(self.session.remove(OTHER))
        self.do(writer.close())
        self.assertEqual(self.storage["/box/other/new"], b"new")

    def test_remove_of_a_new_one(self) -> None:
        """So it is with one that was not stored yet."""
        writer = self.writer()
        self.do(self.session.remove(FILE))
        self.refused(errors.NotFound, writer.close())
        self.refused(errors.NotFound, self.session.remove(FILE))

    def test_rename_of_a_new_one(self) -> None:
        """An open file that is renamed is stored under its new name, and only there."""
        writer = self.writer()
        writer.write(0, [b"new"], 3)
        self.do(self.session.rename(FILE, resolve("/box/final"), exclusive=True))
        self.assertEqual(self.do(self.session.stat(resolve("/box/final"))).size, 3)
        self.refused(errors.NotFound, self.session.stat(FILE))
        self.do(writer.close())
        self.assertEqual(self.storage["/box/final"], b"new")
        self.assertNotIn("/box/file", self.storage)

    def test_rename_of_a_new_one_over_another(self) -> None:
        """An exclusive rename of an open file is refused where something stands."""
        self.writer()
        self.refused(errors.AlreadyExists, self.session.rename(FILE, OTHER, exclusive=True))
        self.session.lost()

    def test_rename_of_an_exclusive_one_over_another(self) -> None:
        """EXCL was about the name it was opened by: an open temporary file may be renamed over what it replaces."""
        for exclusive in (False, True):
            self.storage["/box/other"] = b"other"
            writer = self.writer(FILE, OpenMode(create=True, exclusive=True))
            writer.write(0, [b"new"], 3)
            if exclusive:
                self.do(self.session.remove(OTHER))
            self.do(self.session.rename(FILE, OTHER, exclusive))
            if exclusive:  # somebody else made it meanwhile
                self.storage["/box/other"] = b"theirs"
                self.refused(errors.AlreadyExists, writer.close())
            else:
                self.do(writer.close())
            self.assertEqual(self.storage["/box/other"], b"theirs" if exclusive else b"new")

    def test_rename_of_one_that_is_changed(self) -> None:
        """An existing file that is renamed while open keeps the bytes it had and gets those written."""
        writer = self.writer(OTHER, OpenMode())
        writer.write(0, [b"O"], 1)
        self.do(self.session.rename(OTHER, FILE))
        self.do(writer.close())
        self.assertEqual(self.storage["/box/file"], b"Other")
        self.assertNotIn("/box/other", self.storage)

    def test_closed_as_copy(self) -> None:
        """A file of which the store has made a copy ended well; one that could not be copied did not."""
        seen = self.do(self.session.stat(OTHER))
        writer = self.writer()
        self.do(self.session.close_as_copy(writer, OTHER, seen))
        self.assertEqual((writer.outcome, self.storage["/box/file"]), ("ok", b"other"))
        self.storage["/box/other"] = b"changed"
        writer = self.writer()
        self.refused(errors.Changed, self.session.close_as_copy(writer, OTHER, seen))
        self.assertEqual((writer.over, writer.outcome == "ok"), (True, False))

    def test_closed_as_copy_of_a_time(self) -> None:
        """The copy has the time that was asked for, be it the first second of all."""
        seen = self.do(self.session.stat(OTHER))
        writer = self.writer()
        writer.set(Attributes(mtime=0.0))
        self.do(self.session.close_as_copy(writer, OTHER, seen))
        self.assertEqual(self.do(self.session.stat(FILE)).mtime, 0.0)

    def test_truncate_is_one_step(self) -> None:
        """What is asked for behind a truncation by path finds it done."""
        looked = resolve("/box/looked")
        self.storage["/box/looked"] = b"looked"
        self.held["stat"] = []
        calls = [
            self.start(self.session.truncate(looked, 2, Attributes())),
            self.start(self.session.stat(looked)),
            self.start(self.session.truncate(OTHER, 2, Attributes())),
            self.start(self.session.remove(OTHER)),
        ]
        self.release("stat")
        _, entry, _, _ = map(self.successResultOf, calls)
        self.assertEqual(entry.size, 2)
        self.assertEqual(self.storage["/box/looked"], b"lo")
        self.assertNotIn("/box/other", self.storage)

    def test_truncate(self) -> None:
        """A file that is being written is truncated itself, be it new or not; any other in one step."""
        for path, mode in ((FILE, NEW), (OTHER, OpenMode())):
            writer = self.writer(path, mode)
            writer.write(0, [b"OTHER"], 5)
            self.do(self.session.truncate(path, 3, Attributes(mtime=5.0)))
            entry = self.do(writer.close())
            self.assertEqual((self.storage[str(path)], entry.mtime), (b"OTH", 5.0))
        self.do(self.session.truncate(OTHER, 2, Attributes()))
        self.assertEqual(self.storage["/box/other"], b"OT")

    def test_close_between_rename_and_remove(self) -> None:
        """A CLOSE asked for behind a rename comes before a REMOVE of the new name that was asked for later."""
        writer, new = self.writer(), resolve("/box/new")
        writer.write(0, [b"new"], 3)
        self.held = {"stat": [], "store": []}
        asked = [self.start(self.session.rename(FILE, new)), self.start(writer.close())]
        asked.append(self.start(self.session.remove(new)))
        self.release("stat")
        self.release("store")
        for one in asked:
            self.successResultOf(one)
        self.assertNotIn("/box/new", self.storage)

    def test_rename_of_one_on_its_way(self) -> None:
        """What is being sent under its name already is not renamed; it lands where it was to go."""
        inner, self.storage = self.storage, PlainStorage(self.storage)  # type: ignore[assignment]
        self.session, self.storage = self.make_session(), inner
        writer = self.writer()
        writer.write(0, [bytes(256 * KIB)], 256 * KIB)
        self.refused(errors.Unsupported, self.session.rename(FILE, resolve("/box/final")))
        self.do(writer.close())
        self.assertEqual(len(self.storage["/box/file"]), 256 * KIB)
        self.assertNotIn("/box/final", self.storage)

    def test_unchanged_one_is_not_remembered(self) -> None:
        """Closing a file in which nothing was written says nothing of what stands there by now."""
        writer = self.writer(OTHER, OpenMode())
        self.clock.advance(100)
        self.storage["/box/other"] = b"longer than before"
        self.do(writer.close())
        self.assertEqual(self.do(self.session.stat(OTHER)).size, 18)

    def test_rename_of_the_directory(self) -> None:
        """Files that are open in a directory go where it goes."""
        self.do(self.session.make_directory(resolve("/box/dir")))
        writer = self.writer(resolve("/box/dir/file"))
        writer.write(0, [b"new"], 3)
        self.do(self.session.rename(resolve("/box/dir"), resolve("/box/moved")))
        self.do(writer.close())
        self.assertEqual(self.storage["/box/moved/file"], b"new")

    def test_rmdir(self) -> None:
        """A directory in which a file is being written is not empty."""
        self.do(self.session.make_directory(resolve("/box/dir")))
        writer = self.writer(resolve("/box/dir/file"))
        self.refused(errors.NotEmpty, self.session.remove_directory(resolve("/box/dir")))
        writer.lost()
        self.do(self.session.remove_directory(resolve("/box/dir")))

    def test_mkdir(self) -> None:
        """A directory is not made where a file is being written."""
        self.writer()
        self.refused(errors.AlreadyExists, self.session.make_directory(FILE))
        self.session.lost()


class LostTests(SessionCase):
    """A client that is gone."""

    def test_before_close(self) -> None:
        """What was not closed is aborted."""
        self.storage["/box/file"] = b"old"
        writer = self.writer()
        writer.write(0, [b"new"], 3)
        self.session.lost()
        self.assertEqual(self.storage["/box/file"], b"old")
        self.refused(errors.Interrupted, writer.close())

    def test_after_close(self) -> None:
        """What was closed lands."""
        self.held["store"] = []
        writer = self.writer()
        writer.write(0, [b"new"], 3)
        closing = self.start(writer.close())
        self.session.lost()
        self.release("store")
        self.successResultOf(closing)
        self.assertEqual(self.storage["/box/file"], b"new")

    def test_after_a_close_that_waits_its_turn(self) -> None:
        """It lands even if it had not begun yet, because the one before it was slow."""
        self.held["store"] = []
        first, second = self.writer(), self.writer()
        first.write(0, [b"first"], 5)
        second.write(0, [b"second"], 6)
        closing = [self.start(first.close()), self.start(second.close())]
        self.session.lost()
        self.release("store")
        for one in closing:
            self.successResultOf(one)
        self.assertEqual(self.storage["/box/file"], b"second")

    def test_while_opening(self) -> None:
        """A file whose OPEN is answered after the client went is given up."""
        self.held["stat"] = []
        opening = self.start(self.session.open_writer(FILE, NEW, Attributes(), nothing))
        reading = self.start(self.session.open_reader(OTHER, nothing))
        self.session.lost()
        self.release("stat")
        self.failureResultOf(opening, errors.Interrupted)
        self.failureResultOf(reading, errors.Interrupted)
        self.assertEqual(self.budget.used, 0)
        self.assertFalse(self.session.busy)

    def test_leaves_nothing(self) -> None:
        """No memory, no timer, no part is left."""
        self.reader(OTHER).read(0, 10)
        self.writer().write(0, [b"x" * 300 * KIB], 300 * KIB)
        self.session.lost()
        self.assertEqual((self.budget.used, self.budget.leaving, self.storage.staged), (0, 0, 0))
        self.clock.advance(0)
        self.assertEqual(self.clock.getDelayedCalls(), [])


class TwiceTests(SessionCase):
    """CLOSE said twice."""

    def test_writer(self) -> None:
        """The second CLOSE of a file is an error, not a second commit."""
        writer = self.writer()
        self.do(writer.close())
        self.refused(errors.InvalidRequest, writer.close())
        self.assertEqual(self.requests.count("store /box/file"), 1)

    def test_reader(self) -> None:
        """That of a reader is nothing."""
        reader = self.reader(OTHER)
        reader.close()
        reader.close()
        self.assertRaises(errors.InvalidRequest, reader.read, 0, 1)


class RootTests(SessionCase):
    """A login that sees a part of the account only."""

    root = resolve("/box/home")

    def setUp(self) -> None:
        super().setUp()
        self.storage["/box/home/file"] = b"mine"
        self.storage["/box/home/dir/deep"] = b"deep"

    def test_paths(self) -> None:
        """The client's ``/`` is the root, and what it is called is not to be seen."""
        entry = self.do(self.session.stat(Path()))
        self.assertEqual((entry.name, entry.kind), ("", Kind.DIRECTORY))
        listing = self.do(self.session.listing(Path()))
        self.assertEqual({entry.name for entry in self.do(listing.next())}, {"file", "dir"})
        self.assertEqual(self.reader(resolve("/file")).read(0, 10), b"mine")
        self.session.lost()

    def test_every_verb_stays_inside(self) -> None:
        """Files are made, copied, renamed and removed below the root."""
        self.put(resolve("/new"), b"x")
        self.do(self.session.copy(resolve("/new"), resolve("/copy")))
        self.do(self.session.rename(resolve("/new"), resolve("/dir/moved")))
        self.do(self.session.make_directory(resolve("/made")))
        self.do(self.session.remove(resolve("/file")))
        self.assertIn("/box/home/copy", self.storage)
        self.assertIn("/box/home/dir/moved", self.storage)
        self.assertNotIn("/box/home/file", self.storage)
        self.do(self.session.remove_directory(resolve("/made")))

    def test_links(self) -> None:
        """A link is made, shown and followed inside; one that leads outside is not written through."""
        self.do(self.session.make_link(resolve("/link"), resolve("/file")))
        self.assertEqual(self.do(self.session.stat(resolve("/link"), follow=False)).target, "/file")
        self.put(resolve("/link"), b"new")
        self.assertEqual(self.storage["/box/home/file"], b"new")
        self.do(self.storage.make_link(resolve("/box/home/out"), OTHER))
        opening = self.session.open_writer(resolve("/out"), NEW, Attributes(), nothing)
        self.refused(errors.PermissionDenied, opening)
        self.assertEqual(self.storage["/box/other"], b"other")

    def test_the_root_itself(self) -> None:
        """The root is neither removed nor renamed."""
        self.refused(errors.PermissionDenied, self.session.remove_directory(Path()))
        self.refused(errors.PermissionDenied, self.session.rename(Path(), resolve("/x")))
        self.refused(errors.PermissionDenied, self.session.rename(resolve("/dir"), Path()))


class ListingTests(SessionCase):
    """`Session.listing`."""

    def test_pages(self) -> None:
        """A directory comes page by page, each asked for when it is wanted, nothing twice."""
        self.storage.page_size = 3
        for n in range(7):
            self.storage[f"/box/{n}"] = b""
        listing = self.do(self.session.listing(BOX))
        self.assertEqual(len(self.requests), 1)
        names: list[str] = []
        while entries := self.do(listing.next()):
            names += [entry.name for entry in entries]
        self.assertEqual(names, [*"0123456", "other"])
        self.assertEqual(self.do(listing.next()), ())

    def test_refused(self) -> None:
        """What is no directory is refused at once, not at the first page."""
        self.refused(errors.NotFound, self.session.listing(resolve("/none")))
        self.refused(errors.NotDirectory, self.session.listing(OTHER))


class CapabilityTests(SessionCase):
    """What only some stores can."""

    def test_unsupported(self) -> None:
        """A store without links and quota says so."""

        class Bare(MemoryStorage):
            """Without the interfaces."""

        from zope.interface import implementer_only

        from swftp.interfaces import IStorage

        self.storage = implementer_only(IStorage)(Bare)(self.clock)
        session = self.make_session()
        self.refused(errors.Unsupported, session.make_link(FILE, OTHER))
        self.refused(errors.Unsupported, session.usage(BOX))

    def test_usage(self) -> None:
        """A store with a quota says how full it is."""
        self.assertEqual(self.do(self.session.usage(BOX)).used_bytes, 5)


class LogTests(SessionCase):
    """One line a transfer."""

    def setUp(self) -> None:
        super().setUp()
        self.events: list[dict[str, Any]] = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)

    def lines(self) -> list[tuple[Any, ...]]:
        """Of transfers: verb, path, bytes, result."""
        found = [event for event in self.events if "verb" in event]
        return [(event["verb"], event["path"], event["bytes"], event["result"]) for event in found]

    def test_each_end_is_logged_once(self) -> None:
        """An upload, a download and an abort are one line each, with user, peer, path, bytes and seconds."""
        self.put(FILE, b"new")
        reader = self.reader(OTHER)
        reader.read(0, 10)
        reader.close()
        self.writer(OTHER).write(0, [b"xx"], 2)
        self.clock.advance(2)
        self.session.lost()
        self.clock.advance(0)
        self.assertEqual(
            self.lines(),
            [
                ("put", "/box/file", 3, "ok"),
                ("get", "/box/other", 5, "ok"),
                ("put", "/box/other", 2, "transfer interrupted"),
            ],
        )
        last = [event for event in self.events if "verb" in event][-1]
        self.assertEqual((last["user"], last["peer"], last["seconds"]), ("tester", "192.0.2.1", 2.0))

    def test_background_failure_is_logged(self) -> None:
        """What runs in the background and fails is not lost in silence."""

        async def fail() -> Entry:
            raise ZeroDivisionError

        self.session.background(fail())
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)


class BusyTests(SessionCase):
    """For those who stop a server."""

    def test_busy(self) -> None:
        """A session with an open file is busy; without one it is not."""
        self.assertFalse(self.session.busy)
        writer = self.writer()
        self.assertTrue(self.session.busy)
        self.do(writer.close())
        self.assertFalse(self.session.busy)

    def test_pressed(self) -> None:
        """A session whose client sends on though he was told to wait says so."""
        self.limits = SessionLimits(memory=100 * KIB, transfer=TransferLimits(segment_size=64 * KIB))
        self.session = self.make_session()
        self.held["stage"] = []
        writer = self.writer()
        self.assertFalse(self.session.pressed)
        for at in range(0, 200 * KIB, 10 * KIB):
            told = writer.write(at, [b"x" * 10 * KIB], 10 * KIB)
            if told is not None:
                told.addErrback(lambda reason: reason.trap(errors.Interrupted))
        self.assertTrue(self.session.pressed)
        self.session.lost()
        self.release("stage")
