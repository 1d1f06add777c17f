"""zerostor keeps the contract, on a real database and real shards."""

from __future__ import annotations

from swftp.entries import Attributes
from swftp.paths import resolve
from swftp.storage.zerostor.driver import ZeroStorage
from tests.storage.bytes import Source
from tests.storage.contract import StorageContract
from tests.storage.contract_parts import ExactContract
from tests.storage.zerostor.places import ZeroCase


class ZeroContract(ExactContract, StorageContract, ZeroCase):
    """With small pages and chunks."""

    async def make_storage(self) -> ZeroStorage:
        return self.storage()


class TimeTests(ZeroCase):
    """Times of modification."""

    async def test_beyond_what_can_be_kept(self) -> None:
        """A time that no row can hold becomes the nearest that one can: FTP names the years from 1 to 9999."""
        storage, path = self.storage(), resolve("/f")
        for year, told in ((1, -62135596800.0), (9999, 253402300799.0)):
            await storage.store(path, Source(b"x"), Attributes(mtime=told))
            await storage.update(path, Attributes(mtime=told))
            kept = (await storage.stat(path)).mtime
            assert kept is not None
            self.assertLess(abs(kept), abs(told), year)
            self.assertGreater(kept * told, 0)
