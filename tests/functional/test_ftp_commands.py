"""
The control connection of FTP on a real Swift: logins, limits, what is said and how.

Names of tests follow those of ftpserverlib's suite where it has one, so that it can serve as a checklist.
"""

from __future__ import annotations

import ftplib
import socket
import time
from typing import ClassVar

from tests.functional.case import MIB, content
from tests.functional.ftp import BEGUN, FtpCase, FtpGateway, get, put, within
from tests.functional.processes import eventually
from tests.functional.swift import PASSWORD, USER


class LoginTests(FtpCase):
    """USER, PASS, REIN, QUIT, and what may be said before."""

    gateway_options: ClassVar[dict[str, object]] = {"sessions_per_user": 0, "failure_delay": 0.1, "max_failures": 3}

    def test_login_success(self) -> None:
        """USER and PASS."""
        talk = self.talk(login=False)
        self.assertEqual(talk.greeting[0], 220)
        self.assertEqual(talk.ask(f"USER {USER}")[0], 331)
        self.assertEqual(talk.ask(f"PASS {PASSWORD}")[0], 230)
        self.assertEqual(talk.ask("PWD")[1].split('"')[1], "/")

    def test_login_failure(self) -> None:
        """A wrong password, no user, nobody: 530; after as many as are allowed the line is closed."""
        talk = self.talk(login=False)
        for _ in range(3):
            talk.ask(f"USER {USER}")
            code, _ = talk.ask("PASS wrong")
            self.assertIn(code, (530, 421))
        self.assertRaises((EOFError, OSError), lambda: [talk.ask("NOOP") for _ in range(3)])

    def test_password_first(self) -> None:
        """PASS without USER is 503."""
        self.assertEqual(self.talk(login=False).ask(f"PASS {PASSWORD}")[0], 503)

    def test_not_logged_in(self) -> None:
        """Files are out of reach before login; what the server is may be asked."""
        talk = self.talk(login=False)
        for command in ("CWD /", "LIST", "RETR x", "STOR x", "MKD x", "SIZE x", "MLST", "HASH x", "SITE CHMOD 600 x"):
            self.assertEqual(talk.ask(command)[0], 530, command)
        for command, code in (("SYST", 215), ("FEAT", 211), ("NOOP", 200), ("HELP", 214), ("OPTS UTF8 ON", 200)):
            self.assertEqual(talk.ask(command)[0], code, command)

    def test_reinitialize(self) -> None:
        """REIN logs out and the next user may log in."""
        talk = self.talk()
        self.assertEqual(talk.ask("REIN")[0], 220)
        self.assertEqual(talk.ask("PWD")[0], 530)
        talk.login()
        self.assertEqual(talk.ask("PWD")[0], 257)

    def test_quit(self) -> None:
        """221, then the line is closed."""
        talk = self.talk()
        self.assertEqual(talk.ask("QUIT")[0], 221)
        self.assertRaises(EOFError, talk.line)

    def test_quit_without_login(self) -> None:
        """Also before login."""
        self.assertEqual(self.talk(login=False).ask("QUIT")[0], 221)

    def test_authentication_of_browsers(self) -> None:
        """What speaks HTTP is hung up on, and its body is not taken for commands."""
        talk = self.talk(login=False)
        talk.wire.sendall(b"POST / HTTP/1.1\r\nHost: x\r\n\r\nUSER test:tester\r\nPASS testing\r\nDELE /x\r\n")
        seen = b""
        try:
            while data := talk.wire.recv(4096):
                seen += data
        except ConnectionResetError:
            pass
        self.assertNotIn(b"230", seen)


