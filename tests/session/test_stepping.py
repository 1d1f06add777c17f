"""Clients that ask for one name of a directory after the other, and never list it."""

from __future__ import annotations

from swftp import errors
from swftp.paths import Path, resolve
from swftp.session.stepping import PACE, STEPS
from tests.session.case import SessionCase, nothing

BOX = resolve("/box")
COUNT = 3 * STEPS


class SteppingTests(SessionCase):
    """A directory of files that nobody has listed."""

    def setUp(self) -> None:
        super().setUp()
        self.do(self.storage.remove(BOX.child("other")))
        for number in range(COUNT):
            self.storage[str(self.path(number))] = b"%02d" % number
        self.requests.clear()

    def path(self, number: int) -> Path:
        """Of a file."""
        return BOX.child(f"f{number:02}")

    def asked(self, verb: str) -> int:
        """Requests of a kind."""
        return sum(request.startswith(f"{verb} ") for request in self.requests)

    def step(self, numbers: range) -> None:
        """STAT of one after the other."""
        for number in numbers:
            self.assertEqual(self.do(self.session.stat(self.path(number))).size, 2)

    def test_in_order(self) -> None:
        """Who goes on in order is answered from one listing."""
        self.step(range(COUNT))
        self.assertEqual((self.asked("stat"), self.asked("list")), (STEPS, 1))

    def test_removed(self) -> None:
        """Removing is such asking, and what is listed is removed at once."""
        self.step(range(STEPS))
        self.requests.clear()
        for number in range(STEPS, COUNT):
            self.do(self.session.remove(self.path(number)))
        self.assertEqual((self.asked("stat"), self.asked("list"), self.asked("remove")), (0, 1, COUNT - STEPS))
        self.refused(errors.NotFound, self.session.stat(self.path(COUNT - 1)))

    def test_taken(self) -> None:
        """Small files that are taken so are fetched ahead, each once."""
        for number in range(COUNT):
            reader = self.do(self.session.open_reader(self.path(number), nothing, first=4096))
            self.assertEqual(reader.read(0, 4096), b"%02d" % number)
            reader.close()
        self.assertEqual((self.asked("fetch"), self.asked("stat"), self.asked("list")), (COUNT, 0, 1))

    def test_out_of_order(self) -> None:
        """Who asks in any other order, or slowly, has each name looked at."""
        self.step(range(COUNT - 1, -1, -1))
        self.clock.advance(10.0)
        for number in range(COUNT):
            self.clock.advance(PACE + 0.1)
            self.step(range(number, number + 1))
        self.assertEqual((self.asked("stat"), self.asked("list")), (2 * COUNT, 0))

    def test_not_there(self) -> None:
        """Who asks for what is not there, as before he stores it, causes one listing and no more."""
        for number in range(4 * STEPS):
            self.refused(errors.NotFound, self.session.stat(BOX.child(f"g{number:02}")))
        self.assertEqual(self.asked("list"), 1)

    def test_elsewhere(self) -> None:
        """Each directory is begun anew."""
        for number in range(COUNT):
            self.storage[f"/box/d{number:02}/f"] = b"x"
            self.do(self.session.stat(resolve(f"/box/d{number:02}/f")))
        self.assertEqual(self.asked("list"), 0)

    def test_next_page(self) -> None:
        """Who goes on behind the end of a page is answered from the next one."""
        self.storage.page_size = STEPS + 4
        self.step(range(COUNT))
        self.assertEqual((self.asked("stat"), self.asked("list")), (STEPS + STEPS - 1, 2))
