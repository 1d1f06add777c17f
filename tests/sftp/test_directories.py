"""Listing, making and removing directories."""

from __future__ import annotations

from swftp.errors import Unavailable
from swftp.outcomes import Status
from swftp.sftp.wire import PACKET_LIMIT, Packet, string
from tests.sftp.case import A, SFTPTestCase
from tests.sftp.client import NO_ATTRS, FakeChannel, Heard


class ListingTests(SFTPTestCase):
    """OPENDIR and READDIR."""

    def connect_as(self, client: bytes) -> None:
        """Another client, with this identification."""
        channel = FakeChannel()
        channel.client = client
        self.client = self.connect(channel=channel)

    def opendir(self, path: bytes) -> bytes:
        """The packed handle."""
        heard = self.client.call(Packet.OPENDIR, string(path))
        self.assertIs(heard.kind, Packet.HANDLE, heard)
        return string(heard.data)

    def batches(self, path: bytes) -> list[Heard]:
        """All replies to READDIR before EOF."""
        handle = self.opendir(path)
        found = []
        while (heard := self.client.call(Packet.READDIR, handle)).kind is Packet.NAME:
            found.append(heard)
        self.assertEqual(heard.code, Status.EOF)
        self.assertEqual(self.client.call(Packet.CLOSE, handle).code, Status.OK)
        return found

    def names(self, path: bytes) -> list[bytes]:
        """All names."""
        return [name for heard in self.batches(path) for name, _, _ in heard.names]

    def test_entries(self) -> None:
        """The two dots first, then everything once, with long names and attributes."""
        self.storage["/box/d/e"] = b""
        (heard,) = self.batches(b"/box")
        self.assertEqual([name for name, _, _ in heard.names], [b".", b"..", b"a", b"d"])
        self.assertEqual([longname[:1] for _, longname, _ in heard.names], [b"d", b"d", b"-", b"d"])
        self.assertEqual([attrs.size for _, _, attrs in heard.names], [0, 0, 12, 0])

    def test_root_and_empty(self) -> None:
        """Containers are the directories of the root; an empty one has the dots."""
        self.client.call(Packet.MKDIR, string(b"/empty"), NO_ATTRS)
        self.assertEqual(self.names(b"/"), [b".", b"..", b"box", b"empty"])
        self.assertEqual(self.names(b"/empty"), [b".", b".."])

    def test_many(self) -> None:
        """More than a page: each name once, batches of a size every client takes."""
        self.connect_as(b"SSH-2.0-ssh2js1.15.0")
        self.storage.page_size = 150
        for i in range(420):
            self.storage[f"/many/{i:04}" + "ü" * 100] = b""
        found = self.batches(b"/many")
        names = [name for heard in found for name, _, _ in heard.names][2:]
        self.assertEqual(len(names), 420)
        self.assertEqual(len(set(names)), 420)
        for heard in found:
            self.assertLess(len(heard.body), 32768)

    def test_openssh(self) -> None:
        """OpenSSH, which takes large packets, needs fewer of them; none is larger than it takes."""
        for i in range(3000):
            self.storage[f"/many/{i:04}" + "ü" * 100] = b""
        self.connect_as(b"SSH-2.0-ssh2js1.15.0")
        many = len(self.batches(b"/many"))
        self.connect_as(b"SSH-2.0-OpenSSH_9.2p1")
        found = self.batches(b"/many")
        self.assertEqual(sum(len(heard.names) for heard in found), 3002)
        self.assertLess(len(found), many / 3)
        self.assertLess(max(len(heard.body) for heard in found), PACKET_LIMIT - 1000)

    def test_pipelined(self) -> None:
        """READDIRs sent without waiting are answered one after the other, no name twice (FileZilla)."""
        self.storage.page_size = 40
        for i in range(100):
            self.storage[f"/many/{i}"] = b""
        handle = self.opendir(b"/many")
        self.storage.latency = 1.0
        asked = [self.client.ask(Packet.READDIR, handle) for _ in range(8)]
        asked.append(self.client.ask(Packet.CLOSE, handle))
        self.clock.pump([1.0] * 12)
        heard = self.client.hear()
        self.assertEqual([h.request for h in heard], asked)
        names = [name for h in heard if h.kind is Packet.NAME for name, _, _ in h.names]
        self.assertEqual((len(names), len(set(names))), (102, 102))
        self.assertEqual([h.code for h in heard[-2:]], [Status.EOF, Status.OK])

    def test_missing(self) -> None:
        """What is not there, or no directory, does not open."""
        self.assertEqual(self.client.call(Packet.OPENDIR, string(b"/no")).code, Status.NO_SUCH_FILE)
        self.assertEqual(self.client.call(Packet.OPENDIR, A).code, Status.NO_SUCH_FILE)

    def test_store_fails_in_the_middle(self) -> None:
        """An error, behind the names that came before it: not the end of the directory."""
        self.storage.page_size = 10
        for i in range(30):
            self.storage[f"/many/{i}"] = b""
        handle = self.opendir(b"/many")
        self.client.call(Packet.READDIR, handle)

        def failing(verb: str, path: object) -> None:
            raise Unavailable()

        self.storage.hook = failing
        self.assertEqual(len(self.client.call(Packet.READDIR, handle).names), 10)
        self.assertEqual(self.client.call(Packet.READDIR, handle).code, Status.FAILURE)

    def test_closed_in_the_middle(self) -> None:
        """CLOSE, or a client that goes away, gives up the page that nobody waits for."""
        self.storage.page_size = 10
        for i in range(30):
            self.storage[f"/many/{i}"] = b""
        ends = (lambda handle: self.client.call(Packet.CLOSE, handle), lambda _: self.client.server.lost())
        for end in ends:
            self.storage.latency = 0.0
            handle = self.opendir(b"/many")
            self.storage.latency = 1.0
            before = len(self.clock.getDelayedCalls())
            self.client.call(Packet.READDIR, handle)
            self.assertEqual(len(self.clock.getDelayedCalls()), before + 1)
            end(handle)
            self.assertLessEqual(len(self.clock.getDelayedCalls()), before)


class MakingTests(SFTPTestCase):
    """MKDIR and RMDIR."""

    def test_mkdir(self) -> None:
        """Containers and directories in them."""
        for path in (b"/new", b"/new/d", b"/new/d/e"):
            self.assertEqual(self.client.call(Packet.MKDIR, string(path), NO_ATTRS).code, Status.OK)
            self.assertEqual(self.client.call(Packet.STAT, string(path)).attrs.permissions, 0o040755)

    def test_mkdir_refused(self) -> None:
        """Over what exists, and where the parent does not."""
        for path, code in (
            (b"/box", Status.FAILURE),
            (b"/box/a", Status.FAILURE),
            (b"/no/d", Status.NO_SUCH_FILE),
            (b"/box/x/y", Status.NO_SUCH_FILE),
        ):
            self.assertEqual(self.client.call(Packet.MKDIR, string(path), NO_ATTRS).code, code)

    def test_rmdir(self) -> None:
        """Only an empty directory."""
        self.assertEqual(self.client.call(Packet.RMDIR, string(b"/box")).code, Status.FAILURE)
        self.assertEqual(self.client.call(Packet.RMDIR, A).code, Status.NO_SUCH_FILE)
        self.assertEqual(self.client.call(Packet.RMDIR, string(b"/no")).code, Status.NO_SUCH_FILE)
        self.client.call(Packet.REMOVE, A)
        self.assertEqual(self.client.call(Packet.RMDIR, string(b"/box")).code, Status.OK)
