"""
FTP data connections on a real Swift: every way a transfer begins, goes on and ends.

Names of tests follow those of ftpserverlib's suite where it has one, so that it can serve as a checklist.
"""

from __future__ import annotations

import contextlib
import ftplib
import socket
import time
from typing import ClassVar

from tests.functional.case import KIB, MIB, content, md5
from tests.functional.clients import reset
from tests.functional.ftp import BEGUN, FtpCase, Talk, get, put, receive

SIZES = (0, 1, 32 * KIB + 1, MIB, 10 * MIB)


class WholeTests(FtpCase):
    """Files up and down."""

    gateway_options: ClassVar[dict[str, object]] = {"sessions_per_user": 0, "transfer.segment_size": 2 * MIB}

    def test_transfer(self) -> None:
        """Of 0 bytes to 10 MiB; what is stored is what was sent, and its ETag."""
        client = self.ftp()
        for size in SIZES:
            data = content(size)
            self.assertEqual(put(client, f"f{size}", data)[:3], "226")
            self.assertStored(f"f{size}", data)
            self.assertEqual(get(client, f"f{size}"), data)
        head = self.store.head(self.container, f"f{MIB}") or {}
        self.assertEqual(head["etag"].strip('"'), md5(content(MIB)))

    def test_active(self) -> None:
        """The same by PORT and EPRT."""
        client = self.ftp()
        client.set_pasv(False)
        put(client, "f", content(MIB))
        self.assertEqual(get(client, "f"), content(MIB))

    def test_pasv(self) -> None:
        """PASV names the address that the client connected to."""
        talk = self.talk()
        code, text = talk.ask("PASV")
        self.assertEqual(code, 227)
        numbers = [int(n) for n in text.split("(")[1].split(")")[0].split(",")]
        self.assertEqual(numbers[:4], [127, 0, 0, 1])
        talk.send("STOR f")
        wire = socket.create_connection(("127.0.0.1", numbers[4] << 8 | numbers[5]), 5)
        self.assertIn(talk.reply()[0], BEGUN)
        wire.sendall(b"by pasv")
        wire.close()
        self.assertEqual(talk.reply()[0], 226)
        self.assertStored("f", b"by pasv")

    def test_epsv_all(self) -> None:
        """After EPSV ALL nothing else prepares a data connection."""
        talk = self.talk()
        self.assertEqual(talk.ask("EPSV ALL")[0], 200)
        for command in ("PASV", "PORT 127,0,0,1,200,1", "EPRT |1|127.0.0.1|50000|"):
            self.assertTrue(500 <= talk.ask(command)[0] < 600, command)
        talk.passive().close()

    def test_stou(self) -> None:
        """A name that nothing has; the reply says which."""
        client = self.ftp()
        names = set()
        for _ in range(2):
            wire = client.transfercmd("STOU")
            wire.sendall(b"unique")
            wire.close()
            names.add(client.voidresp())
        self.assertEqual(len(self.store.names(self.container)), 2)
        self.assertEqual(
            [self.store.get(self.container, n) for n in self.store.names(self.container)], [b"unique"] * 2
        )

    def test_appe_existing_and_new(self) -> None:
        """APPE makes a file, and appends to one, of any size, without fetching it."""
        client = self.ftp()
        data = content(5 * MIB)
        put(client, "f", data, command="APPE")
        self.assertStored("f", data)
        put(client, "f", b"tail", command="APPE")
        put(client, "f", data, command="APPE")
        self.assertStored("f", data + b"tail" + data)

    def test_transfers_from_offset(self) -> None:
        """REST and RETR; REST and STOR: what is before the offset, and behind what is sent, stays, as with others."""
        client = self.ftp()
        data = content(5 * MIB)
        put(client, "f", data)
        for offset in (0, 1, MIB, len(data) - 1, len(data)):
            self.assertEqual(get(client, "f", rest=offset), data[offset:])
        put(client, "f", b"inside", rest=3 * MIB)
        self.assertStored("f", data[: 3 * MIB] + b"inside" + data[3 * MIB + 6 :])
        put(client, "f", b"over the end", rest=len(data) - 4)
        self.assertStored("f", data[: 3 * MIB] + b"inside" + data[3 * MIB + 6 : -4] + b"over the end")
        put(client, "f", b"more", rest=len(data) + 8)
        self.assertTrue((self.store.get(self.container, "f") or b"").endswith(b"over the endmore"))

    def test_rest_beyond_the_end(self) -> None:
        """Is refused, and nothing is changed."""
        client = self.ftp()
        put(client, "f", b"0123456789")
        self.assertRaises(ftplib.Error, get, client, "f", 11)
        self.assertRaises(ftplib.Error, put, client, "f", b"x", 11)
        self.assertRaises(ftplib.Error, put, client, "none", b"x", 5)
        self.assertStored("f", b"0123456789")
        self.assertStored("none", None)

    def test_rest_only_for_the_next(self) -> None:
        """REST is good for one transfer."""
        client = self.ftp()
        put(client, "f", b"0123456789")
        self.assertEqual(get(client, "f", rest=4), b"456789")
        self.assertEqual(get(client, "f"), b"0123456789")

    def test_ascii(self) -> None:
        """TYPE A: CRLF on the wire, LF in the store, wherever packets are cut."""
        talk = self.talk()
        talk.ask("TYPE A")
        wire = talk.passive()
        talk.send("STOR text")
        self.assertIn(talk.reply()[0], BEGUN)
        for piece in (b"one\r", b"\ntwo\r\n", b"\r", b"\n", b"bare\rcr\r"):
            wire.sendall(piece)
            time.sleep(0.05)
        wire.close()
        self.assertEqual(talk.reply()[0], 226)
        self.assertStored("text", b"one\ntwo\n\nbare\rcr\r")
        self.store.put(self.container, "unix", b"a\nb\r\nc\n" * 50_000)
        wire = talk.passive()
        talk.send("RETR unix")
        self.assertEqual(receive(wire), b"a\r\nb\r\nc\r\n" * 50_000)
        self.assertEqual(talk.both(), 226)

    def test_same_path_in_order(self) -> None:
        """An upload that is answered is what the next download gives, on any connection."""
        one, two = self.ftp(), self.ftp()
        for number in range(10):
            data = content(10_000, number)
            put(one, "f", data)
            self.assertEqual(get(two, "f"), data)
            self.assertEqual(two.size("f"), len(data))

    def test_segments_go_too(self) -> None:
        """Those of a large file that is replaced, or removed."""
        client = self.ftp()
        put(client, "f", content(5 * MIB))
        self.assertSegments(3)
        put(client, "f", content(3 * MIB, "other"))
        self.assertSegments(2)
        client.delete("f")
        self.assertSegments(0)

    def test_bogus_transfer_start(self) -> None:
        """What cannot begin says so at once, and leaves the connection usable."""
        client = self.ftp()
        for command in ("RETR none", "RETR .", "STOR /x", f"STOR /{self.container}", "RETR /"):
            error = self.assertRaises(ftplib.error_perm, client.transfercmd, command)
            self.assertIn(str(error)[:3], ("550", "553"), command)
        self.assertIn(self.talk().ask("RETR none")[0], (425, 503, 550))
        put(client, "f", b"1")

    def test_data_connection_requirements(self) -> None:
        """Without PASV or PORT a transfer is 425 or 503."""
        self.store.put(self.container, "f", b"1")
        for command in ("RETR f", "STOR g", "LIST", "MLSD"):
            self.assertIn(self.talk().ask(command)[0], (425, 503), command)


