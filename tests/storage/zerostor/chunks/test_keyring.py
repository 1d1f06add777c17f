"""Keys of accounts, and the master key that keeps them."""

from __future__ import annotations

import random
from pathlib import Path
from uuid import UUID

from twisted.internet.defer import Deferred, gatherResults
from twisted.trial.unittest import SynchronousTestCase

from swftp.errors import Corrupt, Unavailable
from swftp.storage.zerostor.chunks import Keyring, MasterKeys, UnusableMasterKey, masterkey
from tests.storage.zerostor.chunks.case import ACCOUNT, OTHER
from tests.storage.zerostor.chunks.fakes import MemoryKeys, Row

OLD, NEW = b"o" * 32, b"n" * 32


class KeyringCase(SynchronousTestCase):
    """A store of keys."""

    def setUp(self) -> None:
        """Empty."""
        self.store = MemoryKeys()

    def ring(self, *master: bytes) -> Keyring:
        """Of another process."""
        return Keyring(MasterKeys(master or (OLD,)), self.store, random.Random(len(self.store.rows)).randbytes)

    def key(self, ring: Keyring, account: object = ACCOUNT) -> tuple[int, bytes]:
        """That of *account*."""
        return self.successResultOf(Deferred.fromCoroutine(ring.data_key(account)))  # type: ignore[arg-type]


class KeyringTests(KeyringCase):
    """Keys of accounts."""

    def test_each_its_own(self) -> None:
        """Accounts have different keys, and the same one in every process."""
        ring = self.ring()
        mine, theirs = self.key(ring), self.key(ring, OTHER)
        self.assertNotEqual(mine, theirs)
        self.assertEqual(len(mine[1]), 32)
        self.assertEqual(self.key(self.ring()), mine)
        self.assertEqual(self.key(self.ring(), OTHER), theirs)

    def test_never_in_the_clear(self) -> None:
        """The database never has a key."""
        _, key = self.key(self.ring())
        self.assertNotIn(key, self.store.rows[0].wrapped)

    def test_remembered(self) -> None:
        """The database is asked once."""
        ring = self.ring()
        self.key(ring)
        asked = self.store.asked
        for _ in range(5):
            self.key(ring)
        self.assertEqual(self.store.asked, asked)

    def test_number_used_again(self) -> None:
        """A number that was of an account which is gone is that of a new one, also where the old key was seen."""
        number, _ = self.key(self.ring())
        ring = self.ring()
        self.key(ring)
        self.store.rows.clear()
        again, key = self.key(self.ring(), OTHER)
        self.assertEqual(again, number)
        self.assertEqual(self.successResultOf(Deferred.fromCoroutine(ring.key(number, OTHER))), key)

    def test_at_once(self) -> None:
        """Many chunks of a new account at once: it gets one key."""
        ring = self.ring()
        found = gatherResults([Deferred.fromCoroutine(ring.data_key(ACCOUNT)) for _ in range(10)])
        self.assertEqual(len(set(self.successResultOf(found))), 1)
        self.assertEqual(len(self.store.rows), 1)

    def test_hanging(self) -> None:
        """Where the database is slow the first chunks of an account wait for one answer, and for no other's."""
        waiting: list[Deferred[Row | None]] = []

        class Slow(MemoryKeys):
            async def account_key(self, account: UUID) -> Row | None:
                if len(waiting) == 2:
                    return await super().account_key(account)
                waiting.append(Deferred())
                return await waiting[-1]

        self.store = Slow()
        ring = self.ring()
        found = [Deferred.fromCoroutine(ring.data_key(account)) for account in (ACCOUNT, ACCOUNT, OTHER)]
        self.assertEqual(len(waiting), 2)
        waiting[0].errback(Unavailable())
        for one in found[:2]:
            self.failureResultOf(one, Unavailable)
        waiting[1].callback(None)
        self.successResultOf(found[2])
        self.successResultOf(Deferred.fromCoroutine(ring.data_key(ACCOUNT)))

    def test_other_gateway_was_first(self) -> None:
        """The key that is kept is the one that is used."""

        class Late(MemoryKeys):
            async def account_key(self, account: object) -> Row | None:  # type: ignore[override]
                return None

            async def add_key(self, account: object, wrapped: bytes) -> Row:  # type: ignore[override]
                return first

        first = Row(9, ACCOUNT, MasterKeys((OLD,)).wrap(b"k" * 32))
        self.store = Late()
        self.assertEqual(self.key(self.ring()), (9, b"k" * 32))

    def test_not_for_others(self) -> None:
        """A chunk's row that names another account's key gives nothing."""
        ring = self.ring()
        number, _ = self.key(ring, OTHER)
        for one in (ring, self.ring()):
            self.failureResultOf(Deferred.fromCoroutine(one.key(number, ACCOUNT)), Corrupt)
            self.failureResultOf(Deferred.fromCoroutine(one.key(99, ACCOUNT)), Corrupt)

    def test_another_master(self) -> None:
        """With another master key nothing is opened, and nothing new is made in its place."""
        self.key(self.ring())
        ring = self.ring(NEW)
        self.failureResultOf(Deferred.fromCoroutine(ring.data_key(ACCOUNT)), Corrupt)
        self.assertEqual(len(self.store.rows), 1)

    def test_damaged(self) -> None:
        """A wrapped key that was changed is no key."""
        self.key(self.ring())
        row = self.store.rows[0]
        for at in range(len(row.wrapped)):
            wrapped = bytearray(row.wrapped)
            wrapped[at] ^= 4
            self.store.rows[0] = Row(row.id, row.account, bytes(wrapped))
            self.failureResultOf(Deferred.fromCoroutine(self.ring().data_key(ACCOUNT)), Corrupt)

    def test_rewrap(self) -> None:
        """With a new master key in front old keys still open; rewrapped, they need the old one no more."""
        keys = [self.key(self.ring(), account) for account in (ACCOUNT, OTHER)]
        both = self.ring(NEW, OLD)
        self.assertEqual([self.key(both, account) for account in (ACCOUNT, OTHER)], keys)
        self.assertEqual(self.successResultOf(Deferred.fromCoroutine(both.rewrap())), 2)
        self.assertEqual(self.successResultOf(Deferred.fromCoroutine(both.rewrap())), 0)
        self.assertEqual([self.key(self.ring(NEW), account) for account in (ACCOUNT, OTHER)], keys)


