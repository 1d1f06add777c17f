"""Accounts, logins, data keys, shards."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import uuid4

from argon2 import PasswordHasher

from swftp import errors
from swftp.storage.zerostor.meta.users import Users
from swftp.storage.zerostor.meta.values import Account, Login, Shard
from tests.storage.zerostor.meta.case import CHEAP, MetaCase

KEYS = ("ssh-ed25519 AAAA alice@a", "ssh-rsa " + "B" * 6000)


class UsersSuite(MetaCase):
    """Who may log in, to what."""

    def setUp(self) -> None:
        """One login."""
        super().setUp()
        self.users = self.metadata.users
        self.run_(self.users.add("al", self.account, password="s3cret", keys=KEYS, root="/home"))

    def test_login(self) -> None:
        """Whoever has a name is who was given it."""
        expected = Login("al", self.account, "/home", False, KEYS)
        self.assertEqual(self.run_(self.users.login("al")), expected)
        self.assertEqual(self.run_(self.users.logins()), [expected])
        for name in ("AL", "al ", "", "bob"):
            self.assertIsNone(self.run_(self.users.login(name)))

    def test_password(self) -> None:
        """Only the right password is right."""
        check = self.users.check_password
        self.assertEqual(self.run_(check("al", "s3cret")), self.run_(self.users.login("al")))
        for name, password in (("al", ""), ("al", "s3cret "), ("bob", "s3cret"), ("bob", "")):
            self.assertIsNone(self.run_(check(name, password)))
        self.run_(self.users.set_password("al", "other"))
        self.assertIsNone(self.run_(check("al", "s3cret")))
        self.assertIsNotNone(self.run_(check("al", "other")))
        self.run_(self.users.set_password("al", None))
        for password in ("other", "", "None"):
            self.assertIsNone(self.run_(check("al", password)))

    def test_password_is_hashed(self) -> None:
        """A password is nowhere in the database, and is hashed anew when hashing became dearer."""
        file = Path(self.mktemp())
        self.run_(self.metadata.dumping.write(file))
        self.assertNotIn("s3cret", file.read_text("utf-8"))
        dearer = Users(self.users._database, PasswordHasher(time_cost=2, memory_cost=8, parallelism=1))
        self.assertIsNotNone(self.run_(dearer.check_password("al", "s3cret")))
        self.run_(self.metadata.dumping.write(file))
        self.assertIn("t=2", file.read_text("utf-8"))
        self.assertIsNotNone(self.run_(dearer.check_password("al", "s3cret")))

    def test_password_changed_while_hashed(self) -> None:
        """A password that is hashed anew does not come back when it was changed meanwhile."""
        run, change = self.run_, self.users.set_password

        class Slow(PasswordHasher):
            def hash(self, *args: Any, **options: Any) -> str:
                hashed = super().hash(*args, **options)
                run(change("al", "other"))
                return hashed

        dearer = Users(self.users._database, Slow(time_cost=2, memory_cost=8, parallelism=1))
        self.run_(dearer.check_password("al", "s3cret"))
        self.assertIsNone(self.run_(self.users.check_password("al", "s3cret")))
        self.assertIsNotNone(self.run_(self.users.check_password("al", "other")))

    def test_disabled(self) -> None:
        """A disabled login is let in by no password, and says so."""
        self.run_(self.users.set_disabled("al", True))
        self.assertIsNone(self.run_(self.users.check_password("al", "s3cret")))
        login = self.run_(self.users.login("al"))
        self.assertTrue(login is not None and login.disabled)
        self.run_(self.users.set_disabled("al", False))
        self.assertIsNotNone(self.run_(self.users.check_password("al", "s3cret")))

    def test_changes(self) -> None:
        """Keys are what they were last set to."""
        self.run_(self.users.set_keys("al", KEYS[:1]))
        self.assertEqual(self.run_(self.users.login("al")), Login("al", self.account, "/home", False, KEYS[:1]))
        self.run_(self.users.set_keys("al", ()))
        self.run_(self.users.remove("al"))
        self.assertIsNone(self.run_(self.users.login("al")))

    def test_nobody(self) -> None:
        """What is done to nobody is NotFound; a name is given once."""
        users = self.users
        for wanted in (
            users.set_password("bob", "x"),
            users.set_keys("bob", ()),
            users.set_disabled("bob", True),
            users.remove("bob"),
            users.set_quota("bob", 1),
            users.account("bob"),
            users.remove_account("bob"),
            users.add("bob", uuid4()),
        ):
            self.refused(errors.NotFound, wanted)
        self.refused(errors.AlreadyExists, users.add("al", self.account))
        self.refused(errors.AlreadyExists, users.add_account("alice"))

    def test_accounts(self) -> None:
        """An account goes with its logins, but not with files."""
        made = self.put("f", 10)
        self.assertEqual(self.run_(self.users.account("alice")), Account(self.account, "alice", None, 10, 1))
        self.refused(errors.NotEmpty, self.users.remove_account("alice"))
        self.run_(self.users.set_quota("alice", 5))
        [account] = self.run_(self.users.accounts())
        self.assertEqual(account.quota_bytes, 5)
        self.run_(self.names.remove(["f"]))
        self.refused(errors.NotEmpty, self.users.remove_account("alice"))
        self.assertIsNotNone(made.content)
        self.clock.advance(25 * 3600)
        while self.run_(self.metadata.sweep.bury()):
            pass
        self.run_(self.users.remove_account("alice"))
        self.assertEqual((self.run_(self.users.accounts()), self.run_(self.users.logins())), ([], []))

    def test_hashing_is_for_threads(self) -> None:
        """An unknown name costs a verification, too."""
        spent: list[str] = []

        class Counting(PasswordHasher):
            def verify(self, hash: str | bytes, password: str | bytes) -> bool:  # type: ignore[override]
                spent.append(str(hash))
                return CHEAP.verify(hash, password)

        counting = Users(self.users._database, Counting(time_cost=1, memory_cost=8, parallelism=1))
        for name in ("al", "bob", "bob"):
            self.run_(counting.check_password(name, "s3cret"))
        self.assertEqual(len(spent), 3)


class KeysSuite(MetaCase):
    """Wrapped keys, and shards."""

    def test_first_is_kept(self) -> None:
        """An account has the key that came first, whoever brings another."""
        keys = self.metadata.keys
        other = self.run_(self.metadata.users.add_account("bob"))
        self.assertIsNone(self.run_(keys.account_key(other)))
        made = self.run_(keys.add_key(other, b"one"))
        self.assertEqual((made.account, made.wrapped), (other, b"one"))
        self.assertEqual(self.run_(keys.add_key(other, b"two")), made)
        self.assertEqual(self.run_(keys.account_key(other)), made)
        self.assertEqual(self.run_(keys.wrapped_key(made.id)), made)
        self.assertIsNone(self.run_(keys.wrapped_key(made.id + 1)))
        self.assertNotEqual(made.id, self.key)

    def test_pages(self) -> None:
        """All keys come by id, a page at a time."""
        keys = self.metadata.keys
        for name in ("b", "c", "d"):
            self.run_(keys.add_key(self.run_(self.metadata.users.add_account(name)), name.encode()))
        first = self.run_(keys.wrapped_keys(None, 3))
        rest = self.run_(keys.wrapped_keys(first[-1].id, 3))
        self.assertEqual([key.wrapped for key in [*first, *rest]], [b"wrapped", b"b", b"c", b"d"])

    def test_replaced(self) -> None:
        """A key is wrapped anew by whoever knows how it was."""
        keys = self.metadata.keys
        self.assertFalse(self.run_(keys.replace_key(self.key, b"other", b"new")))
        self.assertTrue(self.run_(keys.replace_key(self.key, b"wrapped", b"new")))
        self.assertFalse(self.run_(keys.replace_key(self.key, b"wrapped", b"newer")))
        found = self.run_(keys.wrapped_key(self.key))
        self.assertTrue(found is not None and found.wrapped == b"new")

    def test_shards(self) -> None:
        """Shards are what was last said of them."""
        first, second = Shard(1, "file:///a", "rack", "rw"), Shard(2, "zdb://h:1/n", "", "rw")
        self.run_(self.metadata.set_shards([first, second]))
        drained = Shard(2, "zdb://h:2/n", "", "drain")
        self.run_(self.metadata.set_shards([drained]))
        self.assertEqual(self.run_(self.metadata.shards()), [first, drained])
