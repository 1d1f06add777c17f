"""The database as a whole: its schema, what is wrong in it, taking it elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import delete, text, update

from swftp import errors
from swftp.storage.zerostor.meta import Metadata, migrate, schema
from swftp.storage.zerostor.meta.values import Shard
from swftp.storage.zerostor.values import New, Old
from tests.storage.zerostor.meta.case import MetaCase


class SchemaSuite(MetaCase):
    """Migrations and what they make."""

    def test_migrations_make_the_schema(self) -> None:
        """The steps lead to what `schema` says, without a difference."""
        engine = self.metadata._database.engine
        with engine.connect() as connection:
            context = MigrationContext.configure(connection)
            found = list(compare_metadata(context, schema.metadata))
            self.assertEqual(found, [])

    def test_again(self) -> None:
        """Carrying them out again changes nothing, also after a step that broke off before it was noted down."""
        self.put("f")
        engine = self.metadata._database.engine
        migrate.upgrade(engine)
        with engine.begin() as connection:
            connection.execute(text("DELETE FROM alembic_version"))
        self.refused(errors.Unsupported, self.metadata.start())
        migrate.upgrade(engine)
        self.run_(self.metadata.start())
        self.assertEqual(self.listed(), ["f"])

    def test_path_view(self) -> None:
        """People can ask for directories by their full names."""
        for path in ("a", "a/b", "a/b/c"):
            self.mkdir(path)
        self.put("a/f")
        with self.metadata._database.engine.connect() as connection:
            found = connection.execute(text("SELECT name FROM path")).scalars().all()
        self.assertEqual(sorted(found), ["/", "/a", "/a/b", "/a/b/c"])


class CheckSuite(MetaCase):
    """`Metadata.check` finds what should never be."""

    def judge(self) -> None:
        """Here everything is broken on purpose."""

    def spoil(self, statement: Any, values: Any = None) -> None:
        """Break something."""
        with self.metadata._database.engine.begin() as connection:
            connection.execute(statement, values)

    def found(self) -> set[str]:
        """The rules that are broken."""
        return {finding.rule for finding in self.run_(self.metadata.check())}

    def test_usage(self) -> None:
        """An account that is said to hold something else is found, and counted anew."""
        self.put("f", 100)
        self.spoil(update(schema.account).values(used_bytes=99))
        [finding] = self.run_(self.metadata.check())
        self.assertEqual(finding.what, "alice 99 100 1 1")
        self.assertEqual(self.run_(self.metadata.mend_usage()), 1)
        self.assertEqual((self.found(), self.used()), (set(), (100, 1)))
        self.assertEqual(self.run_(self.metadata.mend_usage()), 0)

    def test_unreachable(self) -> None:
        """A circle of directories is found."""
        for path in ("a", "a/b", "a/b/c"):
            self.mkdir(path)
        circle = update(schema.file).where(schema.file.c.id == self.look("a").id)
        self.spoil(circle.values(parent_id=self.look("a/b/c").id))
        self.assertEqual(self.found(), {"every name can be reached from a root"})

    def test_wrong_parent(self) -> None:
        """An entry in a file is found."""
        self.put("f")
        self.put("g")
        moved = update(schema.file).where(schema.file.c.id == self.look("f").id)
        self.spoil(moved.values(parent_id=self.look("g").id))
        self.assertEqual(self.found(), {"what has entries is a directory of the same account"})

    def test_contents(self) -> None:
        """A file without its content is found, a content without its file, and one with a hole."""
        made = self.put("f", 100)
        self.spoil(update(schema.content).values(state=schema.DEAD))
        self.assertEqual(self.found(), {"a file has a live content of its size"})
        self.spoil(update(schema.content).values(state=schema.LIVE))
        self.spoil(update(schema.extent).values(length=50))
        self.assertEqual(self.found(), {"the extents of a live content are all of it"})
        self.spoil(update(schema.extent).values(length=100, skip=1))
        self.assertEqual(self.found(), {"an extent lies within its chunk"})
        self.spoil(delete(schema.extent))
        self.assertEqual(self.found(), {"the extents of a live content are all of it", "a chunk is of some content"})
        self.spoil(delete(schema.file).where(schema.file.c.id == made.id))
        self.spoil(update(schema.account).values(used_bytes=0, used_files=0))
        self.assertIn("a live content is of one file", self.found())

    def test_hole(self) -> None:
        """A content with a hole, and as many bytes twice, is found."""
        self.commit("f", [New(self.chunk(), 0, 50), New(self.chunk(), 0, 50)])
        self.spoil(update(schema.extent).where(schema.extent.c.position == 50).values(position=40))
        self.assertEqual(self.found(), {"the extents of a live content are all of it"})

    def test_keys(self) -> None:
        """Chunks of a key that is lost are found."""
        self.put("f")
        self.spoil(delete(schema.account_key))
        self.assertEqual(self.found(), {"the key of a chunk is there"})


class DumpSuite(MetaCase):
    """All of a database can be taken to another."""

    def setUp(self) -> None:
        """A place for files."""
        super().setUp()
        self.folder = Path(self.mktemp())
        self.folder.mkdir()

    def elsewhere(self) -> Metadata:
        """A gateway of an empty database."""
        self.database_url = self.url()
        return self.open()

    def dumped(self, metadata: Metadata | None = None) -> Path:
        """A file with all rows."""
        file = self.folder / f"{len(list(self.folder.iterdir()))}.json"
        self.run_((metadata or self.metadata).dumping.write(file))
        return file

    def test_private(self) -> None:
        """Nobody else may read a dump, whatever stood there before: it has hashes of passwords."""
        new, old = self.folder / "new", self.folder / "old"
        old.touch(0o644)
        for file in (new, old):
            self.run_(self.metadata.dumping.write(file))
            self.assertEqual(file.stat().st_mode & 0o777, 0o600)

    def fill(self) -> None:
        """Some of everything."""
        self.run_(self.metadata.users.add("al", self.account, password="x", keys=["k"]))
        for path in ("z", "z/a", "z/a/b", "b"):
            self.mkdir(path)
        self.run_(self.names.make_link(["z", "l"], "\U0001f600"))
        old = self.put("z/a/b/f", 100, md5="ab" * 16, mode=0o600)
        self.commit("b/g", [Old(old.content, 10, 20), New(self.chunk(), 5, 50)])
        self.put("gone")
        self.run_(self.names.remove(["gone"]))
        self.run_(self.metadata.journal.abandon([self.chunk()]))
        self.run_(self.names.rename(["z"], ["b", "z"]))
        self.run_(self.metadata.set_shards([Shard(1, "file:///a", "rack", "rw")]))
        self.run_(self.metadata.duties.perform("sweep", self.metadata.sweep.prune))

    def test_there_and_back(self) -> None:
        """A dump read elsewhere gives the same dump, and all that was there works."""
        self.fill()
        first = self.dumped()
        lines = first.read_text("utf-8").splitlines()
        fresh = self.elsewhere()
        self.assertEqual(self.run_(fresh.dumping.read(first)), len(lines) - 1)
        self.assertEqual(sorted(self.dumped(fresh).read_text("utf-8").splitlines()), sorted(lines))
        names = fresh.namespace(self.account)
        self.assertEqual(self.run_(names.lookup(["b", "z", "a", "b", "f"])).md5, "ab" * 16)
        self.assertEqual(len(self.run_(fresh.sweep.chunks())), 3)
        self.assertIsNotNone(self.run_(fresh.users.check_password("al", "x")))
        self.assertEqual(self.run_(fresh.check()), [])
        self.assertEqual(self.run_(fresh.dumping.statistics())["names"], 8)
        self.assertEqual(self.run_(fresh.dumping.layouts()), {"chunks copy:2": 3})

    def test_only_into_nothing(self) -> None:
        """A database that has accounts is not mixed with another."""
        self.refused(errors.AlreadyExists, self.metadata.dumping.read(self.dumped()))

    def test_nonsense(self) -> None:
        """What is no dump of this version is refused, and nothing of it is kept."""
        good = self.dumped().read_text("utf-8")
        head = good.splitlines()[0]
        fresh = self.elsewhere()
        file = self.folder / "wrong"
        for wrong in (
            "",
            "x",
            "[]",
            '{"zerostor": "0"}',
            f"{head}\nx",
            f"{head}\n[]",
            head + '\n{"table": "x"}',
            good + "x",
        ):
            file.write_text(wrong, "utf-8")
            self.refused(errors.InvalidRequest, fresh.dumping.read(file))
        self.assertEqual(self.run_(fresh.dumping.statistics())["accounts"], 0)
