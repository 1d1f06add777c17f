"""Rules of `swftp.gateway.hostkeys`."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from twisted.conch.ssh.keys import Key
from twisted.trial.unittest import SynchronousTestCase

from swftp.gateway import hostkeys


class FirstRunTests(SynchronousTestCase):
    """Gateways that start at the same moment on one empty directory."""

    def test_the_first_wins(self) -> None:
        """Who was the second to make a key uses that of the first, whose public half stays; nothing else is left."""
        folder, name = Path(self.mktemp()), "ssh_host_ed25519_key"
        plain = {name: hostkeys.MADE[name]}
        others: list[dict[Path, Any]] = []

        def late() -> Any:
            others.append(hostkeys.kept(folder, makers=plain))
            return plain[name]()

        mine = hostkeys.kept(folder, makers={name: late})
        self.assertEqual([mine], others)
        public = Key.fromString((folder / f"{name}.pub").read_bytes())
        self.assertEqual(public, mine[folder / name].public())
        self.assertEqual({path.name for path in folder.iterdir()}, {name, f"{name}.pub"})

    def test_at_once(self) -> None:
        """However many do, all show clients the same keys."""
        folder = Path(self.mktemp())
        plain = {name: hostkeys.MADE[name] for name in ("ssh_host_ed25519_key", "ssh_host_ecdsa_key")}
        start = threading.Barrier(8)

        def run(_: int) -> list[str]:
            start.wait()
            return [hostkeys.fingerprint(key) for key in hostkeys.kept(folder, makers=plain).values()]

        with ThreadPoolExecutor(8) as pool:
            shown = list(pool.map(run, range(8)))
        self.assertEqual(shown, [shown[0]] * 8)


class HostKeyTests(SynchronousTestCase):
    """Which keys are used, and why not."""

    def setUp(self) -> None:
        """Three good keys."""
        self.folder = Path(self.mktemp()).absolute()
        self.keys = hostkeys.kept(self.folder)
        self.path = self.folder / "ssh_host_ed25519_key"

    def refused(self, path: Path) -> str:
        """Why the key in *path* is."""
        words = str(self.assertRaises(hostkeys.UnusableKey, hostkeys.read, path))
        self.assertIn(str(path), words)
        return words

    def test_made_for_us_alone(self) -> None:
        """Keys that we make can be read by nobody else."""
        for path in self.keys:
            self.assertEqual(path.stat().st_mode & 0o777, 0o600)

    def test_open_to_others(self) -> None:
        """A key that others can read, or its group can change, is not used; one its group can read is."""
        for mode in (0o604, 0o644, 0o660):
            self.path.chmod(mode)
            self.assertIn(f"(mode {mode:04o}); allowed: 0600 or 0640", self.refused(self.path))
        self.path.chmod(0o640)
        hostkeys.read(self.path)

    def test_missing(self) -> None:
        """A key that is not there is said not to be."""
        self.assertIn("No such file", self.refused(self.folder / "none"))

    def test_no_key(self) -> None:
        """Neither is anything that is no private key used."""
        for content in (b"", b"hello", self.path.with_name(self.path.name + ".pub").read_bytes(), b"\xff" * 99):
            self.path.write_bytes(content)
            self.assertIn("key", self.refused(self.path))

    def test_passphrase(self) -> None:
        """Nobody could type it."""
        text = next(iter(self.keys.values())).toString("openssh", passphrase=b"secret")
        self.path.write_bytes(text)
        self.assertIn("passphrase", self.refused(self.path))

    def test_never_made_again(self) -> None:
        """A key that is there but broken ends the start: clients would take a new one for an attack."""
        self.path.write_bytes(b"")
        self.assertRaises(hostkeys.UnusableKey, hostkeys.kept, self.folder)
        self.assertEqual(self.path.read_bytes(), b"")

    def test_fingerprint(self) -> None:
        """It is written as OpenSSH writes it."""
        key = Key.fromString(b"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDu4A7cN0yog6e0+V7urGoN2mmg/hMm5zuYOggEw1hI4")
        self.assertEqual(hostkeys.fingerprint(key), "ED25519 SHA256:Kstle6Z8EcXGSbRl7zzNSYvH8JSM1x7wr2zO7oFQYb4")
