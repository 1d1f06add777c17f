"""
sshfs: the kernel as a client, and with it every program there is.

What programs did to files on the mount is looked at from the other side afterwards.
"""

from __future__ import annotations

import contextlib
import os
import random
import sqlite3
import subprocess
from pathlib import Path

from tests.functional.case import KIB, MIB, content, need
from tests.functional.processes import eventually
from tests.functional.swift import PASSWORD
from tests.functional.test_clients import SSH_OPTIONS, ProgramCase

FILES = 3
"""Of a commit."""


class SshfsCase(ProgramCase):
    """This test's container, mounted."""

    def setUp(self) -> None:
        super().setUp()
        need("sshfs")
        self.mounted = self.here / "mnt"
        self.mounted.mkdir()
        if not os.access("/dev/fuse", os.R_OK | os.W_OK):
            need("a usable /dev/fuse")
        self.mount()

    def mount(self) -> None:
        """Mount this test's container."""
        ssh = " ".join(["ssh", *SSH_OPTIONS])  # sshfs knows few of ssh's options itself
        argv = ["sshfs", "-p", str(self.gateway.port), "-o", f"password_stdin,dir_cache=no,ssh_command={ssh}"]
        self.run_program([*argv, f"127.0.0.1:{self.path()}", str(self.mounted)], PASSWORD + "\n")
        unmount = ["fusermount3", "-uzq", str(self.mounted)]
        self.addCleanup(subprocess.run, unmount, check=False, stderr=subprocess.DEVNULL)

    def unmount(self) -> None:
        """Unmount, so that everything is closed."""
        self.run_program(["fusermount3", "-u", str(self.mounted)])

    def assertArrives(self, name: str, expected: bytes) -> None:
        """*expected* is stored at *name* soon: sshfs does not wait for CLOSE."""
        eventually(lambda: self.store.get(self.container, name) == expected, 20)
        self.assertStored(name, expected)


class CopyTests(SshfsCase):
    """Programs that copy."""

    def test_tree(self) -> None:
        """cp -a up and down."""
        self.run_program(["cp", "-a", "--no-preserve=ownership", str(self.tree), f"{self.mounted}/tree"])
        self.unmount()
        self.assertTrue(eventually(lambda: self.store.get(self.container, "tree/big") is not None))
        self.assertUp()
        self.mount()
        self.run_program(["cp", "-a", "--no-preserve=ownership", f"{self.mounted}/tree", f"{self.here}/back"])
        self.assertSame(self.here / "back")

    def test_tar(self) -> None:
        """tar extracts a tree, packs it again, and finds no difference."""
        archive = self.here / "tree.tar"
        self.run_program(["tar", "-C", str(self.here), "-cf", str(archive), "tree"])
        self.run_program(["tar", "-C", str(self.mounted), "--no-same-owner", "-xf", str(archive)])
        self.run_program(["tar", "-C", str(self.mounted), "--compare", "-f", str(archive)], status=-1)  # owners
        back = self.here / "back"
        self.run_program(["cp", "-a", "--no-preserve=ownership", f"{self.mounted}/tree", str(back)])
        self.assertSame(back)
        self.unmount()
        self.assertUp()

    def test_rsync(self) -> None:
        """rsync -a, and again: nothing is left to do."""
        rsync = [need("rsync"), "-a", "--no-owner", "--no-group"]
        self.run_program([*rsync, f"{self.tree}/", f"{self.mounted}/tree/"])
        again = self.run_program([*rsync, "--itemize-changes", f"{self.tree}/", f"{self.mounted}/tree/"])
        self.assertEqual([line for line in again.splitlines() if line[1:2] == "f"], [])
        self.unmount()
        self.assertUp()

    def test_rsync_in_place(self) -> None:
        """rsync --inplace changes what differs, makes files shorter and longer, and --append goes on at the end."""
        file = self.here / "f"
        rsync = [need("rsync"), "--inplace", "--no-whole-file", "--ignore-times", "--block-size=4096"]
        data = bytearray(content(5 * MIB + 77))
        for change in ("new", "middle", "shorter", "longer", "start"):
            if change == "middle":
                data[3 * MIB : 3 * MIB + 5000] = content(5000, change)
            elif change == "shorter":
                del data[4 * MIB + 1 :]
            elif change == "longer":
                data += content(3 * MIB, change)
            elif change == "start":
                data[:7] = b"changed"
            file.write_bytes(data)
            self.run_program([*rsync, str(file), f"{self.mounted}/f"])
            self.assertEqual((self.mounted / "f").read_bytes(), data, change)
            self.assertArrives("f", bytes(data))
        data += content(MIB, "appended")
        file.write_bytes(data)
        self.run_program([need("rsync"), "--append", str(file), f"{self.mounted}/f"])
        self.assertArrives("f", bytes(data))


