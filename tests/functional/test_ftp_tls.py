"""
FTPS on a real Swift (RFC 4217): explicit and implicit, both versions, sessions resumed, ends told apart.
"""

from __future__ import annotations

import contextlib
import ftplib
import io
import socket
import ssl
import time
from typing import ClassVar

from tests.functional.case import MIB, content
from tests.functional.clients import reset
from tests.functional.ftp import BEGUN, FtpCase, Reusing, Talk, get, lines, put, receive, tls_context
from tests.functional.swift import PASSWORD, USER

V12, V13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3


class TlsCase(FtpCase):
    """Over TLS."""

    secure = True
    gateway_options: ClassVar[dict[str, object]] = {"sessions_per_user": 0, "transfer.segment_size": 2 * MIB}

    def over(self, highest: ssl.TLSVersion, *, reuse: bool = True) -> ftplib.FTP_TLS:
        """ftplib with this version."""
        kind = Reusing if reuse else ftplib.FTP_TLS
        client = kind(context=tls_context(highest), encoding="utf-8")
        client.connect("127.0.0.1", self.gateway.port, 30)
        self.addCleanup(client.close)
        client.login(USER, PASSWORD)
        client.prot_p()
        client.cwd(f"/{self.container}")
        return client

    def upload(self, highest: ssl.TLSVersion = V13, size: int = 3 * MIB) -> tuple[Talk, ssl.SSLSocket]:
        """An upload of *size* bytes that has not ended."""
        talk = self.talk(login=False)
        context = talk.secure(highest)
        talk.login()
        talk.ask(f"CWD /{self.container}")
        plain = talk.passive()
        talk.send("STOR f")
        self.assertIn(talk.reply()[0], BEGUN)
        wire = context.wrap_socket(plain, server_hostname="localhost", session=talk.wire.session)  # type: ignore[attr-defined]
        wire.sendall(content(size))
        return talk, wire


class ExplicitTests(TlsCase):
    """AUTH TLS."""

    def test_transfers(self) -> None:
        """Up, down, append, lists; by both versions, with sessions resumed and without."""
        for highest in (V12, V13):
            for reuse in (True, False):
                client = self.over(highest, reuse=reuse)
                for size in (0, 1, 100_000, 10 * MIB):
                    name = f"f{size}-{highest.name}-{reuse}"
                    put(client, name, content(size))
                    self.assertStored(name, content(size))
                    self.assertEqual(get(client, name), content(size))
                put(client, name, b"tail", command="APPE")
                self.assertStored(name, content(size) + b"tail")
                self.assertEqual(get(client, name, rest=10 * MIB), b"tail")
                self.assertIn(name, "\n".join(lines(client)))
                client.quit()

    def test_resumption(self) -> None:
        """Data connections resume the session of the control connection, TLS 1.3 included, again and again."""
        for highest in (V12, V13):
            client = self.over(highest)
            assert isinstance(client, Reusing)
            for _ in range(4):
                put(client, "f", b"x")
                self.assertTrue(client.reused, highest)
                get(client, "f")
                self.assertTrue(client.reused, highest)

    def test_tickets_cut_no_upload_short(self) -> None:
        """A client that only writes and closes at once: nothing that we send makes its close a reset."""
        for number in range(30):
            client = self.over(V13, reuse=bool(number % 2))
            data = content(300_000 + number * 70_000, number)
            wire = client.transfercmd("STOR f")
            wire.sendall(data)
            if number % 3 == 0:
                wire.unwrap().close()  # type: ignore[attr-defined]
            else:
                with contextlib.suppress(OSError):
                    wire.unwrap()  # type: ignore[attr-defined]
                wire.close()
            self.assertEqual(client.voidresp()[:3], "226")
            self.assertStored("f", data)

    def test_prot_c(self) -> None:
        """Data in the clear where the client asks for it."""
        client = self.ftp()
        assert isinstance(client, ftplib.FTP_TLS)
        client.prot_c()
        put(client, "f", b"clear")
        self.assertEqual(get(client, "f"), b"clear")

    def test_order(self) -> None:
        """PBSZ and PROT need TLS, PROT needs PBSZ, AUTH is said once."""
        talk = self.talk(login=False)
        self.assertEqual((talk.ask("PBSZ 0")[0], talk.ask("PROT P")[0]), (503, 503))
        self.assertEqual(talk.ask("AUTH KERBEROS")[0], 504)
        talk.ask("AUTH TLS")
        talk.wire = tls_context().wrap_socket(talk.wire, server_hostname="localhost")
        self.assertEqual(talk.ask("PROT P")[0], 503)
        self.assertEqual((talk.ask("PBSZ 0")[0], talk.ask("PROT P")[0]), (200, 200))
        self.assertEqual((talk.ask("PROT S")[0], talk.ask("AUTH TLS")[0], talk.ask("CCC")[0]), (536, 503, 534))

    def test_nothing_crosses(self) -> None:
        """What was sent in the clear behind AUTH is not done after it (CVE-2011-0411 and its kind)."""
        talk = self.talk(login=False)
        talk.wire.sendall(
            b"AUTH TLS\r\nUSER %s\r\nPASS %s\r\nMKD /%s/x\r\n"
            % (USER.encode(), PASSWORD.encode(), self.container.encode())
        )
        self.assertEqual(talk.reply()[0], 234)
        with contextlib.suppress(OSError, ssl.SSLError, EOFError):
            talk.wire = tls_context().wrap_socket(talk.wire, server_hostname="localhost")
            self.assertEqual(talk.ask("PWD")[0], 530)
        self.assertEqual(self.store.names(self.container), [])

    def test_login_ends_with_auth(self) -> None:
        """Who logged in before AUTH has to do it again."""
        talk = self.talk()
        talk.secure()
        self.assertEqual(talk.ask("PWD")[0], 530)

    def test_old_versions(self) -> None:
        """TLS 1.1 is refused."""
        talk = self.talk(login=False)
        talk.ask("AUTH TLS")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
        self.assertRaises((OSError, ssl.SSLError), context.wrap_socket, talk.wire)


