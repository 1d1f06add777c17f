"""Fail2Ban's own tool with our filter, given what SwFTP really writes."""

from __future__ import annotations

import io
import subprocess
from pathlib import Path
from typing import Any

from twisted.logger import LogLevel, globalLogPublisher, textFileLogObserver
from twisted.trial.unittest import SynchronousTestCase

from swftp import logs
from swftp.auth.checkers import Journal as LoginJournal
from swftp.auth.refusals import Denied, Down, LoginThrottled
from swftp.auth.throttle import Throttle, ThrottleSettings
from tests.auth.fakes import clock
from tests.functional.case import need

FILTER = Path(__file__).parents[2] / "etc/fail2ban/filter.d/swftp.conf"


class Fail2BanTests(SynchronousTestCase):
    """The filter, given what SwFTP really writes."""

    names = (
        b"root",
        b"o'neil",
        b'say "hi"',
        b"both ' and \"",
        b"a\nb",
        b"back\\slash'",
        "\u202ex é".encode(),
        b"\xff\xfe'",
    )
    spoof = b"x' from 203.0.113.9 by password refused: y"

    def written(self, render: Any, refusals: list[tuple[bytes, str, Exception]]) -> str:
        """The lines of *refusals*."""
        stream = io.StringIO()
        observer = render(stream)
        globalLogPublisher.addObserver(observer)
        try:
            journal = LoginJournal(Throttle(ThrottleSettings(), clock()))
            for name, peer, error in refusals:
                journal.refused(name, peer, "password", error)
        finally:
            globalLogPublisher.removeObserver(observer)
        return stream.getvalue()

    def banned(self, lines: str) -> list[str]:
        """The addresses that Fail2Ban's own tool finds in *lines*, in their order."""
        path = Path(self.mktemp())
        path.write_text(lines)
        command = [need("fail2ban-regex"), "--out", "ip", str(path), str(FILTER)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(done.stderr, "")
        return done.stdout.split()

    def test_wrong_logins(self) -> None:
        """In every format each wrong login is found, and its own address, whatever its name is; an outage is not."""
        refusals: list[tuple[bytes, str, Exception]] = [
            (name, f"192.0.2.{n}", Denied("wrong password")) for n, name in enumerate((*self.names, self.spoof), 1)
        ]
        refusals += [(b"me", "192.0.2.200", Down("no answer")), (b"me", "2001:db8::7", LoginThrottled())]
        wanted = [f"192.0.2.{n}" for n in range(1, len(self.names) + 2)] + ["2001:db8::7"]
        formats = {
            "text": lambda stream: logs.observer("text", LogLevel.info, stream),
            "json": lambda stream: logs.observer("json", LogLevel.info, stream),
            "twistd": textFileLogObserver,
        }
        for form, render in formats.items():
            self.assertEqual(self.banned(self.written(render, refusals)), wanted, form)

    def test_other_lines(self) -> None:
        """A name of a file that looks like such a line bans nobody."""
        line = "2026-11-21T12:00:00.123+00:00 info     swftp.session.files me@192.0.2.1 put "
        bad = "warn     swftp.auth login of 'x' from 203.0.113.9 by password refused: y"
        self.assertEqual(self.banned(f"{line}/box/{bad}\n{line}{bad}: 3 bytes in 0.1 s, ok\n"), [])
