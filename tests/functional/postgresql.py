"""
A real PostgreSQL, Debian's, of the functional tests: one cluster for a run, reached by a socket in a folder.

Its locale sorts names as people do, not by their bytes, which is what many installations have; fsync is off.
"""

from __future__ import annotations

import atexit
import functools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import uuid
from collections.abc import Sequence
from pathlib import Path

import psycopg

from tests.functional.case import need
from tests.functional.processes import Child

BIN = Path("/usr/lib/postgresql/15/bin")
USER = "postgres"
SETTINGS = ("fsync=off", "listen_addresses=", "max_connections=100", "shared_buffers=64MB")


class PostgreSQL:
    """A running cluster with one database that is nobody's."""

    def __init__(self, primary: PostgreSQL | None = None) -> None:
        """
        :param primary: be its standby.
        """
        self.folder = Path(tempfile.mkdtemp(prefix="swftp-postgresql-"))
        atexit.register(shutil.rmtree, self.folder, ignore_errors=True)
        self.data = self.folder / "data"
        if os.getuid() == 0:
            os.chown(self.folder, pwd.getpwnam(USER).pw_uid, -1)
        if primary is None:
            locale = ("--encoding=UTF8", "--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=en")
            self.run("initdb", "-D", str(self.data), "-U", USER, "--auth=trust", "--no-sync", *locale)
        else:
            source = ("-h", str(primary.folder), "-U", USER, "--write-recovery-conf", "--checkpoint=fast")
            self.run("pg_basebackup", "-D", str(self.data), "--no-sync", *source)
        self.start()

    def run(self, name: str, *arguments: str) -> None:
        """Run one of PostgreSQL's programs to its end."""
        subprocess.run(self.program(name, *arguments), check=True, stdout=subprocess.DEVNULL, cwd=self.folder)

    def program(self, name: str, *arguments: str) -> Sequence[str]:
        """How to run one of PostgreSQL's programs: never as root."""
        program = need(str(BIN / name))
        if os.getuid() != 0:
            return [program, *arguments]
        as_user = ["--reuid", USER, "--regid", USER, "--init-groups", "--pdeathsig", "KILL"]
        return [need("setpriv"), *as_user, "--", program, *arguments]

    def start(self) -> None:
        """Run it (again)."""
        options = [word for setting in SETTINGS for word in ("-c", setting)]
        argv = self.program("postgres", "-D", str(self.data), "-k", str(self.folder), *options)
        self.child = Child(f"postgresql-{uuid.uuid4().hex[:6]}", argv)
        atexit.register(self.child.kill, signal.SIGQUIT)
        self.child.wait_for(self.answers)

    def answers(self) -> bool:
        """Whether it takes connections."""
        try:
            self.connect().close()
        except psycopg.OperationalError:
            return False
        return True

    def connect(self, database: str = "postgres") -> psycopg.Connection[tuple[object, ...]]:
        """A connection for what tests look at themselves."""
        return psycopg.connect(host=str(self.folder), user=USER, dbname=database, autocommit=True)

    def url(self, database: str) -> str:
        """Of a database."""
        return f"postgresql+psycopg://{USER}@/{database}?host={self.folder}"

    def execute(self, *statements: str) -> None:
        """As the superuser."""
        with self.connect() as connection:
            for statement in statements:
                connection.execute(statement)

    def create(self) -> str:
        """A new, empty database's name."""
        name = f"test_{uuid.uuid4().hex[:12]}"
        self.execute(f'CREATE DATABASE "{name}"')
        return name


@functools.cache
def postgresql() -> PostgreSQL:
    """The cluster of this test process."""
    return PostgreSQL()
