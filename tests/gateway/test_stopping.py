"""Rules of `swftp.gateway.gateway`: how the service ends."""

from __future__ import annotations

from typing import Any

from swftp.gateway import gateway
from swftp.sftp.wire import string
from tests.gatewaycase import GatewayCase
from tests.sftp.client import Packet as P
from tests.sftp.client import u32


class StopTests(GatewayCase):
    """How it ends."""

    def setUp(self) -> None:
        """Start it."""
        super().setUp()
        self.start()

    def test_idle(self) -> None:
        """With nobody there, it ends at once, and listens no more."""
        self.assertEqual(self.stop(), [True])
        self.assertEqual(self.gateway.addresses, [])

    def test_idle_clients_are_told(self) -> None:
        """Clients with nothing open, and those that are logging in, are hung up on at once."""
        tcp, _ = self.log_in()
        _, other = self.connect()
        ended = self.stop()
        self.assertTrue(tcp.lost)
        self.assertTrue(other.lost)
        self.assertIn(b"server is shutting down", tcp.value())
        self.reactor.advance(1)
        self.assertEqual(ended, [True])

    def test_last_answer(self) -> None:
        """An answer that waits for the end of its turn still goes out, before we hang up."""
        tcp, _ = self.log_in()
        connection: Any = tcp.transport.service
        connection.ssh_CHANNEL_OPEN(string(b"session") + u32(7) + u32(1 << 20) + u32(1 << 15))
        (channel,) = connection.channels.values()
        connection.ssh_CHANNEL_REQUEST(u32(channel.id) + string(b"subsystem") + b"\1" + string(b"sftp"))
        channel.put(b"the answer to CLOSE")
        ended = self.stop()
        self.reactor.pump([0.0, *[gateway.LOOK] * 8])
        self.assertIn(b"the answer to CLOSE", tcp.value())
        self.assertTrue(tcp.lost)
        self.assertEqual(ended, [True])

    def test_idle_ftp_clients_are_told(self) -> None:
        """So are those of FTP, by 421; one for whom something is being done may wait for it."""
        idle, busy = self.dial(), self.dial()
        self.shared.accounts.add(busy)
        busy.type("WAIT")
        ended = self.stop()
        self.assertEqual([idle.hear()[-1], busy.hear()], [(421, ["Server is shutting down."]), []])
        self.assertTrue(idle.tcp.disconnecting)
        idle.tcp.end()
        self.wait.end()
        self.reactor.pump([gateway.LOOK] * 4)
        self.assertEqual([code for code, _ in busy.hear()], [200, 421])
        busy.tcp.end()
        self.shared.accounts.clear()
        self.reactor.pump([gateway.LOOK] * 4)
        self.assertEqual(ended, [True])

    def test_ftp_clients_that_stay(self) -> None:
        """Whoever does not go is cut off."""
        client = self.dial()
        self.shared.accounts.add(client)
        client.type("WAIT")
        ended = self.stop()
        self.reactor.pump([gateway.LOOK] * int(self.drain_timeout / gateway.LOOK + 8))
        self.assertTrue(client.tcp.aborted)
        self.shared.accounts.clear()
        self.reactor.pump([gateway.LOOK] * 8)
        self.assertEqual(ended, [True])

    def test_transfer_may_end(self) -> None:
        """A client that is uploading may end what it does; then it is hung up on."""
        tcp, client = self.log_in()
        handle = self.upload(client)
        ended = self.stop()
        self.reactor.advance(self.drain_timeout / 2)
        self.assertFalse(tcp.lost)
        self.assertEqual(ended, [])
        client.ask(P.CLOSE, handle)
        self.reactor.pump([0.0, gateway.LOOK, gateway.LOOK, gateway.LOOK])
        self.assertEqual(self.store["/box/a"], b"new")
        self.assertTrue(tcp.lost)
        self.assertEqual(ended, [True])

    def test_transfer_too_long(self) -> None:
        """A transfer that has not ended in time is given up, and what was there stays."""
        tcp, client = self.log_in()
        self.upload(client)
        ended = self.stop()
        self.reactor.pump([gateway.LOOK] * int(self.drain_timeout / gateway.LOOK + 8))
        self.assertTrue(tcp.aborted)
        self.assertEqual(ended, [True])
        self.assertEqual(self.store["/box/a"], b"old")

    def test_second_signal(self) -> None:
        """Asked a second time, it does not wait."""
        tcp, client = self.log_in()
        self.upload(client)
        ended = self.stop()
        (act,) = self.signals
        act()
        self.reactor.pump([gateway.LOOK] * 8)
        self.assertTrue(tcp.aborted)
        self.assertEqual(ended, [True])
        self.assertEqual(self.store["/box/a"], b"old")

    def test_close_that_was_said_lands(self) -> None:
        """A CLOSE that a client sent before it went away takes effect before the service ends."""
        tcp, client = self.log_in()
        handle = self.upload(client)
        self.store.latency = 5.0
        client.ask(P.CLOSE, handle)
        tcp.abortConnection()
        ended = self.stop()
        self.reactor.advance(1)
        self.assertEqual(ended, [])
        self.reactor.pump([1.0] * 20)
        self.assertEqual(self.store["/box/a"], b"new")
        self.assertEqual(ended, [True])
