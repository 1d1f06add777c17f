"""SIGHUP with `storage = zerostor`: who comes is let in as the configuration now says, who is there goes on."""

from __future__ import annotations

import ftplib
import re
import signal
import ssl
from functools import cached_property

import paramiko

from tests.functional.case import MIB, content
from tests.functional.gateway import host_key
from tests.functional.processes import answers, eventually
from tests.functional.test_ftp_certificates import Authority
from tests.functional.zerostor import PASSWORD, USER, Place, Server, ZeroCase


class ReloadTests(ZeroCase):
    """One gateway of this test's own."""

    def make_server(self) -> Server:
        """See `ZeroCase`."""
        server = Server(Place())
        self.addCleanup(server.child.kill)
        return server

    @cached_property
    def settings(self) -> str:
        """The configuration as it was."""
        return self.server.config.read_text()

    def reload(self, *more: str, until: str = r" (not )?reloaded") -> str:
        """Append *more* to the configuration as it was, one ``section.option=value`` each; what is logged then."""
        text = self.settings
        for each in more:
            name, _, value = each.partition("=")
            section, _, option = name.partition(".")
            text = re.sub(rf"(?m)^{option} = .*\n", "", text) if section in text else f"{text}\n[{section}]\n"
            text = text.replace(f"[{section}]\n", f"[{section}]\n{option} = {value}\n", 1)
        self.server.config.write_text(text)
        before = len(self.server.child.log())
        self.server.child.popen.send_signal(signal.SIGHUP)
        self.server.child.wait_for(lambda: re.search(until, self.server.child.log()[before:]), 20)
        return self.server.child.log()[before:]

    def certificate(self) -> bytes:
        """The certificate that a new FTP client is shown."""
        client = ftplib.FTP_TLS(context=ssl._create_unverified_context())
        client.connect("127.0.0.1", self.server.ports["ftp"], timeout=20)
        self.addCleanup(client.close)
        client.auth()
        shown = client.sock.getpeercert(True)  # type: ignore[union-attr]
        assert shown
        return shown

    def test_reload(self) -> None:
        """
        Host key, certificate, limits, rules of logins and the level of the log are new for whoever comes, while an
        upload goes on; logins that the database has are there at once; what needs a restart is named.
        """
        before, data = self.certificate(), content(3 * MIB)
        file = self.sftp.open(f"{self.home}/f", "wb")
        file.write(data[:MIB])
        other = Authority("another").issue("localhost")
        said = self.reload(
            f"sftp.host_keys={host_key('rsa')}",
            f"ftp.certificate={other}",
            "limits.networks=127.0.0.0/8",
            "login *.read_only=yes",
            "zerostor.layout=copy:2",
        )
        self.assertIn("[zerostor] layout has changed: that takes a restart", said)
        fresh = self.login()
        self.assertEqual(fresh.ssh.get_remote_server_key().get_name(), "ssh-rsa")
        self.assertNotEqual(self.certificate(), before)
        self.assertRaises(PermissionError, fresh.mkdir, f"{self.home}/d")
        file.write(data[MIB:])
        file.close()
        self.assertTrue(fresh.get_bytes(f"{self.home}/f") == data)
        self.place.command("user", "add", "late", "--password-file", "-", given="another secret\n")
        self.assertEqual(self.login(user="late", password="another secret").listdir("/"), [])
        quiet = ("log.level=warn", "zerostor.layout=copy:2")
        said = self.reload("limits.denied_networks=127.0.0.0/8", *quiet, until="layout has changed")
        self.assertNotIn(" reloaded", said)
        self.assertTrue(eventually(lambda: not answers(self.server.ports["ftp"], b"220"), 10.0))
        self.assertEqual(fresh.listdir(self.home), ["f"])

    def test_broken(self) -> None:
        """What cannot be used changes nothing; penalties, too, are those of before."""
        for option, reason in (
            ("limits.total=x", "[limits] total: "),
            ("ftp.certificate=/none", "[ftp] certificate: "),
            ("throttle.exempt=everybody", "[throttle] exempt: "),
        ):
            said = self.reload(option)
            self.assertIn("not reloaded: ", said)
            self.assertIn(reason, said)
        self.reload("throttle.most=600", "throttle.least=4")
        self.assertRaises(paramiko.AuthenticationException, self.login, password=f"not {PASSWORD}")
        self.assertTrue(eventually(lambda: not answers(self.server.ports["sftp"], b"SSH-"), 5.0))
        self.reload("throttle.exempt=127.0.0.0/8")
        self.login(user=USER).listdir("/")
