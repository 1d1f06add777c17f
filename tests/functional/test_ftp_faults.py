"""Swift fails while FTP clients work: clean replies, no hang, no false 226, the old content stays."""

from __future__ import annotations

import contextlib
import ftplib
import subprocess
import time
from collections import Counter
from pathlib import Path
from typing import ClassVar

from swftp.session.stepping import STEPS
from tests.functional.case import KIB, MIB, content, md5, need
from tests.functional.faultcase import FaultCase
from tests.functional.ftp import BEGUN, FtpCase, FtpGateway, get, lines, put, receive, within
from tests.functional.gateway import Gateway
from tests.functional.swift import PASSWORD, USER


class FtpFaultCase(FtpCase, FaultCase):
    """A faulty Swift behind FTP."""

    gateway_kind: ClassVar[type[Gateway]] = FtpGateway

    def make_gateway(self) -> FtpGateway:
        """See `FaultCase.make_gateway`."""
        found = FaultCase.make_gateway(self)
        assert isinstance(found, FtpGateway)
        return found

    def refused_upload(self, data: bytes, *codes: str) -> None:
        """An upload over an old file fails with one of *codes*, and the old file stays."""
        self.store.put(self.container, "f", b"old")
        client = self.ftp()
        error = self.assertRaises(ftplib.Error, put, client, "f", data)
        self.assertIn(str(error)[:3], codes)
        client.voidcmd("NOOP")
        self.proxy.clear()
        self.assertStored("f", b"old")


class UploadTests(FtpFaultCase):
    """Faults of PUT."""

    def test_quota(self) -> None:
        """413 and 507 are 552; the connection lives."""
        for status in (413, 507):
            self.proxy.clear()
            self.proxy.arm("PUT", f"{self.container}/f", times=None, status=status)
            self.refused_upload(content(1000), "552", "451")

    def test_forbidden(self) -> None:
        """403 is 550."""
        self.proxy.arm("PUT", self.container, times=None, status=403)
        self.refused_upload(content(1000), "550")

    def test_passing_trouble(self) -> None:
        """503 once at an object, a segment, the manifest: stored."""
        data = content(3 * MIB + 9)
        for target in ("segments", "multipart-manifest=put"):
            self.proxy.clear()
            self.proxy.arm("PUT", target, status=503)
            put(self.ftp(), "f", data)
            self.assertStored("f", data)

    def test_lasting_trouble(self) -> None:
        """503 always: 4xx within a minute, nothing changed."""
        self.proxy.arm("PUT", self.container, times=None, status=503)
        with within(60):
            self.refused_upload(content(1000), "451")
        self.proxy.arm("PUT", "segments", times=None, status=503)
        with within(90):
            self.refused_upload(content(3 * MIB), "451")

    def test_refused_manifest(self) -> None:
        """403 at the manifest: segments are removed too."""
        self.proxy.arm("PUT", "multipart-manifest=put", times=None, status=403)
        self.refused_upload(content(3 * MIB), "550")
        self.assertSegments(0)

    def test_wrong_etag(self) -> None:
        """201 with the checksum of something else is no 226."""
        self.proxy.arm("PUT", f"{self.container}/f", times=None, status=201, body=b"", headers=(("Etag", md5(b"")),))
        self.refused_upload(b"new content", "451", "550")

    def test_lost_answer(self) -> None:
        """Swift stored, and nobody heard: looked up, 226."""
        self.proxy.arm("PUT", f"{self.container}/f", drop_response=True)
        put(self.ftp(), "f", b"new content")
        self.assertStored("f", b"new content")

    def test_slow_commit(self) -> None:
        """The answer to the upload waits for Swift's; meanwhile the control connection answers."""
        talk = self.talk()
        self.proxy.arm("PUT", f"{self.container}/f", delay=2.0)
        wire = talk.passive()
        talk.send("STOR f")
        self.assertIn(talk.reply()[0], BEGUN)
        wire.sendall(b"data")
        wire.close()
        time.sleep(0.3)
        with within(1):
            self.assertEqual(talk.ask("NOOP")[0], 200)
        self.assertEqual(talk.reply()[0], 226)
        self.assertStored("f", b"data")

    def test_control_lost_during_commit(self) -> None:
        """The data had ended: what was begun may land, whole."""
        talk = self.talk()
        self.proxy.arm("PUT", f"{self.container}/f", delay=1.5)
        wire = talk.passive()
        talk.send("STOR f")
        talk.reply()
        wire.sendall(b"data")
        wire.close()
        time.sleep(0.5)
        talk.close()
        time.sleep(2.5)
        self.assertIn(self.store.get(self.container, "f"), (None, b"data"))


