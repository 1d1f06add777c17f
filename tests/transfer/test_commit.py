"""Rules of `swftp.transfer.commit`: how CLOSE makes an object of what a file consists of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred

from swftp import errors
from swftp.entries import Entry
from tests.transfer.case import KIB, MIB, TransferCase, pattern


class WayTests(TransferCase):
    """In one request, or put together by the store."""

    def test_small_file_of_which_a_part_was_staged(self) -> None:
        """Where memory was short a part of a file that would have fitted is with the store already."""
        data = pattern(2 * MIB)
        upload = self.upload(self.engine(segment_size=4 * MIB))
        upload.write(0, [data], len(data))
        self.assertGreater(upload.shrink(MIB), 0)
        upload.write(10, [b"new"], 3)
        self.run_through(upload.close())
        self.assertTrue(self.storage["/box/file"] == data[:10] + b"new" + data[13:])

    def test_base_that_does_not_fit(self) -> None:
        """The store puts together what there is no room for here; what fits costs no parts."""
        old = pattern(512 * KIB)
        for group, asked in ((256 * KIB, ["adopt", "stage", "publish"]), (MIB, ["fetch", "store"])):
            upload = self.upload(self.engine(group=group, segment_size=MIB), base=self.stands(old))
            upload.write(10, [b"new"], 3)
            self.run_through(upload.close())
            self.assertEqual(self.requests, asked)
            self.assertTrue(self.storage["/box/file"] == old[:10] + b"new" + old[13:])

    def test_nothing_is_left_of_the_base(self) -> None:
        """Then nobody asks for its parts."""
        upload = self.upload(base=self.stands(b"x" * 100))
        data = pattern(150 * KIB)
        self.write_through(upload, 0, data)
        self.run_through(upload.close())
        self.assertNotIn("adopt", self.requests)
        self.assertTrue(self.storage["/box/file"] == data)

    def test_staged_and_cut_off_again(self) -> None:
        """A file that became small again is stored in one request, and no part of it stays."""
        upload = self.upload()
        self.write_through(upload, 0, pattern(150 * KIB))
        self.run_through(upload.sync())
        self.assertGreater(self.storage.staged, 0)
        self.run_through(upload.truncate(0))
        upload.write(0, [b"small"], 5)
        self.run_through(upload.close())
        self.settle(lambda: self.storage.staged == 0)
        self.assertEqual((self.requests.count("publish"), self.storage["/box/file"]), (0, b"small"))

    def test_began_with_nothing(self) -> None:
        """A large file that began with an empty one replaces no other one, though the store does not look."""
        publish = self.storage.publish

        async def careless(*args: Any) -> Entry:
            return await publish(*args[:-1], None)

        self.storage.publish = careless  # type: ignore[method-assign, assignment]
        upload = self.upload(base=self.stands(b""))
        self.write_through(upload, 0, pattern(150 * KIB))
        self.storage["/box/file"] = b"another"
        self.run_into(errors.Changed, upload.close())
        self.assertEqual(self.storage["/box/file"], b"another")
        self.settle(lambda: self.storage.staged == 0)


class HoleTests(TransferCase):
    """What was never written is zeros."""

    def test_zeros_are_staged_once(self) -> None:
        """Parts of nothing but zeros are one part."""
        upload = self.upload(self.engine(segment_size=MIB))
        upload.write(5 * MIB, [b"tail"], 4)
        self.run_through(upload.close())
        self.assertTrue(self.storage["/box/file"] == bytes(5 * MIB) + b"tail")
        self.assertEqual(self.requests.count("stage"), 2)

    def test_holes_of_one_length(self) -> None:
        """A part that only begins with a hole is not taken for another hole of that length."""
        data = pattern(MIB)
        upload = self.upload()
        self.write_through(upload, 1000, data)
        self.run_through(upload.truncate(1000 + MIB + 1000))
        self.run_through(upload.close())
        self.assertTrue(self.storage["/box/file"] == bytes(1000) + data + bytes(1000))


class HashTests(TransferCase):
    """MD5, which costs more than all the rest."""

    def hashed(self, size: int) -> int:
        """Bytes that were handed to threads to be hashed of a file of *size* bytes that came from front to back."""
        count = 0

        def offload(function: Callable[..., Any], md5: Any, blocks: Any) -> Deferred[Any]:
            nonlocal count
            count += sum(map(len, blocks))
            return maybeDeferred(function, md5, blocks)

        upload = self.upload(replace(self.engine(segment_size=4 * MIB), offload=offload))
        data = pattern(size)
        for at in range(0, size, 256 * KIB):
            self.write_through(upload, at, data[at : at + 256 * KIB])
        self.run_through(upload.close())
        self.assertTrue(self.storage["/box/file"] == data)
        return count

    def test_once(self) -> None:
        """What was hashed as it came is not hashed again at CLOSE, of a file in one piece or of its parts."""
        for size in (3 * MIB, 7 * MIB):
            self.assertLessEqual(self.hashed(size), size)
