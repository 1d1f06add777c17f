"""Files of many segments, ours and other tools': whole when seen, gone without a trace when removed."""

from __future__ import annotations

import time
from itertools import zip_longest
from typing import ClassVar

from tests.functional.case import MIB, GatewayCase, content, md5
from tests.functional.clients import Flag, Packet, Speaker


class LargeTests(GatewayCase):
    """``segment_size`` 1 MiB."""

    gateway_options: ClassVar[dict[str, object]] = {"transfer.segment_size": MIB}

    def setUp(self) -> None:
        super().setUp()
        self.client = self.login()

    def assertLarge(self, name: str, data: bytes) -> None:
        """*name* is a large object of *data*, listed with its size."""
        self.assertStored(name, data)
        self.assertIn("x-static-large-object", self.store.head(self.container, name) or {})
        self.assertEqual(self.client.stat(self.path(name)).st_size, len(data))
        sizes = {entry.filename: entry.st_size for entry in self.client.listdir_attr(self.path())}
        self.assertEqual(sizes[name], len(data))
        self.assertEqual(md5(self.client.get_bytes(self.path(name))), md5(data))

    def test_sizes(self) -> None:
        """Around the ends of segments."""
        for size in (MIB - 1, MIB, MIB + 1, 3 * MIB, 3 * MIB + 1, 5 * MIB - 1):
            data = content(size)
            self.client.put_bytes(self.path(f"f{size}"), data)
            self.assertStored(f"f{size}", data)
        self.assertLarge(f"f{3 * MIB + 1}", content(3 * MIB + 1))

    def test_invisible_before_close(self) -> None:
        """Segments of an open file are seen by nobody; its old content is."""
        self.store.put(self.container, "f", b"old")
        speaker = Speaker(self.gateway.port)
        self.addCleanup(speaker.close)
        handle = speaker.open(self.path("f"), Flag.WRITE | Flag.CREATE | Flag.TRUNCATE)
        data = content(4 * MIB)
        for _ in speaker.write_all(handle, data):
            pass
        self.assertStored("f", b"old")
        self.assertEqual(self.store.names(self.container), ["f"])
        self.assertEqual(self.client.listdir(self.path()), ["f"])
        speaker.ask(Packet.CLOSE, handle)
        self.assertLarge("f", data)

    def test_overwritten(self) -> None:
        """Large over plain, large over large, plain over large: the old segments are removed."""
        self.store.put(self.container, "f", b"old")
        self.client.put_bytes(self.path("f"), content(3 * MIB, 1))
        self.assertSegments(3)
        self.client.put_bytes(self.path("f"), content(5 * MIB, 2))
        self.assertSegments(5)
        self.assertLarge("f", content(5 * MIB, 2))
        self.client.put_bytes(self.path("f"), b"small")
        self.assertStored("f", b"small")
        self.assertSegments(0)

    def test_removed(self) -> None:
        """Removal takes the segments along."""
        self.client.put_bytes(self.path("f"), content(3 * MIB))
        self.client.remove(self.path("f"))
        self.assertStored("f", None)
        self.assertSegments(0)

    def test_other_tools_large_object(self) -> None:
        """Another tool's large object is read, renamed and replaced like any file."""
        parts = [content(MIB, number) for number in range(3)]
        self.store.put_large(self.container, "f", parts)
        self.assertLarge("f", b"".join(parts))
        self.client.rename(self.path("f"), self.path("g"))
        self.assertLarge("g", b"".join(parts))

    def test_dynamic_large_object(self) -> None:
        """A dynamic large object has its real size in stat and listing, and is read whole."""
        self.store.connection.put_container(f"{self.container}_segments")
        for number in range(3):
            self.store.put(f"{self.container}_segments", f"f/{number}", content(1000, number))
        self.store.put(self.container, "f", b"", X_Object_Manifest=f"{self.container}_segments/f/")
        whole = b"".join(content(1000, number) for number in range(3))
        self.assertEqual(self.client.stat(self.path("f")).st_size, 3000)
        (entry,) = self.client.listdir_attr(self.path())
        self.assertEqual(entry.st_size, 3000)
        self.assertEqual(self.client.get_bytes(self.path("f")), whole)

    def test_missing_segment(self) -> None:
        """A large object that lost a segment fails to be read: never a short file."""
        for lost in range(3):
            self.store.put_large(self.container, f"f{lost}", [content(MIB, number) for number in range(3)])
            segment = self.store.names(f"{self.container}_segments", prefix=f"f{lost}/")[lost]
            self.store.connection.delete_object(f"{self.container}_segments", segment)
            start = time.monotonic()
            error = self.assertFails(self.client.get_bytes, self.path(f"f{lost}"))
            self.assertLess(time.monotonic() - start, 5.0, "though hundreds of READs were outstanding")
            self.assertIn("missing in storage", str(error))

    def test_rest_of_a_broken_one(self) -> None:
        """What is left of a large object that lost a segment can be read."""
        self.store.put_large(self.container, "f", [content(MIB, number) for number in range(3)])
        segment = self.store.names(f"{self.container}_segments")[1]
        self.store.connection.delete_object(f"{self.container}_segments", segment)
        with self.client.open(self.path("f"), "rb") as file:
            self.assertEqual(file.read(100_000), content(MIB, 0)[:100_000])
            file.seek(2 * MIB)
            self.assertEqual(file.read(100_000), content(MIB, 2)[:100_000])

    def test_appended(self) -> None:
        """Resuming and appending do not move the old bytes, and the result is one file."""
        data = content(6 * MIB)
        self.client.put_bytes(self.path("f"), data[: 3 * MIB])
        with self.client.open(self.path("f"), "ab") as file:
            file.write(data[3 * MIB : 3 * MIB + 10])
        self.assertStored("f", data[: 3 * MIB + 10])
        with self.client.open(self.path("f"), "r+b") as file:
            file.set_pipelined(True)
            file.seek(3 * MIB + 10)
            file.write(data[3 * MIB + 10 :])
        self.assertLarge("f", data)

    def test_changed_in_the_middle(self) -> None:
        """A few bytes in the middle of a large file, and its end cut off."""
        data = bytearray(content(5 * MIB))
        self.client.put_bytes(self.path("f"), bytes(data))
        with self.client.open(self.path("f"), "r+b") as file:
            file.seek(2 * MIB + 7)
            file.write(b"changed")
        data[2 * MIB + 7 : 2 * MIB + 14] = b"changed"
        self.assertStored("f", bytes(data))
        self.client.truncate(self.path("f"), 4 * MIB - 3)
        self.assertStored("f", bytes(data[: 4 * MIB - 3]))

    def test_copied(self) -> None:
        """A renamed or copied large file is independent: removing one leaves the other readable."""
        data = content(3 * MIB)
        self.client.put_bytes(self.path("f"), data)
        speaker = Speaker(self.gateway.port)
        self.addCleanup(speaker.close)
        source = speaker.open(self.path("f"), Flag.READ)
        target = speaker.open(self.path("g"), Flag.WRITE | Flag.CREATE | Flag.TRUNCATE)
        zero = (0).to_bytes(8, "big")
        speaker.ask(Packet.EXTENDED, (9).to_bytes(4, "big") + b"copy-data", source, zero, zero, target, zero)
        for handle in (source, target):
            speaker.ask(Packet.CLOSE, handle)
        self.client.remove(self.path("f"))
        self.assertStored("g", data)
        self.assertEqual(md5(self.client.get_bytes(self.path("g"))), md5(data))

    def test_empty_over_large(self) -> None:
        """An empty upload over a large file leaves an empty file and no segments."""
        self.client.put_bytes(self.path("f"), content(3 * MIB))
        self.client.put_bytes(self.path("f"), b"")
        self.assertStored("f", b"")
        self.assertSegments(0)


