"""Swift fails while a file is stored: clean errors, no hang, no false OK, the old content stays."""

from __future__ import annotations

import time
from typing import ClassVar

from tests.functional.case import KIB, MIB, content, md5
from tests.functional.clients import Flag, Packet, Refused, Speaker
from tests.functional.faultcase import FaultCase

WRITE = Flag.WRITE | Flag.CREATE | Flag.TRUNCATE


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


class SilentUploadTests(FaultCase):
    """A store that says nothing; nowhere else is it given up so soon, for on a busy machine it is slow, too."""

    fault_options: ClassVar[dict[str, object]] = {"transfer.segment_size": MIB, "storage.response_timeout": 3}

    def test_silence(self) -> None:
        """No answer to a PUT: given up after ``response_timeout``, tried again, stored (F32)."""
        self.proxy.arm("PUT", f"{self.container}/f", stall=True)
        with self.login().open(self.path("f"), "wb") as file:
            file.write(content(1000))
        self.assertStored("f", content(1000))
