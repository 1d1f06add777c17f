"""One process that serves SFTP and FTP, whose configuration changes while it runs."""

from __future__ import annotations

import ftplib
import re
import signal
import sys
from pathlib import Path

from tests.functional.case import GatewayCase, need
from tests.functional.clients import Flag, Speaker
from tests.functional.gateway import Gateway, sections
from tests.functional.processes import Child, answers, eventually, free_port
from tests.functional.swift import PASSWORD, USER


class BothGateway(Gateway):
    """``swftp serve -c FILE`` with SFTP on `port` and FTP on `ftp_port`."""

    def defaults(self) -> dict[str, object]:
        """See `Gateway.defaults`."""
        self.ftp_port = free_port()
        return {**super().defaults(), "ftp.host": self.host, "ftp.port": self.ftp_port}

    def start(self) -> None:
        """See `Gateway.start`."""
        program = need(str(Path(sys.executable).with_name("swftp")))
        self.child = Child(self.name, [program, "serve", "-c", str(self.config)])
        self.child.wait_for(self.answers)

    def answers(self) -> bool:
        """Whether both protocols greet."""
        return answers(self.port, b"SSH-2.0-", self.host) and answers(self.ftp_port, b"220", self.host)

    def change(self, **options: object) -> None:
        """Write other options (``section__name``) into the file; nobody is told."""
        self.settings.update({name.replace("__", "."): value for name, value in options.items()})
        self.config.write_text(sections(self.settings))

    def reload(self, until: str = r" (not )?reloaded") -> str:
        """SIGHUP; what was logged until *until*: the new configuration was taken, or refused."""
        before = len(self.log())
        self.child.popen.send_signal(signal.SIGHUP)
        self.child.wait_for(lambda: re.search(until, self.log()[before:]), 20)
        return self.log()[before:]


class BothCase(GatewayCase):
    """A `BothGateway` of this test's own."""

    gateway: BothGateway

    def make_gateway(self) -> BothGateway:
        """See `GatewayCase`."""
        fresh = BothGateway(self.server.url, self.gateway_options)
        self.addCleanup(fresh.kill)
        return fresh

    def ftp(self) -> ftplib.FTP:
        """An FTP login, ended with the test."""
        client = ftplib.FTP()
        client.connect("127.0.0.1", self.gateway.ftp_port, timeout=30)
        self.addCleanup(client.close)
        client.login(USER, PASSWORD)
        client.voidcmd("TYPE I")
        return client

    def half(self, name: str, data: bytes) -> tuple[Speaker, bytes]:
        """An upload over SFTP of which half has come; its client and handle."""
        speaker = Speaker(self.gateway.port)
        self.addCleanup(speaker.close)
        handle = speaker.open(self.path(name), Flag.WRITE | Flag.CREATE | Flag.TRUNCATE)
        for _ in speaker.write_all(handle, data[: len(data) // 2]):
            pass
        return speaker, handle

    def rest(self, speaker: Speaker, handle: bytes, data: bytes) -> None:
        """The other half, and CLOSE."""
        at = len(data) // 2
        for offset in range(at, len(data), 32768):
            speaker.write(handle, offset, data[offset : offset + 32768])
            speaker.expect_ok()
        speaker.ask(4, handle)

    def is_open(self) -> bool:
        """Whether anybody new gets as far as a greeting."""
        return answers(self.gateway.port, b"SSH-2.0-") or answers(self.gateway.ftp_port, b"220")

    def assertClosed(self) -> None:
        """Nobody new does, from now on."""
        self.assertTrue(eventually(lambda: not self.is_open(), 10), "still lets clients in")
