"""Rules of ``swftp zerostor``: what its commands do with an opened store."""

from __future__ import annotations

import argparse
import io
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace

from swftp import cli, errors
from swftp.entries import Attributes
from swftp.operating import zerocommands, zeroinput
from swftp.paths import resolve
from swftp.storage.zerostor.shards import prepare
from tests.auth.test_accounts import KEY, line
from tests.operating.test_progress import Terminal
from tests.storage.bytes import Source, fetched, raises
from tests.storage.zerostor.places import ZeroCase, new_database


class CommandCase(ZeroCase):
    """Commands as they are typed."""

    async def command(self, *words: str) -> str:
        """Carry out a command; what it says."""
        options = cli.parser().parse_args(["zerostor", *words])
        out = io.StringIO()
        with redirect_stdout(out):
            self.status = await getattr(zerocommands, options.work)(self.opened, options) or 0
        return out.getvalue()

    def file(self, name: str, text: str) -> str:
        """A file with *text*."""
        path = self.folder / name
        path.write_text(text)
        return str(path)


class UserTests(CommandCase):
    """Who may log in."""

    async def test_life_of_a_login(self) -> None:
        """A login is added, listed, changed, disabled and removed; its account stays until it is dropped, empty."""
        users = self.opened.metadata.users
        password = self.file("password", "secret\nmore\n")
        await self.command("user", "add", "anna", "--quota", "10GiB", "--root", "/in", "--password-file", password)
        found = await users.check_password("anna", "secret")
        self.assertEqual(found and (found.name, found.root), ("anna", "/in"))
        self.assertIn("anna\taccount anna\troot /in\t0 bytes of 10737418240", await self.command("user", "list"))
        await self.command("user", "passwd", "anna", "--password-file", self.file("other", "other"))
        self.assertIsNone(await users.check_password("anna", "secret"))
        self.assertIsNotNone(await users.check_password("anna", "other"))
        await self.command("user", "disable", "anna")
        self.assertIsNone(await users.check_password("anna", "other"))
        await self.command("user", "enable", "anna")
        await self.command("user", "quota", "anna", "none")
        self.assertIn("no quota", await self.command("user", "list"))
        await self.command("user", "remove", "anna")
        self.assertIsNone(await users.login("anna"))
        await self.opened.metadata.namespace((await users.account("anna")).id).remove_directory(["in"])
        await self.command("user", "drop", "anna")
        await raises(errors.NotFound, users.account("anna"))

    async def test_root_is_made(self) -> None:
        """The root of a login is a directory, made with those above it; else nothing is changed."""
        users = self.opened.metadata.users
        for name in ("anna", "berta"):
            await self.command("user", "add", name, "--account", "a", "--root", "/in/of", "--no-password")
        names = self.opened.metadata.namespace((await users.account("a")).id)
        self.assertTrue((await names.lookup(["in", "of"])).is_directory)
        await names.make_link(["in", "link"], "/in")
        for root in ("/in/link", "/in/link/below"):
            words = ("user", "add", "carla", "--account", "a", "--root", root, "--quota", "1GiB", "--no-password")
            await raises(errors.InvalidRequest, self.command(*words))
        self.assertIsNone(await users.login("carla"))
        self.assertIsNone((await users.account("a")).quota_bytes)

    async def test_one_account_for_two(self) -> None:
        """Two logins may see the same files."""
        await self.command("user", "add", "one", "--account", "shared", "--no-password")
        await self.command("user", "add", "two", "--account", "shared", "--no-password")
        logins = await self.opened.metadata.users.logins()
        self.assertEqual(len({login.account for login in logins}), 1)

    async def test_keys(self) -> None:
        """Keys are added to those that are there, or all are taken away; nonsense is refused."""
        await self.command("user", "add", "anna", "--no-password")
        keys = self.file("keys", f"# of anna\n{line(KEY)}\n")
        self.assertIn("1 keys", await self.command("user", "key", "anna", keys))
        self.assertIn("1 keys", await self.command("user", "key", "anna", keys))
        self.assertIn("0 keys", await self.command("user", "key", "anna", "--clear"))
        for text in ("nonsense", f'credential="x" {line(KEY)}'):
            await raises(zeroinput.Unusable, self.command("user", "key", "anna", self.file("bad", text)))

    async def test_nobody(self) -> None:
        """Of a name that nobody has, that is said."""
        for words in (("passwd", "x", "--no-password"), ("quota", "x", "1M"), ("key", "x"), ("remove", "x")):
            error = await raises(errors.NotFound, self.command("user", *words))
            self.assertEqual(str(error), "nobody has the name x")
        error = await raises(errors.NotFound, self.command("user", "drop", "x"))
        self.assertEqual(str(error), "there is no account x")

    async def test_somebody(self) -> None:
        """To add whom there is already is refused, and changes nothing."""
        await self.command("user", "add", "anna", "--no-password")
        before = await self.command("user", "list")
        for more in (("--quota", "1M"), ("--account", "other")):
            error = await raises(errors.AlreadyExists, self.command("user", "add", "anna", "--no-password", *more))
            self.assertEqual(str(error), "somebody has the name anna already")
        self.assertEqual(await self.command("user", "list"), before)
        await raises(errors.NotFound, self.opened.metadata.users.account("other"))

    def test_no_such_name(self) -> None:
        """A name that nobody could log in by, and a root that is no path, are wrong usage."""
        for words in (("",), ("a\nb",), ("anna", "--account", ""), ("anna", "--root", "in")):
            with redirect_stderr(io.StringIO()), self.assertRaises(SystemExit):
                cli.parser().parse_args(["zerostor", "user", "add", *words, "--no-password"])


