"""Swift fails, at one request or for long: clean errors, no hang, no wrong byte, no false OK."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import ClassVar

import paramiko

from tests.functional.case import KIB, MIB, GatewayCase, content, md5
from tests.functional.clients import Flag, Login, Packet, Refused, Speaker
from tests.functional.faults import FaultProxy
from tests.functional.gateway import Gateway
from tests.functional.processes import eventually
from tests.functional.swift import swift

WRITE = Flag.WRITE | Flag.CREATE | Flag.TRUNCATE


class FaultCase(GatewayCase):
    """A gateway that reaches its Swift through a `FaultProxy`, both shared by the cases of one class."""

    proxy: ClassVar[FaultProxy]
    fault_options: ClassVar[dict[str, object]] = {"transfer.segment_size": MIB, "storage.response_timeout": 3}
    alone = False
    """Whether each test has a gateway of its own."""
    _pairs: ClassVar[dict[str, tuple[FaultProxy, Gateway]]] = {}

    def make_gateway(self) -> Gateway:
        """The gateway of this class, or of this test."""
        options = {"sessions_per_user": 0, **self.fault_options}
        key = repr(sorted(options.items())) + (self.id() if self.alone else "")
        if key not in self._pairs:
            proxy = FaultProxy(swift().url)
            self._pairs[key] = proxy, Gateway(proxy.url, options)
        self.proxy, found = self._pairs[key]  # type: ignore[misc]
        self.proxy.clear()
        self.addCleanup(self.proxy.clear)
        if self.alone:
            self.addCleanup(found.kill)
            self.addCleanup(self.proxy.close)
        elif not found.child.alive:
            found.start()
        return found

    def upload(self, name: str, data: bytes) -> None:
        """An upload that must be stored."""
        client = self.login()
        client.put_bytes(self.path(name), data)
        self.assertStored(name, data)

    def refused_upload(self, name: str, data: bytes, before: bytes | None = b"old") -> OSError:
        """An upload that must fail at CLOSE, or before, and change nothing."""
        if before is not None:
            self.store.put(self.container, name, before)
        client = self.login()
        error = self.assertFails(client.put_bytes, self.path(name), data)
        self.assertStored(name, before)
        self.assertNotIn("secret page", str(error))
        return error


class TokenTests(FaultCase):
    """401: a gateway for each test, since what a renewal did not help is not renewed again for a minute."""

    alone = True

    def test_upload(self) -> None:
        """401 at the PUT of a small file: one new login, the file is stored (F13)."""
        self.login().stat("/")
        self.proxy.arm("PUT", self.container, status=401)
        self.upload("f", b"data")
        self.assertLessEqual(len(self.proxy.seen("GET", "^/auth")), 2)

    def segmented(self, path: str, number: int) -> None:
        """An upload of five segments during which one request meets 401."""
        rule = self.proxy.arm("PUT", path, first=number, status=401)
        self.upload("f", content(5 * MIB))
        self.assertGreaterEqual(rule.seen, number)
        self.assertSegments(5)

    def test_first_segment(self) -> None:
        """401 at the first segment (F14)."""
        self.segmented("segments", 2)  # the first of these makes the container

    def test_middle_segment(self) -> None:
        """401 at a segment in the middle."""
        self.segmented("segments", 4)

    def test_last_segment(self) -> None:
        """401 at the last segment."""
        self.segmented("segments", 6)

    def test_manifest(self) -> None:
        """401 at the manifest."""
        self.segmented("multipart-manifest=put", 1)

    def test_download(self) -> None:
        """401 at a GET."""
        self.store.put(self.container, "f", content(MIB))
        client = self.login()
        self.proxy.arm("GET", f"{self.container}/f", status=401)
        self.assertEqual(md5(client.get_bytes(self.path("f"))), md5(content(MIB)))

    def test_stat(self) -> None:
        """401 at a HEAD."""
        self.store.put(self.container, "f", b"data")
        client = self.login()
        self.proxy.arm("HEAD", f"{self.container}/f", status=401)
        self.assertEqual(client.stat(self.path("f")).st_size, 4)

    def test_for_ever(self) -> None:
        """401 always: an error, and no login storm (F15)."""
        client = self.login()
        self.proxy.arm("PUT", self.container, times=None, status=401)
        before = len(self.proxy.seen("GET", "^/auth"))
        for _ in range(5):
            self.assertFails(client.put_bytes, self.path("f"), b"data")
        self.assertLessEqual(len(self.proxy.seen("GET", "^/auth")) - before, 3)
        self.assertStored("f", None)


class UploadTests(FaultCase):
    """Faults of PUT."""

    def test_forbidden(self) -> None:
        """403 is PERMISSION_DENIED and never a reason to log in again (F16)."""
        client = self.login()
        client.stat("/")
        before = len(self.proxy.seen("GET", "^/auth"))
        self.proxy.arm("PUT", self.container, times=None, status=403)
        self.assertFails(client.put_bytes, self.path("f"), b"data", code=13)
        self.assertEqual(len(self.proxy.seen("GET", "^/auth")), before)

    def test_final_refusals(self) -> None:
        """404, 409, 412, 413, 422, 507 at the PUT: an error, the old content stays (F17, F19-F22, F24)."""
        for status in (400, 404, 409, 412, 413, 422, 507):
            self.proxy.clear()
            self.proxy.arm("PUT", f"{self.container}/f", times=None, status=status)
            self.refused_upload("f", content(1000))

    def test_passing_trouble(self) -> None:
        """408, 429, 498, 499, 500, 502, 503, 504 once: tried again, stored (F23, F25)."""
        for status in (408, 429, 498, 499, 500, 502, 503, 504):
            self.proxy.clear()
            self.proxy.arm("PUT", f"{self.container}/f", status=status)
            self.upload("f", content(1000, status))

    def test_passing_trouble_of_segments(self) -> None:
        """The same at a segment and at the manifest of a large file."""
        data = content(3 * MIB + 9)
        for status in (408, 429, 498, 500, 503):
            for target in ("segments", "multipart-manifest=put"):
                self.proxy.clear()
                self.proxy.arm("PUT", target, status=status)
                self.upload("f", data)
        self.assertSegments(4)

    def test_lasting_trouble(self) -> None:
        """503 always: an error within a minute, nothing changed; 403 at the manifest: segments are removed too."""
        self.store.put(self.container, "f", b"old")
        self.proxy.arm("PUT", self.container, times=None, status=503)
        start = time.monotonic()
        self.assertFails(self.login().put_bytes, self.path("f"), content(1000))
        self.assertLess(time.monotonic() - start, 60)
        self.proxy.clear()
        self.proxy.arm("PUT", "multipart-manifest=put", times=None, status=403)
        self.assertFails(self.login().put_bytes, self.path("f"), content(3 * MIB))
        self.assertStored("f", b"old")
        self.assertSegments(0)
        self.proxy.clear()
        self.proxy.arm("PUT", "multipart-manifest=put", times=None, status=503)  # Swift may yet make it: they stay
        self.assertFails(self.login().put_bytes, self.path("f"), content(3 * MIB))
        self.assertStored("f", b"old")

    def test_accepted_is_not_created(self) -> None:
        """202 at a PUT means an older timestamp than what is stored: a failure (F26)."""
        self.proxy.arm("PUT", f"{self.container}/f", times=None, status=202, body=b"")
        self.refused_upload("f", b"new content")

    def test_wrong_etag(self) -> None:
        """201 with the checksum of something else is never an OK for bytes that are not stored (F27)."""
        self.proxy.arm("PUT", f"{self.container}/f", times=None, status=201, body=b"", headers=(("Etag", md5(b"")),))
        self.refused_upload("f", b"new content")

    def test_no_etag(self) -> None:
        """201 without a checksum: looked up, and a failure if nothing is there (F28)."""
        self.proxy.arm("PUT", f"{self.container}/f", times=None, status=201, body=b"")
        self.refused_upload("f", b"new content")

    def test_reset_before_answer(self) -> None:
        """RST at the start, in the middle and after the last byte of the body, once: stored (F29-F31)."""
        data = content(200 * KIB)
        for at in (0, 100 * KIB, 200 * KIB):
            self.proxy.clear()
            self.proxy.arm("PUT", f"{self.container}/f", reset_request=at)
            self.upload("f", data + str(at).encode())

    def test_reset_for_ever(self) -> None:
        """RST each time: an error, the old content stays, and no hang."""
        self.proxy.arm("PUT", f"{self.container}/f", times=None, reset_request=1000)
        self.refused_upload("f", content(5000))

    def test_stored_but_unanswered(self) -> None:
        """Swift stores, the answer is lost: found out by looking, reported OK (F31, G12)."""
        self.proxy.arm("PUT", f"{self.container}/f", drop_response=True)
        self.upload("f", content(1000))
        self.proxy.clear()
        self.proxy.arm("PUT", "multipart-manifest=put", drop_response=True)
        self.upload("g", content(3 * MIB))
        self.assertSegments(3)

    def test_silence(self) -> None:
        """No answer to a PUT: given up after ``response_timeout``, tried again, stored (F32)."""
        self.proxy.arm("PUT", f"{self.container}/f", stall=True)
        self.upload("f", content(1000))

    def test_early_refusal(self) -> None:
        """413 while the segment is still being sent: the handle fails (F39)."""
        self.proxy.arm("PUT", "segments", times=None, status=413, early=True)
        self.refused_upload("f", content(3 * MIB))

    def test_failed_handle_stays_failed(self) -> None:
        """After a failed WRITE no CLOSE of that handle is OK (G4)."""
        speaker = Speaker(self.gateway.port)
        self.addCleanup(speaker.close)
        self.proxy.arm("PUT", "segments", times=None, status=403)
        handle = speaker.open(self.path("f"), WRITE)
        refused = 0
        for at in range(0, 6 * MIB, 32768):
            speaker.write(handle, at, b"x" * 32768)
            try:
                speaker.expect_ok()
            except Refused:
                refused += 1
        with self.assertRaises(Refused):
            speaker.ask(Packet.CLOSE, handle)
        self.assertGreater(refused, 0)
        self.assertStored("f", None)

    def test_manifest_refused_in_its_body(self) -> None:
        """A manifest's 202 with spaces and a refusal at the end is a refusal (heartbeat)."""
        body = b'  \r\n\r\n{"Response Status": "400 Bad Request", "Errors": [["/c/o", "404 Not Found"]]}'
        self.proxy.arm("PUT", "multipart-manifest=put", times=None, status=202, body=body)
        self.refused_upload("f", content(3 * MIB))
        self.assertSegments(0)


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

    def test_silence(self) -> None:
        """No answer, once: given up and tried again (F32)."""
        self.proxy.arm("GET", f"{self.container}/f", stall=True)
        self.assertWhole()


class MetadataTests(FaultCase):
    """Faults of everything else."""

    def test_stat(self) -> None:
        """Passing trouble is not seen; 403 is PERMISSION_DENIED; lasting trouble is a FAILURE, not 'missing'."""
        self.store.put(self.container, "f", b"data")
        client = self.login()
        for status in (429, 498, 500, 503):
            self.proxy.clear()
            self.proxy.arm("HEAD", f"{self.container}/f", status=status)
            self.assertEqual(client.stat(self.path("f")).st_size, 4, f"after {status}")
        for status, code in ((403, 13), (503, None)):
            self.proxy.clear()
            self.proxy.arm("HEAD|GET", f"{self.container}", times=None, status=status)
            error = self.assertFails(self.login().stat, self.path("f"))
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