class GitTests(SshfsCase):
    """git: many small files, renames, locks, and packs that are written and read in turn."""

    def setUp(self) -> None:
        super().setUp()
        need("git")
        settings = "[user]\nname=x\nemail=x@example.org\n[safe]\ndirectory=*\n[init]\ndefaultBranch=main\n"
        settings += "templateDir=\n"  # no samples of hooks, which are more files than ours
        settings += "[gc]\npruneExpire=never\n"  # fsck looks into all 256 folders of objects as well
        (self.here / ".gitconfig").write_text(settings)  # who owns what on the mount says nothing

    def git(self, *arguments: str, at: Path | None = None) -> str:
        """A command, in the repository *at*."""
        return self.run_program(["git", *(["-C", str(at)] if at else []), *arguments])

    def head(self, repository: Path) -> str:
        """The last commit."""
        return self.git("rev-parse", "main", at=repository)

    def fill(self, repository: Path) -> None:
        """Two commits."""
        for commit in range(2):
            for number in range(FILES):
                (repository / f"f{number}").write_bytes(content(number * 3000 + commit, f"{number}/{commit}"))
            self.git("add", ".", at=repository)
            self.git("commit", "-q", "-m", f"number {commit}", at=repository)

    def test_commit(self) -> None:
        """init, add, commit, gc and fsck on the mount; what is stored is a whole repository."""
        repository = self.mounted / "repo"
        self.git("init", "-q", str(repository))
        self.fill(repository)
        self.git("gc", "-q", at=repository)
        self.git("fsck", "--strict", at=repository)
        self.git("clone", "-q", str(repository), f"{self.here}/clone")
        self.assertEqual(
            self.git("rev-parse", "HEAD", at=self.here / "clone"), self.git("rev-parse", "HEAD", at=repository)
        )

    def test_clone(self) -> None:
        """clone of a local bare repository onto the mount, commit there, push back."""
        self.git("init", "-q", f"{self.here}/work")
        self.fill(self.here / "work")
        self.git("clone", "-q", "--bare", "--no-local", f"{self.here}/work", f"{self.here}/bare")
        clone = self.mounted / "clone"
        self.git("clone", "-q", "--no-local", f"{self.here}/bare", str(clone))
        self.assertEqual(self.git("status", "--porcelain", at=clone), "")
        self.git("fsck", "--strict", at=clone)
        for number in range(FILES):
            self.assertArrives(f"clone/f{number}", (self.here / "work" / f"f{number}").read_bytes())
        (clone / "f0").write_bytes(b"changed on the mount")
        self.git("commit", "-q", "-a", "-m", "there", at=clone)
        self.git("push", "-q", at=clone)
        self.assertEqual(self.head(self.here / "bare"), self.head(clone))


class SqliteTests(SshfsCase):
    """SQLite: random writes, a journal beside the file, and fsync."""

    def connect(self) -> contextlib.closing[sqlite3.Connection]:
        """The database on the mount; sshfs has no locks that other hosts would see, and needs none here."""
        return contextlib.closing(sqlite3.connect(self.mounted / "db"))

    def test_database(self) -> None:
        """Transactions, a rollback, large changes and a vacuum: the stored file is the database."""
        with self.connect() as database:
            database.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, data BLOB)")
            for round in range(4):
                rows = [(round * 500 + n, content(500 + n, n)) for n in range(500)]
                database.executemany("INSERT INTO t VALUES (?, ?)", rows)
                database.commit()
            database.execute("DELETE FROM t WHERE id % 3 = 0")
            database.rollback()
            database.execute("UPDATE t SET data = x'00' WHERE id % 7 = 0")
            database.commit()
            database.execute("VACUUM")
            self.assertEqual(database.execute("PRAGMA integrity_check").fetchone(), ("ok",))
            expected = database.execute("SELECT id, data FROM t ORDER BY id").fetchall()
        self.assertEqual(len(expected), 2000)
        with self.connect() as database:
            self.assertEqual(database.execute("SELECT id, data FROM t ORDER BY id").fetchall(), expected)
        self.unmount()
        eventually(lambda: self.store.names(self.container) == ["db"])
        copy = self.here / "copy"
        copy.write_bytes(self.store.get(self.container, "db") or b"")
        with contextlib.closing(sqlite3.connect(copy)) as database:
            self.assertEqual(database.execute("PRAGMA integrity_check").fetchone(), ("ok",))
            self.assertEqual(database.execute("SELECT id, data FROM t ORDER BY id").fetchall(), expected)


