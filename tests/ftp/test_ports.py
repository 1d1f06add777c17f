"""The ports of passive data connections."""

from __future__ import annotations

from itertools import pairwise
from random import Random
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from swftp.ftp.ports import NoPort, Ports
from tests.ftp.datacase import FakeListener


class PortTests(SynchronousTestCase):
    """`Ports`."""

    def setUp(self) -> None:
        """None is in use."""
        FakeListener.used, FakeListener.made = set(), []

    def ports(self, span: tuple[int, int] | None, seed: int = 1) -> Any:
        """A range."""
        return Ports(None, span, random=Random(seed), listener=FakeListener)

    def test_every_port(self) -> None:
        """All ports of a range of any length are used before one is missing."""
        for count in (1, 2, 3, 4, 6, 12, 97, 100):
            FakeListener.used = set()
            ports = self.ports((50000, 49999 + count), count)
            numbers = {ports.listen("127.0.0.1", lambda peer: None).number for _ in range(count)}
            self.assertEqual(numbers, set(range(50000, 50000 + count)))
            self.assertRaises(NoPort, ports.listen, "127.0.0.1", lambda peer: None)

    def test_no_order(self) -> None:
        """The next port does not follow from the last one."""
        ports = self.ports((50000, 50999))
        numbers = [ports.listen("127.0.0.1", lambda peer: None).number for _ in range(50)]
        steps = {later - earlier for earlier, later in pairwise(numbers)}
        self.assertGreater(len(steps), 40)

    def test_any(self) -> None:
        """Without a range the system chooses."""
        self.assertGreaterEqual(self.ports(None).listen("127.0.0.1", lambda peer: None).number, 1024)

    def test_taken_back(self) -> None:
        """A port that was given back is used again."""
        ports = self.ports((50000, 50000))
        ports.listen("127.0.0.1", lambda peer: None).stop()
        self.assertEqual(ports.listen("127.0.0.1", lambda peer: None).number, 50000)
