"""Files of more segments than one manifest may list: manifests of manifests, whole when seen, gone when removed."""

from __future__ import annotations

from typing import ClassVar

from tests.functional.case import MIB, GatewayCase, content, md5
from tests.functional.clients import Flag, Packet, Speaker, string
from tests.functional.processes import eventually

PARTS = 21
"""Segments: five full manifests and one more, so two levels of manifests below the object's own."""


class NestedTests(GatewayCase):
    """A Swift whose manifests list four segments, and segments of 1 MiB."""

    gateway_options: ClassVar[dict[str, object]] = {"transfer.segment_size": MIB}
    swift_options = ("--max-segments", "4")

    def setUp(self) -> None:
        super().setUp()
        self.client = self.login()
        self.data = content(PARTS * MIB - 5)
        self.client.put_bytes(self.path("f"), self.data)

    def assertIs21(self, name: str, data: bytes) -> None:
        """*name* is a large object of *data*, from front to back and anywhere."""
        self.assertStored(name, data)
        self.assertIn("x-static-large-object", self.store.head(self.container, name) or {})
        self.assertEqual(self.client.stat(self.path(name)).st_size, len(data))
        self.assertEqual(md5(self.client.get_bytes(self.path(name))), md5(data))
        with self.client.open(self.path(name), "rb") as file:
            for at in (len(data) - 10, 4 * MIB - 3, 16 * MIB - 3, 7, 9 * MIB + 1):
                file.seek(at)
                self.assertEqual(file.read(100), data[at : at + 100])

    def assertClean(self, *names: str) -> None:
        """Nothing is stored but *names*, and what they are made of."""
        self.assertEqual(self.store.names(self.container), sorted(names))
        used = set().union(*(self.parts_of(self.container, name) for name in names))

        def left() -> set[tuple[str, str]]:
            found = set(self.store.segments(self.container))
            return {part for part in found - used if not (names and "/names" in part[1])}

        self.assertTrue(eventually(lambda: not left()), f"left over: {sorted(left())[:3]}")

    def parts_of(self, container: str, name: str) -> set[tuple[str, str]]:
        """All that the manifest at *name* lists, and what that lists."""
        found = set()
        for row in self.store.manifest(container, name):
            part = tuple(row["name"].split("/", 2)[1:])
            found |= {part} | (self.parts_of(*part) if row.get("sub_slo") else set())
        return found  # type: ignore[return-value]

    def test_stored(self) -> None:
        """An upload is one object, however deep; removing it leaves nothing."""
        self.assertIs21("f", self.data)
        self.assertClean("f")
        self.client.remove(self.path("f"))
        self.assertClean()

    def test_renamed(self) -> None:
        """Renamed, and renamed over another one."""
        self.client.rename(self.path("f"), self.path("g"))
        self.assertIs21("g", self.data)
        self.assertClean("g")
        other = content(17 * MIB, 1)
        self.client.put_bytes(self.path("f"), other)
        self.client.posix_rename(self.path("f"), self.path("g"))
        self.assertIs21("g", other)
        self.assertClean("g")
        self.client.remove(self.path("g"))
        self.assertClean()

    def test_overwritten(self) -> None:
        """Replaced by a file of few bytes, and by another one of many."""
        other = content(18 * MIB, 1)
        self.client.put_bytes(self.path("f"), other)
        self.assertIs21("f", other)
        self.assertClean("f")
        self.client.put_bytes(self.path("f"), b"few")
        self.assertStored("f", b"few")
        self.assertClean("f")

    def test_changed_in_place(self) -> None:
        """Appended to, patched in the middle, cut, and made longer: each time one file, and nothing left over."""
        data = bytearray(self.data)
        with self.client.open(self.path("f"), "ab") as file:
            file.write(content(2 * MIB, "tail"))
        data += content(2 * MIB, "tail")
        self.assertIs21("f", bytes(data))
        with self.client.open(self.path("f"), "r+b") as file:
            file.seek(9 * MIB - 3)
            file.write(b"patched")
        data[9 * MIB - 3 : 9 * MIB + 4] = b"patched"
        self.assertIs21("f", bytes(data))
        self.assertClean("f")
        for size in (18 * MIB + 1, 20 * MIB):
            self.client.truncate(self.path("f"), size)
            data = data[:size] + bytes(max(0, size - len(data)))
            self.assertIs21("f", bytes(data))
        self.assertClean("f")

    def test_copied(self) -> None:
        """cp in the store: a file of its own."""
        speaker = Speaker(self.gateway.port)
        self.addCleanup(speaker.close)
        speaker.ask(Packet.EXTENDED, string("copy-file"), string(self.path("f")), string(self.path("g")), b"\0")
        self.client.remove(self.path("f"))
        self.assertStored("g", self.data)
        self.assertClean("g")

    def test_lost(self) -> None:
        """A client that goes before CLOSE leaves nothing."""
        speaker = Speaker(self.gateway.port)
        handle = speaker.open(self.path("g"), Flag.WRITE | Flag.CREATE)
        for _ in speaker.write_all(handle, self.data):
            pass
        speaker.close()
        self.assertClean("f")
