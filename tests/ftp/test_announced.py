"""What ALLO announces is what has to come."""

from __future__ import annotations

import zlib

from tests.ftp.transfercase import OLD, TransferCase


class AnnouncedTests(TransferCase):
    """Fewer bytes are no whole file, whatever was there before."""

    def put(self, command: str, data: bytes, *before: str) -> list[int]:
        """The final replies to *command*."""
        made = self.begin(command, *before)
        made.send(data)
        made.end()
        return self.settle(self.client)

    def test_append(self) -> None:
        """To APPE it counts what comes, not what is there already."""
        self.assertEqual(self.put("APPE /box/a", b"short", "ALLO 6"), [426])
        self.assertUnchanged()
        self.assertEqual(self.put("APPE /box/a", b"enough", "ALLO 6"), [226])
        self.assertEqual(self.storage["/box/a"], OLD + b"enough")

    def test_restart_means_nothing_to_append(self) -> None:
        """REST before APPE changes neither where it goes nor what has to come."""
        self.assertEqual(self.put("APPE /box/a", b"short", "ALLO 6", "REST 5"), [426])
        self.assertUnchanged()

    def test_compressed(self) -> None:
        """In MODE Z it counts the file, not what is left of it on the wire."""
        self.client.codes("MODE Z")
        data = b"0123456789" * 100
        for kind in ("TYPE I", "TYPE A"):
            self.assertEqual(self.put("STOR /box/a", zlib.compress(data[1:]), kind, "ALLO 1000"), [426])
            self.assertUnchanged()
        self.assertEqual(self.put("STOR /box/b", zlib.compress(data), "TYPE I", "ALLO 1000"), [226])

    def test_compressed_lines(self) -> None:
        """Lines are counted with both of their ends, as the client has them."""
        self.client.codes("MODE Z", "TYPE A")
        self.assertEqual(self.put("STOR /box/b", zlib.compress(b"a\r\n" * 1000), "ALLO 3000"), [226])
        self.assertEqual(self.storage["/box/b"], b"a\n" * 1000)
