"""When a control connection is gone, so is all that it held: nothing waits for the collector of cycles."""

from __future__ import annotations

import ssl
from pathlib import Path

from twisted.internet.defer import Deferred

from swftp.ftp.tls import Tls, TlsFiles
from tests.ftp.case import PASSWORD, USER, Client
from tests.ftp.datacase import DataCase, FakeListener
from tests.ftp.tlscase import certificate, client_context, file, key_pem, pem
from tests.left import left


class LeftBehindTests(DataCase):
    """``/box/a`` is ``hello, world``."""

    settings = {"failure_delay": 1.0, "mode_z": True}

    def leave(self, client: Client) -> None:
        """The connection is gone, and some minutes, too."""
        client.tcp.end()
        del client.tcp.protocol  # as TCP does
        FakeListener.made.clear()
        self.accounts.clear()
        self.clock.pump([1.0] * 300)

    def files(self) -> None:
        """A login that lists, reads, writes, asks for what is not there, and leaves in the middle of a transfer."""
        client = self.log_in()
        for command in ("MLSD /box", "RETR /box/a", "STOR /box/b", "RETR /box/c", "STOR /box/d"):
            self.assertEqual(client.codes("SIZE /box/c"), [550])
            made = self.prepare(client)
            client.type(command)
            if command == "STOR /box/b":
                made.send(b"new")
                made.end()
                self.settle(client)
                self.assertEqual(client.codes("DELE /box/b"), [250])
            self.settle(client)
        self.leave(client)

    def secured(self) -> None:
        """A login after AUTH TLS."""
        client = self.connect(self.make_factory(tls=self.tls))
        self.assertEqual(client.codes("AUTH TLS"), [234])
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = client_context().wrap_bio(incoming, outgoing)

        def ask(line: str = "") -> bytes:
            if line:
                tls.write(line.encode() + b"\r\n")
            for _ in range(4):
                try:
                    if not line:
                        tls.do_handshake()
                except ssl.SSLWantReadError:
                    pass
                if outgoing.pending:
                    client.tcp.protocol.dataReceived(outgoing.read())
                self.clock.pump([0] * 5)
                incoming.write(client.tcp.value())
                client.tcp.clear()
            try:
                return tls.read(1000)
            except ssl.SSLWantReadError:
                return b""

        ask()
        self.assertEqual(ask(f"USER {USER}")[:3] + ask(f"PASS {PASSWORD}")[:3] + ask("PWD")[:3], b"331230257")
        self.leave(client)

    def knock(self) -> None:
        """A login that is refused."""
        client = self.connect()
        for _ in range(2):
            client.type(f"USER {USER}", "PASS wrong")
            self.clock.pump([1.0] * 3)
        self.assertEqual([code for code, _ in client.hear()], [331, 530] * 2)
        self.leave(client)

    def hasten(self) -> None:
        """A login that is not waited for."""
        client = self.connect()
        self.checker.wait = wait = Deferred[None]()
        client.type(f"USER {USER}", f"PASS {PASSWORD}")
        self.leave(client)
        self.checker.wait = None
        wait.callback(None)
        self.leave(self.connect())

    def setUp(self) -> None:
        """Tell nothing of what the first one costs."""
        super().setUp()
        directory = Path(self.mktemp())
        directory.mkdir()
        path = file(directory, "server.pem", key_pem("server"), pem(certificate("server")))
        self.tls = Tls(TlsFiles(certificate=path), self.clock)

    def test_each(self) -> None:
        """Of any that leaves, however far it came."""
        for come_and_go in (self.files, self.secured, self.knock, self.hasten):
            come_and_go()
            self.assertEqual(left(come_and_go), set(), come_and_go.__name__)
