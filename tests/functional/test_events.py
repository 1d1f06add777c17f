"""Events over real HTTP and to real commands: a pipeline that begins when a file has arrived."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

from swftp.insight.receivers import signature
from tests.functional.case import MIB, GatewayCase, content
from tests.functional.processes import eventually, scratch

SECRET = "0123456789abcdef"


class Receiver(BaseHTTPRequestHandler):
    """Fails once, then takes what it is sent."""

    got: ClassVar[list[tuple[Any, bytes]]] = []

    def do_POST(self) -> None:
        """One event."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.got.append((self.headers, body))
        self.send_response(503 if len(self.got) == 1 else 204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing."""


class EventTests(GatewayCase):
    """One gateway, one receiver."""

    def setUp(self) -> None:
        server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        secret = scratch() / "events.secret"
        secret.write_text(SECRET)
        secret.chmod(0o600)
        options = {"events.url": f"http://127.0.0.1:{server.server_port}/x", "events.secret_file": secret}
        self.gateway_options = {**options, "events.on": "upload, rename"}  # type: ignore[misc]
        super().setUp()

    def test_arrived(self) -> None:
        """An upload, and then its rename, are told in that order, signed, though the receiver was away at first."""
        session = self.login()
        session.put_bytes(self.path("a"), content(MIB))
        session.posix_rename(self.path("a"), self.path("b"))
        self.assertTrue(eventually(lambda: len(Receiver.got) == 3, 15.0))
        bodies = [json.loads(body) for _, body in Receiver.got]
        self.assertEqual([body["event"] for body in bodies], ["upload", "upload", "rename"])
        self.assertEqual(
            (bodies[0]["id"], bodies[0]["path"], bodies[0]["bytes"]), (bodies[1]["id"], self.path("a"), MIB)
        )
        self.assertEqual((bodies[2]["path"], bodies[2]["target"]), (self.path("a"), self.path("b")))
        self.assertTrue(all(body["transaction"].startswith("tx") for body in bodies))
        for headers, body in Receiver.got:
            signed = signature(SECRET.encode(), headers["X-SwFTP-Timestamp"], body)
            self.assertEqual(headers["X-SwFTP-Signature"], f"sha256={signed}")


SCRIPT = """#!/bin/sh
# fails at first, then hangs with a child, then takes what it is told
runs=$(($(cat "$1/runs" 2>/dev/null) + 1))
echo $runs >"$1/runs"
case $runs in
1) echo "not yet" >&2; exit 9 ;;
2) sleep 1000 & echo $! >"$1/child"; wait ;;
*) cat >"$1/told.$runs"; env >"$1/environment" ;;
esac
"""


class CommandTests(GatewayCase):
    """One gateway, one command."""

    def setUp(self) -> None:
        self.folder = scratch()
        script = self.folder / "a script"
        script.write_text(SCRIPT)
        script.chmod(0o755)
        options = {"events.command": f"'{script}' {self.folder}", "events.command_timeout": "1"}
        self.gateway_options = options  # type: ignore[misc]
        super().setUp()

    def test_arrived(self) -> None:
        """Runs that fail, or hang, are followed by others until one takes the event; no process is left."""
        self.login().put_bytes(self.path("a $(b)"), content(MIB))
        told = self.folder / "told.3"
        self.assertTrue(eventually(lambda: (self.folder / "environment").exists(), 20.0))
        event = json.loads(told.read_text())
        self.assertEqual((event["event"], event["path"], event["bytes"]), ("upload", self.path("a $(b)"), MIB))
        self.assertNotIn("NOTIFY", (self.folder / "environment").read_text())
        child = int((self.folder / "child").read_text())
        self.assertTrue(eventually(lambda: not alive(child), 5.0))


def alive(pid: int) -> bool:
    """Whether it runs: a zombie that nobody reaps does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
