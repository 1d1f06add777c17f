"""
A zerostor for the functional tests: a database and shards in a folder, and a gateway of SFTP and FTP in front.

The one oracle of what crashes leave: the fragments on the shards are those that the database names, no more, no less.
"""

from __future__ import annotations

import atexit
import functools
import os
import shutil
import sqlite3
import struct
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from twisted.trial.unittest import SynchronousTestCase

from tests.functional import clients
from tests.functional.ftp import certificate
from tests.functional.gateway import COMPLAINTS, host_key, sections
from tests.functional.processes import Child, answers, eventually, free_port, scratch
from tests.functional.swift import PASSWORD

USER = "demo"
SHARDS = 3
PROGRAM = (sys.executable, "-P", str(Path(__file__).with_name("zeromain.py")))
"""``swftp``, by its path: ``-m tests...`` would import what only tests need, hypothesis above all, at every start."""
MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None
"""Where an fsync costs nothing."""


class Place:
    """Database, shards, master key and one user, made by ``swftp zerostor``."""

    def __init__(self, shards: Sequence[str] = (), **options: object) -> None:
        """
        :param shards: addresses; none: directories here.
        :param options: of ``[zerostor]``.
        """
        self.folder = Path(tempfile.mkdtemp(dir=MEMORY))
        atexit.register(shutil.rmtree, self.folder, ignore_errors=True)
        self.ports = {"sftp": free_port(), "ftp": free_port(), "ftps": free_port()}
        self.directories = [self.folder / f"shard-{number}" for number in range(1, SHARDS + 1)]
        self.options: dict[str, object] = {
            "database": f"sqlite:///{self.folder / 'db'}",
            "shards": " ".join(shards or [f"file://{path}" for path in self.directories]),
            "master_key": self.folder / "key",
            "chunk_size": "256KiB",
            **options,
        }
        self.config = self.configure("gateway", self.ports)
        self.command("init")
        self.command("user", "add", USER, "--password-file", "-", given=f"{PASSWORD}\n")

    def configure(self, name: str, ports: Mapping[str, int], **options: object) -> Path:
        """A file of configuration."""
        settings: dict[str, object] = {
            "sftp.host": "127.0.0.1",
            "sftp.port": ports["sftp"],
            "sftp.host_keys": host_key("ed25519"),
            "sftp.sessions_per_user": 0,
            "ftp.host": "127.0.0.1",
            "ftp.port": ports["ftp"],
            "ftp.certificate": certificate(),
            "ftp.implicit_listen": f"tcp:{ports['ftps']}:interface=127.0.0.1",
            "ftp.sessions_per_user": 0,
            "storage.storage": "zerostor",
            "transfer.segment_size": "1MiB",
            "throttle.most": 0,
            "limits.per_peer": 0,
            "limits.startups_per_peer": 0,
            **{f"zerostor.{option}": value for option, value in {**self.options, **options}.items()},
        }
        path = self.folder / f"{name}.conf"
        path.write_text(sections(settings))
        return path

    def command(self, *arguments: str, given: str = "") -> str:
        """``swftp zerostor``; what it says."""
        return self.swftp("zerostor", *arguments, "-c", str(self.config), given=given).stdout

    def complaint(self, *arguments: str) -> str:
        """What it complains of when it fails."""
        return self.swftp("zerostor", *arguments, "-c", str(self.config), status=1).stderr

    def swftp(
        self, *arguments: str, given: str = "", status: int = 0, environ: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """``swftp``, which is to end with *status*."""
        argv = [*PROGRAM, *arguments]
        env = {**os.environ, **(environ or {})}
        done = subprocess.run(argv, input=given, capture_output=True, text=True, timeout=60, env=env)
        if done.returncode != status:
            raise AssertionError(f"{arguments} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return done

    def query(self, statement: str, *values: Any) -> list[Any]:
        """What the database says; what *statement* changes is kept."""
        connection = sqlite3.connect(self.folder / "db", timeout=10)
        try:
            with connection:
                return connection.execute(statement, values).fetchall()
        finally:
            connection.close()

    def named(self) -> set[tuple[int, str]]:
        """Shard and name of every fragment that the database knows of."""
        found = set()
        for obj, shards in self.query("SELECT obj, shards FROM chunk"):
            for number, shard in enumerate(struct.unpack(f">{len(shards) // 2}h", shards)):
                if shard >= 0:
                    found.add((shard, (obj + bytes([number])).hex()))
        return found

    def on_shards(self) -> set[tuple[int, str]]:
        """Shard and name of every fragment there is, in directories."""
        paths = [(n, path) for n, folder in enumerate(self.directories, 1) for path in folder.rglob("*")]
        return {(number, path.name) for number, path in paths if path.is_file() and len(path.name) == 42}


class Server:
    """
    ``swftp serve`` for one `Place`.

    :ivar child: the process.
    """

    def __init__(self, place: Place, name: str = "gateway", crash: str = "", **options: object) -> None:
        """
        :param crash: where it is to be killed; see `tests.functional.zeromain`.
        """
        self.place = place
        self.ports = place.ports if name == "gateway" else {kind: free_port() for kind in place.ports}
        self.config = place.configure(name, self.ports, **options)
        self.name = f"{name}-{place.folder.name}"
        self._judged = 0
        self.start(crash)

    def start(self, crash: str = "") -> None:
        """Start it, again where it was killed, and wait until it is open."""
        argv = [*PROGRAM, "serve", "-c", str(self.config)]
        before = self.child.log().count("the store is open") if hasattr(self, "child") else 0
        self.child = Child(self.name, argv, {"CRASH": crash})
        self.child.wait_for(lambda: answers(self.ports["sftp"], b"SSH-") and answers(self.ports["ftp"], b"220"))
        self.child.wait_for(lambda: self.child.log().count("the store is open") > before)

    def complaints(self) -> str:
        """Lines of the log that no healthy gateway writes, since the last call."""
        lines = self.child.log().splitlines()[self._judged :]
        self._judged += len(lines)
        bad = [number for number, line in enumerate(lines) if COMPLAINTS.search(line)]
        return "\n".join("\n".join(lines[max(0, number - 3) : number + 25]) for number in bad[:3])


@functools.cache
def shared_server(*options: tuple[str, object]) -> Server:
    """The gateway of this test process for a place with these *options*."""
    return Server(Place(**dict(options)))


class ZeroCase(SynchronousTestCase):
    """
    A gateway that is shared with others; each test has a directory of its own.

    :cvar place_options: of ``[zerostor]``.
    """

    place_options: ClassVar[dict[str, object]] = {}

    def setUp(self) -> None:
        self.server = self.make_server()
        self.place = self.server.place
        self.server.complaints()
        self.sftp = self.login()
        self.home = f"/{type(self).__name__}-{self._testMethodName}"
        self.sftp.mkdir(self.home)
        self.addCleanup(lambda: self.assertEqual(self.server.complaints(), ""))

    def make_server(self) -> Server:
        """The gateway of this test."""
        return shared_server(*self.place_options.items())

    def login(self, server: Server | None = None, user: str = USER, password: str = PASSWORD) -> clients.Login:
        """A paramiko session, ended with the test."""
        session = clients.Login((server or self.server).ports["sftp"], user, password)
        self.addCleanup(session.close)
        return session

    def here(self) -> Path:
        """A local folder of this test."""
        path = Path(tempfile.mkdtemp(dir=scratch()))
        self.addCleanup(shutil.rmtree, path, ignore_errors=True)
        return path

    def assertNothingLeft(self, timeout: float = 15.0) -> None:
        """The fragments on the shards become, with sweeps, those that the database names."""
        eventually(lambda: self.place.on_shards() == self.place.named(), timeout, 0.2)
        self.assertEqual(self.place.on_shards() ^ self.place.named(), set())

    def assertCounted(self) -> None:
        """What accounts are charged for is what is there."""
        [(used, files)] = self.place.query("SELECT sum(used_bytes), sum(used_files) FROM account")
        [(there, count)] = self.place.query("SELECT sum(size), count(*) FROM file WHERE content_id IS NOT NULL")
        self.assertEqual((used, files), (there or 0, count))


__all__ = ["PASSWORD", "USER", "Place", "Server", "ZeroCase"]
