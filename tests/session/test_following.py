"""Small files that are fetched ahead of a client that takes one after the other."""

from __future__ import annotations

from twisted.internet.defer import Deferred

from swftp import errors
from swftp.paths import Path, resolve
from swftp.session.following import GOOD, LARGEST, SURE
from swftp.transfer.budget import TICK
from tests.session.case import SessionCase, nothing
from tests.transfer.test_budget import Holder

BOX = resolve("/box")
COUNT = 10


class FollowingTests(SessionCase):
    """A session that has listed a directory of small files."""

    def setUp(self) -> None:
        super().setUp()
        self.do(self.storage.remove(BOX.child("other")))
        for number in range(COUNT):
            self.storage[str(self.path(number))] = b"%d" % number
        self.list()

    def path(self, number: int) -> Path:
        """Of a file."""
        return BOX.child(f"f{number}")

    def list(self) -> None:
        """All of the directory."""
        listing = self.do(self.session.listing(BOX))
        while self.do(listing.next()):
            pass
        self.requests.clear()

    def get(self, number: int) -> bytes:
        """What the client gets of a file."""
        reader = self.reader(self.path(number))
        self.clock.advance(0)  # it has its answer
        data = reader.read(0, 4096)
        reader.close()
        assert data is not None
        return bytes(data)

    def begin(self) -> None:
        """Take files in order until that is known."""
        for number in range(SURE + 1):
            self.assertEqual(self.get(number), b"%d" % number)

    def fetched(self) -> list[int]:
        """Files that the store was asked for since."""
        numbers = [int(request[-1]) for request in self.requests if request.startswith("fetch ")]
        self.requests.clear()
        return numbers

    def test_fetched_ahead(self) -> None:
        """The next ones are there before the client asks for them, and each is fetched once."""
        self.begin()
        self.assertEqual(sorted(self.fetched()), [0, 1, 2, 3, 4])
        for number in range(SURE + 1, COUNT):
            self.assertEqual(self.get(number), b"%d" % number)
        self.assertEqual(self.fetched(), [5, 6, 7, 8, 9])
        self.assertEqual(self.budget.used, 0)

    def test_out_of_order(self) -> None:
        """Who takes files as they come to his mind is given those and no more."""
        for number in (0, 7, 1, 9, 3, 2, 8):
            self.get(number)
        self.assertEqual(self.fetched(), [0, 7, 1, 9, 3, 2, 8])

    def test_large(self) -> None:
        """Files that a read-ahead of their own pays for are left to it."""
        for number in range(SURE + 1, COUNT):
            self.storage[str(self.path(number))] = bytes(LARGEST + 1)
        self.list()
        self.begin()
        self.assertEqual(sorted(self.fetched()), [0, 1, 2])

    def test_changed_here(self) -> None:
        """What any session of this process has changed since is asked for again."""
        self.begin()
        self.put(self.path(3), b"mine")
        self.do(self.make_session().rename(self.path(0), self.path(4)))
        self.assertEqual(self.get(3), b"mine")
        self.assertEqual(self.get(4), b"0")

    def test_removed_here(self) -> None:
        """A file that is gone is not read."""
        self.begin()
        self.do(self.make_session().remove(self.path(3)))
        self.refused(errors.NotFound, self.session.open_reader(self.path(3), nothing))

    def test_old(self) -> None:
        """What was fetched a second ago is forgotten, and then memory holds nothing of it."""
        self.begin()
        self.storage[str(self.path(3))] = b"theirs"
        self.assertGreater(self.budget.used, 0)
        self.clock.pump([GOOD] * 2)
        self.assertEqual(self.budget.used, 0)
        self.assertEqual(self.get(3), b"theirs")

    def test_other_version(self) -> None:
        """A file that is not what the listing said is not what was fetched: it is looked at again."""
        self.storage[str(self.path(3))] = b"theirs"
        self.begin()
        self.assertEqual(self.get(3), b"theirs")

    def test_on_its_way(self) -> None:
        """An OPEN waits for what is on its way, instead of asking for it a second time."""
        for number in range(SURE):
            self.get(number)
        self.held["fetch"] = []
        third = self.start(self.session.open_reader(self.path(SURE), nothing))
        self.successResultOf(third)
        self.clock.advance(0)
        fourth = self.start(self.session.open_reader(self.path(SURE + 1), nothing))
        self.assertNoResult(fourth)
        self.release("fetch")
        self.assertEqual(self.successResultOf(fourth).read(0, 10), b"3")
        self.assertEqual(self.fetched().count(SURE + 1), 1)

    def test_failed(self) -> None:
        """What could not be fetched ahead is asked for when it is wanted."""

        def failing(verb: str, path: Path) -> Deferred[None] | None:
            if verb == "fetch" and path == self.path(3):
                raise errors.Unavailable()
            return None

        hook, self.storage.hook = self.storage.hook, failing
        self.begin()
        self.storage.hook = hook
        self.assertEqual(self.get(3), b"3")

    def test_memory_is_short(self) -> None:
        """Nothing is fetched ahead into memory that others wait for, and what was is given back first."""
        self.begin()
        self.assertGreater(self.budget.used, 0)
        holder = Holder(self.budget)
        holder.share.take(self.budget.limit)
        holder.share.wait()
        self.clock.advance(TICK)
        self.assertEqual(self.budget.used, self.budget.limit)
        self.fetched()
        self.assertEqual(self.get(3), b"3")
        self.assertEqual(self.fetched(), [3])
        holder.share.close()

    def test_lost(self) -> None:
        """Of a client that goes away nothing is left."""
        self.held["fetch"] = []
        for number in range(SURE + 1):
            self.start(self.session.open_reader(self.path(number), nothing))
            self.clock.advance(0)
        waiting = self.start(self.session.open_reader(self.path(SURE + 1), nothing))
        self.session.lost()
        self.failureResultOf(waiting, errors.Interrupted)
        self.clock.advance(0)
        self.assertEqual(self.budget.used, 0)
        self.assertEqual(self.clock.getDelayedCalls(), [])
