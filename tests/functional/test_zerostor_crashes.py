"""
Gateways and shards that are killed at the worst moment.

Afterwards a file is what it was or what was confirmed, and the shards have the fragments that the database names.
"""

from __future__ import annotations

import contextlib
import signal
import tempfile
import threading
import time
from pathlib import Path

import paramiko
import redis

from tests.functional.case import MIB, content, need
from tests.functional.processes import Child, answers, eventually, free_port, scratch
from tests.functional.zerostor import Place, Server, ZeroCase

QUICK: dict[str, object] = {"lease": 3, "sweep_every": 1, "grace": 1}
"""Options with which what a crash leaves is looked for within seconds."""


class CrashCase(ZeroCase):
    """A gateway of its own for each test."""

    def make_server(self) -> Server:
        """See `ZeroCase.make_server`."""
        server = Server(Place(**QUICK))
        self.addCleanup(lambda: server.child.kill())
        return server

    def assertSwept(self) -> None:
        """The dead are found, and nothing of what they did not publish is left; nobody has to wait for the linger."""
        count = "SELECT count(*) FROM gateway"
        self.assertTrue(eventually(lambda: self.place.query(count) == [(1,)], 20, 0.2), "the dead are not buried")
        self.place.query("UPDATE garbage SET not_before = 0")
        self.assertNothingLeft()
        self.assertCounted()


class KilledTests(CrashCase):
    """SIGKILL."""

    def test_gateway(self) -> None:
        """In mid-upload and right before the commit, the old file stays; right after it, the new one is whole."""
        old, new = content(MIB, "old"), content(4 * MIB, "new")
        for crash, expected in (("put:after:3", old), ("commit:before", old), ("commit:after", new)):
            self.sftp.put_bytes(f"{self.home}/f", old)
            self.sftp.close()
            self.server.child.kill()
            self.server.start(crash)
            with contextlib.suppress(Exception):
                self.login().put_bytes(f"{self.home}/f", new)
            self.assertTrue(eventually(lambda: not self.server.child.alive), crash)
            self.server.start()
            self.sftp = self.login()
            self.assertTrue(self.sftp.get_bytes(f"{self.home}/f") == expected, crash)
        self.assertSwept()


class ZombieTests(CrashCase):
    """SIGSTOP for longer than the lease."""

    def test_zombie(self) -> None:
        """What a gateway stored before it was taken for dead, it cannot publish afterwards; new files it can."""
        other = Server(self.place, "other")
        self.addCleanup(lambda: other.child.kill())
        self.sftp.put_bytes(f"{self.home}/f", b"old")
        before = len(self.place.on_shards())
        file = self.sftp.open(f"{self.home}/f", "wb")
        file.set_pipelined(True)
        file.write(content(4 * MIB))
        self.assertTrue(eventually(lambda: len(self.place.on_shards()) > before + 6))
        gateways = self.place.query("SELECT count(*) FROM gateway")
        self.server.child.popen.send_signal(signal.SIGSTOP)
        self.assertTrue(eventually(lambda: self.place.query("SELECT count(*) FROM gateway") < gateways, 20, 0.2))
        self.server.child.popen.send_signal(signal.SIGCONT)
        file.flush()
        self.assertRaises(OSError, self.sftp._request, paramiko.sftp.CMD_CLOSE, file.handle)
        self.assertEqual(self.login(other).get_bytes(f"{self.home}/f"), b"old")
        self.sftp.put_bytes(f"{self.home}/g", b"after")
        self.assertEqual(self.login(other).get_bytes(f"{self.home}/g"), b"after")
        other.child.kill(signal.SIGTERM)
        self.assertSwept()