class PlainTests(GatewayCase):
    """``layout = plain``: one object a file."""

    gateway_options: ClassVar[dict[str, object]] = {"storage.layout": "plain", "transfer.segment_size": MIB}

    def test_upload(self) -> None:
        """A file of many buffers is one object, without segments, and unseen before CLOSE."""
        data = content(7 * MIB + 3)
        speaker = Speaker(self.gateway.port)
        self.addCleanup(speaker.close)
        handle = speaker.open(self.path("f"), Flag.WRITE | Flag.CREATE | Flag.TRUNCATE)
        for _ in speaker.write_all(handle, data):
            pass
        self.assertStored("f", None)
        speaker.ask(Packet.CLOSE, handle)
        self.assertStored("f", data)
        self.assertEqual((self.store.head(self.container, "f") or {})["etag"], md5(data))
        self.assertSegments(0)

    def test_many_at_once(self) -> None:
        """Who writes a dozen files by turns, waiting for each reply, gets them all."""
        speaker = Speaker(self.gateway.port)
        self.addCleanup(speaker.close)
        files = {
            speaker.open(self.path(f"f{i}"), Flag.WRITE | Flag.CREATE | Flag.TRUNCATE): content(2 * MIB + i)
            for i in range(12)
        }
        turns = [speaker.write_all(handle, data, window=1) for handle, data in files.items()]
        for _ in zip_longest(*turns):
            pass
        for i, (handle, data) in enumerate(files.items()):
            speaker.ask(Packet.CLOSE, handle)
            self.assertStored(f"f{i}", data)

    def test_lost(self) -> None:
        """A client that goes leaves the old content."""
        self.store.put(self.container, "f", b"old")
        speaker = Speaker(self.gateway.port)
        handle = speaker.open(self.path("f"), Flag.WRITE | Flag.CREATE | Flag.TRUNCATE)
        for _ in speaker.write_all(handle, content(5 * MIB)):
            pass
        speaker.close()
        self.login().stat("/")
        self.assertStored("f", b"old")