class ProgressTests(CommandCase):
    """How far long work has come."""

    async def drawn(self, *words: str, terminal: bool = True) -> str:
        """What a command draws on standard error."""
        stream = Terminal() if terminal else io.StringIO()
        with redirect_stderr(stream):
            await self.command(*words)
        return stream.getvalue()

    async def test_on_a_terminal(self) -> None:
        """Commands that look at everything draw how much of it they have seen, and leave the line empty."""
        await self.storage().store(resolve("/f"), Source(bytes(250_000)), Attributes())
        for words, shown in (
            (("fsck",), "3/3 chunks"),
            (("scrub",), "9 fragments"),
            (("export", str(self.folder / "out")), ""),
        ):
            drawn = await self.drawn(*words)
            self.assertIn(shown, drawn)
            self.assertTrue(drawn.endswith("\r\x1b[K"), words)
        await self.command("shard", "state", "1", "drain")
        await self.opened.refresh()
        self.assertIn("3/3 chunks", await self.drawn("repair"))

    async def test_in_a_file(self) -> None:
        """What does not go to a terminal is not drawn on."""
        for words in (("fsck",), ("scrub",), ("repair",), ("export", str(self.folder / "out"))):
            self.assertEqual(await self.drawn(*words, terminal=False), "")

    async def test_rows(self) -> None:
        """Exporting and importing tell of rows, some at a time."""
        for number in range(600):
            await self.opened.metadata.users.add_account(f"a{number}")
        told: list[tuple[str, int]] = []
        path = self.folder / "out"
        count = await self.opened.metadata.dumping.write(path, lambda what, n: told.append((what, n)))
        self.assertEqual(told[0], ("rows", 500))
        self.assertLessEqual(told[-1][1], count)


class InputTests(CommandCase):
    """Secrets."""

    def test_never_arguments(self) -> None:
        """No command takes a password as an argument."""
        with redirect_stderr(io.StringIO()), self.assertRaises(SystemExit):
            cli.parser().parse_args(["zerostor", "user", "add", "anna", "secret"])

    def test_empty(self) -> None:
        """An empty password is none, and neither is one that cannot be read or said; what is wrong is said."""
        for name, reason in (
            (self.file("empty", "\n"), "empty"),
            (str(self.folder / "gone"), "No such file"),
            (self.file("long", "\u00e9" * 513), "is empty or too long"),
            (self.file("bell", "a\u0007"), "control characters"),
        ):
            options = argparse.Namespace(no_password=False, password_file=name, name="anna")
            self.assertIn(reason, str(self.assertRaises(zeroinput.Unusable, zeroinput.password, options)))


