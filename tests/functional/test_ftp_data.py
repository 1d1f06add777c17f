"""
FTP data connections on a real Swift: clients that stall, strangers, and the options that shape them.

Names of tests follow those of ftpserverlib's suite where it has one, so that it can serve as a checklist.
"""

from __future__ import annotations

import contextlib
import socket
import time
import zlib
from typing import ClassVar

from tests.functional.case import KIB, MIB, content
from tests.functional.ftp import BEGUN, FtpCase, receive, within
from tests.functional.processes import eventually


class StallTests(FtpCase):
    """Clients that stop."""

    gateway_options: ClassVar[dict[str, object]] = {
        "sessions_per_user": 0, "stalled_timeout": 2, "connect_timeout": 2, "session_timeout": 30,
    }  # fmt: skip

    def test_stalled_upload(self) -> None:
        """A 4xx within the time, nothing stored."""
        talk = self.talk()
        wire = talk.passive()
        talk.send("STOR f")
        self.assertIn(talk.reply()[0], BEGUN)
        wire.sendall(b"some")
        with within(6):
            self.assertIn(talk.reply()[0], (421, 426))
        wire.close()
        self.assertStored("f", None)

    def test_stalled_download(self) -> None:
        """A 4xx within the time (2014: 20 s)."""
        talk, _wire = self.begun_download()
        with within(8):
            self.assertIn(talk.reply()[0], (421, 426))

    def test_nobody_connects(self) -> None:
        """425 within the time."""
        talk = self.talk()
        talk.ask("EPSV")
        talk.send("RETR f")
        self.store.put(self.container, "f", b"1")
        with within(5):
            while (code := talk.reply()[0]) in BEGUN:
                pass
        self.assertIn(code, (425, 550))

    def test_slow_reader_costs_no_memory(self) -> None:
        """100 MiB to a client that sleeps: the gateway holds a window of it."""
        self.store.put(self.container, "big", content(100 * MIB))
        client = self.ftp()
        wire = client.transfercmd("RETR big")
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * KIB)
        before = self.gateway.child.memory()
        for _ in range(15):
            wire.recv(64 * KIB)
            time.sleep(0.1)
        self.assertLess(self.gateway.child.memory() - before, 40 * MIB)
        wire.close()


class TalkativeTests(FtpCase):
    """Bytes on a data connection that only sends."""

    def test_slow_reader(self) -> None:
        """Nobody asked for them; they must not turn our close into a reset, which takes the end of the file."""
        self.store.put(self.container, "f", content(MIB))
        talk = self.talk()
        port = int(talk.ask("EPSV")[1].split("|")[3])
        with socket.socket() as wire:
            wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16384)
            wire.settimeout(20)
            wire.connect(("127.0.0.1", port))
            wire.sendall(b"what is this")
            talk.send("RETR f")
            self.assertIn(talk.reply()[0], BEGUN)
            time.sleep(1)
            self.assertEqual(receive(wire), content(MIB))
        self.assertEqual(talk.reply()[0], 226)


class StrangerTests(FtpCase):
    """Who else may use data connections: nobody."""

    def test_bounce(self) -> None:
        """PORT and EPRT to another address, or to a low port, are refused."""
        talk = self.talk()
        for command in (
            "PORT 10,0,0,1,200,1",
            "PORT 127,0,0,2,200,1",
            "PORT 127,0,0,1,0,22",
            "PORT 1,2,3",
            "PORT 127,0,0,1,999,1",
            "EPRT |1|10.0.0.1|50000|",
            "EPRT |1|127.0.0.1|22|",
            "EPRT |2|::1|50000|",
            "EPRT |3|x|1|",
            "EPRT x",
        ):  # fmt: skip
            self.assertTrue(500 <= talk.ask(command)[0] < 600, command)

    def test_stolen_port(self) -> None:
        """A data connection from another address gets nothing."""
        self.store.put(self.container, "f", b"secret")
        talk = self.talk()
        _, text = talk.ask("EPSV")
        port = int(text.split("|")[3])
        thief = socket.socket()
        thief.bind(("127.0.0.2", 0))
        thief.settimeout(10)
        with contextlib.suppress(OSError):
            thief.connect(("127.0.0.1", port))
        talk.send("RETR f")
        wire = socket.create_connection(("127.0.0.1", port), 5)
        self.assertEqual(receive(wire), b"secret")
        with contextlib.suppress(OSError):
            self.assertEqual(thief.recv(100), b"")
        thief.close()

    def test_one_shot(self) -> None:
        """A passive port takes one connection, and is closed afterwards."""
        self.store.put(self.container, "f", b"1")
        talk = self.talk()
        port = int(talk.ask("EPSV")[1].split("|")[3])
        wire = socket.create_connection(("127.0.0.1", port), 5)
        talk.send("RETR f")
        self.assertEqual(receive(wire), b"1")
        self.assertEqual(talk.both(), 226)
        self.assertRaises(OSError, socket.create_connection, ("127.0.0.1", port), 2)


class OptionTests(FtpCase):
    """A port range, active mode off, TYPE A refused, MODE Z."""

    gateway_options: ClassVar[dict[str, object]] = {
        "sessions_per_user": 0, "passive_ports": "23310-23313", "active": "no", "ascii": "refuse", "mode_z": "yes",
        "masquerade_address": "192.0.2.7",
    }  # fmt: skip

    def test_port_range_and_exhaustion(self) -> None:
        """Ports are of the range; when all are taken it is 425 or 421; they come back."""
        talks = [self.talk() for _ in range(5)]
        ports = []
        for talk in talks[:4]:
            code, text = talk.ask("EPSV")
            self.assertEqual(code, 229)
            ports.append(int(text.split("|")[3]))
        self.assertEqual(sorted(ports), [23310, 23311, 23312, 23313])
        self.assertIn(talks[4].ask("EPSV")[0], (421, 425))
        talks[0].close()
        self.assertTrue(eventually(lambda: talks[4].ask("EPSV")[0] == 229, 5))

    def test_active_mode_disabled(self) -> None:
        """PORT and EPRT are 502."""
        talk = self.talk()
        for command in ("PORT 127,0,0,1,200,1", "EPRT |1|127.0.0.1|50000|"):
            self.assertEqual(talk.ask(command)[0], 502)

    def test_masquerade(self) -> None:
        """PASV names the address that clients reach us by."""
        self.assertIn("(192,0,2,7,", self.talk().ask("PASV")[1])

    def test_ascii_refused(self) -> None:
        """504, and lists work all the same."""
        self.assertEqual(self.talk().ask("TYPE A")[0], 504)

    def test_transfer_mode_deflate(self) -> None:
        """MODE Z both ways."""
        talk = self.talk()
        self.assertEqual(talk.ask("MODE Z")[0], 200)
        data = b"compress me " * 100_000
        wire = talk.passive()
        talk.send("STOR f")
        self.assertIn(talk.reply()[0], BEGUN)
        wire.sendall(zlib.compress(data))
        wire.close()
        self.assertEqual(talk.reply()[0], 226)
        self.assertStored("f", data)
        wire = talk.passive()
        talk.send("RETR f")
        self.assertEqual(zlib.decompress(receive(wire)), data)
        self.assertEqual(talk.both(), 226)
        wire = talk.passive()
        talk.send("STOR g")
        talk.reply()
        wire.sendall(zlib.compress(data)[:-10])
        wire.close()
        self.assertIn(talk.reply()[0], (426, 451))
        self.assertStored("g", None)