class EndTests(FtpCase):
    """How transfers end: only a clean end of data with a living control connection stores anything."""

    gateway_options: ClassVar[dict[str, object]] = {"sessions_per_user": 0, "transfer.segment_size": MIB}
    old = b"old content"

    def setUp(self) -> None:
        """Something is there."""
        super().setUp()
        self.store.put(self.container, "f", self.old)

    def begin(self, name: str = "f", size: int = 3 * MIB) -> tuple[Talk, socket.socket]:
        """An upload of *size* bytes that has not ended."""
        talk = self.talk()
        wire = talk.passive()
        talk.send(f"STOR {name}")
        self.assertIn(talk.reply()[0], BEGUN)
        wire.sendall(content(size))
        return talk, wire

    def unchanged(self) -> None:
        """The old content stands, and no segment is left."""
        self.assertStored("f", self.old)
        self.assertSegments(0)

    def test_reset_of_data(self) -> None:
        """RST: 426."""
        talk, wire = self.begin()
        reset(wire)
        self.assertEqual(talk.reply()[0], 426)
        self.unchanged()
        self.assertEqual(talk.ask("NOOP")[0], 200)

    def test_connection_close_during_transfer(self) -> None:
        """FIN of the control connection, then of data."""
        talk, wire = self.begin()
        talk.close()
        wire.close()
        time.sleep(0.5)
        self.unchanged()

    def test_reset_of_control(self) -> None:
        """RST of the control connection; data stay open."""
        talk, wire = self.begin()
        reset(talk.wire)
        time.sleep(0.5)
        with contextlib.suppress(OSError):
            wire.sendall(b"more")
            wire.close()
        time.sleep(0.3)
        self.unchanged()

    def test_abor_of_upload(self) -> None:
        """426 of the transfer, then 226 of ABOR."""
        talk, wire = self.begin()
        talk.send("ABOR")
        self.assertEqual([talk.reply()[0], talk.reply()[0]], [426, 226])
        wire.close()
        self.unchanged()
        self.assertEqual(talk.ask("NOOP")[0], 200)

    def test_abor_as_telnet_says_it(self) -> None:
        """IAC IP IAC DM ABOR, the mark out of band, as many clients send it."""
        talk, _wire = self.begin()
        talk.wire.sendall(b"\xff\xf4\xff")
        talk.wire.send(b"\xf2", socket.MSG_OOB)
        talk.wire.sendall(b"ABOR\r\n")
        self.assertEqual([talk.reply()[0], talk.reply()[0]], [426, 226])
        self.unchanged()

    def test_abor_of_download(self) -> None:
        """In the middle of many bytes that nobody reads."""
        talk, wire = self.begun_download()
        talk.send("ABOR")
        self.assertEqual([talk.reply()[0], talk.reply()[0]], [426, 226])
        wire.close()
        wire = talk.passive()
        talk.send("RETR f")
        self.assertEqual(receive(wire), self.old)

    def test_abor_of_nothing(self) -> None:
        """226 or 225, also with a data connection prepared."""
        talk = self.talk()
        self.assertIn(talk.ask("ABOR")[0], (225, 226))
        talk.passive()
        self.assertIn(talk.ask("ABOR")[0], (225, 226))
        self.assertEqual(talk.ask("NOOP")[0], 200)

    def test_allo_not_reached(self) -> None:
        """Fewer bytes than ALLO announced are not stored; as many are."""
        talk = self.talk()
        for announced, code in ((5000, (426, 451, 552)), (1000, (226,))):
            talk.ask(f"ALLO {announced}")
            wire = talk.passive()
            talk.send("STOR f")
            self.assertIn(talk.reply()[0], BEGUN)
            wire.sendall(b"n" * 1000)
            wire.close()
            self.assertIn(talk.reply()[0], code, announced)
            self.assertStored("f", self.old if announced == 5000 else b"n" * 1000)

    def test_empty_upload(self) -> None:
        """A data connection that only ends is a file of no bytes."""
        talk, wire = self.begin(size=0)
        wire.close()
        self.assertEqual(talk.reply()[0], 226)
        self.assertStored("f", b"")

    def test_control_during_transfer(self) -> None:
        """STAT and NOOP are answered while data flow; QUIT waits for them."""
        talk, wire = self.begin(size=1000)
        self.assertEqual(talk.ask("NOOP")[0], 200)
        code, text = talk.ask("STAT")
        self.assertIn(code, (211, 213))
        self.assertIn("1000", text.replace(",", ""))
        talk.send("QUIT")
        wire.sendall(b"end")
        wire.close()
        self.assertEqual([talk.reply()[0], talk.reply()[0]], [226, 221])
        self.assertStored("f", content(1000) + b"end")

    def test_reader_that_goes(self) -> None:
        """A download whose client is gone is 426, and costs no more."""
        talk, wire = self.begun_download()
        reset(wire)
        self.assertEqual(talk.reply()[0], 426)
        self.assertEqual(talk.ask("NOOP")[0], 200)
