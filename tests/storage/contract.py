"""
What every store must do, whatever it is made of: inherit `StorageContract` and say how to make one.

    class MyContract(StorageContract, TestCase):
        async def make_storage(self):
            return MyStorage(page_size=3)

A store of containers and objects, in which a directory exists by its children alone, inherits `ObjectStoreContract`.

Tests run on a reactor (`TestCase`), or at once (`SynchronousTestCase`) on ``self.clock`` if the class has one.
Stores with pages should make them small, so that every test crosses some.  What is optional is tested of a store
that provides the interface.
"""

from __future__ import annotations

from tests.storage import contract_changes, contract_files, contract_objects, contract_parts


class StorageContract(
    contract_files.StatContract,
    contract_files.ListContract,
    contract_files.FetchContract,
    contract_files.StoreContract,
    contract_changes.RemoveContract,
    contract_changes.RenameContract,
    contract_changes.UpdateContract,
    contract_parts.ComposeContract,
    contract_parts.AdoptContract,
    contract_parts.LinkContract,
    contract_parts.QuotaContract,
):
    """All of it."""


class ObjectStoreContract(contract_objects.ObjectsContract, StorageContract):
    """All of it, and what is special about objects in containers."""
