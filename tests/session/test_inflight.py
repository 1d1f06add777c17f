"""Rules of `swftp.session.session`: a file that is being written, and a client that is gone."""

from __future__ import annotations

from swftp import errors
from swftp.entries import Attributes
from swftp.paths import resolve
from swftp.session import OpenMode, Session
from swftp.session.openfiles import MOMENT
from tests.session.case import FILE, KIB, NEW, OTHER, SessionCase, nothing
from tests.transfer.case import PlainStorage


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

    def listed(self, session: Session) -> list[tuple[str, int]]:
        """Names and sizes, in the order of the listing."""
        listing, found = self.do(session.listing(FILE.parent)), []
        while entries := self.do(listing.next()):
            found += [(entry.name, entry.size) for entry in entries]
        return found

    def test_listing(self) -> None:
        """So it is with listings: once, with the size by now, and last, until it is stored or given up."""
        writer, rewriter = self.writer(), self.writer(OTHER)
        writer.write(0, [b"four"], 4)
        self.assertEqual(self.listed(self.session), [("other", 5), ("file", 4)])
        self.assertEqual(self.listed(self.make_session()), [("other", 5)])
        self.do(self.session.remove(FILE))
        self.assertEqual(self.listed(self.session), [("other", 5)])
        writer = self.writer()
        self.do(writer.close())
        self.assertEqual(self.listed(self.session), [("file", 0), ("other", 5)])
        rewriter.lost()

    def test_listing_of_many_pages(self) -> None:
        """A file that is stored while the pages come is on one of them, and on no second one."""
        self.storage.page_size = 1
        self.storage["/box/a"] = b""
        before, behind, below = self.writer(resolve("/box/b")), self.writer(resolve("/box/z")), resolve("/box/d/n")
        self.do(self.session.make_directory(below.parent))
        deeper = self.writer(below)
        listing = self.do(self.session.listing(FILE.parent))
        names = [entry.name for entry in self.do(listing.next())]
        self.do(behind.close())
        while entries := self.do(listing.next()):
            names += [entry.name for entry in entries]
        self.assertEqual(names, ["a", "d", "other", "z", "b"])
        for writer in (before, deeper):
            writer.lost()

    def test_listing_that_is_past_its_name(self) -> None:
        """So is one that is stored when the page that it would have been on has come already."""
        self.storage.page_size = 1
        self.storage["/box/y"] = self.storage["/box/z"] = b""
        early, given_up = self.writer(resolve("/box/a")), self.writer(resolve("/box/b"))
        early.write(0, [b"four"], 4)
        listing = self.do(self.session.listing(FILE.parent))
        found = [(entry.name, entry.size) for entry in self.do(listing.next())]
        self.do(early.close())
        given_up.lost()
        while entries := self.do(listing.next()):
            found += [(entry.name, entry.size) for entry in entries]
        self.assertEqual(found, [("other", 5), ("y", 0), ("z", 0), ("a", 4)])

    def test_old_object_is_what_others_read(self) -> None:
        """Until CLOSE everybody reads the old bytes."""
        writer = self.writer(OTHER)
        writer.write(0, [b"new"], 3)
        self.clock.advance(MOMENT)
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

    def test_nothing_else_is_made_at_its_name(self) -> None:
        """To its own session it is there: no link, copy, rename or second file may take its name and spare it."""
        exclusive = OpenMode(create=True, exclusive=True)
        self.writer(FILE, exclusive)
        self.refused(errors.AlreadyExists, self.session.open_writer(FILE, exclusive, Attributes(), nothing))
        self.refused(errors.AlreadyExists, self.session.make_link(FILE, OTHER))
        self.refused(errors.AlreadyExists, self.session.copy(OTHER, FILE, exclusive=True))
        self.refused(errors.AlreadyExists, self.session.rename(OTHER, FILE, exclusive=True))
        self.assertEqual(self.storage["/box/other"], b"other")
        self.session.lost()

    def test_replaced_by_a_rename(self) -> None:
        """One over which another is renamed does not come back with its CLOSE, be that sent before the answer."""
        for pipelined in (False, True):
            self.storage["/box/other"] = b"other"
            self.held = {"rename": []} if pipelined else {}
            writer = self.writer()
            writer.write(0, [b"new"], 3)
            renaming = self.start(self.session.rename(OTHER, FILE))
            closing = self.start(writer.close())
            if pipelined:
                self.release("rename")
            self.successResultOf(renaming)
            self.failureResultOf(closing, errors.NotFound)
            self.assertEqual(self.storage["/box/file"], b"other")

    def test_replaced_by_one_that_is_new(self) -> None:
        """So it is where what is renamed is being written itself: that is what its name means from then on."""
        replaced, writer = self.writer(OTHER), self.writer(FILE)
        replaced.write(0, [b"old"], 3)
        writer.write(0, [b"new"], 3)
        self.do(self.session.rename(FILE, OTHER))
        self.do(writer.close())
        self.refused(errors.NotFound, replaced.close())
        self.assertEqual(self.storage["/box/other"], b"new")

    def test_renamed_to_itself(self) -> None:
        """That replaces nothing."""
        writer = self.writer(OTHER)
        writer.write(0, [b"new"], 3)
        self.do(self.session.rename(OTHER, OTHER))
        self.do(writer.close())
        self.assertEqual(self.storage["/box/other"], b"new")

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

    def test_rename_over_the_directory(self) -> None:
        """Nor is it replaced, as an empty one is."""
        source, target = resolve("/box/other-dir"), resolve("/box/dir")
        for path in (source, target):
            self.do(self.session.make_directory(path))
        writer = self.writer(target.child("file"))
        self.refused(errors.NotEmpty, self.session.rename(source, target))
        writer.lost()
        self.do(self.session.rename(source, target))

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