class MasterKeyTests(SynchronousTestCase):
    """The file."""

    def setUp(self) -> None:
        """A directory."""
        self.path = Path(self.mktemp())
        self.path.mkdir()
        self.path /= "master.key"

    def write(self, text: str, mode: int = 0o600) -> None:
        """The file says so."""
        self.path.write_text(text)
        self.path.chmod(mode)

    def refused(self, *words: str) -> None:
        """It is not used, and the message says why, without a key."""
        with self.assertRaises(UnusableMasterKey) as caught:
            masterkey.read(self.path)
        for word in (str(self.path), *words):
            self.assertIn(word, str(caught.exception))

    def test_create(self) -> None:
        """A new one is only for us, and is what is read from then on."""
        made = masterkey.create(self.path)
        self.assertEqual(self.path.stat().st_mode & 0o777, 0o600)
        self.assertEqual(masterkey.read(self.path), made)
        self.assertEqual(len(made.keys[0]), 32)
        self.assertNotIn(made.keys[0].hex(), repr(made))

    def test_never_replaced(self) -> None:
        """What is there stays there: without it no file can be read."""
        made = masterkey.create(self.path)
        self.assertRaises(UnusableMasterKey, masterkey.create, self.path)
        self.assertEqual(masterkey.read(self.path), made)

    def test_open_to_others(self) -> None:
        """A file that anybody else may read or write is not used."""
        masterkey.create(self.path)
        for mode in (0o640, 0o604, 0o620, 0o602, 0o610, 0o601, 0o777):
            self.path.chmod(mode)
            self.refused(f"mode {mode:04o}", "0600")
        self.path.chmod(0o400)
        masterkey.read(self.path)

    def test_no_key(self) -> None:
        """What is no key is refused by its line, and not shown."""
        self.refused("No such file")
        self.write("# nothing\n\n")
        self.refused("holds no key")
        for bad in ("secret", "00" * 31, "00" * 33, "0g" * 32):
            self.write(f"# one\n{OLD.hex()}\n{bad}\n")
            self.refused("line 3")
            with self.assertRaises(UnusableMasterKey) as caught:
                masterkey.read(self.path)
            self.assertNotIn(bad, str(caught.exception))

    def test_rotate(self) -> None:
        """A new key comes first, the old ones stay behind it."""
        old = masterkey.create(self.path)
        new = masterkey.rotate(self.path)
        self.assertEqual(new.keys[1:], old.keys)
        self.assertNotEqual(new.keys[0], old.keys[0])
        self.assertEqual(masterkey.read(self.path), new)
        self.assertEqual(self.path.stat().st_mode & 0o777, 0o600)
        self.assertEqual([path.name for path in self.path.parent.iterdir()], ["master.key"])
