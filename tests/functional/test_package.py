"""What ``pip install`` makes works, with nothing there but what is declared: plugins, commands, a login."""

from __future__ import annotations

import subprocess

from tests.functional import installed
from tests.functional.case import GatewayCase
from tests.functional.gateway import Gateway
from tests.functional.processes import ROOT, Child, answers, scratch


class Installed(Gateway):
    """``swftp-sftp`` from the wheel, in an environment of its own."""

    def start(self) -> None:
        """See `Gateway.start`."""
        program = installed.environment() / "bin/swftp-sftp"
        self.child = Child(self.name, [str(program), "-c", str(self.config)], {"PYTHONPATH": ""})
        self.child.wait_for(lambda: answers(self.port, self.banner))


class PackageTests(GatewayCase):
    """The wheel."""

    def make_gateway(self) -> Gateway:
        """See `GatewayCase`."""
        fresh = Installed(self.server.url)
        self.addCleanup(fresh.kill)
        return fresh

    def run_there(self, *argv: str) -> str:
        """What a program of that environment prints; it must succeed."""
        program, *words = argv
        command = [str(installed.environment() / "bin" / program), *words]
        done = subprocess.run(
            command, cwd=scratch(), env=installed.clean(), capture_output=True, text=True, timeout=60, check=False
        )
        self.assertEqual(done.returncode, 0, done.stdout[-1000:] + done.stderr[-1000:])
        return done.stdout

    def test_all_of_it(self) -> None:
        """Every file of the package is in the wheel, and the plugins; no test is."""
        package = {
            str(path.relative_to(ROOT))
            for top in ("swftp", "twisted")
            for path in (ROOT / top).rglob("*")
            if path.is_file() and path.suffix not in (".pyc", ".cache")
        }
        found = installed.contents()
        self.assertEqual(package - found, set())
        self.assertEqual({name for name in found if name.startswith(("tests", "etc", "docs"))}, set())

    def test_commands(self) -> None:
        """twistd finds its plugins without a cache, ``swftp`` checks a configuration."""
        for name in ("swftp", "swftp-sftp", "swftp-ftp"):
            self.assertIn("--config_file=", self.run_there("python", "-c", installed.TWISTD, name, "--help"))
        self.assertIn("can be used", self.run_there("swftp", "check-config", str(self.gateway.config)))
        where = self.run_there("python", "-c", "import swftp; print(swftp.__file__)")
        self.assertTrue(where.startswith(str(installed.environment())), where)

    def test_login(self) -> None:
        """A client logs in and stores a file."""
        self.login().put_bytes(self.path("a"), b"by pip")
        self.assertStored("a", b"by pip")
