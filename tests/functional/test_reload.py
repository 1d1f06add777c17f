"""SIGHUP: who comes is let in as the configuration now says, who is there goes on as before."""

from __future__ import annotations

import ftplib
import re
import signal
import ssl
from pathlib import Path

import paramiko

from tests.functional.both import BothCase
from tests.functional.case import MIB, GatewayCase, content
from tests.functional.clients import Login
from tests.functional.ftp import certificate
from tests.functional.gateway import Gateway, host_key
from tests.functional.processes import answers, eventually
from tests.functional.swift import PASSWORD, USER
from tests.functional.test_ftp_certificates import Authority


class ReloadTests(BothCase):
    """One gateway a test."""

    def host_key(self) -> str:
        """The type of the key that a new SSH client is shown."""
        client = self.login()
        return client.ssh.get_remote_server_key().get_name()

    def certificate(self) -> bytes:
        """The certificate that a new FTP client is shown."""
        client = ftplib.FTP_TLS(context=ssl._create_unverified_context())
        client.connect("127.0.0.1", self.gateway.ftp_port, timeout=20)
        self.addCleanup(client.close)
        client.auth()
        shown = client.sock.getpeercert(True)  # type: ignore[union-attr]
        assert shown
        return shown

    def test_in_mid_transfer(self) -> None:
        """Host keys, certificate, greeting: new clients get the new ones; an upload, and its connection, live on."""
        self.gateway.change(ftp__certificate=certificate(), host_keys=host_key("ed25519"))
        self.gateway.reload()
        self.assertEqual(self.host_key(), "ssh-ed25519")
        before, data = self.certificate(), content(3 * MIB)
        speaker, handle = self.half("a", data)
        files = self.ftp()
        wire = files.transfercmd(f"STOR {self.path('b')}")
        wire.sendall(data[:MIB])
        other = Authority("another").issue("localhost")
        self.gateway.change(ftp__certificate=other, host_keys=host_key("rsa"), ftp__welcome_message="Changed")
        self.gateway.reload()
        self.assertEqual(self.host_key(), "ssh-rsa")
        self.assertNotEqual(self.certificate(), before)
        self.assertEqual(self.ftp().welcome, "220 Changed")
        speaker.ssh.renegotiate_keys()  # with the key that this client knows
        self.rest(speaker, handle, data)
        wire.sendall(data[MIB:])
        wire.close()
        self.assertEqual(files.voidresp()[:3], "226")
        self.assertStored("a", data)
        self.assertStored("b", data)

    def test_broken(self) -> None:
        """What cannot be used is not, in nothing: the old goes on, and the log says why."""
        broken = Path(self.gateway.config).with_suffix(".key")
        broken.write_text("no key")
        broken.chmod(0o600)
        cases: tuple[tuple[dict[str, object], str], ...] = (
            ({"limits__total": "x"}, "[limits] total: 'x' is not a whole number"),
            ({"limits__total": 1, "host_keys": broken}, "[sftp] host_keys: "),
            ({"host_keys": host_key(), "ftp__certificate": broken}, "[ftp] certificate: "),
            ({"ftp__certificate": "", "throttle__exempt": "everybody"}, "[throttle] exempt: "),
            ({"throttle__exempt": "", "auth__authorized_keys": "/none", "auth__credentials": "/none"}, "[auth] "),
        )
        held, files = self.login(), self.ftp()
        for options, reason in cases:
            self.gateway.change(**options)
            said = self.gateway.reload()
            self.assertIn("not reloaded: ", said)
            self.assertIn(reason, said)
            self.login().close()  # total = 1 would have refused it
            self.assertTrue(answers(self.gateway.ftp_port, b"220"))
        held.listdir("/")
        files.nlst("/")

    def test_limits(self) -> None:
        """Limits and penalties hold for the next client; sessions of before are counted."""
        held = [self.login(), self.login()]
        self.gateway.change(sessions_per_user=3, ftp__sessions_per_user=3)
        self.gateway.reload()
        held.append(self.login())
        self.assertRaises(paramiko.SSHException, self.login)
        self.assertRaises(ftplib.error_temp, self.ftp)
        self.gateway.change(throttle__most=600, throttle__least=4)
        self.gateway.reload()
        with self.assertRaises(paramiko.AuthenticationException):
            Login(self.gateway.port, USER, "wrong")
        self.assertFalse(answers(self.gateway.port, b"SSH-2.0-"))
        self.gateway.change(throttle__exempt="127.0.0.0/8", limits__total=len(held))
        self.gateway.reload()
        self.assertFalse(answers(self.gateway.ftp_port, b"220"))
        held.pop().close()
        self.assertTrue(eventually(lambda: answers(self.gateway.ftp_port, b"220")))

    def test_users(self) -> None:
        """Files of keys and credentials that are named now are used; those that changed are read."""
        key = paramiko.RSAKey.generate(2048)
        folder = self.folder()
        keys, credentials = folder / "keys", folder / "credentials"
        keys.write_text(f'login="me",credential="c" ssh-rsa {key.get_base64()} me\n')
        credentials.write_text(f"[c]\nlogin = {USER}\npassword = {PASSWORD}\n")
        for path in (keys, credentials):
            path.chmod(0o600)
        self.gateway.change(auth__authorized_keys=keys, auth__credentials=credentials)
        self.gateway.reload()
        for transport in (self.dial(), self.dial()):
            transport.auth_publickey("me", key)
            self.assertTrue(transport.is_authenticated())

    def dial(self) -> paramiko.Transport:
        """An SSH connection that has not logged in."""
        transport = paramiko.Transport(("127.0.0.1", self.gateway.port))
        self.addCleanup(transport.close)
        transport.start_client(timeout=20)
        return transport

    def test_verbose(self) -> None:
        """A login that is there is looked at closely while the configuration says so, and others are not."""
        held = self.login()
        self.gateway.change(log__level="warn", port=1)
        begun = len(self.gateway.log())
        for pattern, name in (("somebody", "unseen"), (USER, "seen")):
            with Path(self.gateway.config).open("a") as file:
                file.write(f"[login {pattern}]\nverbose = yes\n")
            self.gateway.reload("port has changed")
            held.listdir(self.path())
            held.put_bytes(self.path(name), b"content")
        for line in (r"\S+@127.0.0.1 list /\S+: ok", r"put \S+/seen: 7 bytes", r"sftp-\w+: PUT \S.* -> 201 tx\w+"):
            self.assertLogged(line, begun)
        said = self.gateway.log()[begun:]
        for line in ("unseen", PASSWORD):
            self.assertNotIn(line, said)
        self.assertEqual(len(re.findall(r"list /\S+: ok", said)), 1)

    def test_levels_and_what_waits(self) -> None:
        """The level of the log changes at once; what needs a restart is named, and left as it is."""
        self.gateway.change(log__level="warn", port=1, storage__attempts=7)
        said = self.gateway.reload("attempts has changed")
        for option in ("[sftp] port", "[storage] attempts"):
            self.assertIn(f"{option} has changed: that takes a restart", said)
        before = len(self.gateway.log())
        self.login().listdir("/")
        self.assertNotIn("login of", self.gateway.log()[before:])
        self.gateway.change(log__level="info")
        self.gateway.reload()
        self.login().listdir("/")
        self.assertLogged("login of", before)


class TwistdTests(GatewayCase):
    """Under twistd."""

    def make_gateway(self) -> Gateway:
        """See `GatewayCase`."""
        fresh = Gateway(self.server.url)
        self.addCleanup(fresh.kill)
        return fresh

    def test_reloads(self) -> None:
        """SIGHUP reloads there, too; whoever is logged in stays."""
        client = self.login()
        text = self.gateway.config.read_text()
        for broken, words in ((True, "not reloaded: "), (False, "] reloaded")):
            self.gateway.config.write_text(text.replace("port = ", "prot = ") if broken else text)
            self.gateway.child.popen.send_signal(signal.SIGHUP)
            self.assertTrue(eventually(lambda words=words: words in self.gateway.log(), 20))
        client.listdir("/")
