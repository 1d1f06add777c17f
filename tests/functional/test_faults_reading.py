"""Swift fails at anything but storing, or its identity service does: clean errors, no wrong byte, no storm."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import ClassVar

import paramiko

from tests.functional.case import MIB, GatewayCase, content, md5
from tests.functional.clients import Flag, Login, Packet, Speaker
from tests.functional.faultcase import FaultCase
from tests.functional.faults import FaultProxy
from tests.functional.gateway import Gateway
from tests.functional.processes import eventually


class DownloadTests(FaultCase):
    """Faults of GET."""

    size = 3 * MIB + 77

    def setUp(self) -> None:
        super().setUp()
        self.data = content(self.size)
        self.store.put(self.container, "f", self.data)

    def assertWhole(self) -> None:
        """The file arrives as it is."""
        self.assertEqual(md5(self.login().get_bytes(self.path("f"))), md5(self.data))

    def assertBroken(self) -> None:
        """Reading fails, with no byte that is not the file's."""
        client = self.login()
        got = bytearray()
        with self.assertRaises(OSError), client.open(self.path("f"), "rb") as file:
            while True:
                piece = file.read(32768)
                got += piece
                if not piece:
                    break
        self.assertEqual(bytes(got), self.data[: len(got)])

    def test_passing_trouble(self) -> None:
        """408, 429, 498, 5xx at the GET, once: tried again (F23, F25)."""
        for status in (408, 429, 498, 500, 502, 503, 504):
            self.proxy.clear()
            self.proxy.arm("GET", f"{self.container}/f", status=status)
            self.assertWhole()

    def test_lasting_trouble(self) -> None:
        """403, 404, 503 always: an error, and no page of the store as content."""
        for status in (403, 404, 503):
            self.proxy.clear()
            self.proxy.arm("GET|HEAD", f"{self.container}/f", times=None, status=status)
            self.assertBroken()

    def test_cut_short(self) -> None:
        """A body that ends early, by FIN or RST, at any byte, is fetched on from there (F33)."""
        for how in ("cut_response", "reset_response"):
            for at in (0, 1, 32768, 2 * MIB + 1, self.size - 1):
                self.proxy.clear()
                self.proxy.arm("GET", f"{self.container}/f", **{how: at})
                self.assertWhole()

    def test_cut_for_ever(self) -> None:
        """Bodies that always end at once are an error in the end, not a hang and not an EOF."""
        self.proxy.arm("GET", f"{self.container}/f", times=None, cut_response=0)
        self.assertBroken()

    def test_replaced_while_cut(self) -> None:
        """Cut, and replaced meanwhile: an error, never the tail of the other version (F34)."""
        client = self.login()
        rule = self.proxy.arm("GET", f"{self.container}/f", cut_response=MIB)
        with client.open(self.path("f"), "rb") as file:
            got = bytearray(file.read(32768))
            self.assertTrue(eventually(lambda: rule.seen))
            self.store.put(self.container, "f", content(self.size, "other"))
            with self.assertRaises(OSError):
                while piece := file.read(32768):
                    got += piece
        self.assertEqual(bytes(got), self.data[: len(got)])

    def test_wrong_range(self) -> None:
        """A range answered with another range is an error, not content (F36)."""
        self.proxy.arm("GET", f"{self.container}/f", cut_response=MIB)
        start = f"bytes 5-{self.size - 1}/{self.size}"
        self.proxy.arm("GET", f"{self.container}/f", times=None, headers=(("Content-Range", start),))
        client = self.login()
        got = bytearray()
        try:
            with client.open(self.path("f"), "rb") as file:
                while piece := file.read(32768):
                    got += piece
        except OSError:
            pass
        self.assertEqual(bytes(got), self.data[: len(got)])

    def test_range_ignored(self) -> None:
        """A store that answers a range with the whole object gives no wrong bytes."""
        speaker = Speaker(self.gateway.port)
        self.addCleanup(speaker.close)
        page = b"x" * self.size
        handle = speaker.open(self.path("f"), Flag.READ)
        self.proxy.arm("GET", f"{self.container}/f", times=None, status=200, body=page)
        speaker.read(handle, 2 * MIB, 1000)
        kind, _, body = speaker.receive()
        if kind == Packet.DATA:
            self.assertEqual(body[4:], self.data[2 * MIB : 2 * MIB + 1000])