class EndTests(TlsCase):
    """How uploads end over TLS."""

    def setUp(self) -> None:
        """Something is there."""
        super().setUp()
        self.store.put(self.container, "f", b"old")

    def test_close_notify(self) -> None:
        """The only end that stores."""
        for highest in (V12, V13):
            talk, wire = self.upload(highest)
            with contextlib.suppress(OSError):
                wire.unwrap()
            wire.close()
            self.assertEqual(talk.reply()[0], 226)
            self.assertStored("f", content(3 * MIB))

    def test_end_without_close_notify(self) -> None:
        """FIN alone may be anybody's: 426, and nothing is changed."""
        for highest in (V12, V13):
            talk, wire = self.upload(highest)
            socket.socket(fileno=wire.detach()).close()
            self.assertEqual(talk.reply()[0], 426)
            self.assertStored("f", b"old")
            self.assertSegments(0)

    def test_reset(self) -> None:
        """RST, with or without close_notify before it."""
        talk, wire = self.upload()
        reset(socket.socket(fileno=wire.detach()))
        self.assertEqual(talk.reply()[0], 426)
        self.assertStored("f", b"old")

    def test_garbage(self) -> None:
        """What is no TLS in the middle of an upload."""
        talk, wire = self.upload()
        raw = socket.socket(fileno=wire.detach())
        raw.sendall(b"\x17\x03\x03\x00\x20" + bytes(32))
        self.assertEqual(talk.reply()[0], 426)
        raw.close()
        self.assertStored("f", b"old")

    def test_handshake_that_never_is(self) -> None:
        """A data connection on which nobody speaks TLS."""
        talk = self.talk(login=False)
        talk.secure()
        talk.login()
        talk.ask(f"CWD /{self.container}")
        plain = talk.passive()
        talk.send("STOR f")
        plain.sendall(b"in the clear, by mistake\n" * 100)
        plain.close()
        code = talk.reply()[0]
        if code in BEGUN:
            code = talk.reply()[0]
        self.assertIn(code, (425, 426, 522))
        self.assertStored("f", b"old")
        self.assertEqual(talk.ask("NOOP")[0], 200)

    def test_control_cut(self) -> None:
        """The control connection ends without a word."""
        talk, wire = self.upload()
        reset(socket.socket(fileno=talk.wire.detach()))
        time.sleep(0.5)
        with contextlib.suppress(OSError):
            wire.unwrap()
        wire.close()
        time.sleep(0.5)
        self.assertStored("f", b"old")

    def test_abor(self) -> None:
        """426 and 226."""
        talk, wire = self.upload()
        talk.send("ABOR")
        self.assertEqual([talk.reply()[0], talk.reply()[0]], [426, 226])
        wire.close()
        self.assertStored("f", b"old")


class LenientTests(TlsCase):
    """``accept_missing_close_notify``."""

    gateway_options: ClassVar[dict[str, object]] = {"sessions_per_user": 0, "accept_missing_close_notify": "yes"}

    def test_end_without_close_notify(self) -> None:
        """Is taken for whole; a reset is not."""
        talk, wire = self.upload()
        socket.socket(fileno=wire.detach()).close()
        self.assertEqual(talk.reply()[0], 226)
        self.assertStored("f", content(3 * MIB))
        talk, wire = self.upload(size=1000)
        reset(socket.socket(fileno=wire.detach()))
        self.assertEqual(talk.reply()[0], 426)
        self.assertStored("f", content(3 * MIB))


