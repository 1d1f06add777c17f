"""RETR, TYPE A, MODE Z, STAT: what clients get, however it ends."""

from __future__ import annotations

import zlib

from twisted.internet.error import ConnectionDone

from tests.ftp.datacase import Wire
from tests.ftp.transfercase import MIB, NEW, OLD, TransferCase


class DownloadTests(TransferCase):
    """RETR."""

    def test_whole(self) -> None:
        """All bytes, an end in order, 226; the first reply says how many."""
        made = self.prepare(self.client)
        [(first, [text]), (last, _)] = self.client.ask("RETR /box/a")
        self.assertEqual((first, last), (150, 226))
        self.assertIn("(12 bytes)", text)
        self.assertEqual(made.value(), OLD)
        self.assertFalse(made.aborted)

    def begin(self, command: str, *before: str) -> Wire:
        """As of the others; a download may be over at once."""
        self.client.codes(*before) if before else None
        made = self.prepare(self.client)
        self.client.type(command)
        return made

    def test_part(self) -> None:
        """REST: from there on; at the end, nothing."""
        self.assertEqual(self.begin("RETR /box/a", "REST 7").value(), b"world")
        self.assertEqual(self.settle(self.client), [150, 226])
        self.assertEqual(self.begin("RETR /box/a", "REST 12").value(), b"")
        self.assertEqual(self.settle(self.client), [150, 226])

    def test_missing(self) -> None:
        """What is not there is 550, and nothing else."""
        self.begin("RETR /box/none")
        self.assertEqual(self.settle(self.client), [550])
        self.begin("RETR /box")
        self.assertEqual(self.settle(self.client), [550])

    def test_at_the_pace_of_the_client(self) -> None:
        """A client that takes nothing is sent little, and one that goes on is sent the rest."""
        content = bytes(range(256)) * 4096 * 8
        self.storage["/box/big"] = content
        made = self.prepare(self.client)
        made.full = True
        self.client.type("RETR /box/big")
        self.settle()
        self.assertLess(len(made.value()), MIB)
        while not made.over:
            before = len(made.value())
            made.producer.resumeProducing()
            self.settle()
            self.assertLessEqual(len(made.value()) - before, MIB)
        self.assertEqual(made.value(), content)
        self.assertEqual(self.settle(self.client), [150, 226])

    def test_client_stalls(self) -> None:
        """A client that takes nothing for long is given up."""
        self.storage["/box/big"] = bytes(4 * MIB)
        made = self.prepare(self.client)
        made.full = True
        self.client.type("RETR /box/big")
        self.clock.pump([15] * 6)
        self.assertTrue(made.aborted)
        self.assertEqual(self.settle(self.client), [150, 426])

    def test_client_leaves(self) -> None:
        """One that closes before the end is told that it has not got it all."""
        self.storage["/box/big"] = bytes(4 * MIB)
        made = self.prepare(self.client)
        made.full = True
        self.client.type("RETR /box/big")
        made.end(ConnectionDone())
        self.assertEqual(self.settle(self.client), [150, 426])

    def test_silent_client_may_close_its_half(self) -> None:
        """Nothing is read while a file is sent: a client may have closed its side already."""
        self.storage["/box/big"] = bytes(4 * MIB)
        made = self.prepare(self.client)
        made.full = True
        self.client.type("RETR /box/big")
        self.assertFalse(made.reading)


class FormTests(TransferCase):
    """TYPE A and MODE Z."""

    def test_text(self) -> None:
        """Lines end in CRLF on the wire and in LF in the store, wherever packets are cut."""
        made = self.begin("STOR /box/t", "TYPE A")
        for packet in (b"one\r", b"\ntwo\r\n", b"three\r"):
            made.send(packet)
        made.end()
        self.assertEqual(self.settle(self.client), [226])
        self.assertEqual(self.storage["/box/t"], b"one\ntwo\nthree\r")
        made = self.prepare(self.client)
        self.client.type("RETR /box/t")
        self.assertEqual(made.value(), b"one\r\ntwo\r\nthree\r")

    def test_no_restart_in_text(self) -> None:
        """REST counts bytes of what is stored, which a client of TYPE A does not see."""
        for command in ("STOR /box/a", "RETR /box/a"):
            self.prepare(self.client)
            self.assertIn(self.client.codes("TYPE I", "REST 1", "TYPE A", command)[-1], (501, 504))
        self.assertUnchanged()

    def test_deflated(self) -> None:
        """MODE Z both ways; a stream that is cut is no file."""
        text = OLD * 5000
        packed = zlib.compress(text)
        made = self.begin("STOR /box/z", "MODE Z")
        for at in range(0, len(packed), 10):
            made.send(packed[at : at + 10])
        made.end()
        self.assertEqual(self.settle(self.client), [226])
        self.assertEqual(self.storage["/box/z"], text)
        made = self.prepare(self.client)
        self.client.type("RETR /box/z")
        self.assertEqual(zlib.decompress(made.value()), text)
        self.settle(self.client)
        made = self.begin("STOR /box/a")
        made.send(packed[:-1])
        made.end()
        self.assertEqual(self.settle(self.client), [426])
        self.assertUnchanged()

    def test_deflated_at_the_pace_of_the_store(self) -> None:
        """What a few bytes become waits for room like any other: all of it is stored in the end."""
        content = bytes(40 * MIB)
        made = self.begin("STOR /box/z", "MODE Z")
        made.send(zlib.compress(content))
        made.end()
        for _ in range(200):
            self.settle()
        self.assertEqual([code for code, _ in self.client.hear()], [226])
        self.assertEqual(len(self.storage["/box/z"]), len(content))


class ProtectedTests(TransferCase):
    """`require_tls_data`."""

    settings = {"require_tls_data": True, "session_timeout": 0.0}

    def test_in_the_clear(self) -> None:
        """Nothing is transferred or listed in the clear where that is required."""
        for command in ("STOR /box/a", "RETR /box/a", "LIST /box", "MLSD /box", "STOU", "APPE /box/a"):
            self.prepare(self.client)
            self.assertEqual(self.client.codes(command), [522], command)


class StatusTests(TransferCase):
    """STAT while a transfer runs."""

    def test_described(self) -> None:
        """It says what, and how far."""
        made = self.begin("STOR /box/a")
        made.send(NEW)
        [(code, lines)] = self.client.ask("STAT")
        self.assertEqual(code, 211)
        self.assertIn("/box/a from client: under way, 13 bytes", "\n".join(lines))
        made.cut()
        self.settle(self.client)
        self.assertIsNone(self.client.context.transfer)
