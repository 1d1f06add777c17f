"""zerostor keeps the contract, on a real database and real shards."""

from __future__ import annotations

from swftp.storage.zerostor.driver import ZeroStorage
from tests.storage.contract import StorageContract
from tests.storage.contract_parts import ExactContract
from tests.storage.zerostor.places import ZeroCase


class ZeroContract(ExactContract, StorageContract, ZeroCase):
    """With small pages and chunks."""

    async def make_storage(self) -> ZeroStorage:
        return self.storage()
