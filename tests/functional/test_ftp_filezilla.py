"""
FileZilla's own engine over TLS: a queue of transfers in its database, its window on a screen that nobody sees.

The log that FileZilla keeps is what the tests look at, with what is stored in the end.
"""

from __future__ import annotations

import os
import re
import sqlite3
import subprocess
import time
from pathlib import Path
from typing import ClassVar

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from tests.functional.case import MIB, content, need
from tests.functional.ftp import certificate
from tests.functional.ftpprograms import FtpProgramCase
from tests.functional.processes import eventually
from tests.functional.swift import PASSWORD, USER

IMPLICIT, EXPLICIT = 3, 4
"""Protocols, as FileZilla numbers them."""
UP, DOWN = 0, 16
SETTINGS = """<?xml version="1.0" encoding="UTF-8"?>
<FileZilla3><Settings>
<Setting name="Update Check">0</Setting><Setting name="Greeting version">99</Setting>
<Setting name="Logging file">{log}</Setting><Setting name="Preserve timestamps">1</Setting>
</Settings></FileZilla3>"""
TRUSTED = """<?xml version="1.0"?>
<FileZilla3><TrustedCerts><Certificate><Data>{data}</Data><ActivationTime>{begin:.0f}</ActivationTime>
<ExpirationTime>{end:.0f}</ExpirationTime><Host>127.0.0.1</Host><Port>{port}</Port><TrustSANs>0</TrustSANs>
</Certificate></TrustedCerts></FileZilla3>"""
TABLES = """
CREATE TABLE servers (id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, host TEXT NOT NULL, port INTEGER,
 user TEXT, password TEXT, account TEXT, keyfile TEXT, protocol INTEGER, type INTEGER, logontype INTEGER,
 timezone_offset INTEGER, transfer_mode TEXT, max_connections INTEGER, encoding TEXT, bypass_proxy INTEGER,
 post_login_commands TEXT, name TEXT, parameters TEXT, site_path TEXT DEFAULT NULL);
CREATE TABLE files (id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, server INTEGER NOT NULL, source_file TEXT,
 target_file TEXT, local_path INTEGER, remote_path INTEGER, size INTEGER, error_count INTEGER, priority INTEGER,
 flags INTEGER, default_exists_action INTEGER, extra_flags TEXT);
CREATE INDEX server_index ON files (server);
CREATE TABLE local_paths (id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, path TEXT NOT NULL);
CREATE TABLE remote_paths (id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, path TEXT NOT NULL);
PRAGMA user_version = 7;
"""