class RequiredTests(TlsCase):
    """``require_tls_login``, ``require_tls_data`` and ``tls_reuse = required``."""

    gateway_options: ClassVar[dict[str, object]] = {
        "sessions_per_user": 0, "require_tls_login": "yes", "require_tls_data": "yes", "tls_reuse": "required",
    }  # fmt: skip

    def test_login_in_the_clear(self) -> None:
        """Is refused before a password is sent."""
        talk = self.talk(login=False)
        self.assertIn(talk.ask(f"USER {USER}")[0], (421, 530, 534))
        self.assertIn(talk.ask(f"PASS {PASSWORD}")[0], (421, 503, 530, 534))

    def test_data_in_the_clear(self) -> None:
        """Is refused, transfers and lists alike."""
        talk = self.talk(login=False)
        talk.ask("AUTH TLS")
        talk.wire = tls_context().wrap_socket(talk.wire, server_hostname="localhost")
        talk.login()
        self.assertEqual(talk.ask("PROT C")[0] // 100, 5)
        for command in ("LIST", f"STOR /{self.container}/f"):
            talk.ask("EPSV")
            self.assertIn(talk.ask(command)[0], (521, 522, 534), command)

    def test_session_of_its_own(self) -> None:
        """A data connection that resumes nothing is refused and stores nothing; one that does is served."""
        for highest in (V12, V13):
            client = self.over(highest, reuse=False)
            self.assertRaises((ftplib.Error, OSError), put, client, "f", b"stranger")
            self.assertStored("f", None)
            client = self.over(highest)
            for _ in range(3):
                put(client, f"g-{highest.name}", b"mine")
            self.assertEqual(get(client, f"g-{highest.name}"), b"mine")

    def test_session_of_another(self) -> None:
        """A session of another control connection, even of the same user, opens nothing."""
        self.store.put(self.container, "f", b"secret")
        for highest in (V12, V13):
            other = self.over(highest)
            get(other, "f")
            client = self.over(highest)
            plain, _ = ftplib.FTP.ntransfercmd(client, "RETR f")
            found = b""
            with contextlib.suppress(OSError):
                # a session belongs to a context; what is resumed here is that of the other connection
                wire = other.context.wrap_socket(plain, session=other.sock.session, server_hostname="127.0.0.1")  # type: ignore[union-attr]
                found = receive(wire)
            self.assertEqual(found, b"", highest)


class ImplicitTests(TlsCase):
    """Implicit FTPS on its own port."""

    def test_transfers(self) -> None:
        """TLS from the first byte, data protected unless it is said otherwise."""
        talk = Talk.__new__(Talk)
        talk.wire = tls_context().wrap_socket(
            socket.create_connection(("127.0.0.1", self.gateway.implicit_port), 10), server_hostname="localhost"
        )
        talk._buffer = b""
        self.addCleanup(talk.close)
        self.assertEqual(talk.reply()[0], 220)
        talk.login()
        talk.ask(f"CWD /{self.container}")
        plain = talk.passive()
        talk.send("STOR f")
        self.assertIn(talk.reply()[0], BEGUN)
        wire = tls_context().wrap_socket(plain, server_hostname="localhost")
        wire.sendall(b"implicit")
        with contextlib.suppress(OSError):
            wire.unwrap()
        wire.close()
        self.assertEqual(talk.reply()[0], 226)
        self.assertStored("f", b"implicit")

    def test_plain_client(self) -> None:
        """Who speaks in the clear gets nothing."""
        wire = socket.create_connection(("127.0.0.1", self.gateway.implicit_port), 10)
        wire.sendall(b"USER x\r\n")
        seen = io.BytesIO()
        with contextlib.suppress(OSError):
            seen.write(receive(wire))
        self.assertNotIn(b"331", seen.getvalue())
        wire.close()


class NoTlsTests(FtpCase):
    """A gateway without a certificate."""

    gateway_options: ClassVar[dict[str, object]] = {"sessions_per_user": 0, "certificate": "", "implicit_listen": ""}

    def test_auth(self) -> None:
        """AUTH is refused and FEAT does not name it; the rest works."""
        talk = self.talk(login=False)
        self.assertTrue(500 <= talk.ask("AUTH TLS")[0] < 600)
        self.assertNotIn("AUTH TLS", talk.ask("FEAT")[1])
        client = self.ftp()
        put(client, "f", b"1")
        self.assertEqual(get(client, "f"), b"1")