class EditingTests(SshfsCase):
    """Changes in place, of small files and of large objects."""

    def test_editing(self) -> None:
        """Append, patch, truncate, rename over, remove: as on a disk."""
        file = self.mounted / "f"
        file.write_bytes(b"0123456789")
        with file.open("ab") as out:
            out.write(b"abc")
        with file.open("r+b") as out:
            out.seek(2)
            out.write(b"--")
        os.truncate(file, 12)
        (self.mounted / "g").write_bytes(b"other")
        file.replace(self.mounted / "g")
        self.assertEqual((self.mounted / "g").read_bytes(), b"01--456789ab")
        self.assertEqual(sorted(os.listdir(self.mounted)), ["g"])
        self.unmount()
        self.assertStored("g", b"01--456789ab")

    def test_dd(self) -> None:
        """dd conv=notrunc writes into the middle, at the end and beyond it; holes are zeros."""
        file = self.mounted / "f"
        data = bytearray(content(5 * MIB))
        file.write_bytes(data)
        for seek, count in ((0, 1), (1000, 300), (1279, 10), (2000, 1)):  # in blocks of 4 KiB; the file has 1280
            piece = content(count * 4 * KIB, seek)
            (self.here / "piece").write_bytes(piece)
            copy = [
                "dd",
                "bs=4k",
                "conv=notrunc",
                "status=none",
                f"seek={seek}",
                f"if={self.here}/piece",
                f"of={file}",
            ]
            self.run_program(copy)
            data += bytes(max(0, seek * 4 * KIB - len(data)))
            data[seek * 4 * KIB : seek * 4 * KIB + len(piece)] = piece
            self.assertEqual(file.read_bytes(), data)
            self.assertArrives("f", bytes(data))

    def test_truncate(self) -> None:
        """truncate(1) makes files shorter, longer and empty."""
        file = self.mounted / "f"
        data = content(5 * MIB)
        file.write_bytes(data)
        for size in (5 * MIB - 1, 3 * MIB, 4 * MIB + 5, 10, 20, 0, 5):
            self.run_program(["truncate", "-s", str(size), str(file)])
            data = data[:size] + bytes(max(0, size - len(data)))
            self.assertEqual(file.read_bytes(), data)
            self.assertArrives("f", data)

    def test_move(self) -> None:
        """mv: to another name, over another file, into a directory, of a directory, of a large object."""
        large, small = content(5 * MIB), content(1000)
        (self.mounted / "large").write_bytes(large)
        (self.mounted / "small").write_bytes(small)
        (self.mounted / "d" / "e").mkdir(parents=True)
        for old, new in (("large", "large2"), ("large2", "small"), ("small", "d/e/"), ("d", "moved")):
            self.run_program(["mv", f"{self.mounted}/{old}", f"{self.mounted}/{new}"])
        self.assertEqual((self.mounted / "moved/e/small").read_bytes(), large)
        self.assertEqual(os.listdir(self.mounted), ["moved"])
        self.unmount()
        self.assertStored("moved/e/small", large)

    def test_anything(self) -> None:
        """Writes, reads, truncations and fsyncs anywhere, reopened now and then: as on a local disk."""
        for seed in range(2):
            dice = random.Random(seed)
            name, mirror = f"f{seed}", bytearray()
            descriptor = os.open(self.mounted / name, os.O_RDWR | os.O_CREAT)
            for _ in range(80):
                self.step(dice, descriptor, mirror)
                if dice.random() < 0.05:
                    os.close(descriptor)
                    self.assertArrives(name, bytes(mirror))
                    descriptor = os.open(self.mounted / name, os.O_RDWR)
            os.close(descriptor)
            self.assertArrives(name, bytes(mirror))

    def step(self, dice: random.Random, descriptor: int, mirror: bytearray) -> None:
        """One operation, on the file and on its *mirror*."""
        at = dice.randrange(len(mirror) + 1 if dice.random() < 0.8 else 6 * MIB)
        size = dice.choice((1, 100, 4096, 70_000, MIB))
        what = dice.random()
        if what < 0.5:
            data = dice.randbytes(size)
            os.pwrite(descriptor, data, at)
            mirror.extend(bytes(max(0, at - len(mirror))))
            mirror[at : at + size] = data
        elif what < 0.85:
            self.assertEqual(os.pread(descriptor, size, at), mirror[at : at + size])
        elif what < 0.95:
            os.ftruncate(descriptor, at)
            mirror[at:] = bytes(max(0, at - len(mirror)))
        else:
            os.fsync(descriptor)
        self.assertEqual(os.fstat(descriptor).st_size, len(mirror))
