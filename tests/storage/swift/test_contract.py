"""A real Swift keeps the contract."""

from __future__ import annotations

from swftp.storage.swift import Options, SwiftStorage
from tests.storage.contract import ObjectStoreContract
from tests.storage.realswift import RealSwiftCase


class SwiftContract(ObjectStoreContract, RealSwiftCase):
    """With small pages."""

    async def make_storage(self) -> SwiftStorage:
        return await self.open(Options(page_size=3))