class RedisTests(ZeroCase):
    """Shards that are real servers."""

    def make_server(self) -> Server:
        """Three redis-servers behind it."""
        self.redis = [Redis() for _ in range(3)]
        for one in self.redis:
            self.addCleanup(one.child.kill)
        server = Server(Place([one.url for one in self.redis], **QUICK))
        self.addCleanup(lambda: server.child.kill())
        return server

    def test_lost_shard(self) -> None:
        """A shard dies in mid-transfer: it goes on, what is read is right, and all is made whole when it is back."""
        data = content(12 * MIB)
        killed = threading.Timer(0.3, self.redis[0].child.kill)
        killed.start()
        begun = time.monotonic()
        self.sftp.put_bytes(f"{self.home}/f", data)
        killed.join()
        self.assertLess(time.monotonic() - begun, 25)
        self.assertTrue(self.sftp.get_bytes(f"{self.home}/f") == data)
        self.sftp.put_bytes(f"{self.home}/g", data)
        self.assertTrue(self.place.query("SELECT 1 FROM chunk WHERE missing > 0"))
        self.redis[0].start()
        whole = "SELECT count(*) FROM chunk WHERE missing > 0"
        self.assertTrue(eventually(lambda: self.place.query(whole) == [(0,)], 30, 0.2))
        self.redis[1].child.kill()
        self.assertTrue(self.sftp.get_bytes(f"{self.home}/g") == data)

    def keys(self) -> list[int]:
        """How many fragments each server has."""
        return [one.client().dbsize() for one in self.redis]

    def assertKeys(self, expected: list[int]) -> None:
        """Once all is swept, so many are left."""

        def swept() -> bool:
            self.place.query("UPDATE garbage SET not_before = 0")  # those on a shard that was away, too
            return self.keys() == expected

        self.assertTrue(eventually(swept, 30, 0.5), self.keys())

    def test_too_few(self) -> None:
        """With more shards dead than a file can lose: errors, and all is there when they are back; nothing leaks."""
        data = content(MIB)
        self.sftp.put_bytes(f"{self.home}/f", data)
        before = self.keys()
        for one in self.redis[:2]:
            one.child.kill()
        for name in ("f", "g"):
            self.assertRaises(OSError, self.sftp.put_bytes, f"{self.home}/{name}", content(4 * MIB, "new"))
        self.redis[2].child.kill()
        self.sftp.close()
        self.server.child.kill()
        self.server.start()
        self.sftp = self.login()
        self.assertEqual(self.sftp.listdir(self.home), ["f"])
        self.assertRaises(OSError, self.sftp.get_bytes, f"{self.home}/f")
        self.sftp.remove(f"{self.home}/f")
        self.sftp.mkdir(f"{self.home}/d")
        for one in self.redis:
            one.start()
        self.assertEqual(self.sftp.listdir(self.home), ["d"])
        self.assertEqual(len(set(before)), 1)
        self.assertKeys([0, 0, 0])

    def test_full(self) -> None:
        """Shards without room: files are refused for that, what was there stays, and nothing is left of them."""
        data = content(MIB)
        self.sftp.put_bytes(f"{self.home}/f", data)
        before = self.keys()
        for one in self.redis:
            used = one.client().info("memory")["used_memory"]
            one.client().config_set("maxmemory", used + MIB)
        for name in ("f", "g"):
            with self.assertRaises(OSError) as caught:
                self.sftp.put_bytes(f"{self.home}/{name}", content(8 * MIB, "new"))
            self.assertIn("No room left", str(caught.exception))
        self.assertTrue(self.sftp.get_bytes(f"{self.home}/f") == data)
        self.assertEqual(self.sftp.listdir(self.home), ["f"])
        self.assertKeys(before)


class Redis:
    """A redis-server that forgets nothing it confirmed."""

    def __init__(self) -> None:
        self.port = free_port()
        self.folder = Path(tempfile.mkdtemp(dir=scratch()))
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.start()

    def client(self) -> redis.Redis:
        """redis-py's."""
        return redis.Redis(port=self.port, protocol=2)

    def start(self) -> None:
        """Start it, again where it was killed."""
        options = {"port": self.port, "bind": "127.0.0.1", "dir": self.folder, "appendonly": "yes", "save": ""}
        words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
        self.child = Child(f"redis-{self.port}", [need("redis-server"), *words])
        self.child.wait_for(lambda: answers(self.port))