class ConversationTests(FtpCase):
    """The control connection."""

    gateway_options: ClassVar[dict[str, object]] = {"sessions_per_user": 0, "session_timeout": 3}

    def test_unknown_command(self) -> None:
        """500 or 502, and the next one works; verbs in any case."""
        talk = self.talk()
        for command in ("NONSENSE", "", " ", "XRSQ x", "SMNT /", "CCC", "STRU R", "MODE B", "TYPE E", "TYPE L 7"):
            code, _ = talk.ask(command)
            self.assertTrue(500 <= code <= 536, f"{command}: {code}")
        self.assertEqual(talk.ask("noop")[0], 200)
        self.assertEqual(talk.ask("Type i")[0], 200)

    def test_misc_commands(self) -> None:
        """SYST, HELP, SITE HELP, CLNT, CSID, LANG, OPTS UTF8, HOST, ACCT."""
        talk = self.talk()
        for command, code in (
            ("SYST", 215), ("HELP", 214), ("HELP STOR", 214), ("SITE HELP", 214), ("CLNT x", 200), ("LANG EN", 200),
            ("LANG", 200), ("LANG de", 504), ("CSID Name=x;", 200), ("OPTS UTF8 ON", 200), ("OPTS utf8 on", 200),
            ("HOST x", 504), ("ACCT x", 202), ("STAT", 211), ("ALLO 5", 200), ("STRU F", 200), ("MODE S", 200),
        ):  # fmt: skip
            self.assertEqual(talk.ask(command)[0], code, command)

    def test_features(self) -> None:
        """FEAT names what clients look for, a line each, each with one blank before it."""
        features = self.talk(login=False).ask("FEAT")[1].split("\n")[1:-1]
        for name in (
            "UTF8",
            "EPSV",
            "MDTM",
            "MFMT",
            "SIZE",
            "REST STREAM",
            "AUTH TLS",
            "PBSZ",
            "PROT",
            "AVBL",
            "COMB",
        ):
            self.assertTrue(any(line.startswith(f" {name}") for line in features), name)
        self.assertTrue(any(line.startswith(" HASH SHA-256*;") for line in features))

    def test_no_response_splitting(self) -> None:
        """CR, LF and NUL in a line end up in no reply and no path."""
        talk = self.talk()
        for raw in (
            b"CWD a\n226 Fake\r\n",
            b"CWD a\r226 Fake\r\n",
            b"CWD a\0b\r\n",
            b"MKD x\ry\r\n",
            b"\xff\xf4\xf2NOOP\r\n",
        ):
            talk.wire.sendall(raw)
        talk.send("SYST")
        seen = []
        while not seen or seen[-1][0] != 215:
            seen.append(talk.reply())
        self.assertFalse([text for code, text in seen if code == 226 or "226 Fake" in text.split("\n")[1:]])
        self.assertEqual(self.store.names(self.container), [])

    def test_names_that_are_not_utf8(self) -> None:
        """553, never another name."""
        self.assertEqual(self.talk().ask(b"MKD \xe4\xf6")[0], 553)

    def test_long_lines(self) -> None:
        """A line without end is refused and costs no memory; the next command works or the line is closed."""
        talk = self.talk()
        try:
            talk.wire.sendall(b"CWD " + b"x" * 200_000 + b"\r\n")
            self.assertTrue(500 <= talk.reply()[0] < 600)
            self.assertEqual(talk.ask("NOOP")[0], 200)
        except (OSError, EOFError):
            pass

    def test_pipelined(self) -> None:
        """Commands sent at once are done in order, one reply each."""
        talk = self.talk()
        talk.wire.sendall(b"MKD a\r\nCWD a\r\nPWD\r\nMKD b\r\nCDUP\r\nRMD a/b\r\nRMD a\r\nNOOP\r\n")
        self.assertEqual([talk.reply()[0] for _ in range(8)], [257, 250, 257, 257, 250, 250, 250, 200])

    def test_idle_timeout(self) -> None:
        """421 to a client that says nothing for ``session_timeout``."""
        talk = self.talk()
        with within(8):
            self.assertEqual(talk.reply()[0], 421)

    def test_idle_timeout_during_transfer(self) -> None:
        """Who moves data is not idle."""
        data = content(3 * MIB)
        self.store.put(self.container, "f", data)
        talk = self.talk()
        wire = talk.passive()
        talk.send("STOR g")
        self.assertIn(talk.reply()[0], BEGUN)
        for number in range(6):
            wire.sendall(data[number * 1000 : number * 1000 + 1000])
            time.sleep(0.9)
        wire.close()
        self.assertEqual(talk.reply()[0], 226)
        self.assertStored("g", data[:6000])

    def test_connections_that_only_close(self) -> None:
        """A hundred that go without a word leave nothing behind (2014: 2,000 sockets and no client)."""
        before = self.gateway.child.descriptors()
        for _ in range(100):
            socket.create_connection(("127.0.0.1", self.gateway.port), 5).close()
        self.assertTrue(eventually(lambda: self.gateway.child.descriptors() <= before + 3))


class SessionLimitTests(FtpCase):
    """``sessions_per_user``."""

    gateway_options: ClassVar[dict[str, object]] = {"sessions_per_user": 5}

    def test_limit_and_drop_one(self) -> None:
        """One more than allowed is 421 after PASS; when one goes the next is let in at once."""
        clients = [self.ftp() for _ in range(5)]
        for _ in range(20):
            self.connect()  # who has not logged in is not counted
        more = self.connect()
        error = self.assertRaises(ftplib.Error, more.login, USER, PASSWORD)
        self.assertEqual(str(error)[:3], "421")
        clients.pop().quit()
        self.ftp()
        reset = clients.pop()
        reset.close()
        self.assertTrue(eventually(self.can_login, 5))

    def can_login(self) -> bool:
        """Whether there is room."""
        client = self.connect()
        try:
            client.login(USER, PASSWORD)
        except ftplib.Error:
            return False
        return True

    def test_many_logins(self) -> None:
        """A hundred, one after the other, leave nothing behind."""
        for _ in range(100):
            client = self.connect()
            client.login(USER, PASSWORD)
            client.quit()
        self.ftp()


class RootTests(FtpCase):
    """``root``."""

    gateway_options: ClassVar[dict[str, object]] = {"sessions_per_user": 0, "root": "/rooted/in"}

    def make_gateway(self) -> FtpGateway:
        """With a container for the root."""
        self.server.account().connection.put_container("rooted")
        self.server.account().put_directory("rooted", "in")
        return super().make_gateway()

    def test_nothing_above(self) -> None:
        """Clients see the directory as ``/`` and nothing above it."""
        client = self.connect()
        client.login(USER, PASSWORD)
        put(client, "/f", b"in")
        self.assertEqual(get(client, "../../../f"), b"in")
        self.assertStored("in/f", b"in", "rooted")
        self.assertEqual(client.nlst("/"), ["/f"])
        client.delete("f")