class DownloadTests(FtpFaultCase):
    """Faults of GET."""

    def test_cut_body(self) -> None:
        """A body cut short is gone on with: the client gets all of it."""
        data = content(3 * MIB)
        self.store.put(self.container, "f", data)
        self.proxy.arm("GET", f"{self.container}/f", cut_response=MIB)
        self.assertEqual(get(self.ftp(), "f"), data)

    def test_error_in_the_middle(self) -> None:
        """Where no more can be had it is 4xx and an end without the rest, never the page of an error."""
        data = content(3 * MIB)
        self.store.put(self.container, "f", data)
        talk = self.talk()
        talk.ask("SIZE f")
        self.proxy.arm("GET", f"{self.container}/f", cut_response=MIB)
        self.proxy.arm("GET", f"{self.container}/f", first=2, times=None, status=500)
        wire = talk.passive()
        talk.send("RETR f")
        self.assertIn(talk.reply()[0], BEGUN)
        found = b""
        with within(90):
            with contextlib.suppress(ConnectionResetError):
                found = receive(wire)
            self.assertIn(talk.reply()[0], (426, 451))
        self.assertTrue(data.startswith(found) and len(found) < len(data))
        self.assertEqual(talk.ask("NOOP")[0], 200)

    def test_error_page(self) -> None:
        """404, 403 and 500 at the GET are replies, and never file content."""
        for status, codes in ((404, ("550", "451")), (403, ("550", "451", "426")), (500, ("451", "426"))):
            self.store.put(self.container, f"f{status}", content(10 * KIB))
            self.proxy.clear()
            self.proxy.arm("GET", f"{self.container}/f{status}", times=None, status=status)
            client = self.ftp()
            got: list[bytes] = []
            error = self.assertRaises(ftplib.Error, client.retrbinary, f"RETR f{status}", got.append)
            self.assertIn(str(error)[:3], codes)
            self.assertEqual(got, [])

    def test_changed_meanwhile(self) -> None:
        """An object replaced in the middle of a download: never bytes of two versions."""
        old, new = content(12 * MIB, "old"), content(12 * MIB, "new")
        self.store.put(self.container, "f", old)
        talk = self.talk()
        self.proxy.arm("GET", f"{self.container}/f", cut_response=MIB)
        wire = talk.passive()
        talk.send("RETR f")
        self.assertIn(talk.reply()[0], BEGUN)
        self.store.put(self.container, "f", new)
        found = b""
        with contextlib.suppress(ConnectionResetError):
            found = receive(wire)
        code = talk.reply()[0]
        self.assertTrue((code == 226 and found in (old, new)) or (code >= 400 and old.startswith(found)), code)


class ListTests(FtpFaultCase):
    """Faults of listings."""

    def test_first_page(self) -> None:
        """A listing that cannot begin is 4xx or 5xx, no empty list."""
        client = self.ftp()
        self.proxy.arm("GET", f"{self.container}\\?", times=None, status=503)
        with within(90):
            error = self.assertRaises(ftplib.Error, lines, client, "LIST")
        self.assertEqual(str(error)[:3], "451")
        url = f"ftp://127.0.0.1:{self.gateway.port}/{self.container}/"
        asked = subprocess.run(
            [need("curl"), "-s", "--netrc-file", str(self.netrc()), url], capture_output=True, timeout=90, check=False
        )
        self.assertNotEqual(asked.returncode, 0, "curl takes the trouble for an empty directory")
        self.proxy.clear()
        client.voidcmd("NOOP")

    def netrc(self) -> Path:
        """Who we are, for curl."""
        path = self.folder() / "netrc"
        path.write_text(f"default login {USER} password {PASSWORD}\n")
        return path

    def test_second_page(self) -> None:
        """A listing that breaks off in the middle says so, and is never taken for whole."""
        self.store.fill(self.container, (f"{number:05}" for number in range(12_000)))
        client = self.ftp()
        self.proxy.arm("GET", f"{self.container}\\?.*marker", times=None, status=503)
        with within(90):
            error = self.assertRaises((ftplib.Error, OSError), lines, client, "NLST")
        if isinstance(error, ftplib.Error):
            self.assertIn(str(error)[:3], ("426", "451"))

    def test_trouble_of_the_account(self) -> None:
        """401 is one new login; then all is well."""
        client = self.ftp()
        self.proxy.arm("GET", f"{self.container}\\?", status=401)
        self.assertEqual(lines(client, "LIST"), [])


class SmallFileTests(FtpFaultCase):
    """What small files cost the store."""

    def asked(self) -> Counter[str]:
        """Methods of the requests for objects in ``d`` since the last call."""
        requests = Counter(r.method for r in list(self.proxy.requests) if f"/{self.container}/d/" in r.path)
        self.proxy.clear()
        return requests

    def test_one_request(self) -> None:
        """Each costs one, when it is stored, taken and removed, by a session that lists nothing: or nearly."""
        names = [f"d/s{number:02}" for number in range(30)]
        client = self.ftp()
        client.mkd(self.path("d"))
        self.proxy.clear()
        for name in names:
            put(client, name, name.encode())
        client.quit()
        self.assertEqual(self.asked(), {"PUT": 30})
        client = self.ftp()
        self.assertEqual([get(client, name) for name in names], [name.encode() for name in names])
        client.quit()
        self.assertEqual(self.asked(), {"GET": 30})
        client = self.ftp()
        for name in names:
            client.delete(self.path(name))
        asked = self.asked()
        self.assertEqual(asked["DELETE"], 30)
        self.assertLessEqual(asked["HEAD"], STEPS)
