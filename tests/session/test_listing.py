"""Listings, page by page, and what a session remembers of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any

from twisted.internet.defer import maybeDeferred

from swftp import errors
from swftp.entries import UNSEEN, Attributes, Entry, Kind, Page
from swftp.paths import Path, resolve
from swftp.session import Known, Listing, Session, SessionLimits
from swftp.session.known import CAPACITY, LAG
from tests.session.case import NEW, SessionCase, nothing

BOX = resolve("/box")


class AheadTests(SessionCase):
    """The page after the one that the client takes."""

    limits = SessionLimits(listed=12)

    def setUp(self) -> None:
        super().setUp()
        self.storage.page_size = 2
        for number in range(7):
            self.storage[f"/box/{number}"] = b""

    def listing(self) -> Listing:
        """The directory, open."""
        return self.do(self.session.listing(BOX))

    def asked(self) -> int:
        """Pages that the store was asked for."""
        return self.requests.count("list /box")

    def test_one_page_ahead(self) -> None:
        """It is asked for when the client begins with the one before; never a second one."""
        listing = self.listing()
        self.assertEqual(self.asked(), 1)
        for pages in (2, 3, 4):
            self.assertEqual(len(self.do(listing.next())), 2)
            self.assertEqual(self.asked(), pages)
        self.assertEqual(len(self.do(listing.next())), 2)
        self.assertEqual(self.do(listing.next()), ())
        self.assertEqual(self.asked(), 4)

    def test_failure_is_told_in_its_place(self) -> None:
        """After what was listed before it; asked again, the store is, too, and nothing is left out."""
        listing = self.listing()
        first = self.do(listing.next())

        def failing(verb: str, path: Path) -> None:
            raise errors.Unavailable()

        hook, self.storage.hook = self.storage.hook, failing
        second = self.do(listing.next())
        self.refused(errors.Unavailable, listing.next())
        self.storage.hook = hook
        names = [entry.name for page in (first, second) for entry in page]
        while page := self.do(listing.next()):
            names += [entry.name for entry in page]
        self.assertEqual(names, sorted({"other", *"0123456"}))

    def test_page_of_nothing(self) -> None:
        """A page with no name that a client could say is not the end of the directory."""
        listed = self.storage.list

        async def some_unsayable(path: Path, after: str | None = None) -> Page:
            page = await listed(path, after)
            return Page((), page.after) if after in ("1", "3") else page

        self.storage.list = some_unsayable  # type: ignore[method-assign]
        listing = self.listing()
        names = ""
        while page := self.do(listing.next()):
            names += "".join(entry.name[0] for entry in page)
        self.assertEqual(names, "016o")

    def test_closed(self) -> None:
        """Who closes it gives up the request that nobody waits for, and asks for nothing more."""
        listing = self.listing()
        self.held["list"] = []
        self.do(listing.next())
        listing.close()
        self.release("list")
        self.assertEqual(self.do(listing.next()), ())
        self.assertEqual(self.asked(), 2)
        self.do(self.session.remove_directory(self.emptied()))

    def test_many_at_a_time(self) -> None:
        """Who opens one directory after another, and reads none to its end, is refused before he holds too much."""
        self.assertEqual(len(self.do(self.listing().next())), 2)
        held = [self.listing() for _ in range(6)]
        self.refused(errors.Busy, self.session.listing(BOX))
        asked = self.asked()
        for one in held[:2]:
            self.do(one.next())
        self.assertEqual(self.asked(), asked)  # nothing is asked for ahead
        for one in held[1:]:
            one.close()
        names = []
        while page := self.do(held[0].next()):
            names += page
        self.assertEqual(len(names), 6)

    def test_at_the_same_time(self) -> None:
        """Nor is he let in with directories that have yet to be looked at."""
        self.held["list"] = []
        waiting = [self.start(self.session.listing(BOX)) for _ in range(3)]
        self.failureResultOf(waiting[1], errors.Busy)
        self.failureResultOf(waiting[2], errors.Busy)
        self.release("list")
        self.successResultOf(waiting[0])

    def test_refused_and_asked_again(self) -> None:
        """Where a page was refused, it comes once others are closed."""
        one, *others = [self.listing() for _ in range(6)]
        self.do(one.next())
        self.storage.page_size = 3
        for other in (*others[:2], *others[:2]):
            self.do(other.next())
        self.refused(errors.Busy, one.next())
        for other in others:
            other.close()
        self.assertEqual([entry.name for entry in self.do(one.next())], ["2", "3", "4"])

    def emptied(self) -> Path:
        """The directory, without its files."""
        for name in (*"0123456", "other"):
            self.do(self.session.remove(BOX.child(name)))
        return BOX

    def test_closed_while_it_waits(self) -> None:
        """A page that comes too late is followed by none."""
        listing = self.listing()
        self.held["list"] = []
        self.do(listing.next())
        late = self.start(listing.next())
        listing.close()
        self.release("list")
        self.assertEqual(len(self.successResultOf(late)), 2)
        self.assertEqual(self.asked(), 2)


class LateTests(SessionCase):
    """Listings of a store that shows changes late, as Swift's may be."""

    def setUp(self) -> None:
        super().setUp()
        self.box = dict(self.storage._containers["box"])

    def listed(self) -> None:
        """The session lists the directory, and is shown what was there in the beginning."""
        now, self.storage._containers["box"] = self.storage._containers["box"], self.box
        self.do(self.session.listing(BOX))
        self.storage._containers["box"] = now
        self.requests.clear()

    def stored(self) -> Path:
        """A file that was just replaced."""
        path = BOX.child("other")
        self.put(path, b"longer than before")
        return path

    def test_own_file(self) -> None:
        """Who has stored a file is told what he stored, whatever a late listing shows."""
        path = self.stored()
        self.clock.advance(1)
        self.listed()
        self.assertEqual(self.do(self.session.stat(path)).size, 18)
        self.assertEqual(self.requests, [])
        self.clock.advance(100)
        self.listed()
        self.assertEqual(self.do(self.session.stat(path)).size, 18)

    def test_of_another_session(self) -> None:
        """And so is another client of this process."""
        path = self.stored()
        self.session = self.make_session()
        self.listed()
        self.assertEqual(self.do(self.session.stat(path)).size, 18)

    def test_up_to_date_for_others(self) -> None:
        """A listing that shows what another session has stored is believed as it is."""
        path = self.stored()
        self.session.lost()
        self.session = self.make_session()
        self.box = self.storage._containers["box"]
        self.listed()
        self.assertEqual(self.do(self.session.stat(path)).size, 18)
        self.assertEqual(self.requests, [])
        self.storage["/box/other"] = b"theirs"
        self.clock.advance(LAG / 2)
        self.listed()
        self.assertEqual(self.do(self.session.stat(path)).size, 6)
        self.assertEqual(self.requests, ["stat /box/other"])

    def test_changed_by_another_session(self) -> None:
        """What the store said before that change does not count."""
        path = self.stored()
        second = self.make_session()
        self.do(second.stat(path))
        self.box = dict(self.storage._containers["box"])
        self.put(path, b"1")
        self.session = second
        self.listed()
        self.assertEqual(self.do(second.stat(path)).size, 1)

    def test_given_back(self) -> None:
        """That lasts for minutes, and then is forgotten by itself."""
        self.stored()
        self.clock.pump([1.0] * 10)
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        self.do(self.session.stat(BOX.child("other")))
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        self.assertLess(self.clock.getDelayedCalls()[0].getTime() - self.clock.seconds(), 4)
        self.clock.pump([LAG] * 2)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_removed(self) -> None:
        """What was removed is gone."""
        path = BOX.child("other")
        self.do(self.session.remove(path))
        self.listed()
        self.refused(errors.NotFound, self.session.stat(path))

    def test_below(self) -> None:
        """What came by a rename of its directory counts as changed."""
        self.storage["/box/d/x"] = b"12345678"
        self.storage["/box/e/x"] = b"1"
        old = dict(self.storage._containers["box"])
        self.do(self.storage.remove(resolve("/box/e/x")))
        self.do(self.session.rename(BOX.child("d"), BOX.child("e")))
        self.box = old
        now, self.storage._containers["box"] = self.storage._containers["box"], old
        self.do(self.session.listing(BOX.child("e")))
        self.storage._containers["box"] = now
        self.assertEqual(self.do(self.session.stat(resolve("/box/e/x"))).size, 8)

    def test_up_to_date(self) -> None:
        """Where it shows what was stored, it is believed; and so it is after minutes, whatever it shows."""
        path = self.stored()
        self.clock.advance(100)
        self.box = self.storage._containers["box"]
        self.listed()
        self.do(self.session.stat(path))
        self.assertEqual(self.requests, [])
        self.clock.advance(LAG + 1)
        self.storage["/box/other"] = b"theirs"
        self.do(self.session.listing(BOX))
        self.requests.clear()
        self.assertEqual(self.do(self.session.stat(path)).size, 6)
        self.assertEqual(self.requests, [])


