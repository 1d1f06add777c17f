"""
What every functional test case has: a gateway, a container of its own, and the other side to look from.

After each test the gateway must still run and must have logged nothing that a healthy gateway does not.
"""

from __future__ import annotations

import hashlib
import os
import random
import re
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from tests.functional import clients
from tests.functional.gateway import Gateway, gateway
from tests.functional.processes import scratch
from tests.functional.swift import PASSWORD, USER, Account, Swift, swift

KIB, MIB = 1 << 10, 1 << 20


def content(size: int, seed: int | str = 0) -> bytes:
    """*size* bytes that no compression or shift leaves unnoticed; equal seeds give equal bytes."""
    return random.Random(f"{seed}/{size}").randbytes(size)


def md5(data: bytes) -> str:
    """Hex MD5, as Swift's ETag."""
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def need(program: str) -> str:
    """The path of a client program; its absence skips the test, or fails it under ``SWFTP_REQUIRE_CLIENTS=1``."""
    found = shutil.which(program) or shutil.which(str(Path(os.sys.executable).with_name(program)))  # type: ignore[attr-defined]
    if found:
        return found
    if os.environ.get("SWFTP_REQUIRE_CLIENTS") == "1":
        raise AssertionError(f"{program} is not installed, and SWFTP_REQUIRE_CLIENTS=1")
    raise SkipTest(f"{program} is not installed")


class GatewayCase(SynchronousTestCase):
    """One gateway and one Swift, shared by the cases that ask for the same options."""

    gateway_options: ClassVar[dict[str, object]] = {}
    swift_options: ClassVar[tuple[str, ...]] = ()

    def setUp(self) -> None:
        self.server: Swift = swift(*self.swift_options)
        self.gateway = self.make_gateway()
        self.gateway.complaints()
        self.store: Account = self.server.account()
        self.container = self.new_container()
        self.addCleanup(self.judge)

    def make_gateway(self) -> Gateway:
        """The gateway of this case."""
        return gateway(self.server.url, self.gateway_options)

    def new_container(self) -> str:
        """A container of this test, removed with all that belongs to it."""
        name = self.store.new_container()
        self.addCleanup(self.store.wipe, name)
        return name

    def judge(self) -> None:
        """The gateway lives and has nothing to complain of."""
        complaints = self.gateway.complaints()
        self.assertTrue(self.gateway.child.alive, f"the gateway died:\n{self.gateway.log()[-3000:]}")
        self.assertEqual(complaints, "", "in the gateway's log")

    def folder(self) -> Path:
        """A local folder of this test."""
        path = Path(tempfile.mkdtemp(dir=scratch()))
        self.addCleanup(shutil.rmtree, path, ignore_errors=True)
        return path

    def path(self, *names: str) -> str:
        """The client's path of an object of this test's container."""
        return "/".join(["", self.container, *names])

    def login(self, user: str = USER, password: str = PASSWORD) -> clients.Login:
        """A paramiko session, ended with the test."""
        session = clients.Login(self.gateway.port, user, password)
        self.addCleanup(session.close)
        return session

    def assertStored(self, name: str, expected: bytes | None, container: str | None = None) -> None:
        """Swift holds exactly *expected* at *name*; None: nothing."""
        found = self.store.get(container or self.container, name)
        if found != expected:
            self.fail(f"{name}: {describe(found)} is stored, expected {describe(expected)}")

    def assertSegments(self, count: int, timeout: float = 10.0) -> None:
        """This container's large objects have *count* segments; removal may lag by *timeout* seconds."""
        from tests.functional.processes import eventually

        if not eventually(lambda: len(self.store.segments(self.container)) == count, timeout, 0.2):
            self.assertEqual(self.store.segments(self.container), [("expected", str(count))])

    def assertLogged(self, pattern: str, since: int = 0, timeout: float = 10.0) -> None:
        """The log has *pattern* from character *since* on; a line may lag behind its answer by *timeout* seconds."""
        from tests.functional.processes import eventually

        if not eventually(lambda: re.search(pattern, self.gateway.log()[since:]), timeout):
            self.assertRegex(self.gateway.log()[since:], pattern)

    def assertFails(self, call: Callable[..., object], *args: Any, code: int | None = None) -> OSError:
        """*call* fails with an SFTP status (and errno *code*, where given), and with nothing else."""
        error = self.assertRaises(OSError, call, *args)
        self.assertNotIsInstance(error, EOFError)
        if code is not None:
            self.assertEqual(error.errno, code, str(error))
        result: OSError = error
        return result


def describe(data: bytes | None) -> str:
    """A content in words."""
    return "nothing" if data is None else f"{len(data)} bytes ({md5(data)[:8]}, {data[:12]!r}...)"