class SilentDownloadTests(FaultCase):
    """As `tests.functional.test_faults.SilentUploadTests`."""

    fault_options: ClassVar[dict[str, object]] = {"transfer.segment_size": MIB, "storage.response_timeout": 3}

    def test_silence(self) -> None:
        """No answer, once: given up and tried again (F32)."""
        data = content(3 * MIB)
        self.store.put(self.container, "f", data)
        self.proxy.arm("GET", f"{self.container}/f", stall=True)
        with self.login().open(self.path("f"), "rb") as file:
            self.assertEqual(file.read(), data)


class MetadataTests(FaultCase):
    """Faults of everything else."""

    def test_stat(self) -> None:
        """Passing trouble is not seen; 403 is PERMISSION_DENIED; lasting trouble is a FAILURE, not 'missing'."""
        self.store.put(self.container, "f", b"data")
        client = self.login()
        for status in (429, 498, 500, 503):
            self.store.put(self.container, f"after-{status}", b"data")  # nobody remembers it
            self.proxy.clear()
            self.proxy.arm("HEAD", f"{self.container}/after-{status}", status=status)
            self.assertEqual(client.stat(self.path(f"after-{status}")).st_size, 4, f"after {status}")
            self.assertEqual(len(self.proxy.seen("HEAD", f"{self.container}/after-{status}")), 2)
        for status, code in ((403, 13), (503, None)):
            self.proxy.clear()
            self.proxy.arm("HEAD|GET", f"{self.container}", times=None, status=status)
            error = self.assertFails(client.stat, self.path("f"))
            self.assertEqual(error.errno, code)

    def test_listing(self) -> None:
        """A listing that fails, at once or half-way, is an error, never a short list."""
        self.store.put(self.container, "f", b"data")
        listing = f"{self.container}/?\\?"
        for fault in ({"status": 503}, {"status": 200, "body": b'[{"name": "f", "by'}, {"cut_response": 10}):
            self.proxy.clear()
            self.proxy.arm("GET", listing, times=None, **fault)
            self.assertFails(self.login().listdir, self.path())
        self.proxy.clear()
        self.proxy.arm("GET", listing, status=503)
        self.assertEqual(self.login().listdir(self.path()), ["f"])

    def test_container_not_yet_known(self) -> None:
        """404 for a container made a moment ago: tried again (F18)."""
        client = self.login()
        name = self.container + "-made"
        client.mkdir("/" + name)
        self.proxy.arm("PUT", f"{name}/f", status=404)
        client.put_bytes(f"/{name}/f", b"data")
        self.assertStored("f", b"data", name)

    def test_busy_container(self) -> None:
        """409 at the removal of a container emptied a moment ago is waited out; one that stays is FAILURE (F19)."""
        client = self.login()
        name = self.new_container()
        self.proxy.arm("DELETE", f"{name}$", status=409)
        client.rmdir("/" + name)
        self.assertNotIn(name, self.store.containers())
        self.store.put(self.container, "f", b"x")
        error = self.assertFails(client.rmdir, self.path())
        self.assertIn("empty", str(error))

    def test_removed_but_unanswered(self) -> None:
        """DELETE done, answer lost, then 404: reported OK (F46)."""
        self.store.put(self.container, "f", b"data")
        self.proxy.arm("DELETE", f"{self.container}/f", drop_response=True)
        self.login().remove(self.path("f"))
        self.assertStored("f", None)

    def test_half_renamed(self) -> None:
        """Copied, and the removal of the old name fails: an error, and both are there (F47)."""
        self.store.put(self.container, "f", b"data")
        self.proxy.arm("DELETE", f"{self.container}/f", times=None, status=403)
        self.assertFails(self.login().rename, self.path("f"), self.path("g"))
        self.assertStored("f", b"data")

    def test_failed_copy(self) -> None:
        """A copy that fails leaves the source alone."""
        self.store.put(self.container, "f", b"data")
        for status in (403, 413, 503):
            self.proxy.clear()
            self.proxy.arm("PUT|COPY", self.container, times=None, status=status)
            self.assertFails(self.login().rename, self.path("f"), self.path("g"))
            self.assertStored("f", b"data")
            self.assertStored("g", None)


