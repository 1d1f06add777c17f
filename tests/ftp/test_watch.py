"""Rules of `swftp.ftp.watch`: how long a client may take."""

from __future__ import annotations

from tests.ftp.case import PASSWORD, USER, Client, ControlCase


class WatchCase(ControlCase):
    """A clock that goes second by second."""

    def wait_for(self, client: Client, seconds: float) -> list[int]:
        """What is heard within *seconds*."""
        self.clock.pump([1] * int(seconds))
        return [code for code, _ in client.hear()]


class IdleTests(WatchCase):
    """``session_timeout``."""

    settings = {"session_timeout": 60.0}

    def test_idle(self) -> None:
        """Who says nothing for so long is told 421, not much later, and hung up on."""
        client = self.log_in()
        self.assertEqual(self.wait_for(client, 59), [])
        self.assertEqual(self.wait_for(client, 30), [421])
        self.assertTrue(client.tcp.disconnecting)

    def test_commands_count(self) -> None:
        """Any command begins the wait anew."""
        client = self.log_in()
        for _ in range(5):
            self.assertEqual(self.wait_for(client, 50), [])
            self.assertEqual(client.codes("NOOP"), [200])

    def test_work_counts(self) -> None:
        """A command or a transfer that runs is no idleness, and neither is the time right behind it."""
        for verb, waits in (("WAIT", self.wait), ("MOVE", self.move)):
            client = self.log_in()
            client.type(verb)
            self.assertEqual(self.wait_for(client, 600), [])
            waits.end(226)
            self.assertEqual(self.wait_for(client, 50), [226])
            self.assertEqual(self.wait_for(client, 40), [421])

    def test_gone(self) -> None:
        """Nobody is told anything who is gone."""
        client = self.log_in()
        client.tcp.end()
        self.assertEqual(self.wait_for(client, 200), [])
        self.assertEqual(self.clock.getDelayedCalls(), [])


class NoTransferTests(WatchCase):
    """``no_transfer_timeout``."""

    settings = {"session_timeout": 60.0, "no_transfer_timeout": 200.0}

    def test_no_transfer(self) -> None:
        """Who keeps a connection by NOOP alone is hung up on, too; a transfer begins the wait anew."""
        client = self.log_in()
        for code in (226, None):
            for _ in range(4):
                self.assertEqual(self.wait_for(client, 45), [])
                self.assertEqual(client.codes("NOOP"), [200])
            if code:
                client.type("MOVE")
                self.move.end(code)
                self.assertEqual([found for found, _ in client.hear()], [code])
        self.assertEqual(self.wait_for(client, 55), [421])

    def test_counts_from_login(self) -> None:
        """The time before the login is not counted."""
        client = self.connect()
        self.wait_for(client, 100)
        client.type(f"USER {USER}", f"PASS {PASSWORD}")
        client.hear()
        for _ in range(3):
            self.assertEqual(self.wait_for(client, 45), [])
            self.assertEqual(client.codes("NOOP"), [200])


class GraceTests(WatchCase):
    """``login_grace``."""

    settings = {"login_grace": 120.0, "session_timeout": 60.0}

    def test_login_takes_too_long(self) -> None:
        """Who is not logged in by then is hung up on, whatever he says meanwhile."""
        client = self.connect()
        for _ in range(3):
            self.assertEqual(self.wait_for(client, 39), [])
            self.assertEqual(client.codes("NOOP"), [200])
        self.assertEqual(self.wait_for(client, 30), [421])

    def test_login_ends_it(self) -> None:
        """Who logs in in time may stay."""
        client = self.connect()
        self.wait_for(client, 100)
        self.assertEqual(client.codes(f"USER {USER}", f"PASS {PASSWORD}"), [331, 230])
        self.assertEqual(self.wait_for(client, 50), [])

    def test_after_rein(self) -> None:
        """Behind REIN the time begins anew."""
        client = self.log_in()
        for _ in range(10):
            self.wait_for(client, 50)
            client.type("NOOP")
        client.hear()
        self.assertEqual(client.codes("REIN"), [220])
        self.assertEqual(self.wait_for(client, 110), [])
        self.assertEqual(self.wait_for(client, 40), [421])


class OffTests(WatchCase):
    """All timeouts may be off."""

    settings = {"login_grace": 0.0, "session_timeout": 0.0, "no_transfer_timeout": 0.0}

    def test_for_ever(self) -> None:
        """Then nobody is hung up on, and no timer runs."""
        client = self.connect()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.clock.advance(1e6)
        self.assertEqual(client.codes("NOOP"), [200])
