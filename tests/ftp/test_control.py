"""Rules of `swftp.ftp.control`: which command is done when, and what ends a connection."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.task import Clock

from swftp.auth.attempts import ATTEMPTS
from swftp.auth.throttle import Offence
from swftp.ftp.control import TRANSITIONS, Phase
from swftp.ftp.settings import AHEAD_BYTES, LINE_COST, LINE_LIMIT, LINGER
from tests.ftp.case import USER, Client, ControlCase

MANY = AHEAD_BYTES // (LINE_COST + len("SYST"))
"""Commands that may be sent behind a transfer."""


class CommandTests(ControlCase):
    """Lines in, replies out."""

    def test_greeting(self) -> None:
        """A client is greeted with the configured message, of as many lines as it has."""
        self.assertEqual(
            self.connect().greeting, [(220, ["Welcome to SwFTP - an FTP interface for Openstack Swift"])]
        )
        self.settings = {"welcome_message": "one\n220 two\nthree"}
        self.assertEqual(self.connect(self.make_factory()).greeting, [(220, ["one", "220 two", "three"])])

    def test_case_of_verbs(self) -> None:
        """Verbs are the same in any case."""
        self.assertEqual(self.connect().codes("noop", "NoOp"), [200, 200])

    def test_unknown(self) -> None:
        """What is no command is said to be none, and does no harm."""
        client = self.log_in()
        self.assertEqual(
            client.codes("", " ", "XYZZY", "NOOPX", b"\xe9\xff", "SITE XYZZY", "OPTS XYZZY"), [500] * 5 + [504, 501]
        )
        self.assertEqual(client.codes("NOOP"), [200])

    def test_arguments(self) -> None:
        """A command that needs an argument, or takes none, is refused otherwise."""
        client = self.log_in()
        self.assertEqual(client.codes("CWD", "CWD  ", "DELE", "REIN now", "ABOR now"), [501] * 5)

    def test_before_login(self) -> None:
        """Nothing but what leads to a login, or looks at the server, is done for nobody."""
        client = self.connect()
        allowed = {name for name, row in self.factory.commands.items() if not row.kind.login}
        for name in sorted(set(self.factory.commands) - allowed):
            self.assertEqual(client.codes(f"{name} x"), [530], name)
            client = self.connect()
        self.assertEqual(
            allowed - {"WAIT", "MOVE"},
            {"USER", "PASS", "ACCT", "REIN", "QUIT", "AUTH", "PBSZ", "PROT", "CCC", "HOST", "FEAT", "OPTS", "HELP"}
            | {"OPTS UTF8", "OPTS UTF-8", "OPTS MLST", "OPTS HASH", "SYST", "NOOP", "CLNT", "CSID", "LANG", "ABOR"},
        )

    def test_commands_before_login_are_counted(self) -> None:
        """Nobody can go on for ever without logging in."""
        client = self.connect()
        client.type(*["NOOP"] * ATTEMPTS)
        self.assertEqual([code for code, _ in client.hear()], [200] * ATTEMPTS)
        self.assertEqual(client.codes("NOOP"), [421])
        self.assertTrue(client.tcp.disconnecting)

    def test_faults(self) -> None:
        """A line that is none gets one reply, and nothing of it is done."""
        client = self.log_in()
        self.assertEqual(client.codes(b"DELE /box/a\nDELE /box/b"), [500])
        self.assertEqual(client.codes(b"DELE /box/a\0", b"DELE /box\ra"), [500, 500])
        self.assertEqual(client.codes("DELE " + "x" * LINE_LIMIT), [500])
        self.assertIn("/box/a", self.storage)

    def test_echo(self) -> None:
        """No name makes a reply look like two."""
        client = self.log_in()
        for line in (b"CWD a\n226 Fake", b"CWD a\r226 Fake", b"MDTM \xc2\x85226 Fake", b"HELP \xe2\x80\xa8226 x"):
            ((code, _),) = client.ask(line)
            self.assertGreaterEqual(code, 500)

    def test_order(self) -> None:
        """Commands are done one after the other, and answered in their order."""
        client = self.connect()
        client.type("WAIT 1", "WAIT 2", "NOOP", "SYST")
        self.assertEqual((self.wait.asked, client.hear()), ([b"1"], []))
        self.wait.end()
        self.assertEqual((self.wait.asked, len(client.hear())), ([b"1", b"2"], 1))
        self.wait.end(250)
        self.assertEqual([code for code, _ in client.hear()], [250, 200, 215])

    def test_many_in_one_piece(self) -> None:
        """Any number of commands may come in one piece."""
        client = self.log_in()
        client.type(*["NOOP"] * 5000)
        self.assertEqual([code for code, _ in client.hear()], [200] * 5000)

    def test_far_ahead(self) -> None:
        """A client that sends far ahead of our answers is not read from until they are given."""
        client = self.log_in()
        client.type("WAIT")
        client.send(b"NOOP\r\n" * (AHEAD_BYTES // 6))
        self.assertTrue(client.tcp.reading)
        client.send(b"NOOP\r\n" * 2)
        self.assertFalse(client.tcp.reading)
        self.wait.end()
        self.assertTrue(client.tcp.reading)
        self.assertEqual(len(client.hear()), AHEAD_BYTES // 6 + 3)

    def test_client_that_does_not_read(self) -> None:
        """No more is done for a client that does not take our replies, until it does."""
        client = self.log_in()
        client.control.pauseProducing()
        self.assertEqual(client.codes("NOOP", "NOOP"), [])
        client.control.resumeProducing()
        self.assertEqual([code for code, _ in client.hear()], [200, 200])

    def test_fault_of_ours(self) -> None:
        """A command that fails by our fault is answered, logged, and the connection lives."""
        client = self.connect()
        client.type("WAIT")
        self.wait.running.pop().errback(ZeroDivisionError("secret"))
        self.assertEqual(client.hear(), [(451, ["Internal error."])])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertEqual(client.codes("NOOP"), [200])

    def test_quit(self) -> None:
        """QUIT is answered, and then we hang up; what is behind it is not done."""
        client = self.log_in()
        self.assertEqual(client.codes("QUIT", "DELE /box/a"), [221])
        self.assertTrue(client.tcp.disconnecting)
        self.assertIn("/box/a", self.storage)
        self.assertEqual(self.accounts[0].ended, 1)

    def test_linger(self) -> None:
        """A client that does not close either is cut off."""
        client = self.log_in()
        client.type("QUIT")
        self.clock.advance(LINGER - 1)
        self.assertFalse(client.tcp.aborted)
        self.clock.advance(1)
        self.assertTrue(client.tcp.aborted)

    def test_closed_in_time(self) -> None:
        """One that does is not waited for."""
        client = self.log_in()
        client.type("QUIT")
        client.tcp.end()
        self.clock.advance(LINGER)
        self.assertFalse(client.tcp.aborted)

    def test_http(self) -> None:
        """Who speaks HTTP gets nothing to read, and nothing of it is done."""
        for line in ("GET / HTTP/1.1", "POST / HTTP/1.1", "PUT /x HTTP/1.1"):
            client = self.connect()
            self.assertEqual(client.codes(line, "Host: x", "", f"USER {USER}"), [])
            self.assertTrue(client.tcp.disconnecting)

    def test_long_http(self) -> None:
        """Nor who begins with a line so long that nobody can tell: what follows may be the text of a form."""
        client = self.connect()
        self.assertEqual(client.codes(f"GET /{'x' * LINE_LIMIT} HTTP/1.1", f"USER {USER}"), [])
        self.assertTrue(client.tcp.disconnecting)

    def test_phases(self) -> None:
        """Every phase knows what becomes of it when the client goes, or we hang up."""
        self.assertEqual(set(TRANSITIONS), set(Phase))
        for events in TRANSITIONS.values():
            self.assertEqual(events["lost"], Phase.CLOSED)
            self.assertIn("end", events)


class TransferTests(ControlCase):
    """While a transfer runs."""

    def test_what_overtakes(self) -> None:
        """ABOR, STAT and NOOP are answered at once, everything else behind the transfer, in its order."""
        rows = {name for name, row in self.factory.commands.items() if row.kind.during_transfer}
        self.assertEqual(rows, {"ABOR", "STAT", "NOOP"})
        client = self.log_in()
        client.type("MOVE", "SYST", "NOOP", "PWD", "STAT", "QUIT")
        self.assertEqual([code for code, _ in client.hear()], [200, 211])
        self.move.end(226)
        self.assertEqual([code for code, _ in client.hear()], [226, 215, 257, 221])

    def test_unknown_waits(self) -> None:
        """What is no command is answered in its turn."""
        client = self.log_in()
        client.type("MOVE", "XYZZY", b"a\nb", "NOOP")
        self.assertEqual([code for code, _ in client.hear()], [200])
        self.move.end(226)
        self.assertEqual([code for code, _ in client.hear()], [226, 500, 500])

    def test_many(self) -> None:
        """Hundreds of commands may be sent behind a transfer, and are done when it has ended; ABOR is still heard."""
        client = self.log_in()
        client.type("MOVE", *["SYST"] * (MANY - 1))
        self.assertEqual(client.hear(), [])
        client.type("NOOP")
        self.assertEqual([code for code, _ in client.hear()], [200])
        self.move.end(226)
        self.assertEqual([code for code, _ in client.hear()], [226, *[215] * (MANY - 1)])
        client.type("MOVE", *["SYST"] * (MANY - 1))
        self.move.end(226)
        self.assertEqual([code for code, _ in client.hear()], [226, *[215] * (MANY - 1)])

    def test_too_many(self) -> None:
        """A client that sends too much behind a transfer is hung up on: its loss has to be seen at once."""
        client = self.log_in()
        client.type("MOVE", *["SYST"] * MANY)
        self.assertEqual(client.hear(), [])
        self.assertTrue(client.tcp.reading)
        self.assertEqual(client.codes("SYST"), [421])
        self.move.end(226)
        self.assertEqual(client.hear(), [])

    def test_not_read(self) -> None:
        """A client that takes no replies is not answered either, and one that goes on sending is hung up on."""
        client = self.log_in()
        client.type("MOVE")
        client.control.pauseProducing()
        self.assertEqual(client.codes("NOOP", "NOOP"), [])
        client.control.resumeProducing()
        self.assertEqual([code for code, _ in client.hear()], [200, 200])
        client.control.pauseProducing()
        client.send(b"NOOP\r\n" * (AHEAD_BYTES // 6 + 1))
        self.assertEqual([code for code, _ in client.hear()], [421])
        self.assertTrue(client.tcp.disconnecting)

    def test_work_waits(self) -> None:
        """STAT of a path asks the store, and so is done in its turn: any number at once would be without bounds."""
        client = self.log_in()
        client.type("MOVE", "STAT /box/a", "STAT")
        self.assertEqual([lines[0] for _, lines in client.hear()], ["SwFTP status:"])
        self.move.end(226)
        self.assertEqual([code for code, _ in client.hear()], [226, 213])

    def test_behind_abor(self) -> None:
        """ABOR is answered behind the transfer, and what comes behind ABOR behind that."""
        client = self.log_in()
        client.type("MOVE", "ABOR", "ABOR", "NOOP", "SYST")
        self.assertEqual(client.hear(), [])
        self.move.end(426)
        self.assertEqual([code for code, _ in client.hear()], [426, 225, 225, 200, 215])
        client.type("MOVE", "ABOR", *["ABOR"] * (MANY + 1))
        self.assertEqual([code for code, _ in client.hear()], [421])

    def test_one_after_the_other(self) -> None:
        """A second transfer begins when the first has ended."""
        client = self.log_in()
        client.type("MOVE 1", "MOVE 2")
        self.assertEqual(self.move.asked, [b"1"])
        self.move.end(226)
        self.assertEqual(self.move.asked, [b"1", b"2"])

    def test_idle(self) -> None:
        """Whoever waits for the end of the transfer goes on behind its answer."""
        client = self.log_in()
        said: list[Any] = []

        async def wait() -> None:
            await client.control.idle()
            said.append(client.hear())

        from twisted.internet.defer import Deferred

        Deferred.fromCoroutine(wait())
        self.assertEqual(said, [[]])
        client.type("MOVE")
        Deferred.fromCoroutine(wait())
        self.assertEqual(len(said), 1)
        self.move.end(426)
        self.assertEqual(said[1:], [[(426, ["done"])]])


class LossTests(ControlCase):
    """When the client is gone."""

    def test_all_is_given_up(self) -> None:
        """The data connection, the session and its place, at once."""
        client = self.log_in()
        before = client.context.data.closed
        client.tcp.end()
        self.assertEqual((client.context.data.closed, self.accounts[0].ended, len(self.counter)), (before + 1, 1, 0))
        self.assertEqual(self.checker.access.released, 1)
        self.assertEqual(client.control.phase, Phase.CLOSED)

    def test_what_was_sent_ahead(self) -> None:
        """Commands that wait are not done any more."""
        client = self.log_in()
        client.type("WAIT", "DELE /box/a")
        client.tcp.end()
        self.wait.end()
        self.assertIn("/box/a", self.storage)

    def test_running_command(self) -> None:
        """The answer of a command that still runs goes nowhere."""
        client = self.log_in()
        client.type("WAIT")
        client.tcp.end()
        self.wait.end()
        self.assertEqual(client.hear(), [])

    def test_twice(self) -> None:
        """Hanging up on somebody who is gone, or on whom we hung up, does nothing."""
        client = self.log_in()
        client.control.hang_up("Goodbye.")
        client.control.hang_up("Goodbye.")
        client.tcp.end()
        client.control.hang_up("Goodbye.")
        self.assertEqual(client.hear(), [(421, ["Goodbye."])])

    def test_data_after_hanging_up(self) -> None:
        """What comes after we hung up is not heard."""
        client = self.log_in()
        client.control.hang_up("Goodbye.")
        client.hear()
        self.assertEqual(client.codes("DELE /box/a"), [])
        self.assertIn("/box/a", self.storage)

    def test_nothing_is_kept_after_hanging_up(self) -> None:
        """Neither is it kept, however much it is."""
        client = self.log_in()
        client.control.hang_up("Goodbye.")
        client.send(b"x" * 100_000)
        self.assertEqual(client.control._lines.pending, 0)

    def test_end_is_seen_after_hanging_up(self) -> None:
        """A client that we did not read from is read from again: else we never saw that it has closed."""
        client = self.log_in()
        client.type("WAIT")
        client.send(b"NOOP\r\n" * AHEAD_BYTES)
        self.assertFalse(client.tcp.reading)
        client.control.hang_up("Goodbye.")
        self.assertTrue(client.tcp.reading)

    def test_transfer_is_lost(self) -> None:
        """A transfer that runs hears of it at once, before anything else could end it well."""
        for end in ("tcp", "hang_up"):
            client = self.log_in()
            lost: list[int] = []
            transfer: Any = SimpleNamespace(lost=lambda found=lost, client=client: found.append(self.ended(client)))
            client.context.transfer = transfer
            before = self.ended(client)
            client.tcp.end() if end == "tcp" else client.control.hang_up("Goodbye.")
            self.assertEqual(lost, [before], end)

    def ended(self, client: Client) -> int:
        """How often the data connection of *client* was closed."""
        data: Any = client.context.data
        return int(data.closed)


class BusyTests(ControlCase):
    """Who is waited for where the server is to stop."""

    def test_busy(self) -> None:
        """A client whose command is being done, or who has a file open; not one who might say something."""
        client = self.connect()
        self.assertFalse(client.control.busy)
        for command, waits in (("WAIT", self.wait), ("MOVE", self.move)):
            client.type(command)
            self.assertTrue(client.control.busy)
            waits.end()
            self.assertFalse(client.control.busy)
        client = self.log_in()
        self.assertFalse(client.control.busy)
        self.accounts[-1].busy = True
        self.assertTrue(client.control.busy)


class AdmissionTests(ControlCase):
    """Limits before login."""

    limits = {"startups_per_peer": 2}

    def test_too_many(self) -> None:
        """A connection too many is told so, and hung up on."""
        clients = [self.connect(), self.connect()]
        third = self.connect()
        self.assertEqual(third.greeting, [(421, ["Too many connections."])])
        self.assertTrue(third.tcp.disconnecting)
        self.assertEqual(third.codes("NOOP"), [])
        self.assertEqual(self.connect(peer="192.0.2.2").greeting[0][0], 220)
        clients[0].tcp.end()
        self.assertEqual(self.connect().greeting[0][0], 220)

    def test_blamed(self) -> None:
        """Who said something and goes without having logged in is blamed; nobody else is."""
        blamed: list[Offence] = []
        self.factory.admission.blame = lambda peer, offence: blamed.append(offence)  # type: ignore[method-assign]
        self.connect().tcp.end()
        self.log_in().tcp.end()
        self.assertEqual(blamed, [])
        client = self.connect()
        client.codes("NOOP")
        client.tcp.end()
        self.assertEqual(blamed, [Offence.NO_LOGIN])

    def test_logged_in(self) -> None:
        """Who is logged in does not count any more; who logs out is not counted again."""
        for _ in range(3):
            self.assertEqual(self.log_in().codes("REIN"), [220])
        self.assertEqual(self.connect().greeting[0][0], 220)


class PeerTests(ControlCase):
    """Limits of connections that may be logged in."""

    limits = {"per_peer": 1}

    def test_gone(self) -> None:
        """A client counts until it is gone, and no longer."""
        client = self.log_in()
        self.assertEqual(self.connect().greeting[0][0], 421)
        client.tcp.end()
        self.assertEqual(self.connect().greeting[0][0], 220)


class FuzzTests(ControlCase):
    """Anybody may send anything."""

    @settings(max_examples=150, deadline=None)
    @given(st.data())
    def test_any_lines(self, data: st.DataObject) -> None:
        """Every line gets exactly one final reply, in order, and none brings the connection down."""
        self.clock = Clock()
        self.setUp()
        client = self.log_in()
        quiet = {
            "QUIT",
            "WAIT",
            "MOVE",
            "REIN",
            "USER",
            "PASS",
            "AUTH",
            "RETR",
            "STOR",
            "STOU",
            "APPE",
            "LIST",
            "NLST",
        }
        verbs = sorted(set(self.factory.commands) - quiet - {"MLSD", "ABOR"})
        argument = st.binary(max_size=30).filter(lambda text: b"\n" not in text and text[:1] != b"\xff")
        line = st.tuples(st.sampled_from(verbs), argument).map(lambda pair: pair[0].encode() + b" " + pair[1])
        lines = data.draw(st.lists(line | argument, max_size=20))
        codes = client.codes(*lines)
        self.assertEqual(len(codes), len(lines), list(zip(lines, codes, strict=False)))
        self.assertEqual(client.codes("NOOP"), [200])
        self.assertEqual(self.flushLoggedErrors(), [])