class RememberedTests(SessionCase):
    """STAT after a listing."""

    def stat(self, name: str, follow: bool = True) -> Entry:
        """Of a file in the directory."""
        return self.do(self.session.stat(BOX.child(name), follow))

    def fill(self, count: int) -> None:
        """Many files."""
        for number in range(count):
            self.storage[f"/box/{number:05}"] = b"1"

    def read(self) -> None:
        """All of the directory."""
        listing = self.do(self.session.listing(BOX))
        while self.do(listing.next()):
            pass
        self.requests.clear()

    def test_what_is_newer_counts(self) -> None:
        """A page says more than an earlier STAT, and less than a later one."""
        self.stat("other")
        self.storage["/box/other"] = b"longer"
        self.read()
        self.assertEqual(self.stat("other").size, 6)
        self.assertEqual(self.requests, [])
        self.storage["/box/other"] = b"shorter"
        self.do(self.session.open_reader(BOX.child("other"), nothing)).close()
        self.clock.advance(2.9)
        writer = self.do(self.session.open_writer(BOX.child("other"), NEW, Attributes(), nothing))
        self.do(writer.close())
        self.assertEqual(self.stat("other").size, 0)

    def test_newer_page(self) -> None:
        """A page takes the place of what it was before: what is not on it any more is not known from there."""
        self.read()
        self.do(self.storage.remove(BOX.child("other")))
        self.storage["/box/new"] = b""
        self.read()
        self.refused(errors.NotFound, self.session.stat(BOX.child("other")))

    def test_links(self) -> None:
        """What a link leads to is not what the listing says of it."""
        self.do(self.storage.make_link(BOX.child("link"), BOX.child("other")))
        self.read()
        self.assertEqual(self.stat("link", follow=False).target, "/box/other")
        self.assertEqual(self.requests, [])
        self.assertEqual(self.stat("link").size, 5)
        self.assertEqual(self.requests, ["stat /box/link"])

    def test_bounded(self) -> None:
        """However long the directory is; then a STAT costs a request."""
        self.fill(CAPACITY + 10)
        self.read()
        self.stat("00000")
        self.assertEqual(self.requests, [])
        self.stat(f"{CAPACITY + 9:05}")
        self.assertEqual(len(self.requests), 1)

    def test_made_bounded(self) -> None:
        """However many directories are made: of the first ones it is not known any more that they are empty."""
        known = Known(self.clock, self.changes)
        for n in range(CAPACITY + 1):
            known.made(BOX.child(str(n)))
        self.assertTrue(known.unlikely(BOX.child("1").child("f")))
        self.assertFalse(known.unlikely(BOX.child("0").child("f")))

    def test_became(self) -> None:
        """What a change made of a file is known, unless another session changed it meanwhile, before it or after."""
        known, path, entry = Known(self.clock, self.changes), BOX.child("f"), Entry(name="f", kind=Kind.FILE, size=1)
        mark = known.mark
        known.became(path, entry, mark)
        self.assertEqual(known.get(path), entry)
        known.became(path, entry, mark)
        self.assertIs(known.get(path), UNSEEN)
        known.became(path, entry, known.mark)
        self.changes.add(path, self.clock.seconds())
        self.assertIs(known.get(path), UNSEEN)

    def test_file_where_a_directory_was(self) -> None:
        """Nothing is made in what a listing shows to be a file."""
        self.storage["/box/d/x"] = b""
        self.read()
        self.stat("d")
        self.do(self.storage.remove(BOX.child("d").child("x")))
        self.storage["/box/d"] = b"file"
        self.clock.advance(4)
        self.read()
        self.clock.advance(4)
        self.refused(
            errors.NotDirectory, self.session.open_writer(BOX.child("d").child("y"), NEW, Attributes(), nothing)
        )

    def test_file_that_became_a_directory(self) -> None:
        """Nobody is refused because of what a listing said of a name a moment ago."""
        self.storage["/box/d"] = b"file"
        self.read()
        self.do(self.storage.remove(BOX.child("d")))
        self.do(self.storage.make_directory(BOX.child("d")))
        self.do(self.session.open_writer(BOX.child("d").child("y"), NEW, Attributes(), nothing)).lost()

    def work_through(self, what: Callable[[Path], Coroutine[Any, Any, object]]) -> dict[str, int]:
        """Do *what* with each of many files, two a second; the requests made, by verb."""
        self.fill(60)
        self.read()
        for number in range(60):
            self.do(what(BOX.child(f"{number:05}")))
            self.clock.advance(0.5)
        return Counter(request.split()[0] for request in self.requests)

    def test_get_all(self) -> None:
        """Who takes one file after the other of what he listed costs a listing now and then, no look at each."""

        async def get(path: Path) -> None:
            await self.session.stat(path)
            (await self.session.open_reader(path, nothing)).close()

        made = self.work_through(get)
        self.assertLess(made["stat"], 9)
        self.assertLess(made["list"], 12)

    def test_remove_all(self) -> None:
        """And who removes them."""
        made = self.work_through(self.session.remove)
        self.assertLess(made["list"], 12)
        self.assertEqual(made["remove"], 60)
        self.assertEqual(self.do(self.session.listing(BOX))._page.entries[0].name, "other")

    def test_change_while_working_through(self) -> None:
        """What another gateway changes is seen as soon as by anybody."""
        self.fill(60)
        self.read()
        for number in range(20):
            self.storage[f"/box/{number:05}"] = bytes(number)
            self.clock.advance(3.1)
            self.assertEqual(self.stat(f"{number:05}").size, number)

    def test_only_one_renews(self) -> None:
        """Many who ask at the same time do not all ask for a listing."""
        self.fill(60)
        self.read()
        for number in range(30):
            self.stat(f"{number:05}")
        self.clock.advance(3.1)
        self.held["list"] = []
        waiting = [self.start(self.session.stat(BOX.child(f"{number:05}"))) for number in range(30)]
        self.release("list")
        for stat in waiting:
            self.assertEqual(self.successResultOf(stat).size, 1)
        self.assertEqual(self.requests.count("list /box"), 1)

    def test_given_back(self) -> None:
        """Entries of a listing live for seconds."""
        self.read()
        self.clock.advance(4)
        self.stat("other")
        self.assertEqual(len(self.requests), 1)
        self.clock.advance(60)
        self.assertEqual(self.clock.getDelayedCalls(), [])


class SharedTests(SessionCase):
    """Sessions of one credential, as rclone opens one for each transfer."""

    def make_session(self) -> Session:
        """One that shares what it remembers."""
        self.known = getattr(self, "known", None) or Known(self.clock, self.changes)
        return Session(
            self.storage,
            budget=self.budget,
            clock=self.clock,
            wall=self.clock.seconds,
            offload=maybeDeferred,
            changes=self.changes,
            known=self.known,
        )

    def test_shared(self) -> None:
        """What one wrote the other knows, until the last of them is gone."""
        other = self.make_session()
        self.put(BOX.child("f"), b"12345")
        self.requests.clear()
        self.assertEqual(self.do(other.stat(BOX.child("f"))).size, 5)
        self.session.lost()
        self.session.lost()
        self.assertEqual(self.do(other.stat(BOX.child("f"))).size, 5)
        self.assertEqual(self.requests, [])
        other.lost()
        self.clock.advance(0)
        self.assertEqual(self.clock.getDelayedCalls(), [])