class RequestCountTests(FaultCase):
    """No request to the store that the operation does not need."""

    def count(self, since: int) -> list[str]:
        """Method and path of what came by, for the message."""
        return [f"{request.method} {request.path}" for request in self.proxy.requests[since:]]

    def test_small_file(self) -> None:
        """A new small file: one PUT and at most one HEAD."""
        client = self.login()
        client.stat(self.path())
        since = len(self.proxy.requests)
        client.put_bytes(self.path("f"), b"data")
        made = self.count(since)
        self.assertEqual(len([line for line in made if line.startswith("PUT")]), 1, made)
        self.assertLessEqual(len([line for line in made if line.startswith("HEAD")]), 1, made)
        self.assertLessEqual(len(made), 3, made)

    def test_listing(self) -> None:
        """A listing of one page: one GET."""
        for number in range(5):
            self.store.put(self.container, f"f{number}", b"x")
        client = self.login()
        client.stat(self.path())
        since = len(self.proxy.requests)
        client.listdir_attr(self.path())
        made = self.count(since)
        self.assertLessEqual(len(made), 2, made)
        since = len(self.proxy.requests)
        for number in range(5):
            client.stat(self.path(f"f{number}"))
        self.assertEqual(self.count(since), [], "stat after ls")


class LoginTests(FaultCase):
    """Faults of the identity service."""

    alone = True
    fault_options: ClassVar[dict[str, object]] = {"auth.login_cache": 0, "auth.refusal_cache": 0}

    def refused(self) -> None:
        with self.assertRaises((paramiko.SSHException, EOFError)):
            Login(self.gateway.port, "test:tester", "testing").close()

    def test_down(self) -> None:
        """5xx or rubbish from the identity service: refused, said so in the log, and right again afterwards (F9)."""
        for fault in ({"status": 503}, {"status": 500}, {"status": 200, "body": b"hello"}, {"reset_request": 0}):
            self.proxy.clear()
            self.proxy.arm("GET", "^/auth", times=None, **fault)
            self.refused()
        self.proxy.clear()
        self.assertTrue(eventually(self.admitted, 30, 1))
        self.assertNotIn("wrong password", self.gateway.log())

    def admitted(self) -> bool:
        """Whether the right password is let in."""
        try:
            Login(self.gateway.port).close()
        except (paramiko.SSHException, EOFError):
            return False
        return True

    def test_redirect_is_not_followed(self) -> None:
        """A redirect of the identity service is not followed to another host (F12)."""
        elsewhere = FaultProxy(self.server.url)
        self.addCleanup(elsewhere.close)
        self.proxy.arm("GET", "^/auth", times=None, status=302, headers=(("Location", elsewhere.url),))
        self.refused()
        self.assertEqual(elsewhere.requests, [])

    def test_slow_login_disturbs_nobody(self) -> None:
        """While one login waits for the identity service other sessions work (F10)."""
        client = self.login()
        self.proxy.arm("GET", "^/auth", times=None, delay=3)
        waiting = threading.Thread(target=self.refused_or_not)
        waiting.start()
        start = time.monotonic()
        for _ in range(10):
            client.listdir("/")
        self.assertLess(time.monotonic() - start, 2)
        waiting.join(30)

    def refused_or_not(self) -> None:
        """A login of someone else."""
        with contextlib.suppress(paramiko.SSHException, EOFError):
            Login(self.gateway.port, "other:one", "secret").close()


class UnreachableTests(GatewayCase):
    """Nothing listens where Swift should be."""

    def make_gateway(self) -> Gateway:
        self.proxy = FaultProxy(self.server.url)
        fresh = Gateway(self.proxy.url)
        self.addCleanup(fresh.kill)
        return fresh

    def test_refused(self) -> None:
        """Connection refused: clean errors within seconds, sessions and logins alike (F1)."""
        client = self.login()
        self.store.put(self.container, "f", b"data")
        self.proxy.close()
        start = time.monotonic()
        self.assertFails(client.stat, self.path("f"))
        self.assertFails(client.put_bytes, self.path("f"), b"new")
        self.assertLess(time.monotonic() - start, 45)
        with self.assertRaises((paramiko.SSHException, EOFError)):
            Login(self.gateway.port, "test:tester", "another try")
        self.assertStored("f", b"data")
