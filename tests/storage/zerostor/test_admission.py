"""Who is disabled or removed while being logged in can do nothing more soon."""

from __future__ import annotations

from swftp import errors
from swftp.entries import Attributes
from swftp.paths import ROOT, resolve
from swftp.storage.zerostor.admission import Admission
from swftp.storage.zerostor.driver import ZeroStorage
from tests.storage.bytes import Source, fetched, raises
from tests.storage.zerostor.places import ZeroCase

NOTHING = Attributes()


class AdmissionTests(ZeroCase):
    """One login of the account."""

    async def test_disabled(self) -> None:
        """After the next look every operation is refused, and so is what was under way; until it may return."""
        users, admission = self.opened.metadata.users, self.opened.admission
        await users.add("anna", self.account)
        storage = ZeroStorage(self.opened.store, self.account, ROOT, admission.enter("anna").check)
        path = resolve("/f")
        await storage.store(path, Source(b"before"), NOTHING)
        part = await storage.stage(resolve("/g"), Source(b"staged"))
        await admission.look()
        self.assertEqual(await fetched(storage, path), b"before")
        await users.set_disabled("anna", True)
        await admission.look()
        for work in (
            storage.stat(path),
            storage.list(ROOT),
            fetched(storage, path),
            storage.store(path, Source(b"after"), NOTHING),
            storage.publish(resolve("/g"), [part], NOTHING),
            storage.rename(path, resolve("/h")),
            storage.remove(path),
            storage.make_directory(resolve("/d")),
            storage.usage(ROOT),
        ):
            await raises(errors.PermissionDenied, work)
        self.assertEqual(await fetched(self.storage(), path), b"before")
        await users.set_disabled("anna", False)
        await admission.look()
        self.assertEqual(await fetched(storage, path), b"before")
        await users.remove("anna")
        await admission.look()
        await raises(errors.PermissionDenied, storage.stat(path))

    async def test_unanswered(self) -> None:
        """While the database does not answer, everybody stays; nobody is asked about who has gone."""

        async def silent(names: object) -> set[str]:
            raise errors.Unavailable

        admission = Admission(silent)
        await admission.look()
        mine = admission.enter("anna")
        await raises(errors.Unavailable, admission.look())
        mine.check()
        del mine
        await admission.look()
