"""Swifts that can less than others, or do not say what they can: nothing depends on it but what is said at login."""

from __future__ import annotations

from typing import ClassVar

from tests.functional.case import MIB, GatewayCase, content
from tests.functional.clients import Flag, Packet, Speaker, string


class HiddenTests(GatewayCase):
    """``/info`` is switched off: the usual limits are taken for granted."""

    gateway_options: ClassVar[dict[str, object]] = {"transfer.segment_size": MIB}
    swift_options = ("--no-info",)

    def test_large(self) -> None:
        """Large objects are stored, changed, renamed and removed."""
        client = self.login()
        data = content(5 * MIB)
        client.put_bytes(self.path("f"), data)
        with client.open(self.path("f"), "ab") as file:
            file.write(b"tail")
        client.rename(self.path("f"), self.path("g"))
        self.assertStored("g", data + b"tail")
        client.remove(self.path("g"))
        self.assertSegments(0)


class HiddenPlainTests(GatewayCase):
    """It is switched off, and the store has no large objects: nobody can have known."""

    gateway_options: ClassVar[dict[str, object]] = {"transfer.segment_size": MIB}
    swift_options = ("--no-info", "--without", "slo")

    def test_small(self) -> None:
        """What fits into one segment is stored."""
        self.login().put_bytes(self.path("f"), b"small")
        self.assertStored("f", b"small")

    def test_large(self) -> None:
        """What does not fails, and the list of its segments never stands where the file should."""
        client = self.login()
        client.put_bytes(self.path("f"), b"old")
        self.assertFails(client.put_bytes, self.path("f"), content(3 * MIB))
        self.assertStored("f", b"old")
        self.assertSegments(0)


class NoLargeObjectsTests(GatewayCase):
    """The store says that it has no static large objects: one object a file."""

    gateway_options: ClassVar[dict[str, object]] = {"transfer.segment_size": MIB, "transfer.session_memory": 8 * MIB}
    swift_options = ("--without", "slo")

    def test_said_at_login(self) -> None:
        """The log has it, once."""
        self.login()
        self.login()
        line = "has no static large objects: files have 5368709122 bytes at most"
        self.assertLogged(line)
        self.assertEqual(self.gateway.log().count(line), 1, self.gateway.log()[-2000:])

    def test_large(self) -> None:
        """A file larger than memory is one object, whole; renamed, copied and removed as such."""
        client = self.login()
        data = content(20 * MIB)
        client.put_bytes(self.path("f"), data)
        self.assertNotIn("x-static-large-object", self.store.head(self.container, "f") or {})
        client.rename(self.path("f"), self.path("g"))
        self.assertStored("g", data)
        self.assertEqual(client.get_bytes(self.path("g")), data)
        client.remove(self.path("g"))
        self.assertEqual(self.store.names(self.container), [])
        self.assertSegments(0)

    def test_changes_in_place(self) -> None:
        """What fits into memory can be changed; appending to what does not is refused, and harms nothing."""
        client = self.login()
        client.put_bytes(self.path("f"), b"0123456789")
        with client.open(self.path("f"), "r+b") as file:
            file.seek(3)
            file.write(b"---")
        self.assertStored("f", b"012---6789")
        large = content(20 * MIB)
        client.put_bytes(self.path("g"), large)
        speaker = Speaker(self.gateway.port)
        self.addCleanup(speaker.close)
        handle = speaker.open(self.path("g"), Flag.WRITE)
        speaker.write(handle, 5, b"changed")
        speaker.receive()
        self.assertFails(speaker.ask, Packet.CLOSE, handle)
        self.assertStored("g", large)


class SmallObjectsTests(GatewayCase):
    """No object may have more than 3 MiB."""

    gateway_options: ClassVar[dict[str, object]] = {"transfer.segment_size": 8 * MIB}
    swift_options = ("--max-file-size", str(3 * MIB))

    def test_large(self) -> None:
        """Segments are as small as they have to be, whatever is configured."""
        client = self.login()
        data = content(20 * MIB)
        client.put_bytes(self.path("f"), data)
        self.assertStored("f", data)
        with client.open(self.path("f"), "ab") as file:
            file.write(b"tail")
        self.assertStored("f", data + b"tail")
        sizes = [self.store.head(*part)["content-length"] for part in self.store.segments(self.container)]  # type: ignore[index]
        self.assertLessEqual(max(map(int, sizes)), 3 * MIB)
        client.remove(self.path("f"))
        self.assertSegments(0)

    def test_copied(self) -> None:
        """A copy in the store of what is larger is made in pieces."""
        client = self.login()
        data = content(7 * MIB)
        client.put_bytes(self.path("f"), data)
        speaker = Speaker(self.gateway.port)
        self.addCleanup(speaker.close)
        speaker.ask(Packet.EXTENDED, string("copy-file"), string(self.path("f")), string(self.path("g")), b"\0")
        client.remove(self.path("f"))
        self.assertStored("g", data)


class SmallPlainTests(GatewayCase):
    """The same with ``layout = plain``."""

    gateway_options: ClassVar[dict[str, object]] = {"transfer.segment_size": MIB, "storage.layout": "plain"}
    swift_options = ("--max-file-size", str(3 * MIB))

    def test_limit(self) -> None:
        """What fits is stored; what does not fails with the reason, soon, and the old content stays."""
        client = self.login()
        client.put_bytes(self.path("f"), content(3 * MIB))
        self.assertStored("f", content(3 * MIB))
        error = self.assertFails(client.put_bytes, self.path("f"), content(9 * MIB))
        self.assertIn("too large", str(error).lower())
        self.assertStored("f", content(3 * MIB))