class StoreTests(CommandCase):
    """What is stored."""

    async def test_shards(self) -> None:
        """Shards are listed, and told what they are used for."""
        self.assertIn("1\trw\tfile://", await self.command("shard", "list"))
        await self.command("shard", "state", "1", "ro")
        self.assertIn("1\tro\tfile://", await self.command("shard", "list"))
        await raises(errors.NotFound, self.command("shard", "state", "9", "ro"))

    async def test_moved_shard(self) -> None:
        """A shard that is elsewhere now keeps its number, once the configuration says so, and only that one does."""
        await self.storage().store(resolve("/f"), Source(b"content"), Attributes())
        before = self.folder / "shard-1"
        moved = f"file://{before.rename(self.folder / 'elsewhere')}"
        shards = (moved, *self.settings.shards[1:])
        await raises(errors.InvalidRequest, self.command("shard", "address", "1", moved))
        self.settings = replace(self.settings, shards=(*shards, f"file://{self.folder / 'empty'}"))
        prepare(self.settings.shards[-1])
        self.opened = await self.another()
        for number, url, error in (
            ("9", moved, errors.NotFound),
            ("1", shards[1], errors.AlreadyExists),
            ("1", self.settings.shards[-1], errors.InvalidRequest),
        ):
            await raises(error, self.command("shard", "address", number, url))
        self.assertIn(f"shard 1 is {moved}", await self.command("shard", "address", "1", moved))
        await self.opened.refresh()
        report = await self.opened.scrubber.scrub(mend=False)
        self.assertEqual((report.chunks, report.damaged, report.unknown, report.silent), (1, 0, 0, ()))
        self.assertIn("chunks ec:2+1\t1", await self.command("stats"))

    async def test_looking(self) -> None:
        """fsck and scrub tell what they found; the status says whether all is well."""
        await self.storage().store(resolve("/f"), Source(bytes(250_000)), Attributes())
        self.assertIn("chunks\t3", await self.command("fsck"))
        self.assertEqual(self.status, 0)
        self.assertIn("chunks\t3", await self.command("stats"))
        victim = next(path for path in (self.folder / "shard-1" / "files").rglob("*") if path.is_file())
        victim.unlink()
        self.assertIn("damaged\t1", await self.command("fsck"))
        self.assertEqual(self.status, 1)
        await self.command("scrub")
        self.assertIn("damaged\t0", await self.command("fsck"))
        self.assertIn("buried\t0", await self.command("repair"))

    async def test_export_and_import(self) -> None:
        """What was exported fills an empty database, from which every file can be read, and no other."""
        data = bytes(range(256)) * 1000
        storage = self.storage()
        await storage.make_directory(resolve("/d"))
        await storage.make_directory(resolve("/d/e"))
        await storage.store(resolve("/d/e/f"), Source(data), Attributes())
        path = str(self.folder / "dump")
        await self.command("export", path)
        await raises(errors.AlreadyExists, self.command("import", path))
        self.opened = await self.another(f"sqlite:///{self.copied(new_database())}")
        await self.command("import", path)
        await self.opened.refresh()
        self.assertEqual(await fetched(self.storage(), resolve("/d/e/f")), data)
        self.assertIn("files\t1", await self.command("stats"))

    async def test_import_of_something_else(self) -> None:
        """A file that is no export changes nothing."""
        self.opened = await self.another(f"sqlite:///{self.copied(new_database())}")
        for text in ("", "{}", "nonsense", '{"zerostor": "other"}\n'):
            await raises(errors.InvalidRequest, self.command("import", self.file("bad", text)))

    async def test_rekey(self) -> None:
        """The key of an account is encrypted with the first key of the file, and files stay readable."""
        await self.storage().store(resolve("/f"), Source(b"x"), Attributes())
        self.assertIn("0 keys", await self.command("rekey"))
