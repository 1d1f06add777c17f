"""What one login may do with files, in what order, and at what price."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.logger import globalLogPublisher

from swftp import errors
from swftp.entries import Attributes, Entry, Kind
from swftp.paths import Path, resolve
from swftp.session import OpenMode, SessionLimits
from swftp.session.openfiles import MOMENT
from swftp.storage.memory import MemoryStorage
from swftp.transfer.engine import TransferLimits
from tests.session.case import FILE, KIB, NEW, OTHER, SessionCase, nothing

BOX = resolve("/box")


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
            for said in (None, 0o644):  # clients say with OPEN what mode their own file has
                writer = self.writer(OTHER, mode, Attributes(mode=said))
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
            self.clock.advance(MOMENT)
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
