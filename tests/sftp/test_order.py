"""Requests by path take their place among those on handles of the same path, in the order they were sent."""

from __future__ import annotations

from collections.abc import Awaitable

from twisted.internet.defer import Deferred

from swftp.paths import Path
from swftp.sftp.wire import Packet, string
from tests.sftp.case import CONTENT, NEW, READ, WRITE, A, SFTPTestCase
from tests.sftp.client import u32, u64

SIZE = u32(1)


class PathBehindHandleTests(SFTPTestCase):
    """A handle whose READ waits for the store, and behind it a WRITE and a CLOSE."""

    def setUp(self) -> None:
        super().setUp()
        self.fetched: Deferred[None] = Deferred()
        self.holding = True
        self.storage.hook = self._requested
        self.addCleanup(lambda: self.fetched.called or self.let_go())

    def _requested(self, verb: str, path: Path) -> Awaitable[object] | None:
        return self.fetched if verb == "fetch" and self.holding else None

    def stuck(self) -> bytes:
        """The handle."""
        handle = self.client.open(b"/box/a", READ | WRITE)
        self.client.ask(Packet.READ, handle, u64(0), u32(100))
        self.client.ask(Packet.WRITE, handle, u64(0), string(b"HELLO"))
        return handle

    def let_go(self) -> list[int]:
        """The store answers; the numbers of what is answered then."""
        self.holding = False
        self.fetched.callback(None)
        self.settle()
        return [heard.request for heard in self.client.hear()]

    def test_size_behind_close(self) -> None:
        """A size set by path cuts what was written before, and is not undone by it."""
        handle = self.stuck()
        self.client.ask(Packet.CLOSE, handle)
        last = self.client.ask(Packet.SETSTAT, A, SIZE, u64(3))
        self.assertEqual(self.let_go()[-1], last)
        self.assertEqual(self.storage["/box/a"], b"HEL")

    def test_size_behind_write(self) -> None:
        """The same while the file stays open."""
        handle = self.stuck()
        self.client.ask(Packet.SETSTAT, A, SIZE, u64(3))
        self.let_go()
        self.client.call(Packet.CLOSE, handle)
        self.assertEqual(self.storage["/box/a"], b"HEL")

    def test_remove_behind_close(self) -> None:
        """What was closed is stored, then removed: both are answered OK."""
        handle = self.stuck()
        self.client.ask(Packet.CLOSE, handle)
        self.client.ask(Packet.REMOVE, A)
        self.holding = False
        self.fetched.callback(None)
        self.settle()
        self.assertEqual([heard.code for heard in self.client.hear()[1:]], [0, 0, 0])
        self.assertNotIn("/box/a", self.storage)

    def test_open_behind_close(self) -> None:
        """Who opens it to write it anew replaces what was closed before."""
        handle = self.stuck()
        self.client.ask(Packet.CLOSE, handle)
        self.client.ask(Packet.OPEN, A, u32(NEW), u32(0))
        self.holding = False
        self.fetched.callback(None)
        self.settle()
        again = string(self.client.hear()[-1].data)
        self.assertEqual(self.storage["/box/a"], b"HELLO" + CONTENT[5:])
        self.client.call(Packet.CLOSE, again)
        self.assertEqual(self.storage["/box/a"], b"")

    def test_others_do_not_wait(self) -> None:
        """What concerns other names is answered meanwhile."""
        self.storage["/box/b"] = b"b"
        self.stuck()
        self.client.hear()
        self.assertIs(self.client.call(Packet.STAT, string(b"/box/b")).kind, Packet.ATTRS)
