"""
The part of the contract for stores of containers and objects: a directory may exist by its children alone, and
nothing but containers stands at the root.
"""

from __future__ import annotations

from swftp import errors
from swftp.entries import Kind
from swftp.interfaces import ILinks
from swftp.paths import Path
from tests.storage.bytes import raises
from tests.storage.contract_base import ContractBase, rule


class ObjectsContract(ContractBase):
    """Directories that nobody made, and containers."""

    implied = True

    @rule
    async def test_stat_implied(self) -> None:
        """A directory that exists by its children alone is one; who passes implied=False may not learn of it."""
        await self.put(self.at("a", "b", "f"))
        self.assertEqual((await self.storage.stat(self.at("a", "b"))).kind, Kind.DIRECTORY)
        self.assertEqual((await self.storage.stat(self.at("a"))).kind, Kind.DIRECTORY)
        self.assertEqual(await self.names(self.box), ["a"])
        self.assertEqual((await self.storage.stat(self.at("a", "b", "f"), implied=False)).kind, Kind.FILE)

    @rule
    async def test_list_file_and_directory(self) -> None:
        """A file and a directory of one name: the file is shown, both are reachable."""
        await self.put(self.at("x"), b"file")
        await self.put(self.at("x", "child"), b"child")
        self.assertEqual(await self.names(self.box), ["x"])
        self.assertEqual((await self.storage.stat(self.at("x"))).kind, Kind.FILE)
        self.assertEqual(await self.content(self.at("x")), b"file")
        self.assertEqual(await self.content(self.at("x", "child")), b"child")
        self.assertEqual(await self.names(self.at("x")), ["child"])

    @rule
    async def test_remove_vanished(self) -> None:
        """A directory that vanished with its last file can be used again, and be made again."""
        await self.put(self.at("a", "f"))
        await self.storage.remove(self.at("a", "f"))
        await self.put(self.at("a", "g"))
        self.assertEqual(await self.names(self.at("a")), ["g"])
        await self.storage.remove(self.at("a", "g"))
        await self.storage.make_directory(self.at("a"))
        await raises(errors.AlreadyExists, self.storage.make_directory(self.at("a")))
        await self.storage.remove_directory(self.at("a"))
        await self.missing(self.at("a"))

    @rule
    async def test_objects_no_files_beside_containers(self) -> None:
        """A file is neither stored nor moved to where containers are."""
        await raises(errors.PermissionDenied, self.put(Path(("no-such-box",))))
        await self.put(self.at("f"))
        await raises(errors.PermissionDenied, self.storage.rename(self.at("f"), Path(("no-such-box",))))
        self.assertEqual(await self.content(self.at("f")), b"x")

    @rule
    async def test_objects_links_lead_to_files(self) -> None:
        """A link to a container is refused."""
        self.need(ILinks)
        await raises(errors.Unsupported, self.storage.make_link(self.at("l"), self.box))