class FileZillaTests(FtpProgramCase):
    """With sessions resumed on data connections, as our gateway demands here."""

    gateway_options: ClassVar[dict[str, object]] = {"sessions_per_user": 0, "tls_reuse": "required"}
    files: ClassVar[dict[str, bytes]] = {"empty": b"", "one": b"1", "big": content(5 * MIB + 13)}
    when = 1_234_567_890

    def setUp(self) -> None:
        """A home with settings, and a screen."""
        super().setUp()
        for program in ("filezilla", "Xvfb", "xdotool"):
            need(program)
        self.home = self.folder()
        self.config = self.home / ".config" / "filezilla"
        self.config.mkdir(parents=True)
        self.source = self.home / "source"
        self.source.mkdir()
        for name, data in self.files.items():
            (self.source / name).write_bytes(data)
            os.utime(self.source / name, (self.when, self.when))
        self.log = self.home / "log"
        (self.config / "filezilla.xml").write_text(SETTINGS.format(log=self.log))

    def trust(self, port: int) -> None:
        """Nobody is there to be asked about the certificate."""
        seen = x509.load_pem_x509_certificate(certificate().read_bytes())
        (self.config / "trustedcerts.xml").write_text(
            TRUSTED.format(
                data=seen.public_bytes(Encoding.DER).hex(),
                begin=seen.not_valid_before_utc.timestamp(),
                end=seen.not_valid_after_utc.timestamp(),
                port=port,
            )
        )

    def queue(self, protocol: int, port: int, way: int, local: Path) -> None:
        """All files, one way."""
        path = self.config / "queue.sqlite3"
        path.unlink(missing_ok=True)
        with sqlite3.connect(path) as base:
            base.executescript(TABLES)
            base.execute(
                "INSERT INTO servers (id, host, port, user, password, protocol, type, logontype, timezone_offset,"
                " transfer_mode, max_connections, encoding, bypass_proxy)"
                " VALUES (1, '127.0.0.1', ?, ?, ?, ?, 0, 1, 0, 'MODE_DEFAULT', 0, 'Auto', 0)",
                (port, USER, PASSWORD, protocol),
            )
            base.execute("INSERT INTO local_paths VALUES (1, ?)", (f"{local}/",))
            base.execute("INSERT INTO remote_paths VALUES (1, ?)", (f"1 0 {len(self.container)} {self.container}",))
            base.executemany(
                "INSERT INTO files (server, source_file, local_path, remote_path, size, error_count, priority, flags,"
                " default_exists_action) VALUES (1, ?, 1, 1, ?, 0, 2, ?, 1)",
                [(name, len(data), way) for name, data in self.files.items()],
            )
        base.close()

    def process_queue(self) -> str:
        """Start FileZilla, press Ctrl+P, wait until all is done; what it logged."""
        self.log.unlink(missing_ok=True)
        screen = subprocess.Popen(
            [need("Xvfb"), "-displayfd", "1", "-screen", "0", "1000x800x24"],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        self.addCleanup(end, screen)
        assert screen.stdout is not None
        number = screen.stdout.readline().strip()
        screen.stdout.close()
        self.environment = {**os.environ, "HOME": str(self.home), "DISPLAY": f":{number}", "LC_ALL": "C.UTF-8"}
        program = subprocess.Popen(
            [need("filezilla")], env=self.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self.addCleanup(end, program)
        self.assertTrue(eventually(lambda: self.press("ctrl+p") and self.has("Connecting"), 40, 2), "no window")
        done = eventually(lambda: len(re.findall("File transfer successful", self.said())) >= len(self.files), 60)
        end(program)
        end(screen)
        self.assertTrue(done, self.said()[-3000:])
        return self.said()

    def said(self) -> str:
        """FileZilla's log."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def has(self, text: str) -> bool:
        """Whether it logged *text*."""
        time.sleep(1)
        return text in self.said()

    def press(self, keys: str) -> bool:
        """Press *keys* in its window; whether there is one."""
        find = ["xdotool", "search", "--onlyvisible", "--name", "FileZilla"]
        found = subprocess.run(find, env=self.environment, check=False, capture_output=True, text=True).stdout.split()
        if not found:
            return False
        subprocess.run(["xdotool", "windowfocus", found[-1]], env=self.environment, check=False)
        subprocess.run(["xdotool", "key", "--window", found[-1], keys], env=self.environment, check=False)
        return True

    def there_and_back(self, protocol: int, port: int) -> None:
        """Up, with times; and down."""
        self.trust(port)
        self.queue(protocol, port, UP, self.source)
        said = self.process_queue()
        self.assertNotIn("Error:", said)
        self.assertIn("MLSD", said)
        for name, data in self.files.items():
            self.assertStored(name, data)
            head = self.store.head(self.container, name) or {}
            self.assertEqual(head["x-object-meta-mtime"].split(".")[0], str(self.when), name)
        back = self.home / "back"
        back.mkdir()
        self.queue(protocol, port, DOWN, back)
        self.assertNotIn("Error:", self.process_queue())
        for name, data in self.files.items():
            self.assertEqual((back / name).read_bytes(), data, name)
            self.assertEqual(int((back / name).stat().st_mtime), self.when, name)

    def test_explicit(self) -> None:
        """AUTH TLS."""
        self.there_and_back(EXPLICIT, self.gateway.port)

    def test_implicit(self) -> None:
        """TLS from the first byte."""
        self.there_and_back(IMPLICIT, self.gateway.implicit_port)


def end(process: subprocess.Popen[str] | subprocess.Popen[bytes]) -> None:
    """The process is gone."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
